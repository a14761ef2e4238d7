"""A geometry from a store that holds class statistics alone: no replicates, and errors unknown."""

from collections.abc import Iterable

import numpy as np
import torch

from ..class_sums import Statistics
from ..errors import UsageError
from ..spaces.standardise import FLOOR
from ..store.store import Store
from ..types import MwtPolicy, RootPolicy, Standardisation
from .geometry import Geometry, Layers, languages_of, layers_of
from .moments import MomentStack, SpaceMoments

NOTE = "from class statistics: no intervals, ceilings or errors of prototypes"


def build_from_statistics(
    store: Store,
    *,
    task: str = "upos",
    layers: Layers = "all",
    langs: str | Iterable[str] = "all",
    root: RootPolicy = "start",
    mwt: MwtPolicy = "share",
    standardise: Standardisation = "language",
    min_words: int = 1,
) -> Geometry:
    """The geometry of the train statistics in ``store``; ``noise`` is NaN, halves and replicates are None.

    ``standardise="language"`` takes mean and scale from the second moments of the labelled words, which
    states take from all words; relations, being differences, do not know the scale of states.
    """
    held = [
        shard
        for shard in store.contents()
        if shard.complete and shard.kind == "statistics" and shard.split == "train" and shard.task == task
    ]
    stored = sorted({shard.layer for shard in held if shard.layer is not None})
    rows = layers_of(layers, stored, store.recipe.layers) if stored else []
    if any(len(row) > 1 for row in rows):
        message = "class statistics cannot stand side by side"
        raise UsageError(message, option="layers", remedy="name single layers")
    numbers = [layer for row in rows for layer in row]
    at = [{shard.language for shard in held if shard.layer == layer} for layer in numbers]
    there = set.intersection(*at) if at else set()
    names = languages_of(langs, there, f"train statistics of {task}")
    stack = MomentStack(len(numbers), len(names))
    concepts: tuple[str, ...] = ()
    for row, layer in enumerate(numbers):
        for place, language in enumerate(names):
            treebank = store.treebank_of(language)
            statistics = store.statistics(treebank, "train", layer, task, root=root, mwt=mwt)
            concepts = statistics.concepts
            stack.put(row, place, _moments(statistics, task, standardise, min_words, language))
    about = {"task": task, "mwt": mwt, "root": root, "standardise": standardise}
    return Geometry(
        model=store.recipe.model,
        revision=store.recipe.revision,
        task=task,
        space="raw",
        layers=tuple(str(layer) for layer in numbers),
        languages=names,
        concepts=concepts,
        dims=(store.recipe.dim,) * len(numbers),
        provenance={"features": about, "notes": dict.fromkeys(names, NOTE)},
        **stack.arrays,
    )


def _moments(
    statistics: Statistics, task: str, standardise: Standardisation, min_words: int, language: str
) -> SpaceMoments:
    counts = statistics.counts
    means = statistics.sums / counts[:, None]
    if standardise != "none":
        mean, scale = _mean_and_scale(statistics, task, standardise, language)
        means = (means - mean) / scale
    means = torch.where((counts >= max(min_words, 1))[:, None], means, torch.nan)
    noise = np.full(len(counts), np.nan)
    return SpaceMoments(counts.numpy().copy(), (means @ means.T).numpy(), noise, None, None)


def _mean_and_scale(
    statistics: Statistics, task: str, standardise: Standardisation, language: str
) -> tuple[torch.Tensor, torch.Tensor]:
    if standardise == "global" or task == "relation" or statistics.second is None:
        message = f"class statistics do not tell the scale of states that standardise={standardise!r} needs"
        remedy = "use standardise='none', or extract states (for word classes: second moments)"
        raise UsageError(message, where=f"language {language}, {task}", option="standardise", remedy=remedy)
    words = statistics.counts.sum()
    mean = statistics.sums.sum(0) / words
    scale = (statistics.second.diagonal() / words - mean.square()).clamp(min=0).sqrt()
    flat = scale <= FLOOR * scale.median().clamp(min=torch.finfo(torch.float64).tiny)
    return mean, torch.where(flat, torch.ones_like(scale), scale)
