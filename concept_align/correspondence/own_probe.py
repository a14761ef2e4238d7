"""The words that a language's space is made of, and the linear probe of its own, which is kept."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from ..errors import StoreError, UsageError
from ..hashing import as_json
from ..seeding import derive, stream
from ..spaces.features import Features
from ..spaces.probe import Probe, ProbeConfig, fit_probe
from ..spaces.source import FeatureSource
from ..store.keys import layer_name
from ..store.store import Store
from ..types import SPLITS, Space, Split, Unit

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class SpaceSampling:
    """Which words make the prototypes of a geometry, and what is done to them."""

    space: Space = "raw"
    """``raw`` states, or ``probe``: after the language's own linear probe."""
    whiten: bool = False
    """Distances are Mahalanobis, by the covariance of words within concepts."""
    shuffled: bool = False
    """A control: labels permuted over the words of a language. What correspondence is left comes from counts
    and the measure, not from concepts."""
    min_words: int = 1
    """A concept with fewer words has no prototype."""
    max_sentences: int | None = None
    """At most so many sentences of a language, drawn by ``seed``."""
    halves: int = 10
    """Random splits of the sentences into halves, for the ceiling; the same for every layer."""
    bootstrap: int = 200
    """Bootstrap draws, for the intervals; the same for every layer, so that layers can be compared pair by
    pair."""
    unit: Unit = "sentences"
    """What is resampled."""
    seed: int = 0
    probe: ProbeConfig | None = None
    """How the language's own probe is trained; the preset ``fast``, if not given."""

    def __post_init__(self) -> None:
        if self.space not in get_args(Space) or self.unit not in get_args(Unit):
            remedy = f"use {' or '.join(get_args(Space))}, and {' or '.join(get_args(Unit))}"
            raise UsageError(f"unknown space {self.space!r} or unit {self.unit!r}", remedy=remedy)
        cap = 1 if self.max_sentences is None else self.max_sentences
        if min(self.halves, self.bootstrap) < 0 or min(self.min_words, cap) < 1:
            raise UsageError(
                f"halves {self.halves}, bootstrap {self.bootstrap}, min_words {self.min_words}, "
                f"max_sentences {self.max_sentences}",
                remedy="halves and bootstrap are 0 or more, min_words and max_sentences 1 or more",
            )

    def words_of(self, features: Features, split: Split) -> Features:
        """The words of ``features`` that are used, with the labels they are taken to have."""
        if self.max_sentences is not None and self.max_sentences < features.sents:
            drawn = stream(self.seed, "probe-sentences", features.language).permutation(features.sents)
            features = features.of_sentences(np.sort(drawn[: self.max_sentences]))
        if self.shuffled:
            order = stream(self.seed, "shuffled", features.language, split).permutation(features.words)
            features = replace(features, y=features.y[torch.from_numpy(order)])
        return features


def made_from(source: FeatureSource, language: str, splits: Iterable[Split]) -> dict[str, Any]:
    """What decides the features of ``language``: the recipe, the treebank, the files of states, the task."""
    store = source.store
    if not isinstance(store, Store):
        remedy = "leave out folder and probes, or give a Store"
        raise UsageError("only what is made from a store on disk can be kept", option="folder", remedy=remedy)
    treebank = source.treebank(language)
    states, annotations = {}, {}
    own, by = tuple(splits), source.standardised_by(language) if source.spec.standardise == "language" else ()
    # A tiny train split is standardised by other words as well.
    for split in dict.fromkeys(own if len(by) == 1 else (*own, *by)):
        found = [store.marker(treebank, layer_name(split, layer)) for layer in source.layers]
        there = [marker for marker in found if marker is not None]
        if len(there) == len(found):
            states[split] = "+".join(marker.sha256 for marker in there)
            annotations[split] = there[0].source_sha256
    return {
        "schema": SCHEMA,
        "model": store.recipe.model,
        "recipe": store.fingerprint,
        "treebank": treebank,
        "states": states,
        "annotations": annotations,
        "features": source.describe(),
        "concepts": list(source.concepts),
    }


def probe_made_from(
    source: FeatureSource, language: str, chosen: SpaceSampling, split: Split = "train"
) -> dict[str, Any]:
    """All that decides the language's own probe."""
    assert chosen.probe is not None
    about = made_from(source, language, SPLITS) | {"config": asdict(chosen.probe)}
    about |= {"max_sentences": chosen.max_sentences, "seed": chosen.seed}
    about |= {} if split == "train" else {"split": split}
    return about | ({"shuffled": True} if chosen.shuffled else {})


def probe_folder(
    folder: str | Path, source: FeatureSource, *, shuffled: bool = False, split: Split = "train"
) -> Path:
    """Where the probes of a task and layer are kept, in a folder for each language."""
    layer = "+".join(f"{layer:02d}" for layer in source.layers)
    name = f"{source.task.name.replace(':', '-')}.layer-{layer}"
    name += "" if split == "train" else f".{split}"
    return Path(folder) / "units" / (f"{name}.shuffled" if shuffled else name)


def choosing_split(split: Split) -> tuple[Split, ...]:
    """The split that chooses the epoch of a probe trained on ``split``."""
    return () if split == "dev" else ("dev",)


def fit_own_probe(
    source: FeatureSource,
    train: Features,
    chosen: SpaceSampling,
    about: dict[str, Any] | None,
    split: Split = "train",
) -> Probe:
    """A linear probe of one language, trained on ``train`` (words of ``split``) as
    :meth:`SpaceSampling.words_of` gives it."""
    assert chosen.probe is not None
    language, dev = train.language, None
    for choosing in choosing_split(split):
        if language in source.languages(choosing):
            every = replace(chosen, max_sentences=None)
            dev = every.words_of(source.load(language, choosing), choosing)
    return fit_probe(
        train,
        dev,
        chosen.probe,
        seed=derive(chosen.seed, "probe", language),
        standardiser=source.standardiser(language),
        provenance=about,
    )


def own_probe(
    source: FeatureSource, train: Features, chosen: SpaceSampling, folder: str | Path | None, split: Split
) -> Probe:
    """The language's own probe, for its concept space {B'c_k}; trained once and kept in ``folder``.

    The folder has the layout, and the probes the description, of ``concept-align probe``: what a layer sweep
    has trained with the same options is used as it is.
    """
    if folder is None:
        return fit_own_probe(source, train, chosen, None, split)
    about = probe_made_from(source, train.language, chosen, split)
    place = probe_folder(folder, source, shuffled=chosen.shuffled, split=split) / train.language
    with suppress(StoreError):
        known = Probe.load(place)
        if dict(known.provenance) == as_json(about):
            return known
    probe = fit_own_probe(source, train, chosen, about, split)
    probe.save(place)
    return probe
