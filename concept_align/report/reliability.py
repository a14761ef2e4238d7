"""A reliability diagram: how often predictions are right against how sure they were (Guo et al. 2017)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .facets import across, facets_of, legend
from .names import shots_name
from .style import GREY, look, styled, write

_LEAST = 0.001  # a bin with a smaller share of the words says nothing


def reliability_figure(
    reliability: pd.DataFrame, stem: str | Path, *, shots: int, learners: Sequence[str] | None = None
) -> list[Path]:
    """Accuracy against confidence, and under it the share of words by confidence; a column a setting.

    Below the diagonal a learner is surer than it is right. Bins with fewer than one word in a thousand are
    not drawn. Writes ``stem.png`` and ``stem.svg``.
    """
    facets = facets_of(reliability[reliability["shots"] == shots])
    names = sorted(set.union(*(set(map(str, part["learner"])) for _, part in facets)))
    styles = look(sorted({*names, *(learners or ())}))
    columns = across(len(facets))
    with styled():
        figure, axes = _axes(len(facets), columns)
        handles: dict[str, Any] = {}
        for place, (title, part) in enumerate(facets):
            row, column = 2 * (place // columns), place % columns
            upper, lower = axes[row][column], axes[row + 1][column]
            (handles["confidence = accuracy"],) = upper.plot(
                [0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1.3
            )
            for learner in names:
                style = styles[learner]
                bins = part[part["learner"] == learner].sort_values("bin_low")
                drawn = bins[bins["share"] >= _LEAST]
                x = 100 * drawn["confidence"]
                (handles[learner],) = upper.plot(
                    x, 100 * drawn["accuracy"], **style, markersize=4, markeredgecolor="white",
                    markeredgewidth=0.5, clip_on=False,
                )  # fmt: skip
                middle = 50 * (bins["bin_low"] + bins["bin_high"])
                lower.plot(
                    middle, 100 * bins["share"], color=style["color"], linewidth=1.2, drawstyle="steps-mid"
                )
            upper.set_title(f"{title}, {shots_name(shots)}")
            upper.set_xlim(0, 100)
            upper.set_ylim(0, 100)
            upper.tick_params(labelbottom=False)
            lower.set_xlim(0, 100)
            lower.set_ylim(bottom=0)
            lower.set_xlabel("confidence, %")
            if column == 0:
                upper.set_ylabel("accuracy, %")
                lower.set_ylabel("words, %")
        legend(figure, handles, columns)
        return write(figure, stem)


def _axes(facets: int, columns: int) -> tuple[Any, Any]:
    """Two pairs of axes a facet, one above the other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = -(-facets // columns)
    figure = Figure(figsize=((4.2 if columns == 1 else 3.4) * columns, 4.4 * down), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * down, columns, squeeze=False, height_ratios=[3.2, 1] * down)
    for place in range(facets, down * columns):
        for row in (0, 1):
            axes[2 * (place // columns) + row][place % columns].remove()
    return figure, axes
