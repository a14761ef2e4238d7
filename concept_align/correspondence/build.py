"""A geometry from states or class statistics in a store, or from any source of features: layer by layer."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..cache import Kept
from ..class_sums import Statistics
from ..errors import UsageError
from ..hashing import digest
from ..progress import Progress, Silent
from ..ragged import sentence_of
from ..spaces.probe import probe_config
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..spaces.standardise import FLOOR
from ..store.store import Store
from ..tensors import load_tensors, save_tensors
from ..types import MwtPolicy, RootPolicy, Split, Standardisation
from .geometry import Geometry, Layers, languages_of, layers_of
from .moments import MomentStack, SpaceMoments, bootstrap_weights, half_weights, space_moments
from .own_probe import SpaceSampling, choosing_split, made_from, own_probe
from .whitening import whitening


def build_geometry(
    source: Store | str | Path | FeatureSource | Sequence[FeatureSource],
    *,
    task: str = "upos",
    layers: Layers = "all",
    langs: str | Iterable[str] = "all",
    root: RootPolicy = "start",
    mwt: MwtPolicy = "share",
    standardise: Standardisation = "language",
    split: Split = "train",
    folder: str | Path | None = None,
    probes: str | Path | None = None,
    progress: Progress | None = None,
    **sampling: Any,
) -> Geometry:
    """The concept spaces of several languages and layers, as inner products of their prototypes.

    ``source`` is a store of states (or of class statistics) or its folder, or what brings its own task,
    policies and standardisation: a :class:`FeatureSource`, or several, one per layer. ``layers`` are numbers;
    a tuple is several layers side by side, taken as one: ``[6, (6, 10)]``. ``langs`` are codes, or an
    expression as ``"family:germanic"``; "all" are those with states in all layers of ``split``, whose
    words are used.

    ``sampling`` are the fields of :class:`SpaceSampling` by name: space, whiten, shuffled, min_words,
    max_sentences, halves, bootstrap, unit, seed, probe.

    With ``folder``, the moments of each layer and language are kept there when they are done, and a stopped
    build resumes. Probes are kept in, and taken from, ``probes``, in the layout of ``concept-align probe``.
    Raises UsageError for layers and languages that are not there.

    >>> import concept_align as ca
    >>> geometry = ca.build_geometry("runs/store", task="upos", layers=[2, 3])
    >>> geometry.languages, geometry.layers
    (('de', 'en', 'et', 'tr'), ('2', '3'))
    """
    source = Store.open(source) if isinstance(source, str | Path) else source
    chosen = SpaceSampling(**sampling)
    policies: dict[str, Any] = {"root": root, "mwt": mwt, "standardise": standardise}
    if isinstance(source, Store) and not source_has_states(source):
        few = chosen.min_words
        asked: dict[str, Any] = {"task": task, "layers": layers, "langs": langs, "split": split}
        return build_from_statistics(source, min_words=few, **asked, **policies)
    if isinstance(source, Store):
        numbers = layers_of(layers, layers_held(source, split), source.recipe.layers)
        # Nothing is loaded twice.
        source = FeatureSource(source, FeatureSpec(task, numbers[0], **policies), cache_bytes=0)
    elif isinstance(source, FeatureSource):
        numbers = [source.layers] if layers == "all" else layers_of(layers, source.layers, max(source.layers))
    else:
        numbers = [one.layers for one in source]
    many = source

    def at(row: int) -> FeatureSource:
        """Of one layer; made anew, because a source keeps what it loaded last."""
        return many.with_layers(numbers[row]) if isinstance(many, FeatureSource) else many[row]

    first = at(0)
    if chosen.space == "probe" and chosen.probe is None:
        chosen = replace(chosen, probe=probe_config("fast", relational=first.task.relational))
    held = set.intersection(*(set(at(row).languages(split)) for row in range(len(numbers))))
    # Many treebanks have a test split alone.
    names, notes = languages_of(langs, held, f"{split} states in these layers", first.languages())
    rank = chosen.probe.rank if chosen.space == "probe" and chosen.probe is not None else None
    splits = (split, *choosing_split(split)) if chosen.space == "probe" else (split,)
    kept = _kept(folder)
    bar = (progress or Silent()).bar("concept spaces", len(numbers) * len(names), unit="spaces")
    stack = MomentStack(len(numbers), len(names))
    layer_names, dims = [], []
    for row in range(len(numbers)):
        one = at(row)
        layer_names.append(one.layer_name)
        dims.append(rank or one.dim)
        for place, language in enumerate(names):
            bar.note(f"layer {one.layer_name} {language}")
            make = partial(_made, one, language, chosen, probes, split)
            if kept.folder is None:
                stack.put(row, place, make())
            else:
                about = made_from(one, language, splits) | {"sampling": asdict(chosen)}
                name = f"layer-{one.layer_name}.{language}.{digest(about)[:16]}"
                stack.put(row, place, kept.get(name, about, make))
            bar.advance()
        notes |= one.notes
    recipe = first.store.recipe
    about = {"features": first.describe(), "sampling": asdict(chosen), "notes": notes}
    about["features"].pop("layers")
    about |= {} if split == "train" else {"split": split}
    return Geometry(
        model=getattr(recipe, "model", ""),
        revision=getattr(recipe, "revision", ""),
        task=first.task.name,
        space=chosen.space,
        layers=tuple(layer_names),
        languages=names,
        concepts=first.concepts,
        dims=tuple(dims),
        provenance=about,
        **stack.arrays,
    )


def source_has_states(store: Store) -> bool:
    """Whether any states are stored, or class statistics alone."""
    return bool(layers_held(store))


def layers_held(store: Store, split: Split | None = None) -> list[int]:
    """Layers with states of any language."""
    shards = [shard for shard in store.contents() if shard.complete and shard.kind == "states"]
    return sorted({one.layer for one in shards if one.layer is not None and split in (None, one.split)})


def _kept(folder: str | Path | None) -> Kept[SpaceMoments]:
    """The moments of a layer and language, in a folder each."""

    def save(place: Path, found: SpaceMoments) -> None:
        arrays = {key: torch.from_numpy(one.copy()) for key, one in vars(found).items() if one is not None}
        save_tensors(place, "moments", arrays, {})

    def load(place: Path) -> SpaceMoments:
        tensors, _ = load_tensors(place, "moments")
        arrays: dict[str, Any] = {key: tensor.numpy() for key, tensor in tensors.items()}
        return SpaceMoments(**{"halves": None, "replicates": None, **arrays})

    return Kept(None if folder is None else Path(folder), save, load)


def _made(
    source: FeatureSource, language: str, chosen: SpaceSampling, probes: str | Path | None, split: Split
) -> SpaceMoments:
    used = chosen.words_of(source.load(language, split), split)
    projection = None
    if chosen.probe is not None:
        projection = own_probe(source, used, chosen, probes, split).projection
    if chosen.whiten:
        projection = whitening(used, projection)
    by_words = chosen.unit == "words"
    units = used.words if by_words else used.sents
    halves = half_weights(units, chosen.halves, chosen.seed, language)
    drawn = bootstrap_weights(units, chosen.bootstrap, chosen.seed, language)
    return space_moments(
        used,
        weights=torch.cat([halves, drawn]),
        halves=chosen.halves,
        unit=None if by_words else sentence_of(used.offsets),
        projection=projection,
        min_words=chosen.min_words,
        # The large means of states as they are would leave float32 no digits for what prototypes differ in.
        dtype=torch.float64 if source.spec.standardise == "none" else torch.float32,
    )


def build_from_statistics(
    store: Store,
    *,
    task: str = "upos",
    layers: Layers = "all",
    langs: str | Iterable[str] = "all",
    root: RootPolicy = "start",
    mwt: MwtPolicy = "share",
    standardise: Standardisation = "language",
    split: Split = "train",
    min_words: int = 1,
) -> Geometry:
    """The geometry of the statistics of ``split`` in ``store``; ``noise`` is NaN, halves and replicates are
    None.

    ``standardise="language"`` takes mean and scale from the second moments of the labelled words, which
    states take from all words; relations, being differences, do not know the scale of states.
    """
    held = [
        shard
        for shard in store.contents()
        if shard.complete and shard.kind == "statistics" and shard.split == split and shard.task == task
    ]
    stored = sorted({shard.layer for shard in held if shard.layer is not None})
    rows = layers_of(layers, stored, store.recipe.layers) if stored else []
    if any(len(row) > 1 for row in rows):
        message = "class statistics cannot stand side by side"
        raise UsageError(message, option="layers", remedy="name single layers")
    numbers = [layer for row in rows for layer in row]
    at = [{shard.language for shard in held if shard.layer == layer} for layer in numbers]
    there = set.intersection(*at) if at else set()
    names, left_out = languages_of(langs, there, f"{split} statistics of {task}", store.languages())
    treebanks = [store.treebank_of(language) for language in names]

    def read(treebank: str, layer: int) -> Statistics:
        return store.statistics(treebank, split, layer, task, root=root, mwt=mwt)

    # Treebanks need not have the same concepts: the values of a feature are those they were extracted with.
    own = [read(treebank, layer).concepts for treebank in treebanks for layer in numbers]
    concepts = own[0] if len(set(own)) == 1 else tuple(sorted({name for one in own for name in one}))
    stack = MomentStack(len(numbers), len(names))
    for row, layer in enumerate(numbers):
        for place, language in enumerate(names):
            statistics = read(treebanks[place], layer).of(concepts)
            stack.put(row, place, _of_statistics(statistics, task, standardise, min_words, language))
    note = "from class statistics: no intervals, ceilings or errors of prototypes"
    about = {"task": task, "mwt": mwt, "root": root, "standardise": standardise}
    told = {} if split == "train" else {"split": split}
    return Geometry(
        model=store.recipe.model,
        revision=store.recipe.revision,
        task=task,
        space="raw",
        layers=tuple(str(layer) for layer in numbers),
        languages=names,
        concepts=concepts,
        dims=(store.recipe.dim,) * len(numbers),
        provenance={"features": about, "notes": left_out | dict.fromkeys(names, note), **told},
        **stack.arrays,
    )


def _of_statistics(
    statistics: Statistics, task: str, standardise: Standardisation, min_words: int, language: str
) -> SpaceMoments:
    counts = statistics.counts
    means = statistics.sums / counts[:, None]
    if standardise != "none":
        if standardise == "global" or task == "relation" or statistics.second is None:
            message = (
                f"class statistics do not tell the scale of states that standardise={standardise!r} needs"
            )
            remedy = "use standardise='none', or extract states (for word classes: second moments)"
            raise UsageError(
                message, where=f"language {language}, {task}", option="standardise", remedy=remedy
            )
        words = counts.sum()
        mean = statistics.sums.sum(0) / words
        scale = (statistics.second.diagonal() / words - mean.square()).clamp(min=0).sqrt()
        flat = scale <= FLOOR * scale.median().clamp(min=torch.finfo(torch.float64).tiny)
        means = (means - mean) / torch.where(flat, torch.ones_like(scale), scale)
    means = torch.where((counts >= max(min_words, 1))[:, None], means, torch.nan)
    noise = np.full(len(counts), np.nan)
    return SpaceMoments(counts.numpy().copy(), (means @ means.T).numpy(), noise, None, None)
