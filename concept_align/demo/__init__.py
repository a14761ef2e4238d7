"""Everything once, on small treebanks: for a first look, and to see that an installation works."""

from .findings import findings, next_steps, outcome_table
from .result import DemoResult
from .run import demo, written
from .settings import DemoConfig, DemoPlan, plan_demo

__all__ = [
    "DemoConfig", "DemoPlan", "DemoResult", "demo", "findings", "next_steps", "outcome_table", "plan_demo",
    "written",
]  # fmt: skip
