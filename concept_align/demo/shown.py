"""What a demo made, as the text and the page speak of it."""

from dataclasses import dataclass

import pandas as pd

from .alike import Alike
from .contrasts import Contrast
from .plan import Plan
from .stages import Place


@dataclass(frozen=True)
class Shown:
    """What the demo made."""

    plan: Plan
    layers: dict[Place, int]  # by short name of the model, and task
    chosen: dict[Place, str]  # the learner that was best in the validation languages
    frame: pd.DataFrame  # the tidy rows of the evaluation; models by their short names, as in the others
    probes: pd.DataFrame  # the tidy rows of the layer sweeps
    comparisons: pd.DataFrame  # every pair of learners
    contrasts: list[Contrast]
    notices: list[str]
    alike: Alike
    seconds: float = 0.0

    def means(self, short: str, task: str, learner: str) -> dict[int, tuple[float, float, float]]:
        """Accuracy (mean over the targets, low, high) of a learner, by number of shots."""
        rows = self.frame[
            (self.frame["model"] == short)
            & (self.frame["task"] == task)
            & (self.frame["learner"] == learner)
            & (self.frame["metric"] == "accuracy")
            & (self.frame["language"] == "mean")
        ]
        return {int(row["shots"]): (row["value"], row["low"], row["high"]) for row in rows.to_dict("records")}

    def own_probe(self, short: str, task: str) -> float:
        """Mean accuracy over the targets of probes of their own training split, at the layer chosen."""
        rows = self.probes[
            (self.probes["model"] == short)
            & (self.probes["task"] == task)
            & (self.probes["learner"] == "probe")
            & (self.probes["metric"] == "accuracy")
            & (self.probes["layer"] == str(self.layers[short, task]))
            & self.probes["language"].isin(self.plan.roles.targets)
        ]
        return float(rows["value"].mean())
