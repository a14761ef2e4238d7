"""Great-circle distances between the places languages are spoken at."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ...errors import UsageError

RADIUS = 6371.0  # km, the Earth's mean radius


def great_circle(languages: Sequence[str], places: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """Kilometres between languages, by the haversine formula; NaN for a language without a place.

    ``places`` are (latitude, longitude) in degrees.
    """
    for name, (north, east) in places.items():
        if abs(north) > 90 or abs(east) > 180:
            raise UsageError(
                f"({north}, {east}) is no place on the Earth",
                where=f"place of {name}",
                remedy="give latitude (-90 to 90), then longitude (-180 to 180), in degrees",
            )
    nowhere = (float("nan"), float("nan"))
    angles = np.radians(np.array([places.get(name, nowhere) for name in languages], dtype=np.float64))
    latitude, longitude = angles[:, 0], angles[:, 1]
    across = np.sin((longitude[:, None] - longitude) / 2) ** 2
    halves = np.sin((latitude[:, None] - latitude) / 2) ** 2
    halves = halves + np.outer(np.cos(latitude), np.cos(latitude)) * across
    distance = 2 * RADIUS * np.arcsin(np.sqrt(np.clip(halves, 0, 1)))
    return pd.DataFrame(distance, index=list(languages), columns=list(languages))
