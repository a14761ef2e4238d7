"""The whole line in one call: treebanks and a model in, evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .correspondence.pairs import alignability
from .correspondence.table import Alignability
from .errors import UsageError
from .evaluation.evaluate import evaluate
from .evaluation.tidy import Evaluation
from .extraction.run import extract, files_of
from .meta.learners.base import Aligner
from .meta.run import meta_train
from .models.load import load_model
from .models.protocol import LanguageModel
from .progress import Progress
from .showing import Showable
from .store.store import Store
from .treebanks.corpus import Corpus
from .treebanks.registry import select

DEPTH = 7 / 12  # of the blocks, where the published layer lies (mBERT's seventh of twelve)
SETS = ("train", "validation", "targets")


@dataclass(frozen=True, eq=False)
class Run(Showable):
    """What :func:`run` made: a store, scores of alignability, an aligner and its evaluation."""

    store: Store
    layer: int
    languages: dict[str, tuple[str, ...]]  # of train, validation and targets
    scores: Alignability
    aligner: Aligner
    evaluation: Evaluation

    def frame(self) -> pd.DataFrame:
        """Every number of the evaluation, one per row."""
        return self.evaluation.frame()

    def report(self) -> Any:
        """The evaluation's report, which the scores of alignability precede."""
        return self.evaluation.report()

    def _repr_html_(self) -> str:
        return str(self.scores._repr_html_()) + self.evaluation._repr_html_()


def run(
    model: str | Path | LanguageModel | tuple[Any, Any],
    treebanks: str | Path | Sequence[Corpus],
    *,
    langs: str | Sequence[str] = "all",
    task: str = "upos",
    layer: int | None = None,
    learner: str = "self-train",
    shots: Sequence[int] = (0, 1, 5, 10),
    out: str | Path = "runs/concept-align",
    progress: Progress | None = None,
) -> Run:
    """Extract, measure alignability, learn to align and evaluate, in one call; a stopped run resumes.

    Args:
        model: a name, a folder, or a loaded ``(model, tokenizer)`` pair, as :func:`.extract` takes it.
        treebanks: a UD release or part of one, or corpora in memory.
        langs: codes, or the name of a set. English must be among them: it is the source.
        task: ``"upos"``, ``"relation"``, ``"feature:NAME"`` or ``"column:NAME"``.
        layer: whose states are used; by default seven twelfths of the way up, as published.
        learner: any registered learner.
        shots: labelled sentences of a target that it adapts to.
        out: folder; the store, the aligner and finished tests are kept there.

    Languages are divided as published (:data:`SETS`, those of ``langs``); where no target is among them, a
    third of them is set aside, the last by code. Targets are never trained on.

    Returns:
        A :class:`Run`, with ``.frame()``, ``.to_html()`` and the parts.

    Raises UsageError where too few languages are left to learn from or to test in, and whatever the parts
    raise.

    Example:
        >>> import concept_align as ca
        >>> settings = {"learner": "source-probe", "shots": [0], "out": tmp / "run"}
        >>> found = ca.run("mini-encoder", ca.mini_treebanks(), langs=["en", "de", "tr"], **settings)
        >>> found.languages["targets"], found.layer
        (('tr',), 2)
    """
    folder, loaded = Path(out), load_model(model)
    layer = round(DEPTH * loaded.layers) if layer is None else layer
    files = files_of(treebanks, langs)
    asked = [{file.language for file in files if file.split == split} for split in ("train", "test")]
    _divided(*map(sorted, asked))  # refused before the work begins
    store = extract(loaded, files, folder / "store", layers=layer, progress=progress)
    layer = layer % (loaded.layers + 1)
    # The store may hold languages of an earlier call.
    train = [code for code in store.languages("train", layer) if code in asked[0]]
    languages = _divided(train, [code for code in store.languages("test", layer) if code in asked[1]])
    scores = alignability(
        store, task=task, layers=[layer], langs=train, measures=["cka", "rsa"], progress=progress
    )
    aligner = meta_train(
        store,
        task=task,
        layers=[layer],
        learner=learner,
        out=folder / learner,
        train_langs=languages["train"],
        validation_langs=languages["validation"] or ("none",),
        target_langs=languages["targets"],
        progress=progress,
    )
    found = evaluate(
        {learner: aligner},
        store,
        langs=languages["targets"],
        shots=shots,
        out=folder / "evidence",
        progress=progress,
    )
    return Run(store, layer, languages, scores, aligner, found)


def _divided(train: Sequence[str], test: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Languages to learn from, to choose by and to test in; disjoint."""
    found = {name: tuple(code for code in select(name) if code in {*train, *test}) for name in SETS}
    found["targets"] = tuple(code for code in found["targets"] if code in test)
    if not found["targets"]:
        rest = [code for code in sorted(test) if code != "en"]
        found["targets"] = tuple(rest[len(rest) - len(rest) // 3 :])
    taken = {*found["targets"], *found["validation"]}
    found["train"] = tuple(code for code in train if code not in taken)
    found["validation"] = tuple(code for code in found["validation"] if code not in found["targets"])
    if not found["targets"] or "en" not in found["train"]:
        raise UsageError(
            f"of {', '.join(sorted({*train, *test})) or 'no language'} none can be set aside for the test",
            option="langs",
            remedy="name English, another language to learn from, and one or more targets",
        )
    return found
