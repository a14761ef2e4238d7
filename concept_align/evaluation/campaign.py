"""Saved aligners of several layers and tasks, tested on one store: what the command ``evaluate`` does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..models.matmul import fast_matmul
from ..progress import Progress
from ..store import Store
from ..treebanks.registry import select
from .protocol import Protocol
from .run import Evaluation, Setting, measure
from .trained import Represented, Trained, check, check_concepts, groups

CACHE_BYTES = 2 << 30


@dataclass(frozen=True)
class Campaign:
    """Aligners by their features, and the languages to test them in."""

    store: Store
    groups: dict[Represented, list[Trained]]
    targets: tuple[str, ...]
    absent: tuple[str, ...]  # the aligners' own targets that the store lacks


def plan(aligners: Sequence[Trained], store: Store, langs: str | None) -> Campaign:
    """Work out the targets (``langs`` as in ``--langs``; None: those set aside in training) and check them.

    Raises UsageError for languages that the store has no test split of, LearningError for languages an
    aligner has seen and for a store of another recipe.
    """
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
    return Campaign(store, groups(aligners), targets, absent)


def _setting(store: Store, represented: Represented) -> Setting:
    return Setting(
        model=store.recipe.model,
        revision=store.recipe.revision,
        layer=side_by_side(represented.layers, represented.beside),
        task=represented.task,
        source=represented.source,
    )


def evaluate_saved(
    campaign: Campaign, protocol: Protocol, *, units: Path | None = None, progress: Progress | None = None
) -> list[Evaluation]:
    """One evaluation for every group of aligners; finished units are kept in ``units``."""
    store, evaluations = campaign.store, []
    for number, (represented, aligners) in enumerate(campaign.groups.items()):
        features = represented.features(store, CACHE_BYTES)
        for aligner in aligners:
            check_concepts(aligner, features.concepts)
        setting = _setting(store, represented)
        name = re.sub(
            r"[^\w+-]", "-", f"{setting.task}-{setting.layer}-{setting.source}-{represented.standardise}"
        )
        with fast_matmul():
            evaluation = measure(
                [(aligner.name, aligner.load()) for aligner in aligners],
                features.load,
                campaign.targets,
                setting=setting,
                protocol=protocol,
                untrained=set(campaign.targets) - set(features.languages("train")),
                units=None if units is None else units / name,
                identities={
                    aligner.name: {**aligner.files, "store": store.fingerprint} for aligner in aligners
                },
                progress=progress,
            )
        evaluation.notices.extend(f"{code}: {note}" for code, note in sorted(features.notes.items()))
        if number == 0:
            evaluation.notices.extend(
                f"{code}: set aside in training, but the store has no test split of it; left out"
                for code in campaign.absent
            )
        evaluations.append(evaluation)
    return evaluations
