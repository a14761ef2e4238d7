"""Saved aligners of several layers and tasks, tested on one store: what the command ``evaluate`` does."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..matmul import fast_matmul
from ..progress import Progress
from ..spaces.source import FeatureSource
from ..store import Store
from ..treebanks.registry import CODES, language, select
from .groups import Group, check, check_concepts, groups
from .protocol import Protocol
from .run import Evaluation, Setting, UnderTest, measure
from .trained import Represented, Trained

CACHE_BYTES = 2 << 30


@dataclass(frozen=True)
class Campaign:
    """Aligners that are tested together, and the languages to test them in."""

    store: Store
    groups: tuple[Group, ...]
    targets: tuple[str, ...]
    absent: tuple[str, ...]  # the aligners' own targets that the store lacks
    related: tuple[str, ...] = ()  # left out: an aligner has seen their family
    against: tuple[str, ...] = ()  # names of the learners that others are compared with

    def tests(self, group: Group, protocol: Protocol) -> int:
        """How many tests a group of aligners takes, with the majority baseline."""
        each = sum(map(protocol.draws_of, protocol.shots))
        once = [one.load().wants == "everything" for one in group.aligners]
        return len(self.targets) * (each + sum(1 if everything else each for everything in once))


def plan(
    aligners: Sequence[Trained],
    store: Store,
    langs: str | None,
    *,
    family_disjoint: bool = False,
    against: Sequence[str] = (),
    across: bool = False,
) -> Campaign:
    """Work out the targets (``langs`` as in ``--langs``; None: those set aside in training) and check them.

    ``family_disjoint`` leaves out targets of a family that an aligner has seen; ``across`` tests aligners
    with different features (layers, standardisation) of the same words together. Raises UsageError for
    languages that the store has no test split of and for names in ``against`` that no aligner has,
    LearningError for languages an aligner has seen and for a store of another recipe.
    """
    _check_against(against, {one.name for one in aligners})
    here = store.languages("test")
    if langs is None:
        wanted = sorted({code for aligner in aligners for code in aligner.targets})
        targets = tuple(code for code in wanted if code in here)
        absent = tuple(code for code in wanted if code not in here)
    else:
        targets, absent = select(langs, here), ()
    if not targets:
        raise UsageError(
            "none of the languages set aside in training has a test split in the store",
            where="--langs",
            remedy=f"extract them, or choose from {', '.join(here) or 'none'}",
        )
    for aligner in aligners:
        check(aligner, store, targets)
    related = _related(aligners, targets) if family_disjoint else ()
    targets = tuple(code for code in targets if code not in related)
    if not targets:
        raise UsageError(
            f"an aligner has seen the family of every target: {', '.join(related)}",
            where="--family-disjoint",
            remedy="train on fewer families (meta-train --family-disjoint), or choose other --langs",
        )
    return Campaign(store, groups(aligners, across=across), targets, absent, related, tuple(against))


def _check_against(against: Sequence[str], names: Collection[str]) -> None:
    unknown = [name for name in against if name not in names]
    if unknown:
        raise UsageError(
            f"no aligner is called {', '.join(unknown)}",
            where="--against",
            remedy=f"choose from {', '.join(sorted(names))}",
        )


def _related(aligners: Sequence[Trained], targets: Sequence[str]) -> tuple[str, ...]:
    """The ``targets`` with a relative among the languages that any aligner was trained on or chosen by."""
    family = {code: language(code).family for code in CODES}
    seen = {family.get(code) for one in aligners for code in (*one.train, *one.validation)} - {None}
    return tuple(code for code in targets if family.get(code) in seen)


def _setting(store: Store, group: Group) -> Setting:
    return Setting(
        model=store.recipe.model,
        revision=store.recipe.revision,
        layer=group.layer,
        task=group.task,
        source=group.source,
    )


def _learners(
    aligners: Sequence[Trained], store: Store, sources: Mapping[Represented, FeatureSource]
) -> list[UnderTest]:
    """Aligners of one name are training seeds of one learner."""
    by_name: dict[str, list[Trained]] = {}
    for aligner in aligners:
        by_name.setdefault(aligner.name, []).append(aligner)
    return [
        UnderTest(
            name,
            tuple(one.load() for one in seeds),
            tuple({**one.files, "store": store.fingerprint} for one in seeds),
            sources[seeds[0].represented].load,
        )
        for name, seeds in by_name.items()
    ]


def evaluate_saved(
    campaign: Campaign, protocol: Protocol, *, units: Path | None = None, progress: Progress | None = None
) -> list[Evaluation]:
    """One evaluation for every group of aligners; finished units are kept in ``units``."""
    store, evaluations = campaign.store, []
    for number, group in enumerate(campaign.groups):
        sources = {one: one.features(store, CACHE_BYTES) for one in group.represented}
        for aligner in group.aligners:
            check_concepts(aligner, sources[aligner.represented].concepts)
        setting, features = _setting(store, group), sources[group.represented[0]]
        kinds = "+".join(dict.fromkeys(one.standardise for one in group.represented))
        name = re.sub(r"[^\w+-]", "-", f"{setting.task}-{setting.layer}-{setting.source}-{kinds}")
        with fast_matmul():
            evaluation = measure(
                _learners(group.aligners, store, sources),
                features.load,
                campaign.targets,
                setting=setting,
                protocol=protocol,
                against=campaign.against,
                untrained=set(campaign.targets) - set(features.languages("train")),
                units=None if units is None else units / name,
                progress=progress,
            )
        notes = {(code, note) for one in sources.values() for code, note in one.notes.items()}
        evaluation.notices.extend(f"{code}: {note}" for code, note in sorted(notes))
        if number == 0:
            evaluation.notices.extend(
                f"{code}: set aside in training, but the store has no test split of it; left out"
                for code in campaign.absent
            )
            evaluation.notices.extend(
                f"{code}: of a family that an aligner has seen; left out" for code in campaign.related
            )
        evaluations.append(evaluation)
    return evaluations
