"""What figures share: facets, learners' looks, lines with intervals, dots in rows, axes, one legend.

Frames hold shares in ``value``, ``low`` and ``high``; everything is drawn in per cent.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import NullLocator

from ..errors import ConceptAlignError
from ..evaluation.results import CONDITION, MAJORITY
from .evaluation_tables import by_condition
from .names import language_name, short_revision, task_name
from .style import GREY, INK, STRIPE, Chart, across, look, panels, styled

FLOOR = "majority class"


def facets_of(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """One part per condition, titled by what differs between them (task and layer always)."""
    several = {column for column in CONDITION if frame[column].nunique() > 1}
    if (frame.groupby("model")["revision"].nunique() <= 1).all():
        several.discard("revision")  # each model's name says which
    parts = []
    for condition, part in by_condition(frame):
        model, revision, layer, task, source = condition
        title = f"{task_name(task)}, layer {layer}".capitalize()
        title += f", {model}" if "model" in several else ""
        title += f" ({short_revision(revision)})" if "revision" in several else ""
        title += f", from {language_name(source)}" if "source" in several else ""
        parts.append((title, part))
    if not parts:
        raise ConceptAlignError("no results to draw", remedy="evaluate first")
    return parts


def looks_of(frame: pd.DataFrame, learners: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Learners from best to worst mean, without the majority baseline, each with the look of its name.

    ``learners`` are all that are drawn in any figure: with them a learner looks the same in each.
    """
    known = frame[frame["learner"] != MAJORITY]
    means = known.groupby("learner")["value"].mean().sort_values(ascending=False)
    styles = look(sorted({*map(str, means.index), *(learners or ())}))
    return {str(learner): styles[str(learner)] for learner in means.index}


def percents(rows: pd.DataFrame, *columns: str) -> list[Any]:
    """``columns`` (value, low, high) as arrays, in per cent."""
    return [100 * rows[column].to_numpy(dtype=np.float64) for column in columns or ("value", "low", "high")]


def band(axis: Any, rows: pd.DataFrame, x: str, style: dict[str, Any], *, alpha: float = 0.1) -> Any:
    """A line of ``rows`` against their column ``x`` with its interval; its handle, None without rows."""
    rows = rows.sort_values(x, kind="stable")
    if rows.empty:
        return None
    at, (value, low, high) = rows[x].to_numpy(), percents(rows)
    if np.isfinite(low).any():  # there are no intervals where languages are few
        axis.fill_between(at, low, high, color=style["color"], alpha=alpha, linewidth=0)
    (handle,) = axis.plot(at, value, **style, markeredgecolor="white", markeredgewidth=0.6)
    return handle


def floor_line(axis: Any, rows: pd.DataFrame, x: str) -> Any:
    """The majority class as a dotted line; its handle, None without rows."""
    rows = rows.sort_values(x, kind="stable")
    if rows.empty:
        return None
    (value,) = percents(rows, "value")
    return axis.plot(rows[x].to_numpy(), value, color=GREY, linestyle=":", linewidth=1.3)[0]


def count_axis(axis: Any, numbers: Iterable[int], label: str, *, margin: float = 0.04) -> None:
    """Numbers of sentences or demonstrations on a logarithmic axis that has 0."""
    ticks = sorted(numbers)
    axis.set_xscale("function", functions=(np.log1p, np.expm1))
    axis.set_xticks(ticks, [str(n) for n in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(label)
    axis.margins(x=margin)


def row_axis(axis: Any, names: Sequence[str], *, zero: bool = False) -> None:
    """A striped row for each of ``names``, from below; ``zero`` draws a line at nought."""
    for row in range(0, len(names), 2):
        axis.axhspan(row - 0.5, row + 0.5, color=STRIPE, linewidth=0, zorder=0)
    if zero:
        axis.axvline(0, color=INK, linewidth=0.9, zorder=1)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.5, len(names) - 0.5)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)


@styled()
def dots_figure(
    facets: Sequence[tuple[str, pd.DataFrame]],
    label: str,
    *,
    learners: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    zero: bool = False,
    width: float = 4.3,
) -> Chart:
    """Learners as dots with intervals, side by side within a row; the majority class is a stroke.

    The column ``row`` of each facet (title, rows) says which row; rows are in ``order``, from below, or in
    each facet by the mean of all learners. ``width`` is that of one of several facets.
    """
    looks, columns = looks_of(pd.concat([part for _, part in facets]), learners), across(len(facets))
    lines = -(-(len(looks) + 1) // (2 + 2 * columns))  # of the legend
    many = max(len(order or part["row"].unique()) for _, part in facets)
    height = 0.85 + 0.2 * lines + max(0.6, many * max(0.24, 0.065 * len(looks)))
    figure, axes = panels(len(facets), 5.2 if len(facets) == 1 else width, height, sharey=order is not None)
    handles: dict[str, Any] = {}
    for axis, (title, part) in zip(axes, facets, strict=True):
        rows = list(order or part.groupby("row")["value"].mean().sort_values().index)
        row_axis(axis, rows, zero=zero)
        handles |= dict(_dots(axis, part, rows, looks))
        floor = part[part["learner"] == MAJORITY].set_index("row").reindex(rows)
        if floor["value"].notna().any():
            (handles[FLOOR],) = axis.plot(
                *percents(floor, "value"), range(len(rows)),
                color=GREY, marker="|", markersize=8, markeredgewidth=1.4, linestyle="none",
            )  # fmt: skip
        axis.set(title=title, xlabel=label)
    legend(figure, {name: handles[name] for name in (*looks, FLOOR) if name in handles}, columns)
    return figure


def _dots(axis: Any, part: pd.DataFrame, rows: list[str], looks: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    step = 0.76 / max(len(looks), 1)
    for place, (learner, style) in enumerate(reversed(looks.items())):
        known = part[part["learner"] == learner].set_index("row").reindex(rows).dropna(subset="value")
        if known.empty:
            continue
        y = np.array([rows.index(row) for row in known.index]) + (place - (len(looks) - 1) / 2) * step
        value, low, high = percents(known)
        axis.hlines(y, low, high, color=style["color"], linewidth=1.1, alpha=0.65)
        (handle,) = axis.plot(
            value, y, **style, linestyle="none", markersize=4.4, markeredgecolor="white", markeredgewidth=0.4
        )
        yield learner, handle


def legend(figure: Any, handles: dict[str, Any], columns: int, **options: Any) -> None:
    """One legend under all ``columns`` of axes."""
    known = {name: handle for name, handle in handles.items() if handle is not None}
    options = {"ncols": min(len(known), 2 + 2 * columns), **options}
    figure.legend(known.values(), known.keys(), loc="outside lower center", **options)
