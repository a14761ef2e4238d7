"""Treebank × model → store, or → streaming statistics."""

from .estimate import Estimate, Planned, estimate
from .plan import Wanted, make_recipe
from .run import BATCH_PIECES, Done, Report, extract

__all__ = [
    "BATCH_PIECES",
    "Done",
    "Estimate",
    "Planned",
    "Report",
    "Wanted",
    "estimate",
    "extract",
    "make_recipe",
]
