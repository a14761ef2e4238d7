"""A figure of a layer sweep: how well probes name the concepts, over layers, model by model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConceptAlignError
from ..evaluation.results import MAJORITY
from .names import METRIC_TITLES, task_name
from .style import GREY, look, single, styled, write


def layers_figure(
    probes: pd.DataFrame,
    task: str,
    stem: str | Path,
    *,
    metric: str = "accuracy",
    chosen: Mapping[str, int] | None = None,
) -> list[Path]:
    """Mean over languages against layers: a line with an interval band a model, and the floor.

    ``probes`` are the tidy rows of layer sweeps of one or several models; ``chosen`` layers (by model) get a
    ring. Writes ``stem.png`` and ``stem.svg`` and returns their paths.
    """
    rows = probes[
        (probes["task"] == task) & (probes["metric"] == metric) & (probes["language"] == "mean")
    ].copy()
    if rows.empty:
        raise ConceptAlignError("no probes to draw", remedy="sweep layers first")
    rows["layer"] = rows["layer"].astype(int)
    models = list(dict.fromkeys(rows["model"]))
    with styled():
        figure, axis = single()
        for model, style in look(models).items():
            of = rows[(rows["model"] == model) & (rows["learner"] != MAJORITY)].sort_values("layer")
            _line(axis, of, style, model, (chosen or {}).get(model))
        floor = rows[rows["learner"] == MAJORITY].groupby("layer")["value"].mean()
        axis.plot(
            floor.index, 100 * floor.to_numpy(), color=GREY, linestyle=":", linewidth=1.3,
            label="commonest class",
        )  # fmt: skip
        axis.set_title(task_name(task).capitalize())
        axis.set_xticks(sorted(rows["layer"].unique()))
        axis.set_xlabel("layer (0: embeddings)")
        axis.set_ylabel(f"mean {METRIC_TITLES[metric]} over languages, %")
        axis.set_ylim(bottom=0)
        axis.margins(x=0.04)
        figure.legend(loc="outside lower center", ncols=min(len(models) + 1, 3))
        return write(figure, stem)


def _line(axis: Any, rows: pd.DataFrame, style: dict[str, Any], label: str, ring: int | None) -> None:
    layers = rows["layer"].to_numpy()
    value, low, high = (100 * rows[column].to_numpy() for column in ("value", "low", "high"))
    axis.fill_between(layers, low, high, color=style["color"], alpha=0.12, linewidth=0)
    axis.plot(layers, value, **style, markeredgecolor="white", markeredgewidth=0.6, label=label)
    at = np.flatnonzero(layers == (-1 if ring is None else ring))
    if len(at):
        axis.plot(
            layers[at], value[at], marker="o", markersize=11, markerfacecolor="none",
            markeredgecolor=style["color"], markeredgewidth=1.3, linestyle="none",
        )  # fmt: skip
