"""What a study of in-context learning runs: the trials that follow from its configuration.

A trial is one prompt's worth of answers: demonstrations in a language, put before the queries of a target. A
prompt without demonstrations says nothing of their language, so it is asked once for all of them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import aliases
from ..errors import UsageError
from ..meta.data import check_disjoint
from ..treebanks.concepts import Task, is_open_ended, parse_task
from ..treebanks.discover import TreebankFile, find_treebanks
from ..treebanks.registry import META_TRAIN, VALIDATION, select
from .config import ANY, AUTO, NONE, OWN, Feedback, ICLConfig, check, learns

TRAINING = 5  # training languages of aligned in-context learning, as published


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
        """``icl-tags``, followed by whatever is not the default."""
        parts = ["icl", self.labels]
        parts += [re.sub(r"[:/\\]+", "-", self.selector)] if self.selector != "random" else []
        parts += [self.template] if self.template != "tagged" else []
        parts += ["gold-feedback"] if self.feedback == "gold" else []
        return "-".join([*parts, *(["contextual"] if self.contextual else [])])


@dataclass(frozen=True, order=True)
class Trial:
    """``k`` demonstrations before the queries of ``language``; ``source`` is their language, NONE without."""

    source: str
    language: str
    variant: Variant
    k: int
    draw: int


@dataclass(frozen=True)
class ICLPlan:
    """A study with its languages and files worked out; the model has not been touched."""

    config: ICLConfig
    task: Task
    targets: tuple[str, ...]
    sources: tuple[str, ...]  # languages of demonstrations, ANY and OWN among them
    train: tuple[str, ...]  # of aligned in-context learning, without the language of demonstrations
    validation: tuple[str, ...]
    files: Mapping[tuple[str, str], TreebankFile]  # (language, split)
    select: tuple[str, ...] = ()  # that selectors learn from

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
    def named(self) -> tuple[str, ...]:
        """The languages of demonstrations that are one language, and no target's own."""
        return tuple(source for source in self.sources if source not in (OWN, ANY))

    @property
    def asked(self) -> tuple[str, ...]:
        """The sources that prompts are made of: a joint pool stands for the languages in it."""
        joint = self.config.pool == "joint"
        return tuple(source for source in self.sources if not (joint and source in self.named))

    @property
    def align_k(self) -> tuple[int, ...]:
        """The numbers of demonstrations of aligned in-context learning; none without layers."""
        if not self.config.layers:
            return ()
        return self.config.align_k or tuple(sorted({0, max(self.config.k)}))

    def targets_of(self, source: str) -> tuple[str, ...]:
        """A language is no target of its own demonstrations, but of OWN and ANY."""
        return tuple(language for language in self.targets if language != source)

    def trained_on(self, source: str) -> tuple[str, ...]:
        """The training languages of aligned in-context learning: the demonstrations' own, and others."""
        return (source, *(language for language in self.train if language != source))

    def draws(self, k: int) -> int:
        """One without demonstrations: only what labels are shuffled to could differ, which is not asked."""
        return self.config.demo_draws if k else 1

    def trials(self) -> list[Trial]:
        """Every trial once: those without demonstrations first, then prompt by prompt, shared by targets."""
        none = [
            Trial(NONE, language, variant, 0, 0)
            for variant in self.variants
            if variant.selector == self.config.selectors[0]  # nothing is chosen
            for language in self.targets
            if 0 in self.config.k
        ]
        some = [
            Trial(source, language, variant, k, draw)
            for source in self.asked
            for variant in self.variants
            for k in sorted(set(self.config.k) - {0})
            for draw in range(self.config.demo_draws)
            for language in self.targets_of(source)
            if source == ANY or variant.selector != "alignability"  # which chooses the language
            if source != OWN or variant.selector != "best-on-train"  # which has tried none of the target's
        ]
        return none + some


def plan(config: ICLConfig, *, own: Collection[str] = ()) -> ICLPlan:
    """Work out languages and files; ``own`` are names of selectors that the user brings.

    Raises UsageError for what is unknown, LearningError where a target is a training language too.
    """
    now = [name if name in own else aliases.current("selector", name) for name in config.selectors]
    config = replace(config, selectors=tuple(now))
    check(config)
    if is_open_ended(config.task):
        what = "labels of features and columns differ from language to language, and prompts have none"
        raise UsageError(f"{what} for them", option="task", remedy="use upos or relation")
    task = parse_task(config.task)
    trained = {file.language: file for file in _found(config.treebanks, "train")}
    tested = {file.language: file for file in _found(config.treebanks, "test")}
    targets = _select(config.langs, tested, "langs")
    codes = [part for part in config.demo_langs if part not in (OWN, ANY)]
    sources = _select(codes, trained, "demo_langs") if codes else ()
    together = {ANY} if config.pool == "joint" else set()
    sources += tuple(source for source in (ANY, OWN) if source in {*config.demo_langs, *together})
    if not sources or sources[0] == ANY:
        raise UsageError("no language of demonstrations", option="demo_langs", remedy="say en,de, or own")
    if "alignability" in config.selectors and (config.alignability is None or ANY not in sources):
        what = "the selector alignability chooses among languages by a table of their alignability"
        remedy = "name several languages in demo_langs, let pool be joint, and the table in alignability"
        raise UsageError(what, option="selectors", remedy=remedy)
    if config.layers and config.selectors[0] == "alignability":
        what = "learners of states need demonstrations in one language, alignability chooses among several"
        raise UsageError(what, option="selectors", remedy="name another selector first, or no layers")
    if config.layers and config.pool == "joint":
        what = "learners of states need demonstrations in one language, a joint pool has several"
        raise UsageError(what, option="pool", remedy="say each, or no layers")
    if OWN in sources and (missing := [code for code in targets if code not in trained]):
        what = f"no train split of {', '.join(missing)} for demonstrations in their own language"
        raise UsageError(what, option="langs", remedy="leave them out")
    train, validation = _aligned(config, targets, sources, trained) if config.layers else ((), ())
    learning = any(learns(name) for name in config.selectors if name not in own)
    learned_from = _selecting(config, targets, sources, trained) if learning else ()
    files = {(code, "train"): file for code, file in trained.items()}
    files |= {(code, "test"): file for code, file in tested.items()}
    return ICLPlan(config, task, targets, sources, train, validation, files, learned_from)


def _found(folder: str | Path, split: str) -> list[TreebankFile]:
    return find_treebanks(Path(folder), "all" if Path(folder).is_dir() else None, [split])


def _select(names: Sequence[str], here: Mapping[str, TreebankFile], option: str) -> tuple[str, ...]:
    return select(",".join(names), tuple(here), option=option)


def _selecting(
    config: ICLConfig, targets: Sequence[str], sources: Sequence[str], here: Mapping[str, TreebankFile]
) -> tuple[str, ...]:
    """The languages that selectors learn from, none of them a target."""
    if not {*sources} - {OWN, ANY}:
        what = "selectors learn of demonstrations in languages that are named"
        raise UsageError(what, option="demo_langs", remedy="name one besides own")
    if config.select_langs == (AUTO,):
        others = [code for code in META_TRAIN if code in here and code not in {*targets, *sources}]
        found = tuple(others[:TRAINING])
    else:
        found = _select(config.select_langs, here, "select_langs")
    if shared := [code for code in found if code in targets]:
        what = f"{', '.join(shared)} among the languages that selectors learn from and the targets"
        raise UsageError(what, option="select_langs", remedy="take them out of one")
    if not found:
        what = "no language is left that selectors could learn from"
        raise UsageError(what, option="select_langs", remedy="name fewer targets, or some here")
    return found


def _aligned(
    config: ICLConfig, targets: Sequence[str], sources: Sequence[str], here: Mapping[str, TreebankFile]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training and validation languages; AUTO takes those of the package's own sets that are here."""
    sources = [source for source in sources if source not in (OWN, ANY)]
    if not sources:
        what = "aligned in-context learning needs demonstrations in a language that is no target"
        raise UsageError(what, option="demo_langs", remedy="name one besides own, or no layers")
    taken = {*targets, *sources}
    validation: tuple[str, ...] = ()
    if config.align_validation == (AUTO,):
        validation = tuple(code for code in VALIDATION if code in here and code not in taken)[:1]
    elif config.align_validation != ("none",):
        validation = _select(config.align_validation, here, "align_validation")
    if config.align_langs == (AUTO,):
        others = [code for code in META_TRAIN if code in here and code not in {*targets, *validation}]
        train = tuple(dict.fromkeys([*sources, *others]))[:TRAINING]
        train = tuple(code for code in train if code not in targets)
    else:
        train = _select(config.align_langs, here, "align_langs")
    for source in sources:
        check_disjoint({source, *train}, validation, [code for code in targets if code != source])
    return train, validation
