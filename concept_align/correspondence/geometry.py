"""The concept spaces of many languages and layers, as inner products of their prototypes.

Distances, angles, the best rotation onto another space and its fit follow from the inner products alone
(d_ij^2 = g_ii + g_jj - 2 g_ij), so that spaces of any dimension, and of different models, can be compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import LearningError, UsageError
from ..statistics import Floats
from ..tensors import load_tensors, save_tensors
from ..treebanks.registry import select

NAME = "geometry"

Layer = int | tuple[int, ...]
Layers = Layer | Sequence[Layer] | Literal["all"]
AnyFloats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Geometry:
    """Inner products of prototypes; rows and columns of a concept that a language lacks are NaN.

    The last four axes of ``gram``, ``halves`` and ``replicates`` are layers, langs, concepts, concepts.
    """

    model: str
    revision: str
    task: str
    space: str  # "raw", or "probe": after the language's own linear probe
    layers: tuple[str, ...]
    languages: tuple[str, ...]
    concepts: tuple[str, ...]
    counts: NDArray[np.int64]  # [langs, concepts] words of each concept
    gram: Floats  # [layers, langs, concepts, concepts]
    noise: (
        Floats  # [layers, langs, concepts] tr(Sigma_k) / n_k: expected squared error of a prototype; or NaN
    )
    dims: tuple[int, ...]  # [layers]
    halves: AnyFloats | None = None  # [splits, 2, ...]: of random halves of the sentences
    replicates: AnyFloats | None = None  # [draws, ...]: of resampled sentences
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.layers), len(self.languages), len(self.concepts), len(self.concepts))
        fits = (
            self.gram.shape == shape
            and self.noise.shape == shape[:-1]
            and self.counts.shape == shape[1:3]
            and len(self.dims) == shape[0]
            and (self.halves is None or self.halves.shape[1:] == (2, *shape))
            and (self.replicates is None or self.replicates.shape[1:] == shape)
        )
        if not fits:
            raise LearningError(f"arrays do not fit [layers, langs, concepts, concepts] = {list(shape)}")

    def __repr__(self) -> str:
        extra = "" if self.halves is None else f", {len(self.halves)} splits into halves"
        extra += "" if self.replicates is None else f", {len(self.replicates)} bootstrap draws"
        where = self.layers[0] if len(self.layers) == 1 else f"{self.layers[0]} ... {self.layers[-1]}"
        return (
            f"<Geometry of {self.model}: {self.task}, {self.space} space, {len(self.concepts)} concepts, "
            f"{len(self.languages)} languages, {len(self.layers)} layers ({where}){extra}>"
        )

    @property
    def label(self) -> str:
        """``MODEL@REVISION``, as results name a model."""
        return f"{self.model}@{self.revision}" if self.revision else self.model

    @property
    def whitened(self) -> bool:
        """Whether distances are Mahalanobis: built with ``whiten``."""
        return bool(self.provenance.get("sampling", {}).get("whiten", False))

    def valid(self, min_count: int = 1) -> NDArray[np.bool_]:
        """bool [langs, concepts]: prototypes of at least ``min_count`` words, there in every layer."""
        there = np.isfinite(np.diagonal(self.gram, axis1=-2, axis2=-1)).all(axis=0)
        return np.asarray(there & (self.counts >= max(min_count, 1)))

    def restricted(
        self,
        *,
        languages: Iterable[str] | None = None,
        concepts: Iterable[str] | None = None,
        layers: Iterable[str] | None = None,
    ) -> "Geometry":
        """That of the given languages, concepts and layers alone, in the order given."""
        at = places(self.layers, layers, "layer")
        who = places(self.languages, languages, "language")
        what = places(self.concepts, concepts, "concept")
        of_all = np.ix_(at, who, what, what)

        def stack(arrays: AnyFloats | None) -> AnyFloats | None:
            if arrays is None or (layers is languages is concepts is None):
                return arrays
            return arrays[..., at, :, :, :][..., who, :, :][..., what, :][..., what]

        return replace(
            self,
            layers=tuple(self.layers[place] for place in at),
            languages=tuple(self.languages[place] for place in who),
            concepts=tuple(self.concepts[place] for place in what),
            counts=self.counts[np.ix_(who, what)],
            gram=self.gram[of_all],
            noise=self.noise[np.ix_(at, who, what)],
            dims=tuple(self.dims[place] for place in at),
            halves=stack(self.halves),
            replicates=stack(self.replicates),
        )

    @property
    def errors_known(self) -> bool:
        """Whether the expected errors of all prototypes of two words or more are known."""
        return not bool(np.isnan(self.noise[:, self.valid() & (self.counts > 1)]).any())

    def debiased(self) -> "Geometry":
        """Without what the prototypes' own errors add: E<c_k, c_k> = |mu_k|^2 + tr(Sigma_k) / n_k.

        Products of two prototypes have no such bias, for they have no words in common. A half has twice
        the error; so has a bootstrap draw, which resamples what is a sample already. A prototype of a
        single word has no known error and is left out.
        """
        if not self.errors_known:
            message = "the errors of the prototypes are not known, so their bias cannot be removed"
            remedy = "use debias=False, or build the geometry from states instead of class statistics"
            raise UsageError(message, where=f"{self.label}, {self.task}", remedy=remedy)
        diagonal = np.arange(len(self.concepts))

        def less(arrays: AnyFloats | None, times: float) -> AnyFloats | None:
            if arrays is None:
                return None
            lowered = arrays.copy()
            lowered[..., diagonal, diagonal] -= (times * self.noise).astype(arrays.dtype)
            lone = np.isnan(self.noise)  # a concept without a known error: no place at all
            lowered[..., lone, :] = np.nan
            np.swapaxes(lowered, -1, -2)[..., lone, :] = np.nan
            return lowered

        gram = less(self.gram, 1)
        assert gram is not None
        return replace(
            self,
            gram=gram.astype(np.float64),
            noise=np.where(np.isnan(self.noise), np.nan, 0.0),
            halves=less(self.halves, 2),
            replicates=less(self.replicates, 2),
            provenance={**self.provenance, "debiased": True},
        )

    def save(self, folder: str | Path, name: str = NAME) -> None:
        """Write ``NAME.safetensors`` and ``NAME.json`` to ``folder``."""
        arrays = ((key, getattr(self, key)) for key in _ARRAYS)
        tensors = {key: torch.from_numpy(np.ascontiguousarray(one)) for key, one in arrays if one is not None}
        about = {key: getattr(self, key) for key in _TEXT} | {key: list(getattr(self, key)) for key in _LISTS}
        save_tensors(folder, name, tensors, {**about, "provenance": dict(self.provenance)})

    @classmethod
    def load(cls, folder: str | Path, name: str = NAME) -> "Geometry":
        """Read what :meth:`save` wrote. Raises StoreError for anything else."""
        tensors, about = load_tensors(folder, name)
        found: dict[str, Any] = {key: about[key] for key in _TEXT}
        found |= {key: tuple(about[key]) for key in _LISTS}
        found |= {key: tensor.numpy() for key, tensor in tensors.items()}
        return cls(**found, provenance=about["provenance"])


_TEXT = ("model", "revision", "task", "space")
_LISTS = ("layers", "languages", "concepts", "dims")
_ARRAYS = ("counts", "gram", "noise", "halves", "replicates")


def languages_of(
    langs: str | Iterable[str], held: Iterable[str], what: str, others: Iterable[str] = ()
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The languages asked for among those ``held``, and notes on those among the ``others``, left out.

    "all" are all of them, in order. UsageError for any other, and where there is none; ``what`` is what there
    is none of.
    """
    there = sorted(held)
    wanted = (langs,) if isinstance(langs, str) else tuple(dict.fromkeys(langs))
    if not there or not wanted:
        raise UsageError(f"no {what} of any language", option="langs", remedy="extract some first")
    every = sorted({*there, *others})
    asked = wanted if set(wanted) <= set(every) else select(wanted, every)
    names = tuple(name for name in asked if name in there)
    if not names:
        remedy = f"there are those of {', '.join(there)}"
        raise UsageError(f"no {what} of {', '.join(asked)}", option="langs", remedy=remedy)
    return names, {name: f"left out: no {what}" for name in asked if name not in names}


def layers_of(layers: Layers, held: Sequence[int], last: int) -> list[tuple[int, ...]]:
    """The layers asked for, each a tuple of those side by side; negative ones count from the ``last``."""
    if isinstance(layers, str):
        layers = list(held)
    elif isinstance(layers, int | tuple):
        layers = [layers]
    if not layers:
        raise UsageError("no layer to build from", option="layers", remedy="name one")
    rows = [layer if isinstance(layer, tuple) else (layer,) for layer in layers]
    return [tuple(last + 1 + layer if layer < 0 else layer for layer in row) for row in rows]


def places(names: Sequence[str], wanted: Iterable[str] | None, what: str) -> NDArray[np.int64]:
    """Where ``wanted`` stand in ``names`` (all of them, if None); UsageError for what is not there."""
    index = {name: place for place, name in enumerate(names)}
    chosen = names if wanted is None else [wanted] if isinstance(wanted, str) else wanted
    asked = [str(name) for name in chosen]
    if missing := [name for name in asked if name not in index]:
        message = f"the geometry has no {what} {', '.join(missing)}"
        raise UsageError(message, remedy=f"it has {', '.join(names) or 'none'}")
    return np.array([index[name] for name in asked], np.int64)
