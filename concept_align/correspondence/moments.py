"""From the words of one language and layer to the inner products of its prototypes, with replicates.

A replicate is a weighting of the sentences (or words): c_k = sum of w_i x_i / sum of w_i over the words i of
concept k. For all replicates together that is one matrix product per concept, [replicates, words] @ [words,
dim].
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from ..seeding import stream
from ..spaces.features import Features
from ..statistics import Floats
from .geometry import AnyFloats

CHUNK = 8192  # words at a time
BLOCK = 32  # replicates whose prototypes are widened to float64 at a time


@dataclass(frozen=True, eq=False)
class SpaceMoments:
    """What one language and layer give a geometry."""

    counts: NDArray[np.int64]  # [concepts]
    gram: Floats  # [concepts, concepts]
    noise: Floats  # [concepts]
    halves: AnyFloats | None  # [splits, 2, concepts, concepts]
    replicates: AnyFloats | None  # [draws, concepts, concepts]


def space_moments(
    features: Features,
    *,
    weights: Float[torch.Tensor, "replicates units"],
    halves: int = 0,
    unit: NDArray[np.int64] | None = None,
    projection: Float[torch.Tensor, "dim rank"] | None = None,
    min_words: int = 1,
    dtype: torch.dtype = torch.float32,
) -> SpaceMoments:
    """The inner products of the prototypes of ``features``, and those of each replicate, kept in ``dtype``.

    ``weights``: the first 2 * ``halves`` are halves, the rest bootstrap draws; ``unit``
    [words] is the unit of each word. ``projection`` is applied to words first. A concept of fewer
    than ``min_words`` words has no prototype (NaN).

    ``noise`` takes words for independent. Over sentences, they are not quite: for frequent concepts the error
    is up to three times as large, but negligible; for rare ones, where it matters, hardly any larger.

    Sums of the whole sample are float64; those of replicates float32, of words less the language's mean,
    which is added to their means in float64: float32 would lose what prototypes differ in to a large mean.
    """
    y, concepts = features.y, len(features.concepts)
    centre = features.x.mean(0) if len(y) else torch.zeros(features.dim)
    origin = centre.double() if projection is None else centre.double() @ projection.double()
    units = torch.from_numpy(np.arange(len(y)) if unit is None else unit)
    dim, number = len(origin), len(weights)
    sums = torch.zeros(concepts, dim, dtype=torch.float64)
    squares = torch.zeros(concepts, dtype=torch.float64)
    weighted, mass = torch.zeros(concepts, number, dim), torch.zeros(concepts, number)
    counts = features.counts()
    stretch = torch.ones(number, concepts, dtype=torch.float64)
    for concept, rows in enumerate(torch.argsort(y, stable=True).split(counts.tolist())):
        for piece in rows.split(CHUNK):
            part = features.rows(piece).sub_(centre)
            if projection is not None:
                part = part @ projection
            sums[concept] += part.sum(0, dtype=torch.float64)
            squares[concept] += part.square().sum(1).double().sum()
            own = weights[:, units[piece]]
            weighted[concept].addmm_(own, part)
            mass[concept] += own.sum(1)
        stretch[2 * halves :, concept] = _stretch(len(units[rows].unique()))
    n = counts.double()
    enough = counts >= max(min_words, 1)
    means = torch.where(enough[:, None], sums / n[:, None], torch.nan)
    spread = (squares - n * means.square().sum(1)).clamp(min=0)
    noise = torch.where(counts > 1, spread / (n * (n - 1)), torch.nan)
    means = means + origin
    grams = torch.empty(number, concepts, concepts, dtype=dtype)
    for begin in range(0, number, BLOCK):
        block = slice(begin, begin + BLOCK)
        # 0 / 0 is NaN: a half without a word of a concept
        some = (weighted[:, block].double() / mass[:, block, None]).transpose(0, 1) + origin
        some = torch.where(enough[:, None], means + (some - means) * stretch[block, :, None], torch.nan)
        grams[block] = torch.bmm(some, some.transpose(1, 2)).to(dtype)
    found = grams.numpy()
    return SpaceMoments(
        counts.numpy(),
        (means @ means.T).numpy(),
        noise.numpy(),
        found[: 2 * halves].reshape(halves, 2, concepts, concepts) if halves else None,
        found[2 * halves :] if number > 2 * halves else None,
    )


def _stretch(units: int) -> float:
    """What draws must be drawn apart by to vary as the mean of so many ``units`` does.

    Exponential weights (Rubin 1981) give (units - 1) / (units + 1) of its variance.
    """
    return ((units + 1) / (units - 1)) ** 0.5 if units > 1 else 1.0


class MomentStack:
    """Moments put into the arrays of a geometry one by one, so that nothing is held twice."""

    def __init__(self, layers: int, languages: int) -> None:
        self.shape = (layers, languages)
        self.arrays: dict[str, Any] = {}

    def put(self, layer: int, language: int, part: SpaceMoments) -> None:
        """Of every array, its place: layers and languages stand before the concepts."""
        for key, own in vars(part).items():
            if own is None:
                self.arrays[key] = None
                continue
            leading = own.shape[: own.ndim - (1 if key in ("counts", "noise") else 2)]
            axes = self.shape[1:] if key == "counts" else self.shape
            if key not in self.arrays:
                self.arrays[key] = np.empty((*leading, *axes, *own.shape[len(leading) :]), dtype=own.dtype)
            place = (language,) if key == "counts" else (layer, language)
            self.arrays[key][(slice(None),) * len(leading) + place] = own


def half_weights(units: int, splits: int, seed: int, language: str) -> Float[torch.Tensor, "halves units"]:
    """Weights of 0 and 1 [2 * splits, units]: row 2s is a random half, row 2s + 1 the rest."""
    weights = torch.zeros(splits, 2, units)
    for split in range(splits):
        order = torch.from_numpy(stream(seed, "halves", language, split).permutation(units))
        weights[split, 0, order[: units // 2]] = 1
        weights[split, 1, order[units // 2 :]] = 1
    return weights.reshape(2 * splits, units)


def bootstrap_weights(units: int, draws: int, seed: int, language: str) -> Float[torch.Tensor, "draws units"]:
    """Weights that are independent and exponential: the Bayesian bootstrap (Rubin 1981).

    Counts of sentences drawn with replacement have the same mean and variance, but are 0 for a third of the
    sentences, and then the concepts of few sentences would have no prototype in many draws.
    """
    random = stream(seed, "bootstrap", language)
    return torch.from_numpy(random.standard_exponential((draws, units), dtype=np.float32))
