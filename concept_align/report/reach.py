"""A figure of one setting: how far zero-shot reaches in each language, between floor and own probe."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConceptAlignError
from ..evaluation.results import MAJORITY, SUMMARIES
from .names import METRIC_TITLES, language_name
from .style import COLOURS, GREY, INK, STRIPE, single, styled, write


def reach_figure(
    frame: pd.DataFrame,
    own: pd.DataFrame,
    learner: str,
    stem: str | Path,
    *,
    title: str = "",
    metric: str = "accuracy",
) -> list[Path]:
    """Every target language: the commonest class, ``learner`` zero-shot and the language's own probe.

    ``frame`` holds the tidy rows of one setting, ``own`` those of a probe of its layer. Lines are intervals;
    the language that zero-shot does best is on top. Writes ``stem.png`` and ``stem.svg``.
    """
    zero = _by_language(frame[(frame["learner"] == learner) & (frame["shots"] == 0)], metric)
    if zero.empty:
        raise ConceptAlignError(f"no zero-shot results of {learner} to draw", remedy="evaluate first")
    codes = list(zero.sort_values("value").index)
    floor = _by_language(frame[(frame["learner"] == MAJORITY) & (frame["shots"] == 0)], metric)
    probe = _by_language(own[own["learner"] != MAJORITY], metric)
    with styled():
        figure, axis = single(4.4, 1.1 + 0.26 * len(codes))
        for row in range(0, len(codes), 2):
            axis.axhspan(row - 0.5, row + 0.5, color=STRIPE, linewidth=0, zorder=0)
        _dots(axis, probe.reindex(codes), INK, "D", "own probe", 0.17, hollow=True)
        _dots(axis, zero.reindex(codes), COLOURS[0], "o", f"{learner}, zero-shot", -0.17)
        axis.plot(
            100 * floor["value"].reindex(codes).to_numpy(), range(len(codes)), label="commonest class",
            color=GREY, marker="|", markersize=9, markeredgewidth=1.6, linestyle="none",
        )  # fmt: skip
        axis.set_yticks(range(len(codes)), [language_name(code) for code in codes])
        axis.set_ylim(-0.5, len(codes) - 0.5)
        axis.set_xlim(0, 100)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="y", visible=False)
        axis.set_title(title)
        axis.set_xlabel(f"{METRIC_TITLES[metric]}, %")
        figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handletextpad=0.3)
        return write(figure, stem)


def _by_language(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = rows[(rows["metric"] == metric) & (rows["draw"] == -1) & ~rows["language"].isin(SUMMARIES)]
    return rows.set_index("language")[["value", "low", "high"]]


def _dots(
    axis: Any,
    rows: pd.DataFrame,
    colour: str,
    marker: str,
    label: str,
    lift: float,
    *,
    hollow: bool = False,
) -> None:
    y = np.arange(len(rows)) + lift
    value, low, high = (100 * rows[column].to_numpy() for column in ("value", "low", "high"))
    axis.hlines(y, low, high, color=colour, linewidth=1.1, alpha=0.55)
    face, edge = ("white", colour) if hollow else (colour, "white")
    axis.plot(
        value, y, color=colour, marker=marker, markersize=4.6, markerfacecolor=face, markeredgecolor=edge,
        markeredgewidth=1.1 if hollow else 0.5, linestyle="none", label=label,
    )  # fmt: skip
