"""What figures of several settings share: a facet a setting, learners' looks, dots in rows, one legend."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConceptAlignError
from ..evaluation.results import MAJORITY
from .names import language_name, short_revision, task_name
from .style import look
from .tables import SETTING, by_setting


def across(facets: int) -> int:
    """How many facets in a row: three at most, and full rows if there are any."""
    return facets if facets <= 3 else next((n for n in (3, 2) if facets % n == 0), 3)


def facets_of(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
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


def looks_of(frame: pd.DataFrame, learners: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Learners from best to worst mean, without the majority baseline, each with the look of its name.

    ``learners`` are all that are drawn in any figure: with them a learner looks the same in each.
    """
    known = frame[frame["learner"] != MAJORITY]
    means = known.groupby("learner")["value"].mean().sort_values(ascending=False)
    styles = look(sorted({*map(str, means.index), *(learners or ())}))
    return {str(learner): styles[str(learner)] for learner in means.index}


def means_of(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of ``metric`` that are means over draws."""
    return frame[(frame["metric"] == metric) & (frame["draw"] == -1)]


def panels(
    facets: int, width: float, height: float, *, sharey: bool, columns: int | None = None
) -> tuple[Any, list[Any]]:
    """A figure with ``facets`` pairs of axes, each of ``width`` by ``height`` inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = columns or across(facets)
    down = -(-facets // columns)
    figure = Figure(figsize=(width * columns, height * down), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(down, columns, squeeze=False, sharey=sharey).flat)
    for axis in axes[facets:]:
        axis.remove()
    return figure, axes[:facets]


def legend(figure: Any, handles: dict[str, Any], columns: int) -> None:
    """One legend under all ``columns`` of axes."""
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 2 + 2 * columns)
    )


def dots_height(rows: int, learners: int, columns: int) -> float:
    """Inches for ``rows`` of dots, what stands around them, and a legend under ``columns`` of axes."""
    lines = -(-(learners + 1) // (2 + 2 * columns))
    return 0.85 + 0.2 * lines + max(0.6, rows * max(0.24, 0.065 * learners))


def dots(
    axis: Any, part: pd.DataFrame, rows: list[str], looks: dict[str, Any], column: str = "language"
) -> Iterator[tuple[str, Any]]:
    """Every learner's dots with intervals, side by side within a row; ``column`` says which row."""
    step = 0.76 / max(len(looks), 1)
    for place, (learner, style) in enumerate(reversed(looks.items())):
        known = part[part["learner"] == learner].set_index(column).reindex(rows).dropna(subset="value")
        y = np.array([rows.index(row) for row in known.index]) + (place - (len(looks) - 1) / 2) * step
        value, low, high = (100 * known[name].to_numpy() for name in ("value", "low", "high"))
        if not len(known):
            continue
        axis.hlines(y, low, high, color=style["color"], linewidth=1.1, alpha=0.65)
        (handle,) = axis.plot(
            value, y, **style, linestyle="none", markersize=4.4, markeredgecolor="white", markeredgewidth=0.4
        )
        yield learner, handle
