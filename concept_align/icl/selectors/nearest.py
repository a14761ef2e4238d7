"""The order of the nearest: what all selectors by likeness share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def nearest(similarity: NDArray[np.float64], there: Sequence[int], k: int) -> list[int]:
    """The places of the ``k`` most similar of ``there``, the best last; of equals the earlier wins."""
    order = np.argsort(-similarity, kind="stable")[:k]
    return [there[place] for place in order[::-1]]
