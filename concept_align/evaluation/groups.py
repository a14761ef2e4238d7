"""Which aligners are tested together, and what makes an evaluation of them fair.

An aligner is tested on the states of the recipe it was trained on, represented as they were then, in
languages it has neither learned from nor been chosen by.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import LearningError, UsageError
from ..layers import side_by_side
from ..meta.languages import check_disjoint
from ..store import Store
from .trained import Represented, Trained


@dataclass(frozen=True)
class Group:
    """Aligners that are tested together, on the same words."""

    represented: tuple[Represented, ...]  # the features among them; the first decides the words
    aligners: tuple[Trained, ...]

    @property
    def task(self) -> str:
        return self.represented[0].task

    @property
    def source(self) -> str:
        return self.represented[0].source

    @property
    def layer(self) -> str:
        """As results name it: ``10``, or ``10 | 6+10+13~10`` where aligners differ in their layers."""
        return " | ".join(dict.fromkeys(side_by_side(one.layers, one.beside) for one in self.represented))


def groups(aligners: Iterable[Trained], *, across: bool = False) -> tuple[Group, ...]:
    """Aligners by the features they take; ``across`` features, by the words they are tested on.

    Raises UsageError where two groups would have rows that cannot be told apart, and where one name stands
    for aligners with different features that are to be tested together.
    """
    found: dict[Any, list[Trained]] = {}
    for aligner in aligners:
        how = aligner.represented
        found.setdefault((how.task, how.source, how.root, how.mwt) if across else how, []).append(aligner)
    made = []
    for some in found.values():
        kinds = sorted({one.represented for one in some}, key=lambda how: (len(how.beside), how.layers))
        made.append(Group(tuple(kinds), tuple(some)))
    items: dict[tuple[Any, ...], Represented] = {}
    for group in made:
        first = group.represented[0]
        other = items.setdefault((group.task, group.layer, group.source), first)
        if (first.root, first.mwt) != (other.root, other.mwt):
            raise UsageError(
                f"aligners of {first.task} with different words under test: root {first.root}, "
                f"mwt {first.mwt} and root {other.root}, mwt {other.mwt}",
                where="--aligner",
                remedy="evaluate them by separate commands, each with its own --out",
            )
        named = {(one.name, one.represented) for one in group.aligners}
        if twice := sorted({name for name, _ in named if [one for one, _ in named].count(name) > 1}):
            raise UsageError(
                f"{', '.join(twice)}: one name for aligners with different features",
                where="--across",
                remedy="give each its own name: --aligner NAME=DIR",
            )
    return tuple(made)


def check(aligner: Trained, store: Store, targets: Collection[str]) -> None:
    """Refuse a store of another recipe, and targets that the aligner has seen. LearningError."""
    if aligner.recipe.fingerprint() != store.recipe.fingerprint():
        raise LearningError(
            "trained on states of another recipe: " + "; ".join(aligner.recipe.differences(store.recipe)),
            where=f"{aligner.folder}, store {store.folder}",
            remedy="give the store it was trained from, or extract one by that recipe",
        )
    try:
        check_disjoint(aligner.train, aligner.validation, targets)
    except LearningError as error:
        raise LearningError(
            error.message, where=str(aligner.folder), remedy="take them out of --langs: it has seen them"
        ) from error


def check_concepts(aligner: Trained, concepts: Sequence[str]) -> None:
    """Refuse an inventory other than the aligner's, where that is known: its scores go by place."""
    if aligner.concepts is not None and aligner.concepts != tuple(concepts):
        odd = sorted(set(aligner.concepts) ^ set(concepts))
        raise LearningError(
            f"the store's inventory of {aligner.represented.task} is not the one it was trained with "
            f"(they differ in {', '.join(odd) or 'order'})",
            where=str(aligner.folder),
            remedy="evaluate on the store it was trained from",
        )
