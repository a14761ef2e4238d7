"""What is done to states in a unit: the directions of concepts, and those of controls, treated alike.

Controls are made for an intervention: of its rank, the matched ones of its variance too and orthogonal to its
directions. Draws are those of the language that is read, so that what a draw does by chance is part of the
spread over languages.

A control of swapping mirrors states along another direction, at the same place halfway between the two
concepts; one of steering pushes them as far along another direction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import UsageError
from ..models.edits import Edit, Shift, StateEdit
from ..seeding import stream
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from .config import MATCHED, TASK, Intervention
from .controls import components_span, language_span, matched_spans, random_span
from .moments import StateMoments, state_moments
from .outcomes import Treatment
from .plan import InterventionPlan, InterventionUnit
from .readouts import Change
from .spans import NEGLIGIBLE, Means, Span, concept_span, leace_span, one_concept_span, pair_span, probe_span
from .texts import Where

RIDGE = 0.01  # of the mean variance of a dimension: the strength of the probe whose directions are taken


@dataclass(frozen=True, eq=False)
class Treated:
    """A treatment, what it does to states, and a row about its directions."""

    treatment: Treatment
    change: Change
    row: Mapping[str, Any]


@dataclass(eq=False)
class Directions:
    """Makes the treatments of a plan's units; sums over words are held of one layer at a time."""

    plan: InterventionPlan
    _layer: int | None = None
    _moments: dict[str, StateMoments] = field(default_factory=dict)  # by task

    def treatments(self, unit: InterventionUnit, sources: Sequence[str], notes: list[str]) -> list[Treated]:
        """Every intervention with its controls; ``notes`` gets what could not be made."""
        moments = self._of(unit.layer, self.plan.task.name).of(sources)
        found = []
        for one in self.plan.interventions:
            try:
                own = self._own(one, moments)
            except UsageError as error:
                notes.append(f"{unit.language}: {one.name}, directions of {unit.source}: {error.message}")
                continue
            found.append(self._treated(unit, one, own, own, moments))
            for control, draws in self.plan.config.draws().items():
                try:
                    spans = list(self._control(unit, one, own, moments, control, draws))
                except UsageError as error:
                    notes.append(f"{unit.language}: {control}, directions of {unit.source}: {error.message}")
                    continue
                found += [
                    self._treated(unit, one, own, span, moments, control, draw)
                    for draw, span in enumerate(spans)
                ]
        if not found:
            what = f"nothing can be done in {unit.language}: {'; '.join(notes)}"
            raise UsageError(what, option="interventions", remedy="allow more words, or name other sources")
        return found

    def _of(self, layer: int, task: str) -> StateMoments:
        """Of all source languages at ``layer``."""
        if layer != self._layer:
            self._moments.clear()
            self._layer = layer
        if task not in self._moments:
            config = self.plan.config
            source = FeatureSource(self.plan.store, FeatureSpec(task, (layer,), standardise="none"))
            self._moments[task] = state_moments(
                source, self.plan.sources, words=config.source_words, seed=config.seed
            )
        return self._moments[task]

    def _own(self, one: Intervention, moments: StateMoments) -> Span:
        """The directions of concepts that ``one`` changes; with the concepts' places, where it needs them."""
        concepts, means = moments.concepts, moments.means()
        middle: dict[str, Any] = {"layer": moments.layer, "centre": moments.centre}
        if self.plan.config.method == "means":
            if not one.concepts:
                rank = _at_most(means, self.plan.rank, centred=self.plan.config.centred)
                return concept_span(means, rank, centred=self.plan.config.centred, **middle)
            if len(one.concepts) == 1:
                return one_concept_span(means, concepts, one.concepts[0], **middle)
            return pair_span(means, concepts, *one.concepts, **middle)
        if self.plan.config.method == "probe":
            rank = self.plan.rank if not one.concepts else 1
            return probe_span(self._weights(one, moments), rank=rank, **middle).knowing(means, concepts)
        chosen = self.plan.config.rank if not one.concepts else 1
        columns = _columns(one, moments.cross, concepts)
        return leace_span(moments.covariance, columns, rank=chosen, **middle).knowing(means, concepts)

    def _weights(self, one: Intervention, moments: StateMoments) -> NDArray[np.float64]:
        """[rows, dim]: of all concepts of a ridge probe, or of two sides that are told apart."""
        ridge = RIDGE * np.trace(moments.covariance) / len(moments.covariance)
        weights = np.linalg.solve(
            moments.covariance + ridge * np.eye(len(moments.covariance)), moments.cross
        ).T
        if not one.concepts:
            return np.asarray(weights)
        places = [moments.concepts.index(name) for name in one.concepts]
        if len(places) == 1:
            return np.stack([weights[places[0]], np.delete(weights, places[0], axis=0).mean(axis=0)])
        return np.asarray(weights[places])

    def _control(
        self,
        unit: InterventionUnit,
        one: Intervention,
        own: Span,
        moments: StateMoments,
        control: str,
        draws: int,
    ) -> Iterator[Span]:
        """The ``draws`` spans of one control. UsageError where there is none such."""
        about: dict[str, Any] = {"layer": unit.layer, "centre": own.centre}
        purpose = (control, unit.language, unit.layer, unit.source, one.name)
        seed = self.plan.config.seed
        if control == MATCHED:
            variance = own.taken(moments.covariance)
            yield from matched_spans(
                moments.covariance,
                own.rank,
                variance,
                stream(seed, *purpose),
                draws=draws,
                outside=own,
                **about,
            )
        elif control == "random":
            for draw in range(draws):
                yield random_span(own.dim, own.rank, stream(seed, *purpose, draw), **about)
        elif control == "components":
            yield components_span(moments.covariance, own.rank, **about)
        elif control == "language":
            means = moments.language_means
            yield language_span(means, min(own.rank, max(len(means) - 1, 1)), **about)
        elif control == "shuffled":
            yield self._of_means(one, own, moments.means(shuffled=True), moments.concepts, about)
        else:
            other = self._of(unit.layer, control.removeprefix(f"{TASK}:")).of(tuple(moments.languages))
            means = other.means()
            yield concept_span(means, _at_most(means, own.rank), name=control, **about)

    @staticmethod
    def _of_means(
        one: Intervention, own: Span, means: Means, concepts: Sequence[str], about: Mapping[str, Any]
    ) -> Span:
        if len(one.concepts) == 1:
            return one_concept_span(means, concepts, one.concepts[0], **about)
        if one.concepts:
            return pair_span(means, concepts, *one.concepts, **about)
        return concept_span(means, _at_most(means, own.rank), name="shuffled", **about)

    def _treated(
        self,
        unit: InterventionUnit,
        one: Intervention,
        own: Span,
        span: Span,
        moments: StateMoments,
        control: str = "",
        draw: int = 0,
    ) -> Treated:
        treatment = Treatment(one.name, control, draw)
        edit = _edit(one, own, span)
        change = Change(treatment.name, {unit.layer: edit}, self._where(one))
        taken, whole = span.taken(moments.covariance), float(np.trace(moments.covariance))
        row = {
            "language": unit.language, "layer": unit.layer, "source": unit.source, "intervention": one.name,
            "control": control, "draw": draw, "rank": span.rank, "variance": taken, "share": taken / whole,
            "overlap": span.overlap(own), "note": span.note,
        }  # fmt: skip
        return Treated(treatment, change, row)

    def _where(self, one: Intervention) -> Where:
        """Which tokens are changed: swapping is of words of the two concepts, unless others are named."""
        where, concepts = self.plan.config.where, self.plan.task.concepts
        if where in concepts:
            return (concepts.index(where),)
        if one.kind == "swap":
            return tuple(concepts.index(name) for name in one.concepts)
        return "words" if where == "words" else "all"


def _edit(one: Intervention, own: Span, span: Span) -> StateEdit:
    """What ``one`` does along ``span``: the concepts' ``own``, or a control's."""
    if one.kind not in ("swap", "steer"):
        return span.removal()
    a, b = one.concepts
    if span is own:
        return span.swap(a, b) if one.kind == "swap" else span.steer(a, b, one.factor)
    along = span.read[:, 0] / np.linalg.norm(span.read[:, 0])
    first, second = (_place(own, name) for name in (a, b))
    if one.kind == "steer":
        return Shift(_tensor(along * np.linalg.norm(second - first)), one.factor)
    return Edit(
        _tensor(2 * along[:, None]), _tensor(along[None]), _tensor((first + second) / 2), torch.zeros(1)
    )


def _place(own: Span, concept: str) -> NDArray[np.float64]:
    """[dim] where a concept is, as far as ``own`` directions go."""
    assert own.points is not None
    return np.asarray(own.centre + own.points[own.concepts.index(concept)] @ own.write)


def _columns(one: Intervention, cross: NDArray[np.float64], concepts: Sequence[str]) -> NDArray[np.float64]:
    """The covariances with what is to be erased: all indicators, one, or the difference of two."""
    if not one.concepts:
        return cross
    places = [list(concepts).index(name) for name in one.concepts]
    columns = cross[:, places]
    return columns if len(places) == 1 else columns[:, :1] - columns[:, 1:]


def _at_most(means: Means, rank: int, *, centred: bool = True) -> int:
    """``rank``, or how many directions the means have."""
    parts = []
    for rows in means.values():
        known = rows[~np.isnan(rows).any(axis=1)]
        parts.append(known - (known.mean(axis=0) if centred and len(known) else 0))
    sizes = np.linalg.svd(np.concatenate(parts), compute_uv=False)
    return max(1, min(rank, int((sizes > NEGLIGIBLE * sizes[:1]).sum())))


def _tensor(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()
