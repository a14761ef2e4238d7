"""Treebank × model → store, or → streaming statistics."""

from .estimate import Estimate, Planned, estimate
from .plan import Wanted, make_recipe
from .run import Done, Report, extract
from .states import BATCH_PIECES, Held, hold

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
