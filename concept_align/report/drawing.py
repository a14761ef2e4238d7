"""What figures share: facets, learners' looks, lines with intervals, dots in rows, axes, one legend.

Frames hold shares in ``value``, ``low`` and ``high``; everything is drawn in per cent.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import NullLocator

from ..errors import ConceptAlignError
from ..evaluation.results import MAJORITY, SETTING
from .evaluation_tables import by_setting
from .names import language_name, short_revision, task_name
from .style import GREY, INK, STRIPE, look

FLOOR = "majority class"


def facets_of(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """One part per setting, titled by what differs between them (task and layer always)."""
    several = {column for column in SETTING if frame[column].nunique() > 1}
    if (frame.groupby("model")["revision"].nunique() <= 1).all():
        several.discard("revision")  # each model's name says which
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
    axis.fill_between(at, low, high, color=style["color"], alpha=alpha, linewidth=0)
    (handle,) = axis.plot(at, value, **style, markeredgecolor="white", markeredgewidth=0.6)
    return handle


def floor_line(axis: Any, rows: pd.DataFrame, x: str) -> Any:
    """The majority class as a dotted line; its handle, None without rows."""
    rows = rows.sort_values(x, kind="stable")
    if rows.empty:
        return None
    return axis.plot(rows[x].to_numpy(), *percents(rows, "value"), color=GREY, linestyle=":", linewidth=1.3)[
        0
    ]


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


def dots(
    axis: Any, part: pd.DataFrame, rows: list[str], looks: dict[str, Any], column: str = "language"
) -> Iterator[tuple[str, Any]]:
    """Every learner's dots with intervals, side by side within a row; ``column`` says which row."""
    step = 0.76 / max(len(looks), 1)
    for place, (learner, style) in enumerate(reversed(looks.items())):
        known = part[part["learner"] == learner].set_index(column).reindex(rows).dropna(subset="value")
        if known.empty:
            continue
        y = np.array([rows.index(row) for row in known.index]) + (place - (len(looks) - 1) / 2) * step
        value, low, high = percents(known)
        axis.hlines(y, low, high, color=style["color"], linewidth=1.1, alpha=0.65)
        (handle,) = axis.plot(
            value, y, **style, linestyle="none", markersize=4.4, markeredgecolor="white", markeredgewidth=0.4
        )
        yield learner, handle


def dots_height(rows: int, learners: int, columns: int) -> float:
    """Inches for ``rows`` of dots, what is around them, and a legend under ``columns`` of axes."""
    lines = -(-(learners + 1) // (2 + 2 * columns))
    return 0.85 + 0.2 * lines + max(0.6, rows * max(0.24, 0.065 * learners))


def legend(figure: Any, handles: dict[str, Any], columns: int, **options: Any) -> None:
    """One legend under all ``columns`` of axes."""
    known = {name: handle for name, handle in handles.items() if handle is not None}
    options = {"ncols": min(len(known), 2 + 2 * columns), **options}
    figure.legend(known.values(), known.keys(), loc="outside lower center", **options)
