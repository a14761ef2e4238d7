"""Treebank × model → store, or → streaming statistics."""

from .estimate import Estimate, estimate
from .plan import Wanted, make_recipe
from .run import BATCH_PIECES, Done, Report, extract

__all__ = ["BATCH_PIECES", "Done", "Estimate", "Report", "Wanted", "estimate", "extract", "make_recipe"]
