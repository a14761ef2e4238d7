"""How far apart languages are by what is known of them: family, branch, script, size of corpus, place.

A table is languages x languages, symmetric, 0 on the diagonal, NaN where a language is not known.
"""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import pandas as pd

from ...errors import UsageError
from ...treebanks import registry

RADIUS = 6371.0  # km, the Earth's mean radius


def code(name: str) -> str:
    """The language code of a code or treebank; ``name`` itself where the registry does not know it."""
    known = registry.known(name)
    return name if known is None else known.language


def different(languages: Sequence[str], fact: str) -> pd.DataFrame:
    """1 where the ``fact`` (family, branch, script) of two languages differs, 0 where it does not; NaN where
    one is not known."""
    names = pd.Series(labels(languages, fact), dtype=object).reindex(list(languages))
    known = names.notna().to_numpy()
    texts = names.to_numpy()
    pairs = np.where(np.outer(known, known), texts[:, None] != texts[None, :], np.nan)
    np.fill_diagonal(pairs, 0.0)
    return pd.DataFrame(pairs, index=list(languages), columns=list(languages))


def size(languages: Sequence[str], words: Mapping[str, int]) -> pd.DataFrame:
    """Of the numbers of stored training ``words``: the log of the smaller.

    The smaller corpus bounds what can be measured: its prototypes are the noisier ones.
    """
    logs = np.array([log(words[name]) if words.get(name, 0) > 0 else np.nan for name in languages])
    return pd.DataFrame(np.minimum.outer(logs, logs), index=list(languages), columns=list(languages))


def labels(languages: Sequence[str], fact: str) -> dict[str, str]:
    """The ``fact`` (family, branch, script) of each language of which the registry knows it."""
    facts = {name: getattr(registry.known(name), fact, "") for name in languages}
    return {name: found for name, found in facts.items() if found}


def great_circle(languages: Sequence[str], places: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """Kilometres between languages, by the haversine formula; NaN for a language without a place.

    ``places`` are (latitude, longitude) in degrees.
    """
    for name, (north, east) in places.items():
        if abs(north) > 90 or abs(east) > 180:
            remedy = "give latitude (-90 to 90), then longitude (-180 to 180), in degrees"
            raise UsageError(f"({north}, {east}) of {name} is no place on the Earth", remedy=remedy)
    nowhere = (float("nan"), float("nan"))
    angles = np.radians(np.array([places.get(name, nowhere) for name in languages], dtype=np.float64))
    latitude, longitude = angles[:, 0], angles[:, 1]
    across = np.sin((longitude[:, None] - longitude) / 2) ** 2
    halves = np.sin((latitude[:, None] - latitude) / 2) ** 2
    halves = halves + np.outer(np.cos(latitude), np.cos(latitude)) * across
    distance = 2 * RADIUS * np.arcsin(np.sqrt(np.clip(halves, 0, 1)))
    return pd.DataFrame(distance, index=list(languages), columns=list(languages))
