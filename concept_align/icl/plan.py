"""What a study of in-context learning runs: the tests that follow from its configuration.

A test is one prompt's worth of answers: demonstrations in a language, put before the queries of a target. A
prompt without demonstrations says nothing of their language, so it is asked once for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..meta.languages import check_disjoint
from ..treebanks.concepts import Task, is_open_ended, parse_task
from ..treebanks.discover import TreebankFile, find_treebanks
from ..treebanks.registry import META_TRAIN, VALIDATION, select
from .base import Feedback
from .settings import AUTO, StudyConfig, check

OWN = "own"  # demonstrations in the target language itself
NONE = "none"  # the language of no demonstrations
ALIGNED = 5  # training languages of aligned in-context learning, as published


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


def plan(config: StudyConfig) -> Plan:
    """Work out languages and files.

    Raises UsageError for what is unknown, LearningError where a target is a training language too.
    """
    check(config)
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
    return find_treebanks(Path(folder), "all" if Path(folder).is_dir() else None, [split])


def _task(name: str) -> Task:
    if is_open_ended(name):
        raise UsageError(
            "labels of features and columns differ from language to language, and prompts have none for them",
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
