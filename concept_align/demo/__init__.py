"""Everything once, on a small sample: for a first look, and to see that an installation works."""

from .run import LEARNERS, Roles, Shown, assign_roles, default_treebanks, demo
from .text import findings, next_steps, outcome_table, written

__all__ = [
    "LEARNERS",
    "Roles",
    "Shown",
    "assign_roles",
    "default_treebanks",
    "demo",
    "findings",
    "next_steps",
    "outcome_table",
    "written",
]
