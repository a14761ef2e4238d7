"""Numbers of questions put to a model: values of every question become rows with intervals, and differences.

A value is a question's mean over draws of demonstrations. Intervals are bootstraps over questions, the same
questions drawn for every way of answering, so that differences are paired; of means over languages, languages
are drawn too (of five or more). Draws of demonstrations are not drawn anew: what several languages share of
them is not in the intervals.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...evaluation.results import COLUMNS
from ...seeding import stream
from ...statistics import ANY, SHARES, bounds_over_languages, means_over_drawn, percentile_interval

COMPARED = (
    "model", "revision", "task", "source", "language", "shots", "learner", "reference", "reference_shots",
    "metric", "difference", "low", "high", "n",
)  # fmt: skip
MEAN = "mean"
WHOLE = "-corpus"  # how metrics of all questions at once end: of these there are no intervals
NONE = float("nan"), float("nan")


@dataclass(frozen=True, order=True)
class AnswerWay:
    """How questions were answered: language and number of demonstrations, who answered, and the metric."""

    source: str
    learner: str
    shots: int
    metric: str


Values = Mapping[AnswerWay, Mapping[str, NDArray[np.float64]]]  # by language: [questions], NaN for none
Pairs = Mapping[AnswerWay, AnswerWay]  # the second is the reference of the first


@dataclass(frozen=True)
class AskEvidence:
    """Tables of what was answered by ``model``."""

    model: str
    revision: str
    task: str
    seed: int = 0
    draws: int = 1000

    def frame(self, values: Values) -> pd.DataFrame:
        """The tidy form of all results: a row for every way and language, and the mean of languages."""
        rows = []
        for way, by_language in values.items():
            at = self._about(way) | {"revision": self.revision, "layer": "output", "draw": -1}
            rows += [{**at, **row} for row in self._rows(by_language, "value", way.metric)]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def differences(self, values: Values, pairs: Pairs) -> pd.DataFrame:
        """Differences question by question, and their means over languages."""
        rows = []
        for way, other in pairs.items():
            if way not in values or other not in values:
                continue
            mine, theirs = values[way], values[other]
            both = {code: mine[code] - theirs[code] for code in mine if code in theirs}
            at = self._about(way) | {"revision": self.revision}
            at |= {"reference": other.learner, "reference_shots": other.shots}
            rows += [{**at, **row} for row in self._rows(both, "difference", way.metric)]
        return pd.DataFrame(rows, columns=list(COMPARED))

    def _about(self, way: AnswerWay) -> dict[str, object]:
        return {"model": self.model, "task": self.task, **vars(way)}

    def _rows(
        self, by_language: Mapping[str, NDArray[np.float64]], name: str, metric: str
    ) -> Iterator[dict[str, object]]:
        spreads, means = [], []
        whole = metric.endswith(WHOLE)
        for code, values in by_language.items():
            times = stream(self.seed, "questions", self.task, code).integers(
                0, len(values), (self.draws, len(values))
            )
            drawn, known = values[times], int((~np.isnan(values)).sum())
            counts = (~np.isnan(drawn)).sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                spread = np.where(counts > 0, np.nansum(drawn, axis=1) / counts, np.nan)
            mean = float(np.nanmean(values)) if known else float("nan")
            low, high = percentile_interval(spread, 0.95) if known > 1 and not whole else NONE
            yield {"language": code, name: mean, "low": low, "high": high, "n": known}
            if known:
                spreads.append(spread)
                means.append(mean)
        if not means:
            return
        langs = len(means)
        drawn = means_over_drawn(np.stack(spreads), stream(self.seed, "languages", langs))
        within = SHARES if name == "value" and "nats" not in metric else ANY
        ends = bounds_over_languages(drawn[:, None], langs, 0.95, within=within)
        low, high = NONE if whole else (float(ends[0][0]), float(ends[1][0]))
        yield {"language": MEAN, name: float(np.mean(means)), "low": low, "high": high, "n": langs}
