"""fp32 matrix products on the CPU through oneDNN, as long as they stay exact.

``torch.set_float32_matmul_precision("medium")`` lets PyTorch hand fp32 products to oneDNN, which is about
twice as fast as MKL on AMD CPUs and just as accurate. Where the CPU has bf16 tiles (AMX) the same setting
may round the operands to bf16, so the error of one product is measured before it is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

TOLERANCE = 1e-5
LITTLE = 1 << 22  # numbers, 16 MiB: up to there one thread does the work of a few words as fast as several
_SETTINGS = ("medium", "high")


def product_error() -> float:
    """Relative error ||y - xw|| / ||xw|| of one fp32 linear layer under the present setting.

    The reference is the same product in float64; the size is that of a layer of a small model.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 512, generator=generator)
    w = torch.randn(512, 512, generator=generator)
    exact = x.double() @ w.double().T
    return float(((torch.nn.functional.linear(x, w).double() - exact).norm() / exact.norm()).item())


@cache
def fastest_exact_setting() -> str | None:
    """The setting to use, None where the CPU computes none of them to ``TOLERANCE``; measured once."""
    if not torch.backends.mkldnn.is_available():
        return None
    old = torch.get_float32_matmul_precision()
    try:
        for setting in _SETTINGS:
            torch.set_float32_matmul_precision(setting)
            if product_error() <= TOLERANCE:
                return setting
    finally:
        torch.set_float32_matmul_precision(old)
    return None


@contextmanager
def fast_matmul(enabled: bool = True) -> Iterator[None]:
    """Products on the CPU at their fastest exact setting inside the block; the old setting after it.

    The setting is global to the process and would also lower the precision of a GPU's fp32 products, so
    enter this only around work on the CPU.
    """
    setting = fastest_exact_setting() if enabled else None
    if setting is None:
        yield
        return
    old = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(setting)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(old)


@contextmanager
def few_threads(numbers: int) -> Iterator[None]:
    """One thread inside the block for work on so many ``numbers`` where that is little; the old number after.

    Threads that share little work wait for each other, on a busy machine nearly all of the time: adapting to
    a few sentences took 40 s with two threads and 2.5 s with one.
    """
    threads = torch.get_num_threads()
    if numbers >= LITTLE or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
