"""What is tested together and where, and what is refused: aligners, stores and target languages."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import provenance
from ..errors import LearningError, UsageError
from ..meta.data import check_disjoint
from ..spaces.spec import FeatureSpec
from ..store import Store
from ..treebanks.registry import family, select
from .aligners import SavedAligner
from .candidate import Candidate
from .config import EvaluateConfig


@dataclass(frozen=True)
class AlignerGroup:
    """Aligners that are tested together, on the same words."""

    source: str
    features: tuple[FeatureSpec, ...]  # those among them; the first decides the words
    aligners: tuple[SavedAligner, ...]

    @property
    def task(self) -> str:
        return self.features[0].task

    @property
    def layer(self) -> str:
        """As results name it: ``10``, or ``10 | 6+10+13~10`` where aligners differ in their layers."""
        return " | ".join(dict.fromkeys(one.layer_name for one in self.features))


def groups(aligners: Iterable[SavedAligner], *, across: bool = False) -> tuple[AlignerGroup, ...]:
    """Aligners by the features they take; ``across`` features, by the words they are tested on.

    Raises UsageError where two groups would have rows that cannot be told apart, and where one name stands
    for aligners with different features that are to be tested together.
    """
    found: dict[Any, list[SavedAligner]] = {}
    for aligner in aligners:
        how = aligner.features
        alike = (how.task, how.root, how.mwt) if across else how
        found.setdefault((aligner.source, alike), []).append(aligner)
    made = []
    items: dict[tuple[Any, ...], FeatureSpec] = {}
    for (source, _), some in found.items():
        kinds = sorted({one.features for one in some}, key=lambda how: (len(how.context_layers), how.layers))
        made.append(group := AlignerGroup(source, tuple(kinds), tuple(some)))
        first = group.features[0]
        other = items.setdefault((group.task, group.layer, group.source), first)
        if (first.root, first.mwt) != (other.root, other.mwt):
            raise UsageError(
                f"aligners of {first.task} with different words under test: root {first.root}, "
                f"mwt {first.mwt} and root {other.root}, mwt {other.mwt}",
                option="aligners",
                remedy="evaluate them apart, each in its own out folder",
            )
        named = {(one.name, one.features) for one in group.aligners}
        if twice := sorted({name for name, _ in named if [one for one, _ in named].count(name) > 1}):
            message = f"{', '.join(twice)}: one name for aligners with different features"
            raise UsageError(message, option="across", remedy="give each its own name: NAME=DIR")
    return tuple(made)


@dataclass(frozen=True)
class EvaluationPlan:
    """Aligners that are tested together, and the languages to test them in."""

    store: Store
    groups: tuple[AlignerGroup, ...]
    targets: tuple[str, ...]
    config: EvaluateConfig
    other: Store | None = None  # of the second model's states
    absent: tuple[str, ...] = ()  # the aligners' own targets that the store lacks
    related: Mapping[str, str] = field(default_factory=dict)  # left out: for what is known of their family

    def tests(self, group: AlignerGroup) -> int:
        """How many tests a group of aligners takes, with the majority baseline."""
        candidates = [Candidate(one.name, (one.load(),)) for one in group.aligners]
        each = sum(map(self.config.draws_of, self.config.shots))
        return len(self.targets) * (each + sum(one.tests(self.config) for one in candidates))

    def facts(self) -> dict[str, Any]:
        """What decided the numbers, besides the protocol."""
        two = {} if self.other is None else {"with_store": self.other.recipe.to_json()}
        return provenance.collect(
            **two,
            aligners=[one.facts() for group in self.groups for one in group.aligners],
            targets=list(self.targets),
            store=self.store.recipe.to_json(),
        )


def plan_evaluation(aligners: Sequence[SavedAligner], store: Store, config: EvaluateConfig) -> EvaluationPlan:
    """Work out the targets and check them.

    Raises UsageError for languages that the store has no test split of and for names in ``against`` that no
    aligner has, LearningError for languages an aligner has seen and for a store of another recipe.
    """
    names = {one.name for one in aligners}
    if unknown := [name for name in config.against if name not in names]:
        remedy = f"choose from {', '.join(sorted(names))}"
        raise UsageError(f"no aligner is called {', '.join(unknown)}", option="against", remedy=remedy)
    other = None if config.with_store is None else Store.open(config.with_store)
    held = None if other is None else other.languages("test")
    here = tuple(code for code in store.languages("test") if held is None or code in held)
    absent: tuple[str, ...] = ()
    if config.langs is None:
        wanted = sorted({code for aligner in aligners for code in aligner.targets})
        targets = tuple(code for code in wanted if code in here)
        absent = tuple(code for code in wanted if code not in here)
    else:
        targets = select(store.named(config.langs), here)
    if not targets:
        message = "none of the languages set aside in training has a test split in the store"
        remedy = f"extract them, or choose from {', '.join(here) or 'none'}"
        raise UsageError(message, option="langs", remedy=remedy)
    for aligner in aligners:
        check(aligner, store, targets, other=other)
    related = _related(aligners, targets) if config.family_disjoint else {}
    targets = tuple(code for code in targets if code not in related)
    if not targets:
        message = f"an aligner has seen, or may have seen, the family of every target: {', '.join(related)}"
        remedy = "train on fewer families (meta-train with family_disjoint), or choose other langs"
        raise UsageError(message, option="family_disjoint", remedy=remedy)
    tested = groups(aligners, across=config.across)
    return EvaluationPlan(store, tested, targets, config, other, absent, related)


def _related(aligners: Sequence[SavedAligner], targets: Sequence[str]) -> dict[str, str]:
    """Why some ``targets`` are left out: what is known of relatives among the languages that an aligner has
    seen."""
    seen = {code: family(code) for one in aligners for code in (*one.train, *one.validation)}
    if unknown := sorted(code for code, of in seen.items() if of is None):
        message = f"the family of {', '.join(unknown)} is not known, which an aligner has seen"
        remedy = "name targets that are no relatives of it, without family_disjoint"
        raise UsageError(message, option="family_disjoint", remedy=remedy)
    found = {}
    for code in targets:
        if (own := family(code)) is None:
            found[code] = "its family is not known, so an aligner may have seen relatives"
        elif own in seen.values():
            found[code] = "of a family that an aligner has seen"
    return found


def check(
    aligner: SavedAligner, store: Store, targets: Collection[str], *, other: Store | None = None
) -> None:
    """Refuse stores of another recipe, and targets that the aligner has seen. LearningError."""
    if aligner.other is not None and other is None:
        raise LearningError(
            f"trained on states of two models, {aligner.recipe.model} and {aligner.other.model}",
            where=str(aligner.folder),
            option="with_store",
            remedy=f"give the store of {aligner.other.model} too",
        )
    for recipe, held in zip(aligner.recipes, (store, other), strict=False):
        if held is not None and recipe.fingerprint() != held.recipe.fingerprint():
            raise LearningError(
                "trained on states of another recipe: " + "; ".join(recipe.differences(held.recipe)),
                where=f"{aligner.folder}, store {held.folder}",
                remedy="give the store it was trained from, or extract one by that recipe",
            )
    try:
        check_disjoint(aligner.train, aligner.validation, targets)
    except LearningError as error:
        message = f"{error.message} (aligner {aligner.folder})"
        remedy = "leave them out: the aligner has seen them"
        raise LearningError(message, option="langs", remedy=remedy) from error


def check_concepts(aligner: SavedAligner, concepts: Sequence[str]) -> None:
    """Refuse an inventory other than the aligner's, where that is known: its scores go by place."""
    if aligner.concepts is not None and aligner.concepts != tuple(concepts):
        odd = sorted(set(aligner.concepts) ^ set(concepts))
        raise LearningError(
            f"the store's inventory of {aligner.features.task} is not the one it was trained with "
            f"(they differ in {', '.join(odd) or 'order'})",
            where=str(aligner.folder),
            remedy="evaluate on the store it was trained from",
        )
