"""Questions put to a model: read, demonstrated, answered, counted; what is finished is kept."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from ...cache import KeptLines
from ...config import from_mapping
from ...outputs import PAGE_FILES, OutputLayout, output_folder
from ...progress import Progress, Silent
from ...showing import Showable
from ..causal import in_memory
from ..runner import STUDY, claim
from ..selectors import Selector
from .asking import AskSession, open_asking
from .config import AskConfig
from .counting import Counted, answers_frame
from .evidence import AskEvidence

UNITS = "units.jsonl"
KEPT = (STUDY, UNITS)
RESULTS = ("results.*", "paired.csv", "answers.csv", "ask.json", "run.toml")
LAYOUT = OutputLayout("ask", (*KEPT, *RESULTS, *PAGE_FILES), ())


@dataclass(frozen=True, eq=False)
class AskFound(Showable):
    """What was answered: ``results`` in the tidy form, ``paired`` differences, ``answers`` every one."""

    config: AskConfig
    task: str
    results: pd.DataFrame
    paired: pd.DataFrame
    answers: pd.DataFrame
    notices: tuple[str, ...]
    facts: Mapping[str, Any]

    report_maker = "ask:ask_report"

    def frame(self) -> pd.DataFrame:
        """The tidy table: one number per row, with its interval; ``shots`` counts demonstrations."""
        return self.results

    def plot_demonstrations(self, *, path: str | Path | None = None, metric: str = "accuracy") -> Any:
        """``metric`` against the number of demonstrations: a Matplotlib figure."""
        return self._plot("icl_figures:k_figure", self.frame(), path=path, metric=metric)

    def differences(self) -> pd.DataFrame:
        """Differences, paired over questions: to no demonstration, to the first selector, by calibration."""
        return self.paired


def ask(
    model: str | Path | tuple[nn.Module, Any],
    task: str,
    *,
    langs: str | Sequence[str],
    demo_langs: str | Sequence[str] = "en",
    k: int | Sequence[int] = (0, 4),
    selectors: str | Sequence[str] | Mapping[str, Selector] = "random",
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> AskFound:
    """Put a task's questions to a causal language model, after demonstrations in this language or another.

    ``model`` is a name, a folder, or a loaded ``(model, tokenizer)`` pair of transformers; ``task`` is
    ``NAME:PATH`` (``"paws-x:DIR"``) or a ``.toml`` file of your own. ``langs`` are the languages of
    questions, ``demo_langs`` those of demonstrations. ``settings`` are the other fields of
    :class:`.config.AskConfig`. With ``out``, finished answers are kept in that folder and a stopped run
    resumes.

    Raises UsageError for options that are impossible, ConceptAlignError (file and line) for questions that
    are broken, ModelError for a model without a language-model head.

    >>> found = ask("mini-decoder", "lemma:mini", langs="de", k=[0, 1], demo_draws=1, limit=3)
    >>> sorted(found.frame()["learner"].unique())
    ['copy', 'random']
    """
    loaded = None if isinstance(model, str | Path) else in_memory(*model)
    given = dict(selectors) if isinstance(selectors, Mapping) else {}
    settings |= {"model": str(model) if loaded is None else loaded.name, "task": task}
    settings |= {"langs": langs, "demo_langs": demo_langs, "k": k, "selectors": list(given) or selectors}
    config = from_mapping(AskConfig, settings)
    session = open_asking(config, model=loaded, selectors=given)
    return run_asking(session, out, force=force, progress=progress)


def run_asking(
    session: AskSession,
    out: str | Path | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> AskFound:
    """Ask everything in the folder ``out``, or resume there; without one nothing is kept.

    Raises UsageError where the folder holds answers of another model or configuration, unless ``force``.
    """
    made_from = {**session.config.decides(), "model": session.model.name, "revision": session.model.revision}
    if out is None:
        return _run(session, None, made_from, progress)
    with output_folder(out, LAYOUT, force=force):
        claim(Path(out), made_from)
        return _run(session, Path(out), made_from, progress)


def _run(
    session: AskSession, out: Path | None, made_from: Mapping[str, Any], progress: Progress | None
) -> AskFound:
    path = None if out is None else out / UNITS
    kept = KeptLines(path, made_from, lambda line: (line["key"], line["answers"]))
    keys = {asking: session.key(asking) for asking in session.askings}
    done = sum(key in kept.done for key in keys.values())
    about = f"{session.task.name}, {session.model.name}"
    bar = (progress or Silent()).bar(about, len(keys), done=done, unit="sets of questions")
    for asking, key in keys.items():
        if key not in kept.done:
            bar.note(asking.name)
            answers = session.answers(asking)
            kept.add(key, answers, {"key": key, "answers": answers})
            bar.advance()
    found = {asking: kept.done[key] for asking, key in keys.items()}
    values, pairs = Counted(session, found).values()
    config = session.config
    evidence = AskEvidence(
        session.model.name, session.model.revision, session.task.name, config.seed, config.bootstrap
    )
    return AskFound(
        config, session.task.name, evidence.frame(values), evidence.differences(values, pairs),
        answers_frame(session, found), tuple(session.notices), made_from,
    )  # fmt: skip


def estimate_asking(session: AskSession, *, few: int = 2) -> dict[str, Any]:
    """What would be asked, for people and machines, and the ``seconds`` it would take.

    ``few`` questions of the first language are timed for every number of demonstrations, and multiplied.
    """
    seconds = 0.0
    for k in session.config.k:
        own = [one for one in session.askings if one.k == k]
        began = time.monotonic()
        session.answers(own[0], few)
        each = (time.monotonic() - began) / min(few, len(session.questions[own[0].language]))
        seconds += each * sum(len(session.questions[one.language]) for one in own)
    return {
        "task": session.task.name,
        "questions": {code: len(own) for code, own in session.questions.items()},
        "demonstrations": {code: len(own) for code, own in session.demonstrator.pools.items()},
        "sets": len(session.askings),
        "seconds": round(seconds, 1),
        "notices": list(session.notices),
    }
