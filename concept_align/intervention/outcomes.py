"""What interventions did to what is read of a language: sums by sentence and concept, and how they are kept.

A value is a ratio of sums over sentences (words predicted correctly over words, nats over tokens), so that it
can be had of all concepts or of one, of any resample of the sentences, and of two treatments on the same
ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32

from ..errors import StoreError
from ..tensors import load_tensors, save_tensors

Unit = Literal["share", "nats"]
FILE = "outcome"


@dataclass(frozen=True, order=True)
class Treatment:
    """An intervention, or the ``draw``-th of one of its controls; UNTOUCHED without any."""

    intervention: str
    control: str = ""
    draw: int = 0

    @property
    def name(self) -> str:
        """``remove``; ``remove matched 2`` for a control."""
        return f"{self.intervention} {self.control} {self.draw}" if self.control else self.intervention


@dataclass(frozen=True, eq=False)
class MeasuredReadOut:
    """One read-out of one language under all treatments; ``below`` is the same for all where its first axis
    is 1.

    ``floor`` is the place of the concept that a baseline would always predict, None where there is none.
    """

    readout: str
    read_layer: str
    unit: Unit
    concepts: tuple[str, ...]
    treatments: tuple[Treatment, ...]
    above: Float32[np.ndarray, "treatments sents concepts"]
    below: Float32[np.ndarray, "some sents concepts"]
    floor: int | None = None

    @classmethod
    def of(
        cls,
        readout: str,
        read_layer: str,
        unit: Unit,
        concepts: Sequence[str],
        found: Mapping[Treatment, tuple[Any, Any]],
        *,
        floor: int | None = None,
    ) -> "MeasuredReadOut":
        """Of (above, below) [sents, concepts] by treatment."""
        above = np.stack([np.asarray(one, dtype=np.float32) for one, _ in found.values()])
        below = np.stack([np.asarray(one, dtype=np.float32) for _, one in found.values()])
        if (below == below[:1]).all():
            below = below[:1]
        return cls(readout, read_layer, unit, tuple(concepts), tuple(found), above, below, floor)

    def of_treatment(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """float64 (above, below) [sents, concepts] of the treatment at ``place``."""
        below = self.below[place if len(self.below) > 1 else 0]
        return self.above[place].astype(np.float64), below.astype(np.float64)


@dataclass(frozen=True, eq=False)
class InterventionOutcome:
    """All that was measured in ``language`` while spans of ``source`` were changed at ``layer``.

    ``spans`` are rows about the directions (rank, share of variance, overlap), ``pairs`` about agreement in
    the treebank.
    """

    language: str
    layer: int
    source: str
    measured: tuple[MeasuredReadOut, ...]
    spans: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    pairs: tuple[Mapping[str, Any], ...] = ()


def save_outcome(folder: Path, outcome: InterventionOutcome) -> None:
    """Write it into ``folder``; what is read back is equal to the bit."""
    tensors, about = {}, []
    for place, one in enumerate(outcome.measured):
        for name in ("above", "below"):
            tensors[f"{place}.{name}"] = torch.from_numpy(np.ascontiguousarray(getattr(one, name)))
        about.append(
            {
                "readout": one.readout, "read_layer": one.read_layer, "unit": one.unit, "floor": one.floor,
                "concepts": list(one.concepts),
                "treatments": [[c.intervention, c.control, c.draw] for c in one.treatments],
            }
        )  # fmt: skip
    facts = {"language": outcome.language, "layer": outcome.layer, "source": outcome.source}
    facts |= {name: [dict(row) for row in getattr(outcome, name)] for name in ("spans", "pairs")}
    facts |= {"notes": list(outcome.notes)}
    save_tensors(folder, FILE, tensors, {**facts, "measured": about})


def load_outcome(folder: Path) -> InterventionOutcome:
    """What :func:`save_outcome` wrote. Raises StoreError for anything else."""
    tensors, about = load_tensors(folder, FILE)
    try:
        measured = tuple(
            MeasuredReadOut(
                one["readout"], one["read_layer"], one["unit"], tuple(one["concepts"]),
                tuple(Treatment(*treatment) for treatment in one["treatments"]),
                tensors[f"{place}.above"].numpy(), tensors[f"{place}.below"].numpy(), one["floor"],
            )
            for place, one in enumerate(about["measured"])
        )  # fmt: skip
        spans, notes, pairs = (tuple(about[name]) for name in ("spans", "notes", "pairs"))
        language, layer, source = (about[name] for name in ("language", "layer", "source"))
        return InterventionOutcome(language, layer, source, measured, spans, notes, pairs)
    except (KeyError, TypeError, IndexError) as error:
        what = "not an outcome of interventions"
        raise StoreError(what, where=str(folder), remedy="run the command again") from error
