"""What a study of in-context learning runs: its configuration, and the tests that follow from it.

A test is one prompt's worth of answers: demonstrations in a language, put before the queries of a target. A
prompt without demonstrations says nothing of their language, so it is asked once for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import from_mapping, read_toml, to_mapping
from ..errors import UsageError
from ..meta.languages import check_disjoint
from ..meta.learners import registry as learners
from ..meta.learners.base import Learner
from ..spaces.standardise import Standardisation
from ..treebanks.concepts import Task, parse_task
from ..treebanks.discover import TreebankFile, find
from ..treebanks.registry import META_TRAIN, VALIDATION, select
from .base import FEEDBACKS, Feedback

OWN = "own"  # demonstrations in the target language itself
NONE = "none"  # the language of no demonstrations
AUTO = "auto"
ALIGNED = 5  # training languages of aligned in-context learning, as published

# What decides neither a prompt nor an answer, so that a study may go on with another value of it.
_FREE: tuple[str, ...] = (
    "model", "treebanks", "revision", "device", "offline", "langs", "demo_langs", "k", "draws", "selectors",
    "labels", "templates", "feedback", "calibrate", "contextual", "layers", "learners", "options",
    "bootstrap", "effects",
)  # fmt: skip
# What, beside that, decides what is learned in aligned in-context learning.
_ALIGNS = ("align_langs", "align_validation", "align_k", "align_sentences", "standardise")


@dataclass(frozen=True)
class StudyConfig:
    """The options of a study; those that begin with ``align`` are of aligned in-context learning."""

    model: str
    treebanks: str
    task: str = "upos"
    langs: str = "targets"
    demo_langs: str = "en"  # "own": the target itself (then k are labelled sentences of the target)
    k: tuple[int, ...] = (0, 1, 5, 10)  # demonstrations
    draws: int = 3  # sets of them
    selectors: tuple[str, ...] = ("random",)
    labels: tuple[str, ...] = ("tags", "shuffled")
    templates: tuple[str, ...] = ("tagged",)
    feedback: Feedback = "predicted"
    calibrate: bool = True  # as well, with the mean score of each label over the queries taken off
    contextual: bool = False  # as well, less what labels get after the same prompt without content
    queries: int = 100  # test sentences of a language
    candidates: int = 200  # training sentences that demonstrations are chosen from
    max_words: int = 40  # of a sentence
    layers: str = ""  # of aligned in-context learning; "": none is run
    learners: tuple[str, ...] = ("pooled",)  # NAME or NAME:PRESET
    options: dict = field(default_factory=dict)  # of all learners, over their presets
    align_langs: str = AUTO  # training languages beside the demonstrations'
    align_validation: str = AUTO
    align_k: tuple[int, ...] = ()  # none: no demonstrations, and the most
    align_sentences: int = 60  # a training language
    standardise: Standardisation = "language"
    effects: bool = False  # what demonstrations do to concept spaces, at the most of them
    seed: int = 0
    bootstrap: int = 1000
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    offline: bool = False

    def decides(self) -> dict[str, Any]:
        """What a finished test depends on, beside the model itself and the treebanks' files."""
        values = to_mapping(self)
        return {key: value for key, value in values.items() if key not in (*_FREE, *_ALIGNS)}

    def learner(self, name: str) -> Learner:
        """The learner that ``NAME`` or ``NAME:PRESET`` names."""
        kind, _, preset = name.partition(":")
        return learners.create(kind, preset=preset or "default", task=self.task, options=self.options)


@dataclass(frozen=True, order=True)
class Variant:
    """A way of asking: names of labels, how demonstrations are chosen, and how a prompt is written."""

    labels: str
    selector: str = "random"
    template: str = "tagged"
    feedback: Feedback = "predicted"
    contextual: bool = False

    @property
    def name(self) -> str:
        """``icl-tags``, with whatever is not usual behind it."""
        parts = ["icl", self.labels]
        parts += [self.selector] if self.selector != "random" else []
        parts += [self.template] if self.template != "tagged" else []
        parts += ["gold-feedback"] if self.feedback == "gold" else []
        return "-".join([*parts, *(["contextual"] if self.contextual else [])])


@dataclass(frozen=True, order=True)
class Test:
    """One test; ``source`` is the language of the demonstrations, NONE where there are none."""

    __test__ = False  # no test for pytest

    source: str
    language: str
    variant: Variant
    k: int
    draw: int


@dataclass(frozen=True)
class Plan:
    """A study with its languages and files worked out; the model has not been touched."""

    config: StudyConfig
    task: Task
    targets: tuple[str, ...]
    sources: tuple[str, ...]  # languages of demonstrations, OWN among them
    train: tuple[str, ...]  # of aligned in-context learning, without the language of demonstrations
    validation: tuple[str, ...]
    files: Mapping[tuple[str, str], TreebankFile]  # (language, split)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The first is the one whose states are read, and that others are compared with."""
        config = self.config
        return tuple(
            Variant(labels, selector, template, config.feedback, contextual)
            for contextual in ((False, True) if config.contextual else (False,))
            for template in config.templates
            for selector in config.selectors
            for labels in config.labels
        )

    @property
    def aligns(self) -> bool:
        return bool(self.config.layers)

    @property
    def align_k(self) -> tuple[int, ...]:
        """The numbers of demonstrations at which there is aligned in-context learning."""
        return self.config.align_k or tuple(sorted({0, max(self.config.k)}))

    def targets_of(self, source: str) -> tuple[str, ...]:
        """A language is no target of its own demonstrations, but of OWN."""
        return tuple(language for language in self.targets if language != source)

    def trained_on(self, source: str) -> tuple[str, ...]:
        """The training languages of aligned in-context learning: the demonstrations' own, and others."""
        return (source, *(language for language in self.train if language != source))

    def draws(self, variant: Variant, k: int) -> int:
        """One of no demonstrations: only what labels are shuffled to could differ, which is not asked."""
        return self.config.draws if k else 1

    def all_tests(self) -> list[Test]:
        """Every test once: those without demonstrations first, then prompt by prompt, which targets share."""
        none = [
            Test(NONE, language, variant, 0, 0)
            for variant in self.variants
            if variant.selector == self.config.selectors[0]  # nothing is chosen
            for language in self.targets
            if 0 in self.config.k
        ]
        some = [
            Test(source, language, variant, k, draw)
            for source in self.sources
            for variant in self.variants
            for k in sorted(set(self.config.k) - {0})
            for draw in range(self.config.draws)
            for language in self.targets_of(source)
        ]
        return none + some


def configure(path: Path | None, values: Mapping[str, Any]) -> StudyConfig:
    """The configuration in the file ``path``, and ``values`` (those that are not None) over it."""
    given = {key: value for key, value in values.items() if value is not None}
    if path is not None:
        base = to_mapping(read_toml(path, StudyConfig))
        return from_mapping(StudyConfig, {**base, **given}, where=str(path))
    for key in ("model", "treebanks"):
        if key not in given:
            raise UsageError(f"no {key} is named", where=f"--{key}", remedy=f"give --{key}, or a --config")
    return from_mapping(StudyConfig, given, where="options")


def plan(config: StudyConfig) -> Plan:
    """Work out languages and files.

    Raises UsageError for what is unknown, LearningError where a target is a training language too.
    """
    _check(config)
    task = _task(config.task)
    trained = {file.language: file for file in _found(config.treebanks, "train")}
    tested = {file.language: file for file in _found(config.treebanks, "test")}
    targets = _select(config.langs, tested, "--langs")
    named = [part.strip() for part in config.demo_langs.split(",") if part.strip()]
    codes = [part for part in named if part != OWN]
    sources = _select(",".join(codes), trained, "--demo-langs") if codes else ()
    own = (OWN,) if OWN in named else ()
    if not (sources or own):
        raise UsageError("no language of demonstrations", where="--demo-langs", remedy="say en,de, or own")
    _require(targets if own else (), trained, "train", "--demo-langs own")
    train, validation = _aligned(config, targets, sources, trained) if config.layers else ((), ())
    files = {(code, "train"): file for code, file in trained.items()}
    files |= {(code, "test"): file for code, file in tested.items()}
    return Plan(config, task, targets, (*sources, *own), train, validation, files)


def _found(folder: str, split: str) -> list[TreebankFile]:
    return find(Path(folder), "all" if Path(folder).is_dir() else None, [split])


def _task(name: str) -> Task:
    if name.startswith("feature:"):
        raise UsageError(
            "labels of features differ from language to language, and prompts have none for them",
            where="--task",
            remedy="use upos or relation",
        )
    return parse_task(name)


def _select(expression: str, here: Mapping[str, TreebankFile], where: str) -> tuple[str, ...]:
    try:
        return select(expression, tuple(here))
    except UsageError as error:
        raise UsageError(error.message, where=where, remedy=error.remedy) from error


def _require(codes: Sequence[str], here: Mapping[str, TreebankFile], split: str, where: str) -> None:
    if missing := [code for code in codes if code not in here]:
        raise UsageError(
            f"no {split} split of {', '.join(missing)}", where=where, remedy="leave them out of --langs"
        )


def _aligned(
    config: StudyConfig,
    targets: Sequence[str],
    sources: Sequence[str],
    here: Mapping[str, TreebankFile],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training and validation languages; AUTO takes those of the package's own sets that are here."""
    if not sources:
        raise UsageError(
            "aligned in-context learning needs demonstrations in a language that is no target",
            where="--demo-langs",
            remedy="name one beside own, or leave --layers out",
        )
    taken = {*targets, *sources}
    validation: tuple[str, ...] = ()
    if config.align_validation == AUTO:
        validation = tuple(code for code in VALIDATION if code in here and code not in taken)[:1]
    elif config.align_validation != "none":
        validation = _select(config.align_validation, here, "--align-validation")
    if config.align_langs == AUTO:
        others = [code for code in META_TRAIN if code in here and code not in {*targets, *validation}]
        train = tuple(dict.fromkeys([*sources, *others]))[:ALIGNED]
        train = tuple(code for code in train if code not in targets)
    else:
        train = _select(config.align_langs, here, "--align-langs")
    for source in sources:
        check_disjoint({source, *train}, validation, [code for code in targets if code != source])
    return train, validation


def _check(config: StudyConfig) -> None:
    """UsageError for options that cannot be."""
    wrong = [k for k in (*config.k, *config.align_k) if k < 0]
    if not config.k or wrong or len(set(config.k)) < len(config.k):
        raise UsageError(
            f"impossible numbers of demonstrations {config.k}", where="--k", remedy="say 0,1,5,10"
        )
    if odd := [k for k in config.align_k if k not in config.k]:
        raise UsageError(f"{odd} are not among --k {config.k}", where="--align-k", remedy="choose among --k")
    for name in ("draws", "queries", "candidates", "max_words", "align_sentences"):
        if getattr(config, name) < 1:
            raise UsageError(
                f"{getattr(config, name)} is too few", where=f"--{name.replace('_', '-')}", remedy="say 1"
            )
    if config.feedback not in FEEDBACKS:
        raise UsageError(
            f"unknown feedback {config.feedback!r}",
            where="--feedback",
            remedy=f"use {' or '.join(FEEDBACKS)}",
        )
    for name in ("labels", "selectors", "templates"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise UsageError(f"{values} names none, or one twice", where=f"--{name}", remedy="name each once")
    if config.layers:
        for learner in config.learners:
            config.learner(learner)
