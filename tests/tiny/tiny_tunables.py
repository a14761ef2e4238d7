"""Tiny random models that may learn, and batches of random tokens for them."""

import torch
from tiny_models import TINY, TOKENIZERS, tiny_module

from concept_align.tuning.model import TunableModel, tunable


def tiny_tunable(name: str = "llama", *, double: bool = False) -> TunableModel:
    """A random decoder with its head; in float64 where ``double``."""
    module = tiny_module(name, head=True)
    return tunable(module.double() if double else module, TOKENIZERS[TINY[name][1]](), name=name)


def padded(lengths: tuple[int, ...], pad: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random tokens and their mask [rows, longest], padded on the right."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 300, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return ids.masked_fill(~mask, pad), mask.long()
