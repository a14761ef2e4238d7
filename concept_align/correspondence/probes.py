"""The language's own linear probe, for its concept space {B'c_k}; trained once and kept.

The folder has the layout, and the probes the description, of ``concept-align probe``: what a layer sweep
has trained with the same options is used as it is.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import seeding
from ..errors import StoreError
from ..spaces.features import Features
from ..spaces.probe import Probe, ProbeConfig, fit_probe
from ..spaces.source import FeatureSource
from ..types import SPLITS
from .kept import described, plain


def own_probe(
    source: FeatureSource,
    train: Features,
    dev: Features | None,
    config: ProbeConfig,
    *,
    seed: int,
    max_sentences: int | None = None,
    shuffled: bool = False,
    folder: str | Path | None = None,
) -> Probe:
    """The probe of ``train`` (already capped and shuffled as the arguments say), from ``folder`` if there."""
    place, made_from = None, None
    if folder is not None:
        made_from = described(source, train.language, SPLITS)
        made_from |= {"config": asdict(config), "max_sentences": max_sentences, "seed": seed}
        made_from |= {"shuffled": True} if shuffled else {}
        name = f"{source.task.name.replace(':', '-')}.layer-{_two_digits(source)}"
        place = Path(folder) / "units" / (f"{name}.shuffled" if shuffled else name) / train.language
        if (known := _read(place, made_from)) is not None:
            return known
    probe = fit_probe(
        train,
        dev,
        config,
        seed=seeding.derive(seed, "probe", train.language),
        standardiser=source.standardiser(train.language),
        provenance=made_from,
    )
    if place is not None:
        probe.save(place)
    return probe


def _two_digits(source: FeatureSource) -> str:
    return "+".join(f"{layer:02d}" for layer in source.layers)


def _read(place: Path, made_from: Mapping[str, Any]) -> Probe | None:
    try:
        probe = Probe.load(place)
    except StoreError:
        return None
    return probe if dict(probe.provenance) == plain(made_from) else None
