"""Everything once, on small treebanks: for a first look, and to see that an installation works."""

from .plan import Plan, Roles, assign_roles, plan
from .run import demo, written
from .shown import Shown
from .text import findings, next_steps, outcome_table

__all__ = [
    "Plan",
    "Roles",
    "Shown",
    "assign_roles",
    "demo",
    "findings",
    "next_steps",
    "outcome_table",
    "plan",
    "written",
]
