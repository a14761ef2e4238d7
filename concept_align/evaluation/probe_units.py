"""One probe of a layer sweep, kept as soon as it is done: what a stopped run goes on from.

A unit is one (layer, language): its probe, and a small file, written last, with the predictions of the test
words and with what they were made from.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import seeding
from ..atomic import write_json
from ..spaces.probe import ProbeConfig, fit_probe
from ..spaces.source import FeatureSource
from ..store.keys import layer_name
from ..store.store import Store
from ..types import SPLITS, MwtPolicy, RootPolicy, Standardisation

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is swept, and how a probe is trained."""

    languages: tuple[str, ...]
    layers: tuple[int, ...]
    task: str
    config: ProbeConfig
    root: RootPolicy = "start"
    mwt: MwtPolicy = "share"
    standardise: Standardisation = "language"
    max_sentences: int | None = None  # of the train split, drawn by the seed
    seed: int = 0
    bootstrap: int = 1000
    confidence: float = 0.95


@dataclass(frozen=True, eq=False)
class Unit:
    predicted: NDArray[np.int64]
    epoch: int
    dev_accuracy: float  # NaN without a dev split


def probe_unit(store: Store, source: FeatureSource, plan: Sweep, language: str, folder: Path | None) -> Unit:
    """The finished unit in ``folder``, or a new one, kept there."""
    made_from = _made_from(store, source, plan, language)
    place = None
    if folder is not None:
        name = f"{plan.task.replace(':', '-')}.layer-{source.layers[0]:02d}"
        place = folder / "units" / name / language
        known = _read(place.with_suffix(".json"), made_from)
        if known is not None:
            return known
    train = source.load(language, "train")
    if plan.max_sentences is not None and plan.max_sentences < train.sents:
        order = seeding.stream(plan.seed, "probe-sentences", language).permutation(train.sents)
        train = train.of_sentences(np.sort(order[: plan.max_sentences]))
    dev = source.load(language, "dev") if language in source.languages("dev") else None
    probe = fit_probe(
        train,
        dev,
        plan.config,
        seed=seeding.derive(plan.seed, "probe", language),
        standardiser=source.standardiser(language),
        provenance=made_from,
    )
    predicted = probe.predict(source.load(language, "test").x).numpy()
    chosen = probe.dev_accuracy[probe.epoch - 1] if probe.dev_accuracy else float("nan")
    unit = Unit(predicted, probe.epoch, chosen)
    if place is not None:
        probe.save(place)
        _write(place.with_suffix(".json"), made_from, unit)
    return unit


def _made_from(store: Store, source: FeatureSource, plan: Sweep, language: str) -> dict[str, Any]:
    """All that decides a unit's predictions: an equal description gives equal predictions."""
    treebank = source.treebank(language)
    markers = {split: store.marker(treebank, layer_name(split, source.layers[0])) for split in SPLITS}
    return {
        "schema": SCHEMA,
        "model": store.recipe.model,
        "recipe": store.fingerprint,
        "treebank": treebank,
        "states": {split: marker.sha256 for split, marker in markers.items() if marker},
        "annotations": {split: marker.source_sha256 for split, marker in markers.items() if marker},
        "features": source.describe(),
        "concepts": list(source.concepts),
        "config": asdict(plan.config),
        "max_sentences": plan.max_sentences,
        "seed": plan.seed,
    }


def _read(path: Path, made_from: Mapping[str, Any]) -> Unit | None:
    """The unit at ``path``, None where there is none, or one made from something else, or a broken one."""
    try:
        kept = json.loads(path.read_text())
        if kept["made_from"] != made_from:
            return None
        packed = zlib.decompress(base64.b64decode(kept["predicted"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, zlib.error):
        return None  # made again: a unit is only a kept computation
    if hashlib.sha256(packed).hexdigest() != kept.get("sha256"):
        return None
    dev = kept["dev_accuracy"]
    predicted = np.frombuffer(packed, dtype="<i2").astype(np.int64)
    return Unit(predicted, kept["epoch"], float("nan") if dev is None else dev)


def _write(path: Path, made_from: Mapping[str, Any], unit: Unit) -> None:
    packed = unit.predicted.astype("<i2").tobytes()
    value = {
        "made_from": made_from,
        "predicted": base64.b64encode(zlib.compress(packed)).decode(),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "epoch": unit.epoch,
        "dev_accuracy": None if np.isnan(unit.dev_accuracy) else unit.dev_accuracy,
    }
    write_json(path, value)
