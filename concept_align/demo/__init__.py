"""Everything once, on small treebanks: for a first look, and to see that an installation works."""

from .findings import findings, next_steps, outcome_table
from .page import demo_report
from .result import DemoAlignability, DemoResult
from .run import demo, written
from .settings import DemoConfig, DemoPlan, LanguageRoles, assign_roles, plan_demo

__all__ = [
    "DemoAlignability",
    "DemoConfig",
    "DemoPlan",
    "DemoResult",
    "LanguageRoles",
    "assign_roles",
    "demo",
    "demo_report",
    "findings",
    "next_steps",
    "outcome_table",
    "plan_demo",
    "written",
]
