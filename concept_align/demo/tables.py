"""Tables of the page that are the demo's own."""

import pandas as pd

from ..evaluation.results import MAJORITY
from ..report.names import task_name
from ..report.tables import TextTable, percent
from .shown import Shown


def layer_table(shown: Shown, task: str) -> TextTable:
    """Probes' mean accuracy over languages: models down, layers across; the commonest class last."""
    rows = shown.probes[
        (shown.probes["task"] == task)
        & (shown.probes["metric"] == "accuracy")
        & (shown.probes["language"] == "mean")
    ]
    cells = {(row["model"], row["learner"], int(row["layer"])): row for row in rows.to_dict("records")}
    layers = sorted({layer for _, _, layer in cells})

    def line(title: str, model: str, learner: str) -> list[str]:
        found = (cells.get((model, learner, layer)) for layer in layers)
        return [
            title,
            *("–" if row is None else percent(row["value"], row["low"], row["high"]) for row in found),
        ]

    models = list(shown.plan.models)
    columns = ["probe of", *(f"layer {layer}" for layer in layers)]
    lines = [line(model, model, "probe") for model in models]
    lines.append(line("commonest class", models[0], MAJORITY))
    best = frozenset(
        (place, 1 + layers.index(shown.layers[model, task])) for place, model in enumerate(models)
    )
    count = int(pd.Series([row["n"] for row in cells.values()]).max())
    title = f"{task_name(task).capitalize()}: accuracy of probes, %, mean over {count} languages"
    return TextTable(title, columns, lines, best)


def contrast_table(shown: Shown) -> TextTable:
    """Every contrast, a row each."""
    rows = [
        [
            f"{one.a} − {one.b}", one.model if one.model.count("−") == 0 else "–", task_name(one.task),
            percent(one.difference, one.low, one.high), f"{one.better_in} of {one.n}",
            _p(one.p), _p(one.p_holm),
        ]
        for one in shown.contrasts
    ]  # fmt: skip
    columns = ["difference", "model", "task", "points", "better in", "p sign-flip", "p Holm"]
    best = frozenset((place, 6) for place, one in enumerate(shown.contrasts) if one.clear)
    return TextTable("Differences in accuracy, points, mean over languages", columns, rows, best)


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"
