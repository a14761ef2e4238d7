"""Figures of an evaluation: accuracy against shots, and every language by itself."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConceptAlignError
from ..evaluation.baselines import MAJORITY
from ..evaluation.summary import SUMMARIES
from .names import METRIC_TITLES, language_name, short_revision, shots_name, task_name
from .style import GREY, STRIPE, look, styled, write
from .tables import SETTING, by_setting


def _across(facets: int) -> int:
    """How many facets in a row: three at most, and full rows if there are any."""
    return facets if facets <= 3 else next((n for n in (3, 2) if facets % n == 0), 3)


def _facets(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """One part a setting, titled by what differs between them (task and layer always)."""
    several = [column for column in SETTING if frame[column].nunique() > 1]
    parts = []
    for setting, part in by_setting(frame):
        model, revision, layer, task, source = setting
        title = f"{task_name(task)}, layer {layer}".capitalize()
        title += f", {model}" if "model" in several else ""
        title += f" ({short_revision(revision)})" if "revision" in several else ""
        title += f", from {language_name(source)}" if "source" in several else ""
        parts.append((title, part))
    if not parts:
        raise ConceptAlignError("no results to draw", remedy="evaluate first")
    return parts


def _ordered(frame: pd.DataFrame) -> list[str]:
    """Learners from best to worst mean, without the majority baseline."""
    known = frame[frame["learner"] != MAJORITY]
    return [str(name) for name in known.groupby("learner")["value"].mean().sort_values(ascending=False).index]


def _grid(facets: Sequence[Any], width: float, height: float, *, sharey: bool) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = _across(len(facets))
    down = -(-len(facets) // across)
    figure = Figure(figsize=(width * across, height * down), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(down, across, squeeze=False, sharey=sharey).flat)
    for axis in axes[len(facets) :]:
        axis.remove()
    return figure, axes[: len(facets)]


def _legend(figure: Any, handles: dict[str, Any], across: int) -> None:
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 2 + 2 * across)
    )


def _means(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    return frame[(frame["metric"] == metric) & (frame["draw"] == -1)]


def _band(part: pd.DataFrame, places: dict[int, int]) -> tuple[Any, ...]:
    rows = part.sort_values("shots")
    x = np.array([places[shots] for shots in rows["shots"]])
    return x, *(100 * rows[column].to_numpy() for column in ("value", "low", "high"))


def shots_figure(
    frame: pd.DataFrame,
    stem: str | Path,
    *,
    metric: str = "accuracy",
    summary: str = "mean",
    title: str | None = None,
    top: float | None = None,
) -> list[Path]:
    """A learner's ``summary`` over targets against shots, with interval bands; a facet a setting.

    ``title`` stands over a figure of one setting in place of its task and layer; with ``top``, the axis goes
    from 0 to that many per cent.

    Writes ``stem.png`` and ``stem.svg`` and returns their paths.
    """
    rows = _means(frame, metric)
    rows = rows[rows["language"] == summary]
    facets, learners = _facets(rows), _ordered(rows)
    if title is not None and len(facets) == 1:
        facets = [(title, facets[0][1])]
    with styled():
        figure, axes = _grid(facets, 4.8 if len(facets) == 1 else 3.6, 3.6, sharey=True)
        looks, handles = look(sorted(learners)), {}
        for axis, (heading, part) in zip(axes, facets, strict=True):
            shots = sorted(part["shots"].unique())
            places = {n: place for place, n in enumerate(shots)}
            for learner in learners:
                x, value, low, high = _band(part[part["learner"] == learner], places)
                if not len(x):
                    continue
                axis.fill_between(x, low, high, color=looks[learner]["color"], alpha=0.10, linewidth=0)
                (handles[learner],) = axis.plot(
                    x, value, **looks[learner], markeredgecolor="white", markeredgewidth=0.6
                )
            floor = part[part["learner"] == MAJORITY]
            if len(floor):
                x, value, _, _ = _band(floor, places)
                (handles["majority class"],) = axis.plot(x, value, color=GREY, linestyle=":", linewidth=1.3)
            axis.set_title(heading)
            axis.set_xticks(range(len(shots)), [str(n) for n in shots])
            axis.set_xlabel("labelled sentences of the target language")
            axis.margins(x=0.04)
            if top is not None:
                axis.set_ylim(0, top)
        for axis in axes[:: _across(len(facets))]:
            axis.set_ylabel(f"{summary} {METRIC_TITLES[metric]} over languages, %")
        _legend(figure, handles, _across(len(facets)))
        return write(figure, stem)


def _dots(
    axis: Any, part: pd.DataFrame, codes: list[str], looks: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Every learner's dots with intervals, side by side within a language's row."""
    step = 0.76 / max(len(looks), 1)
    for place, (learner, style) in enumerate(reversed(looks.items())):
        rows = part[part["learner"] == learner].set_index("language").reindex(codes).dropna(subset="value")
        y = np.array([codes.index(code) for code in rows.index]) + (place - (len(looks) - 1) / 2) * step
        value, low, high = (100 * rows[column].to_numpy() for column in ("value", "low", "high"))
        if not len(rows):
            continue
        axis.hlines(y, low, high, color=style["color"], linewidth=1.1, alpha=0.65)
        (handle,) = axis.plot(
            value, y, **style, linestyle="none", markersize=4.4, markeredgecolor="white", markeredgewidth=0.4
        )
        yield learner, handle


def languages_figure(
    frame: pd.DataFrame, stem: str | Path, *, metric: str = "accuracy", shots: int = 0
) -> list[Path]:
    """Every target language at ``shots``: learners as dots with intervals, easiest language on top.

    Writes ``stem.png`` and ``stem.svg`` and returns their paths.
    """
    rows = _means(frame, metric)
    rows = rows[(rows["shots"] == shots) & ~rows["language"].isin(SUMMARIES)]
    facets, learners = _facets(rows), _ordered(rows)
    styles = look(sorted(learners))
    looks = {learner: styles[learner] for learner in learners}
    known = rows[rows["learner"] != MAJORITY]
    codes = [str(code) for code in known.groupby("language")["value"].mean().sort_values().index]
    with styled():
        height = 1.0 + len(codes) * max(0.24, 0.065 * len(learners))
        figure, axes = _grid(facets, 5.2 if len(facets) == 1 else 3.9, height, sharey=True)
        handles: dict[str, Any] = {}
        for axis, (title, part) in zip(axes, facets, strict=True):
            for row in range(0, len(codes), 2):
                axis.axhspan(row - 0.5, row + 0.5, color=STRIPE, linewidth=0, zorder=0)
            drawn = dict(_dots(axis, part, codes, looks))
            handles |= {learner: drawn[learner] for learner in learners if learner in drawn}
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
            axis.set_xlabel(f"{METRIC_TITLES[metric]}, %, {shots_name(shots)}")
        _legend(figure, handles, _across(len(facets)))
        return write(figure, stem)
