"""A small model in double precision, ragged episodes for it, and what an outer gradient is."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from concept_align.meta.engines.base import Engine, InnerLoop, Rates
from concept_align.meta.episodes import EpisodeBatch, Words
from concept_align.meta.maps import AlignmentModel, Encoder, adapted_names

DIM, RANK, CONCEPTS = 7, 4, 5


def model(*, hidden: int = 6, dropout: float = 0.0, seed: int = 0) -> AlignmentModel:
    """Away from every special point: the map is not the identity, no bias is zero."""
    generator = torch.Generator().manual_seed(seed)
    encoder = Encoder(DIM, RANK, hidden=hidden, dropout=dropout, generator=generator)
    made = AlignmentModel(encoder, RANK, CONCEPTS, generator).double()
    with torch.no_grad():
        for value in made.parameters():
            value += 0.1 * torch.randn(value.shape, dtype=value.dtype, generator=generator)
    return made


def words(lengths: Sequence[int], *, seed: int, spare: int = 3) -> Words:
    """Tasks of so many words; ``spare`` rows that no task has, with what would be noticed."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)
    x = torch.randn(total + spare, DIM, dtype=torch.float64, generator=generator)
    x[total:] = 1e3
    return Words(
        x,
        torch.randint(0, CONCEPTS, (total,), generator=generator),
        torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)),
        torch.cat([torch.arange(length) for length in lengths]),
        len(lengths),
    )


def ragged() -> EpisodeBatch:
    """Tasks of many words, of one, and of none."""
    return EpisodeBatch(("a", "b", "c", "d"), words([9, 1, 0, 40], seed=1), words([5, 20, 3, 8], seed=2))


def rates(made: AlignmentModel, adapts: Any, *, each: bool) -> Rates:
    """One rate, or a rate for every number."""
    if not each:
        return 0.1
    generator = torch.Generator().manual_seed(3)
    return {
        name: (0.05 + 0.1 * torch.rand(made.get_parameter(name).shape, generator=generator).double())
        .detach()
        .requires_grad_(True)
        for name in adapted_names(made, adapts)
    }


def meta(
    engine: Engine, made: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, given: Rates
) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses [tasks], and the gradient of a weighted sum of them by parameters and rates, in one row."""
    losses = engine.losses(made, episodes, inner, given)
    weights = torch.arange(1, len(losses) + 1, dtype=losses.dtype)
    wanted = [*made.parameters(), *(given.values() if isinstance(given, dict) else ())]
    found = torch.autograd.grad((losses * weights).sum(), wanted, materialize_grads=True)
    return losses.detach(), torch.cat([part.flatten() for part in found])


def norm_of_difference(first: torch.Tensor, second: torch.Tensor) -> float:
    """Relative; of all numbers together, for some gradients are exactly zero."""
    return float((first - second).norm() / second.norm())


@pytest.fixture(scope="session")
def loops() -> Any:
    """The functions of this module, for tests."""
    import types

    return types.SimpleNamespace(
        model=model, words=words, ragged=ragged, rates=rates, meta=meta, norm_of_difference=norm_of_difference
    )
