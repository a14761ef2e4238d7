"""Hidden states on disk: whole or not there, and knowing how they were made."""

from ..class_sums import Statistics
from .keys import SCHEMA, Recipe
from .shards import States
from .store import Problem, ShardInfo, Store

__all__ = ["SCHEMA", "Problem", "Recipe", "ShardInfo", "States", "Statistics", "Store"]
