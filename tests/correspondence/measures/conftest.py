"""Random spaces and their Gram matrices."""

import numpy as np
import pytest
import torch


def gram_of(prototypes):
    """[K, K] of prototypes [K, dim]."""
    return torch.from_numpy(prototypes @ prototypes.T)


def grams_of(*prototypes):
    """[1, spaces, K, K]: one layer."""
    return torch.stack([gram_of(space) for space in prototypes])[None]


@pytest.fixture
def grams():
    return grams_of


@pytest.fixture
def score():
    """The score of two sets of prototypes, by a measure."""

    def scored(measure, a, b, permutations=None):
        orders = torch.empty(0, len(a), dtype=torch.int64) if permutations is None else permutations
        found = measure.compare(grams_of(a), grams_of(b), torch.tensor([[0, 0]]), orders)
        return found.values.item() if permutations is None else found

    return scored


@pytest.fixture
def spaces():
    """``n`` random spaces [K, dim] that share a part."""

    def make(n, concepts=11, dim=5, shared=1.0, seed=0):
        random = np.random.default_rng(seed)
        core = random.standard_normal((concepts, dim))
        return [shared * core + random.standard_normal((concepts, dim)) for _ in range(n)]

    return make
