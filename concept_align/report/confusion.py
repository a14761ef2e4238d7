"""A figure of what is called what: a learner's confusions, and how they differ from a reference's."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ConceptAlignError
from .names import shots_name
from .style import styled, write

_WRITTEN = 20  # so many concepts leave room for numbers in the cells
_LEAST = 5.0  # percentages and points below it are not written


def confusion_figure(
    confusion: pd.DataFrame,
    stem: str | Path,
    *,
    learner: str,
    shots: int,
    reference: str | None = None,
    title: str = "",
) -> list[Path]:
    """Shares of each gold concept's words, and their difference from the shares of ``reference``.

    ``confusion`` holds the rows of one setting; each language has equal weight. Concepts are in the order of
    their frequency. Writes ``stem.png`` and ``stem.svg``.
    """
    rows = confusion[(confusion["shots"] == shots) & (confusion["learner"] == learner)]
    if rows.empty:
        raise ConceptAlignError(f"no confusions of {learner} to draw", remedy="evaluate first")
    gold = rows.groupby("gold")["share"].sum().sort_values(ascending=False, kind="stable")
    concepts = [*map(str, gold.index), *sorted(set(rows["predicted"]) - set(gold.index))]
    shown = 100 * _matrix(rows, concepts)
    beside = confusion[(confusion["shots"] == shots) & (confusion["learner"] == reference)]
    said = f"{title}, {shots_name(shots)}".removeprefix(", ")
    with styled():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        side = 1.5 + max(0.19 * len(concepts), 2.4)
        figure = Figure(figsize=(side * (1 if beside.empty else 2) + 0.6, side), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 1 if beside.empty else 2, squeeze=False)[0]
        _panel(figure, axes[0], shown, concepts, f"{said}: {learner}", "of the gold concept's words, %")
        if not beside.empty:
            apart = shown - 100 * _matrix(beside, concepts)
            _panel(figure, axes[1], apart, concepts, f"{learner} less {reference}", "points", diverging=True)
        return write(figure, stem)


def _matrix(rows: pd.DataFrame, concepts: list[str]) -> NDArray[np.float64]:
    """[gold, predicted] shares of the gold concept; rows without words are NaN."""
    table = rows.pivot_table(
        index="gold", columns="predicted", values="of_gold", aggfunc="sum", fill_value=0.0
    )
    return np.asarray(table.reindex(index=concepts).reindex(columns=concepts, fill_value=0.0), np.float64)


def _panel(
    figure: Any,
    axis: Any,
    values: NDArray[np.float64],
    concepts: list[str],
    title: str,
    said: str,
    *,
    diverging: bool = False,
) -> None:
    most = max(float(np.nanmax(np.abs(values))), 1.0)
    image = axis.imshow(
        np.ma.masked_invalid(values),
        cmap="PuOr_r" if diverging else "YlGnBu",
        vmin=-most if diverging else 0,
        vmax=most if diverging else 100,
    )
    places = range(len(concepts))
    axis.set_xticks(places, concepts, rotation=90)
    axis.set_yticks(places, concepts)
    axis.tick_params(length=0, labelsize=7)
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set_title(title)
    axis.set_xlabel("predicted")
    axis.set_ylabel("gold")
    figure.colorbar(image, ax=axis, shrink=0.7, label=said)
    if len(concepts) > _WRITTEN:
        return
    for i, j in zip(*np.nonzero(np.abs(np.nan_to_num(values)) >= _LEAST), strict=True):
        dark = abs(values[i, j]) > (0.55 * most if diverging else 55)
        axis.text(
            j, i, f"{values[i, j]:.0f}".replace("-", "−"), ha="center", va="center", fontsize=5.5,
            color="#FDFDFD" if dark else "#262626",
        )  # fmt: skip
