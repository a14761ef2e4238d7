"""Demonstrations that a model finds helpful: a selector learned from what each of them does, one by one.

    import concept_align as ca

    selector = ca.select.fit("mini-decoder", "mini", langs=["fr", "ru"], out="runs/selector")

Queries are training sentences of ``langs``, candidates training sentences of ``demo_langs``. Every candidate
alone is put before every query (:mod:`.selectors.helping`); the selector learns to predict what helps from
what is known of a query without its labels (:mod:`.selectors.shared`). None of ``langs`` is to be tested.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..config import from_mapping
from ..errors import UsageError
from ..outputs import output_folder
from ..progress import Progress
from ..seeding import stream
from ..treebanks.concepts import Task, is_open_ended, parse_task
from ..treebanks.corpus import Corpus
from ..treebanks.discover import TreebankFile, find_treebanks
from ..treebanks.translations import translated
from ..types import Split
from .base import PromptSentence, in_turn, labelled_corpus, tagged_sentences
from .causal import in_memory, load_causal, word_states
from .classified import classifier, selecting_aligner
from .config import SelectorPool, Teacher
from .prompting import PromptScorer
from .scoring import CausalScorer
from .selectors import SelectorInputs
from .selectors.features import Likeness, SentenceFeatures
from .selectors.helping import measure_gains
from .selectors.shared import PENALTIES, Translations, fit_selector
from .selectors.shared_head import LAYOUT, UNITS, LearnedSelector
from .self_labels import predicted
from .wording import LabelSet, label_set, template


@dataclass(frozen=True)
class SelectConfig:
    """What a selector is learned from, and how."""

    model: str
    """A decoder with its head: mini-decoder (shipped), a Hugging Face model id, or a folder."""
    treebanks: Path
    """UD release folder, or mini."""
    langs: tuple[str, ...]
    """Languages of the queries; none that is to be tested."""
    demo_langs: tuple[str, ...] = ("en",)
    """Languages of the candidates."""
    task: str = "upos"
    """upos or relation."""
    teacher: Teacher = "gain"
    """What is learned: the gain of the gold labels; of labels that are predicted (self); influence;
    published, a control."""
    pool: SelectorPool = "open"
    """What it is to choose among, and how it is judged in languages left out: candidates that it has not seen
    (open), or these very ones (fixed), which it then may know one by one."""
    queries: int = 40
    """Sentences of langs together, as many of each."""
    candidates: int = 64
    """Sentences of demo_langs together, as many of each."""
    layer: int | None = None
    """Layer of the states that describe sentences. Without, the middle one."""
    aligner: Path | None = None
    """A saved aligner of the same model and task: what the words of queries are taken for. Without, the
    nearest prototypes of the candidates' words say it."""
    likeness: Likeness = "shares"
    """The likeness that is begun with: of the shares of concepts, or of states."""
    ranks: tuple[int, ...] = (0, 4)
    """Ranks to choose from, of what is learned of pairs of sentences."""
    penalties: tuple[float, ...] = PENALTIES
    """Penalties to choose from; at infinity nothing is learned."""
    coherences: tuple[float, ...] = (0.0, 0.3, 1.0)
    """Weights to choose from, of showing the same before translations."""
    pairs: Path | None = None
    """Treebanks that are translations of one another by equal sent_ids (mini, or PUD's): what coherence is
    learned from. Without, none is."""
    pair_langs: tuple[str, ...] = ()
    """Languages, or treebanks, of pairs. Without, langs."""
    translations: int = 100
    """Meanings of pairs, each in two of the languages."""
    labels: str = "tags"
    """What concepts are called in prompts."""
    template: str = "tagged"
    """How a sentence and its labels are written."""
    max_words: int = 40
    """Leave out longer sentences."""
    seed: int = 0
    """Seed of everything drawn at random."""
    revision: str | None = None
    """Commit, tag or branch of a hub model."""
    dtype: str = "auto"
    """Data type of computation."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    offline: bool = False
    """Never contact the Hugging Face hub."""


def fit(
    model: str | Path | tuple[nn.Module, Any],
    treebanks: str | Path,
    *,
    langs: str | Sequence[str],
    demo_langs: str | Sequence[str] = "en",
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> LearnedSelector:
    """Measure what each of some demonstrations does for sentences of ``langs``, and learn to choose by it.

    ``settings`` are the other fields of :class:`SelectConfig`. With ``out``, the selector is saved there with
    its card, and gains that were measured are kept in ``gains``: a stopped run resumes. ``force`` begins
    anew. Raises UsageError for impossible options and a folder of something else, ModelError for a model
    without a language-model head or another than the aligner's, LearningError for a folder of other gains.

    Example:
        >>> import concept_align as ca
        >>> few = {"queries": 4, "candidates": 6, "ranks": [0], "penalties": [0.1]}
        >>> selector = ca.select.fit("mini-decoder", "mini", langs=["fr", "ru"], out=tmp / "selector", **few)
        >>> ca.LearnedSelector.from_pretrained(tmp / "selector").about["langs"]
        ['fr', 'ru']
    """
    loaded = None if isinstance(model, str | Path) else in_memory(*model)
    given = {"model": str(model) if loaded is None else loaded.name, "treebanks": Path(treebanks)}
    config = from_mapping(SelectConfig, {**settings, **given, "langs": langs, "demo_langs": demo_langs})
    task = _checked(config)
    files = {part: _files(config.treebanks, own, part) for part, own in _parts(config)}
    trained = None
    if config.aligner is not None:
        trained = selecting_aligner(
            config.aligner, task, config.layer, options=("aligner", "layer"), offline=config.offline
        )
    if loaded is None:
        options = {name: getattr(config, name) for name in ("revision", "dtype", "device", "offline")}
        loaded = load_causal(config.model, **options)
    layer = loaded.layers // 2 if config.layer is None else config.layer
    scorer, labels = CausalScorer(loaded, template(config.template)), label_set(config.labels, task.concepts)
    sentences = _Sentences(config, task, scorer, labels, progress)
    queries = sentences.drawn(files["langs"], config.queries, asked=True)
    candidates = sentences.drawn(files["demo_langs"], config.candidates)
    said, pairs = sentences.translations()
    inputs = SelectorInputs(
        task.concepts,
        _pools(candidates, queries, said),
        word_states(loaded, layer),
        layer,
        classify=None if trained is None else classifier(trained, loaded),
        aligner={} if trained is None else trained.files,
    )
    features = SentenceFeatures.from_inputs(inputs)
    shown = [one.language for one in candidates]
    known = features.of_queries(queries, shown)
    if config.teacher == "self":
        known_of = features.labels.of
        words = None if trained is None else (lambda own: torch.cat([known_of(one, shown) for one in own]))
        queries = predicted(queries, scorer, labels, words)
    folder = None if out is None else Path(out)
    with nullcontext() if folder is None else output_folder(folder, LAYOUT, force=force):
        units = None if folder is None else folder / UNITS
        gains = measure_gains(scorer, labels, queries, candidates, folder=units, progress=progress)
        found = fit_selector(
            gains,
            known,
            features.of_candidates(candidates),
            teacher=config.teacher,
            pool=config.pool,
            likeness=config.likeness,
            pairs=Translations(features.of_queries(said, shown), pairs) if said else None,
            ranks=config.ranks,
            penalties=config.penalties,
            coherences=config.coherences,
            seed=config.seed,
        )
        about: dict[str, Any] = {"task": task.name, "concepts": list(task.concepts), "layer": layer}
        about |= {"model": loaded.name, "revision": loaded.revision, "aligner": dict(inputs.aligner)}
        about |= {"labels": config.labels, "template": config.template}
        found = replace(found, about={**found.about, **about})
        if folder is not None:
            found.save_pretrained(folder)
    return found


@dataclass(frozen=True, eq=False)
class _Sentences:
    """Sentences as a study draws them."""

    config: SelectConfig
    task: Task
    scorer: PromptScorer
    labels: LabelSet
    progress: Progress | None

    def drawn(self, files: Sequence[TreebankFile], most: int, *, asked: bool = False) -> list[PromptSentence]:
        """The first ``most`` in a random order, one language after the other; ``asked``: those that fit."""
        parts = []
        for file in files:
            corpus = labelled_corpus(file, self.task, self.progress)
            found = [one for one in self._tagged(corpus) if not asked or self._fits(one)]
            if not found:
                what = f"no labelled sentence of at most {self.config.max_words} words fits"
                remedy = "raise max_words, or leave the language out"
                raise UsageError(what, where=f"{file.language}, train split", remedy=remedy)
            order = stream(self.config.seed, "sentences", file.language, "train").permutation(len(found))
            parts.append([found[place] for place in order])
        return in_turn(parts, most)

    def translations(self) -> tuple[list[PromptSentence], np.ndarray]:
        """Sentences of equal ids, and the places of two of each meaning."""
        config = self.config
        if config.pairs is None:
            return [], np.zeros((0, 2), np.int64)
        by_id: dict[str, dict[str, PromptSentence]] = {}
        texts: dict[str, dict[str, str]] = {}
        langs = config.pair_langs or config.langs
        for file in _first_split(find_treebanks(config.pairs, langs)):
            corpus = labelled_corpus(file, self.task, self.progress)
            texts[file.language] = dict(zip(corpus.sent_ids, corpus.texts, strict=True))
            for one in self._tagged(corpus):
                by_id.setdefault(corpus.sent_ids[one.number], {})[file.language] = one
        remedy = "name parallel treebanks in pair_langs (de_pud), or leave pairs out"
        for a, b in combinations(texts, 2):
            if texts[a].keys() & texts[b].keys() and not translated(texts[a], texts[b]):
                what = f"sentences of {a} and {b} have ids in common, and are no translations"
                raise UsageError(what, option="pairs", remedy=remedy)
        several = {name: list(own.values()) for name, own in by_id.items() if len(own) > 1}
        if not several:
            raise UsageError("no sent_id is in two languages", option="pairs", remedy=remedy)
        random = stream(config.seed, "translations")
        names = sorted(several)
        order = random.permutation(len(names))[: config.translations]
        chosen = [several[names[place]] for place in order]
        drawn = [own[place] for own in chosen for place in random.permutation(len(own))[:2]]
        return drawn, np.arange(len(drawn), dtype=np.int64).reshape(-1, 2)

    def _tagged(self, corpus: Corpus) -> list[PromptSentence]:
        return [
            one for one in tagged_sentences(corpus, self.task, longest=self.config.max_words) if one.items
        ]

    def _fits(self, query: PromptSentence) -> bool:
        alone = self.scorer.prompt([], self.labels, room=0)
        return len(alone.ids) + self.scorer.room(query, self.labels) <= self.scorer.context_length


def _checked(config: SelectConfig) -> Task:
    """The task. UsageError, with the option, for values that are impossible."""
    for name in ("queries", "candidates", "translations", "max_words"):
        if getattr(config, name) < 1:
            raise UsageError(f"{getattr(config, name)} is too few", option=name, remedy="say 1 or more")
    if config.labels == "language" or is_open_ended(config.task):
        option = "labels" if config.labels == "language" else "task"
        what = "labels have to be the same in all languages"
        raise UsageError(what, option=option, remedy="use tags, and upos or relation")
    return parse_task(config.task)


def _parts(config: SelectConfig) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("langs", config.langs), ("demo_langs", config.demo_langs)


def _files(treebanks: Path, langs: Sequence[str], option: str) -> list[TreebankFile]:
    """Train splits; UsageError, for ``option``, where a language has none."""
    try:
        return find_treebanks(treebanks, langs, ["train"])
    except UsageError as error:
        raise UsageError(error.message, option=option, where=error.where, remedy=error.remedy) from error


def _first_split(files: Sequence[TreebankFile]) -> list[TreebankFile]:
    """One file a language: its train split, else the first there is."""
    order: tuple[Split, ...] = ("train", "dev", "test")
    found: dict[str, TreebankFile] = {}
    for file in sorted(files, key=lambda one: order.index(one.split)):
        found.setdefault(file.language, file)
    return list(found.values())


def _pools(
    candidates: Sequence[PromptSentence], queries: Sequence[PromptSentence], said: Sequence[PromptSentence]
) -> Callable[[str], list[list[PromptSentence]]]:
    """By language, what is used of it: candidates, queries, translations."""

    @cache
    def pools(language: str) -> list[list[PromptSentence]]:
        parts = ([one for one in own if one.language == language] for own in (candidates, queries, said))
        return [own for own in parts if own]

    return pools
