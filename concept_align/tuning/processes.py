"""Several processes that tune one model: started by torchrun or accelerate, which say who is who.

    torchrun --nproc-per-node 2 -m concept_align tune ...
    accelerate launch --num_processes 2 -m concept_align tune ...

Each takes a share of every step's rows. Process 0 alone writes and measures.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import safetensors.torch
import torch
from torch import distributed

from ..errors import UsageError

WAIT = timedelta(days=1)  # process 0 may measure for long while the others wait


def started() -> int:
    """How many processes were started together; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of the processes this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes work together now."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def together(device: str) -> Iterator[str]:
    """Inside, the processes that were started together know each other; the device of this one.

    With one process it does nothing. UsageError where the surroundings are not those of torchrun.
    """
    if started() == 1 or distributed.is_initialized():
        yield device
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if cuda and ":" not in device:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    try:
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=WAIT)
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"{started()} processes do not find each other: {error}",
            remedy="start them with torchrun or accelerate launch, or unset WORLD_SIZE",
        ) from error
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def summed(row: Mapping[str, float], device: torch.device) -> dict[str, float]:
    """The sum over processes of each number; all have the same names."""
    if count() == 1:
        return dict(row)
    names = sorted(row)
    total = torch.tensor([row[name] for name in names], dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return dict(zip(names, total.tolist(), strict=True))


def shared(value: Any) -> Any:
    """What process 0 has, for all of them: anything that JSON holds."""
    return value if count() == 1 else json.loads(_sent(json.dumps(value).encode()))


def shared_tensors(tensors: Mapping[str, torch.Tensor] | None) -> dict[str, torch.Tensor] | None:
    """The tensors of process 0 by name, on the CPU, for all of them; None where it has none."""
    if count() == 1:
        return None if tensors is None else dict(tensors)
    if not shared(tensors is not None):
        return None
    own = {name: one.detach().cpu().contiguous() for name, one in (tensors or {}).items()}
    return safetensors.torch.load(_sent(safetensors.torch.save(own)))


def _sent(data: bytes) -> bytes:
    """The bytes of process 0. torch's own way to send objects pickles them."""
    device = torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
    size = torch.tensor([len(data)], device=device)
    distributed.broadcast(size, 0)
    held = torch.empty(int(size), dtype=torch.uint8, device=device)
    if not rank():
        held.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
    distributed.broadcast(held, 0)
    return bytes(held.cpu().numpy())
