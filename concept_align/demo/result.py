"""What a demo made, as the text and the page speak of it."""

from dataclasses import dataclass

import pandas as pd

from ..report.evaluation_tables import means_of, per_language
from .contrasts import Contrast
from .settings import DemoPlan

Place = tuple[str, str]  # model's short name, task


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What a demo made. Models have their short names in all tables."""

    plan: DemoPlan
    layers: dict[Place, int]
    chosen: dict[Place, str]  # the learner that was best in the validation languages
    frame: pd.DataFrame  # the tidy rows of the evaluation
    probes: pd.DataFrame  # the tidy rows of the layer sweeps
    comparisons: pd.DataFrame  # every pair of learners
    contrasts: list[Contrast]
    notices: list[str]
    scores: pd.DataFrame  # the tidy alignability of all pairs and layers
    controls: dict[str, pd.DataFrame]  # the same of shuffled labels
    seconds: float = 0.0

    def of(self, frame: pd.DataFrame, place: Place) -> pd.DataFrame:
        """The rows of one model and task."""
        return frame[(frame["model"] == place[0]) & (frame["task"] == place[1])]

    def means(self, place: Place, learner: str) -> dict[int, tuple[float, float, float]]:
        """Accuracy (mean over the targets, low, high) of a learner, by number of shots."""
        rows = means_of(self.of(self.frame, place), "accuracy", "mean")
        rows = rows[rows["learner"] == learner]
        return {int(row["shots"]): (row["value"], row["low"], row["high"]) for row in rows.to_dict("records")}

    def own_probes(self, place: Place) -> pd.DataFrame:
        """The rows of probes of the languages' own training splits, in the layer chosen."""
        rows = self.of(self.probes, place)
        return rows[rows["layer"] == str(self.layers[place])]

    def own_probe(self, place: Place) -> float:
        """Mean accuracy over the targets of probes of their own training split, at the layer chosen."""
        rows = per_language(self.own_probes(place), "accuracy")
        rows = rows[(rows["learner"] == "probe") & rows["language"].isin(self.plan.roles.targets)]
        return float(rows["value"].mean())

    def spread(self) -> tuple[float, float]:
        """Mean number of test words of a target, and mean half width of a zero-shot interval there."""
        rows = per_language(self.frame, "accuracy", 0)
        rows = rows[rows["learner"] != "majority"]
        return float(rows["n"].mean()), float((rows["high"] - rows["low"]).mean() / 2)
