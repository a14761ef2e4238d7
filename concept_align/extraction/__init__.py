"""Treebank × model → store, or → streaming statistics.

Its names are imported when they are asked for, so that :mod:`.config` is to be had without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import Wanted, make_recipe
    from .run import Done, Report, extract
    from .sizing import Estimate, Planned, estimate
    from .states import BATCH_PIECES, Held, hold

_PLACES = {
    "Estimate": "sizing", "Planned": "sizing", "estimate": "sizing",
    "Wanted": "plan", "make_recipe": "plan",
    "Done": "run", "Report": "run", "extract": "run",
    "BATCH_PIECES": "states", "Held": "states", "hold": "states",
}  # fmt: skip
__all__ = [
    "BATCH_PIECES",
    "Done",
    "Estimate",
    "Held",
    "Planned",
    "Report",
    "Wanted",
    "estimate",
    "extract",
    "hold",
    "make_recipe",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
