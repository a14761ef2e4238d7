"""What is measured of a model whose states are changed while it reads, and how it is read.

A read-out says which tokens it wants read, which layers' states it needs of them, and what numbers each row
of tokens gives. All of it is kept by sentence and concept, as a sum of what is counted and a sum of what it
is counted over; a value is the ratio of the two, and intervals draw sentences anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float64
from numpy.typing import NDArray

from ..errors import UsageError
from ..icl.whole import kind_of
from ..models.batches import batches
from ..models.capture import OUTPUT
from ..models.edits import StateEdit
from ..models.faults import explained_memory
from ..models.frozen import FrozenModel
from ..models.rerun import Rerun
from ..models.states import reads_padding
from .config import UNTOUCHED
from .texts import ReadRows, Where, padded

BATCH_TOKENS = 1024  # rows times longest row of what is read at once


@dataclass(frozen=True, eq=False)
class Tally:
    """What a read-out counted in one language: ``above`` is counted, ``below`` is what it is counted over."""

    concepts: tuple[str, ...]
    above: Float64[np.ndarray, "sents concepts"]
    below: Float64[np.ndarray, "sents concepts"]

    @property
    def value(self) -> float:
        """Over all sentences and concepts; NaN where there is nothing to count."""
        return ratio(float(self.above.sum()), float(self.below.sum()))

    def by_concept(self) -> Float64[np.ndarray, " concepts"]:
        """The value of each concept; NaN for one that does not occur."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.above.sum(0) / self.below.sum(0))


def ratio(above: float, below: float) -> float:
    """NaN over nothing."""
    return above / below if below else float("nan")


class ReadOut(Protocol):
    """What is read off the states of one language's text.

    ``tallies`` of all rows' numbers are called by what they measure: one read-out may measure two things.
    """

    @property
    def name(self) -> str: ...

    @property
    def layers(self) -> tuple[int, ...]:
        """Whose states it needs: OUTPUT is what the model itself returns."""
        ...

    @property
    def rows(self) -> ReadRows:
        """What is to be read."""
        ...

    def numbers(
        self, states: Mapping[int, torch.Tensor], places: NDArray[np.int64]
    ) -> Float64[np.ndarray, "rows numbers"]:
        """Of ``states`` [rows, length, dim] by layer of the rows ``places``, which may be padded."""
        ...

    def tallies(self, numbers: Float64[np.ndarray, "rows numbers"]) -> Mapping[str, Tally]:
        """Of the numbers of all rows, in their order."""
        ...


@dataclass(frozen=True, eq=False)
class Change:
    """A way of reading: what is done to the states of which layers, and where; nothing, by default."""

    name: str = UNTOUCHED
    edits: Mapping[int, StateEdit] = field(default_factory=dict)  # by layer
    where: Where = "all"


def measured(
    rerun: Rerun,
    readouts: Sequence[ReadOut],
    changes: Sequence[Change],
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> dict[str, list[Mapping[str, Tally]]]:
    """For each change, by its name, what each of ``readouts`` found, in their order.

    Rows that several read-outs share are read once. Batches change no number by more than rounding. Raises
    UsageError for equal names, and for a read-out of a layer below one that is changed, which nothing
    reaches.
    """
    _check(readouts, changes)
    found: dict[str, list[Mapping[str, Tally]]] = {change.name: [] for change in changes}
    groups: dict[int, list[int]] = {}  # read-outs by the rows they share
    for place, readout in enumerate(readouts):
        groups.setdefault(id(readout.rows), []).append(place)
    numbers: dict[tuple[str, int], NDArray[np.float64]] = {}
    model = rerun.model
    with explained_memory(model.name), model.running():
        for members in groups.values():
            own = [readouts[place] for place in members]
            for places, read in _again(rerun, own, changes, batch_tokens):
                for change, states in read:
                    for place, readout in zip(members, own, strict=True):
                        part = readout.numbers(states, places)
                        shape = (len(readout.rows), part.shape[1])
                        numbers.setdefault((change.name, place), np.zeros(shape))[places] = part
    for change in changes:
        for place, readout in enumerate(readouts):
            found[change.name].append(readout.tallies(numbers[change.name, place]))
    return found


def _again(
    rerun: Rerun, readouts: Sequence[ReadOut], changes: Sequence[Change], batch_tokens: int
) -> Iterator[tuple[NDArray[np.int64], Iterator[tuple[Change, dict[int, torch.Tensor]]]]]:
    """Batch by batch: which rows it holds, and their states under each change."""
    model, rows = rerun.model, readouts[0].rows
    keep = sorted({layer for readout in readouts for layer in readout.layers})
    edited = sorted({layer for change in changes for layer in change.edits})
    for places in batches(rows.lengths, batch_tokens, equal_lengths=_equal_lengths(model)):
        ids, mask = (part.to(model.device) for part in padded(rows, places, model.pad))
        prefix = rerun.read(ids, mask, sorted({*edited, *keep}))

        def read(
            prefix: Any = prefix, places: NDArray[np.int64] = places, length: int = ids.shape[1]
        ) -> Iterator[tuple[Change, dict[int, torch.Tensor]]]:
            for change in changes:
                at = rows.positions(places, length, change.where)
                at = None if at is None else at.to(model.device)
                yield change, rerun.again(prefix, change.edits, keep, at)

        yield places, read()


def _equal_lengths(model: FrozenModel) -> bool:
    """Whether padding changes the states of the text before it."""
    if kind_of(model) == "decoder":
        return False
    return reads_padding(model.base, model.probe_ids, model.pad, model.tolerance)


def _check(readouts: Sequence[ReadOut], changes: Sequence[Change]) -> None:
    names = [change.name for change in changes]
    if len(set(names)) < len(names):
        raise UsageError(f"changes of equal names: {', '.join(names)}", option="interventions")
    lowest = min((layer for change in changes for layer in change.edits), default=0)
    for readout in readouts:
        if below := [layer for layer in readout.layers if OUTPUT < layer < lowest]:
            what = f"{readout.name} reads layer {below[0]}, and states are changed from layer {lowest} on"
            remedy = f"read layers from {lowest} on, or change an earlier one"
            raise UsageError(what, option="read_layers", remedy=remedy)
