"""A geometry from a store of states: one language and layer in memory at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import UsageError
from ..progress import Progress, Silent
from ..spaces.probe import probe_config
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store.store import Store
from ..types import MwtPolicy, RootPolicy, Split, Standardisation
from .clouds import Cloud, Stack, cloud
from .geometry import Geometry
from .kept import KeptClouds, described
from .probes import own_probe
from .resamples import bootstrap_weights, half_weights
from .sampling import Sampling, sampled
from .whitening import whitening

Layers = Sequence[int | tuple[int, ...]]


def build(
    source: FeatureSource | Store,
    *,
    task: str = "upos",
    layers: Layers | None = None,
    languages: Iterable[str] | None = None,
    root: RootPolicy = "start",
    mwt: MwtPolicy = "share",
    standardise: Standardisation = "language",
    folder: str | Path | None = None,
    probes: str | Path | None = None,
    progress: Progress | None = None,
    **sampling: Any,
) -> Geometry:
    """The geometry of ``languages`` (all with train states, if None) in ``layers`` (all, or the source's).

    A :class:`FeatureSource` brings its own task, policies and standardisation; those given here are for a
    :class:`Store`. Several layers side by side are one: ``layers=[6, (6, 10)]``.

    The fields of :class:`Sampling` may be given by name:

    - ``space``: ``raw`` states, or ``probe``: after the language's own linear probe (``probe=`` its
      configuration; kept in, and taken from, ``probes``).
    - ``whiten``: distances are Mahalanobis, by the covariance of words within concepts.
    - ``shuffled``: labels permuted over the words of a language. A control: what correspondence is left
      comes from counts and the measure, not from concepts.
    - ``min_words``: a concept with fewer has no prototype.
    - ``max_sentences``: so many of a language at most, drawn by ``seed``.
    - ``halves``, ``draws``: random splits of the sentences, and bootstrap draws over ``unit``; the same for
      every layer, so that layers can be compared pair by pair.

    With ``folder``, each layer and language is kept there when it is done, and a stopped build goes on.
    """
    chosen = Sampling(**sampling)
    if layers is not None and not layers:
        raise UsageError("no layer to build from", remedy="name one")
    if isinstance(source, FeatureSource):
        source = source if layers is None else source.with_layers(_side_by_side(layers[0]))
    else:
        layers = _held(source) if layers is None else layers
        source = FeatureSource(
            source,
            FeatureSpec(
                task,
                _side_by_side(layers[0]) if layers else (),
                root=root,
                mwt=mwt,
                standardise=standardise,
            ),
            cache_bytes=0,  # nothing is loaded twice
        )
    if chosen.space == "probe" and chosen.probe is None:
        chosen = replace(chosen, probe=probe_config("fast", relational=source.task.relational))
    columns = [source.layers] if layers is None else [_side_by_side(layer) for layer in layers]
    names = _languages(source, languages, columns)
    kept = None if folder is None else KeptClouds(folder)
    bar = (progress or Silent()).bar("concept spaces", len(columns) * len(names), unit="spaces")
    stack = Stack(len(columns), len(names))
    notes: dict[str, str] = {}
    layer_names: list[str] = []
    for row, layer in enumerate(columns):
        source = source.with_layers(layer)
        layer_names.append(source.layer_name)
        for place, language in enumerate(names):
            bar.note(f"layer {source.layer_name} {language}")
            stack.put(row, place, _kept_or_made(source, language, chosen, kept, probes))
            bar.advance()
        notes |= source.notes
    rank = chosen.probe.rank if chosen.space == "probe" and chosen.probe is not None else None
    recipe = source.store.recipe
    about = {"features": source.describe(), "sampling": asdict(chosen), "notes": notes}
    about["features"].pop("layers")
    return Geometry(
        model=getattr(recipe, "model", ""),
        revision=getattr(recipe, "revision", ""),
        task=source.task.name,
        space=chosen.space,
        layers=tuple(layer_names),
        languages=names,
        concepts=source.concepts,
        dims=tuple(rank or recipe.dim * len(layer) for layer in columns),
        provenance=about,
        **stack.arrays,
    )


def _kept_or_made(
    source: FeatureSource,
    language: str,
    chosen: Sampling,
    kept: KeptClouds | None,
    probes: str | Path | None,
) -> Cloud:
    make = partial(_made, source, language, chosen, probes)
    if kept is None:
        return make()
    splits: tuple[Split, ...] = ("train", "dev") if chosen.space == "probe" else ("train",)
    made_from = described(source, language, splits) | {"sampling": asdict(chosen)}
    known = kept.read(source.layer_name, language, made_from)
    if known is None:
        known = make()
        kept.write(source.layer_name, language, made_from, known)
    return known


def _made(source: FeatureSource, language: str, chosen: Sampling, probes: str | Path | None) -> Cloud:
    train = sampled(source.load(language, "train"), chosen, "train")
    projection = None
    if chosen.probe is not None:
        has_dev = language in source.languages("dev")
        every = replace(chosen, max_sentences=None)
        probe = own_probe(
            source,
            train,
            sampled(source.load(language, "dev"), every, "dev") if has_dev else None,
            chosen.probe,
            seed=chosen.seed,
            max_sentences=chosen.max_sentences,
            shuffled=chosen.shuffled,
            folder=probes,
        )
        projection = probe.projection
    if chosen.whiten:
        projection = whitening(train, projection)
    by_words = chosen.unit == "words"
    units = train.words if by_words else train.sents
    weights = torch.cat(
        [
            half_weights(units, chosen.halves, chosen.seed, language),
            bootstrap_weights(units, chosen.draws, chosen.seed, language),
        ]
    )
    return cloud(
        train,
        weights=weights,
        halves=chosen.halves,
        unit=None if by_words else np.repeat(np.arange(train.sents), np.diff(train.offsets)),
        projection=projection,
        min_words=chosen.min_words,
        # The large means of states as they are would leave float32 no digits for what prototypes differ in.
        dtype=torch.float64 if source.spec.standardise == "none" else torch.float32,
    )


def _side_by_side(layer: int | tuple[int, ...]) -> tuple[int, ...]:
    return layer if isinstance(layer, tuple) else (layer,)


def _held(store: Store) -> list[int]:
    """Layers with states of any language's train split."""
    shards = (shard for shard in store.contents() if shard.complete and shard.kind == "states")
    return sorted({shard.layer for shard in shards if shard.layer is not None and shard.split == "train"})


def _languages(
    source: FeatureSource, wanted: Iterable[str] | None, stack: Sequence[tuple[int, ...]]
) -> tuple[str, ...]:
    held = set.intersection(*(set(source.with_layers(layer).languages("train")) for layer in stack))
    names = tuple(sorted(held)) if wanted is None else tuple(dict.fromkeys(wanted))
    if missing := [name for name in names if name not in held]:
        raise UsageError(
            f"no train states of {', '.join(missing)} in these layers",
            where="languages",
            remedy=f"there are: {', '.join(sorted(held)) or 'none'}; `concept-align extract` makes more",
        )
    if not names:
        raise UsageError("no language has train states of these layers", remedy="extract some first")
    return names
