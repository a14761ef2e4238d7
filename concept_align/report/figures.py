"""Figures of an evaluation: accuracy against shots, who is left behind, and every language by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation.results import ALL_SHOTS, MAJORITY, SUMMARIES
from .facets import across, dots, dots_height, facets_of, legend, looks_of, means_of, panels
from .names import language_name, metric_name, shots_name
from .style import GREY, INK, STRIPE, styled, write

_SPREAD = {
    "low-resource mean": "low-resource mean, %",
    "worst": "worst language, %",
    "sd": "sd, points",
}


def _band(part: pd.DataFrame) -> tuple[Any, ...]:
    rows = part.sort_values("shots")
    return rows["shots"].to_numpy(), *(100 * rows[column].to_numpy() for column in ("value", "low", "high"))


def _curves(
    axis: Any, part: pd.DataFrame, looks: dict[str, Any], *, from_zero: bool = False
) -> dict[str, Any]:
    """Learners' lines and bands against shots on a logarithmic axis that has 0; handles by label.

    A majority class far below all learners would press them together: unless the axis begins at zero anyway,
    it is then told in words.
    """
    handles: dict[str, Any] = {}
    curve, whole = part[part["shots"] >= 0], part[part["shots"] == ALL_SHOTS]
    alpha = 0.12 if len(looks) <= 4 else 0.06
    for learner, style in looks.items():
        x, value, low, high = _band(curve[curve["learner"] == learner])
        if len(x):
            axis.fill_between(x, low, high, color=style["color"], alpha=alpha, linewidth=0)
            (handles[learner],) = axis.plot(x, value, **style, markeredgecolor="white", markeredgewidth=0.6)
    floor = curve[curve["learner"] == MAJORITY]
    if len(floor):
        x, value, _, _ = _band(floor)
        if from_zero or not _far_below(value, curve):
            (handles["majority class"],) = axis.plot(x, value, color=GREY, linestyle=":", linewidth=1.3)
        else:
            # On the right: lines rise with labels, so there is room below them.
            about = {"transform": axis.transAxes, "fontsize": 7.5, "color": GREY, "ha": "right"}
            ends = dict.fromkeys(f"{end:.0f}" for end in (value.min(), value.max()))
            axis.text(0.98, 0.02, f"majority class: {' to '.join(ends)}, below", **about)
    for row in whole[whole["learner"] != MAJORITY].to_dict("records"):
        # What labels of every training sentence would give: no function of shots, so a line across.
        label = f"{row['learner']}, all training sentences"
        axis.axhspan(100 * row["low"], 100 * row["high"], color=INK, alpha=0.06, linewidth=0)
        handles[label] = axis.axhline(100 * row["value"], color=INK, linestyle="--", linewidth=1.2)
    shots = sorted(curve["shots"].unique())
    axis.set_xscale("function", functions=(np.log1p, np.expm1))
    axis.set_xticks(shots, [str(n) for n in shots])
    axis.xaxis.set_minor_locator(_no_ticks())
    axis.set_xlabel("labelled sentences of the target language")
    axis.margins(x=0.04)
    return handles


def _far_below(floor: Any, curve: pd.DataFrame) -> bool:
    """Is ``floor``, in per cent, further below the learners' bands than half their height?"""
    known = curve[curve["learner"] != MAJORITY]
    if known.empty:
        return False
    low, high = 100 * known["low"].min(), 100 * known["high"].max()
    return bool(floor.max() < low - (high - low) / 2)


def _no_ticks() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def shots_figure(
    frame: pd.DataFrame,
    stem: str | Path,
    *,
    metric: str = "accuracy",
    summary: str = "mean",
    title: str | None = None,
    top: float | None = None,
    learners: Sequence[str] | None = None,
) -> list[Path]:
    """A learner's ``summary`` over targets against shots, with interval bands; a facet a setting.

    Learners that are given all training sentences are lines across. ``title`` stands over a figure of one
    setting in place of its task and layer; with ``top``, the axis goes from 0 to that many per cent.

    ``learners`` (of all figures) keep their colours from figure to figure. Writes ``stem.png`` and
    ``stem.svg`` and returns their paths.
    """
    rows = means_of(frame, metric)
    rows = rows[rows["language"] == summary]
    facets, looks = facets_of(rows), looks_of(rows[rows["shots"] >= 0], learners)
    if title is not None and len(facets) == 1:
        facets = [(title, facets[0][1])]
    with styled():
        figure, axes = panels(len(facets), 4.8 if len(facets) == 1 else 3.6, 3.6, sharey=True)
        handles: dict[str, Any] = {}
        for axis, (heading, part) in zip(axes, facets, strict=True):
            handles |= _curves(axis, part, looks, from_zero=top is not None)
            axis.set_title(heading)
            if top is not None:
                axis.set_ylim(0, top)
        for axis in axes[:: across(len(facets))]:
            axis.set_ylabel(f"{summary} {metric_name(metric)} over languages, %")
        legend(figure, handles, across(len(facets)))
        return write(figure, stem)


def spread_figure(
    frame: pd.DataFrame, stem: str | Path, *, metric: str = "accuracy", learners: Sequence[str] | None = None
) -> list[Path]:
    """Who is left behind: low-resource mean, worst language and spread against shots; a row a setting."""
    rows = means_of(frame, metric)
    rows = rows[rows["language"].isin(_SPREAD)]
    facets, looks = facets_of(rows), looks_of(rows[rows["shots"] >= 0], learners)
    with styled():
        figure, axes = panels(len(_SPREAD) * len(facets), 3.3, 3.0, sharey=False, columns=len(_SPREAD))
        handles: dict[str, Any] = {}
        for place, axis in enumerate(axes):
            title, part = facets[place // len(_SPREAD)]
            summary = list(_SPREAD)[place % len(_SPREAD)]
            handles |= _curves(axis, part[part["language"] == summary], looks)
            axis.set_title(title if place % len(_SPREAD) == 0 else "")
            axis.set_ylabel(f"{metric_name(metric)}, {_SPREAD[summary]}")
        legend(figure, handles, len(_SPREAD))
        return write(figure, stem)


def languages_figure(
    frame: pd.DataFrame,
    stem: str | Path,
    *,
    metric: str = "accuracy",
    shots: int = 0,
    learners: Sequence[str] | None = None,
) -> list[Path]:
    """Every target language at ``shots``: learners as dots with intervals, easiest language on top.

    Writes ``stem.png`` and ``stem.svg`` and returns their paths.
    """
    rows = means_of(frame, metric)
    rows = rows[(rows["shots"] == shots) & ~rows["language"].isin(SUMMARIES)]
    facets, looks = facets_of(rows), looks_of(rows, learners)
    known = rows[rows["learner"] != MAJORITY]
    codes = [str(code) for code in known.groupby("language")["value"].mean().sort_values().index]
    with styled():
        height = dots_height(len(codes), len(looks), across(len(facets)))
        figure, axes = panels(len(facets), 5.2 if len(facets) == 1 else 3.9, height, sharey=True)
        handles: dict[str, Any] = {}
        for axis, (title, part) in zip(axes, facets, strict=True):
            for row in range(0, len(codes), 2):
                axis.axhspan(row - 0.5, row + 0.5, color=STRIPE, linewidth=0, zorder=0)
            drawn = dict(dots(axis, part, codes, looks))
            handles |= {learner: drawn[learner] for learner in looks if learner in drawn}
            floor = part[part["learner"] == MAJORITY].set_index("language").reindex(codes)["value"]
            if floor.notna().any():
                (handles["majority class"],) = axis.plot(
                    100 * floor.to_numpy(), range(len(codes)),
                    color=GREY, marker="|", markersize=8, markeredgewidth=1.4, linestyle="none",
                )  # fmt: skip
            axis.set_yticks(range(len(codes)), [language_name(code) for code in codes])
            axis.set_ylim(-0.5, len(codes) - 0.5)
            axis.tick_params(axis="y", length=0)
            axis.grid(axis="y", visible=False)
            axis.set_title(title)
            axis.set_xlabel(f"{metric_name(metric)}, %, {shots_name(shots)}")
        legend(figure, handles, across(len(facets)))
        return write(figure, stem)
