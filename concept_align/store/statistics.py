"""Class statistics on disk: for a big model a thousandth of the states' bytes."""

import json
from pathlib import Path

import torch

from ..class_sums import Statistics
from .shards import map_tensors, write_tensors


def write_statistics(path: Path, statistics: Statistics) -> tuple[int, str]:
    """Write to ``path``; size and SHA-256 of the file."""
    return write_tensors(path, *statistics_tensors(statistics))


def statistics_tensors(statistics: Statistics) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """What the file holds."""
    tensors = {"counts": statistics.counts, "sums": statistics.sums}
    if statistics.second is not None:
        tensors["second"] = statistics.second
    return tensors, {"concepts": json.dumps(statistics.concepts, ensure_ascii=False)}


def read_statistics(path: Path) -> Statistics:
    tensors, names = map_tensors(path)
    return Statistics(
        tuple(json.loads(names["concepts"])), tensors["counts"], tensors["sums"], tensors.get("second")
    )
