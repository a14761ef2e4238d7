"""Tables of what learners gain over a reference, and of single concepts, for the rows of one setting."""

import pandas as pd

from ..evaluation.results import MAJORITY
from .names import metric_name, shots_name
from .tables import TextTable, grid, learners_of, ordered_shots, percent

_CONCEPT = "f1:"


def gain_table(comparisons: pd.DataFrame, reference: str, metric: str = "accuracy") -> TextTable | None:
    """Every learner less ``reference`` by shots; a star where Holm's p is below 0.05. None without pairs."""
    rows = comparisons[comparisons["metric"] == metric]
    cells: dict[tuple[str, int], str] = {}
    means: dict[str, list[float]] = {}
    for pair in rows.to_dict("records"):
        if reference not in (pair["a"], pair["b"]):
            continue
        value, low, high = pair["difference"], pair["low"], pair["high"]
        learner = pair["a"]
        if learner == reference:
            learner, value, low, high = pair["b"], -value, -high, -low
        star = " *" if pair["p_holm"] < 0.05 else ""
        cells[learner, int(pair["shots"])] = percent(value, low, high) + star
        means.setdefault(learner, []).append(value)
    if not cells:
        return None
    learners = sorted(means, key=lambda name: -sum(means[name]) / len(means[name]))
    shots = [number for number in ordered_shots(rows) if any(at == number for _, at in cells)]
    return TextTable(
        f"Gain over {reference}: {metric_name(metric)}, points (* Holm p < 0.05)",
        ["learner", *map(shots_name, shots)],
        [[name, *(cells.get((name, number), "–") for number in shots)] for name in learners],
    )


def concept_table(frame: pd.DataFrame, shots: int) -> TextTable | None:
    """Concepts by learners: F1, mean over languages, from best to worst."""
    rows = frame[
        frame["metric"].str.startswith(_CONCEPT)
        & (frame["language"] == "mean")
        & (frame["shots"] == shots)
        & (frame["learner"] != MAJORITY)
    ].reset_index(drop=True)
    return _by_concept(rows, f"{shots_name(shots).capitalize()}, concept by concept: F1, %")


def concept_gain_table(gains: pd.DataFrame, reference: str, shots: int) -> TextTable | None:
    """Concepts by learners: F1 less that of ``reference``, mean over languages."""
    rows = gains[
        gains["metric"].str.startswith(_CONCEPT)
        & (gains["language"] == "mean")
        & (gains["reference"] == reference)
        & (gains["shots"] == shots)
    ].reset_index(drop=True)
    title = f"Gain over {reference}, {shots_name(shots)}, concept by concept: F1, points"
    return _by_concept(rows, title)


def _by_concept(rows: pd.DataFrame, title: str) -> TextTable | None:
    if rows.empty:
        return None
    learners, languages = learners_of(rows), rows.groupby("metric")["n"].max()
    means = rows.groupby("metric")["value"].mean()
    metrics = sorted(means.index, key=lambda metric: (-means[metric], metric))
    return TextTable(
        title,
        ["concept", *learners, "languages"],
        [
            [metric.removeprefix(_CONCEPT), *cells, str(languages[metric])]
            for metric, cells in zip(metrics, grid(rows, metrics, learners, "metric", "learner"), strict=True)
        ],
    )
