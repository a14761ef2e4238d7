"""Which sentences (or words) a replicate of a concept space sees, as weights.

Every replicate is a weighted mean of the same words, so that all of them come from one pass over the states.
"""

import numpy as np
import torch

from ..seeding import stream


def half_weights(units: int, splits: int, seed: int, language: str) -> torch.Tensor:
    """float32 [2 * splits, units] of 0 and 1: row 2s is a random half, row 2s + 1 the rest."""
    weights = torch.zeros(splits, 2, units)
    for split in range(splits):
        order = torch.from_numpy(stream(seed, "halves", language, split).permutation(units))
        weights[split, 0, order[: units // 2]] = 1
        weights[split, 1, order[units // 2 :]] = 1
    return weights.reshape(2 * splits, units)


def bootstrap_weights(units: int, draws: int, seed: int, language: str) -> torch.Tensor:
    """float32 [draws, units], independent and exponential: the Bayesian bootstrap (Rubin 1981).

    Counts of sentences drawn with replacement have the same mean and variance, but are 0 for a third of the
    sentences, and then the concepts of few sentences would have no prototype in many draws.
    """
    random = stream(seed, "bootstrap", language)
    return torch.from_numpy(random.standard_exponential((draws, units), dtype=np.float32))
