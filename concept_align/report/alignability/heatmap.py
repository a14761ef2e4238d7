"""A figure of all pairs: languages by languages, ordered by a tree, with their families beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...correspondence.table import LEVEL
from ..names import task_name
from ..style import GREY, INK, STRIPE, styled, write
from .families import full_name, groups
from .grid import panels, strips
from .labels import SOFT, wrapped
from .names import measure_name, space_name
from .ordering import Ordering, ordering
from .scores import Matrix
from .sweep import FORMATS

COLOUR_MAP = "YlGnBu"
# Marks in cells do not follow the page into the dark, as the colours of cells do not: so no colour of the
# style, which :mod:`concept_align.report.inline` would make a variable of.
_DARK_MARK, _LIGHT_MARK = "#262626", "#FDFDFD"


def heatmap_figure(
    matrix: Matrix,
    stem: str | Path,
    *,
    measure: str,
    task: str = "",
    space: str = "",
    where: str = "",
    order: Sequence[int] | None = None,
    limits: tuple[float, float] | None = None,
    marks: dict[str, float] | None = None,
    title: str | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Scores of every pair, rows by columns; a dot where q is not below 0.05.

    Languages are in ``order`` (places in the matrix), or in that of average linkage on 1 - score, whose tree
    then stands on top. A pair without a value is hatched, and languages without any are named. ``limits``
    are the ends of the colours, ``marks`` values shown at the colour bar ("null", "ceiling"), ``where`` says
    the model and layer. Writes ``stem`` in all ``formats``.
    """
    made = ordering(matrix) if order is None else None
    shown = matrix.ordered(made.order if made else list(order or ()))
    values = np.ma.masked_invalid(shown.values)
    low, high = limits or _limits(shown.values)
    count = len(shown.languages)
    with styled():
        import matplotlib

        figure, (top, axis, bar, left, bottom) = panels(count, tree=made is not None)
        colour_map = matplotlib.colormaps[COLOUR_MAP]
        edges = np.arange(count + 1) - 0.5
        axis.patch.set(facecolor=STRIPE, edgecolor=GREY, hatch="///////", linewidth=0)
        mesh = axis.pcolormesh(
            edges, edges, values, cmap=colour_map, vmin=low, vmax=high, edgecolor="white", linewidth=0.25
        )
        _diagonal(axis, shown.values)
        dots = _dots(axis, shown, colour_map, low, high)
        strips(left, bottom, shown.languages)
        if made is not None and top is not None:
            _tree(top, made)
        _bar(figure, mesh, bar, measure_name(measure), marks or {})
        over = top if top is not None else axis
        over.set_title(
            title or f"{task_name(task) if task else 'concepts'}, pair by pair".capitalize(),
            pad=8 + 9 * _said(over, shown, where, space, made, dots=dots),
        )
        _legend(figure, shown.languages, dots=dots)
        return write(figure, stem, formats=formats)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of what is there beside the diagonal, rounded outwards to twentieths."""
    beside = values[~np.eye(len(values), dtype=bool) & np.isfinite(values)]
    if not len(beside):
        return 0.0, 1.0
    low, high = np.floor(20 * beside.min()) / 20, np.ceil(20 * beside.max()) / 20
    return float(low), float(high if high > low else low + 0.05)


def _diagonal(axis: Any, values: NDArray[np.float64]) -> None:
    """A language beside itself is no pair: left white, unless it has a value."""
    from matplotlib.patches import Rectangle

    for at in np.flatnonzero(~np.isfinite(np.diag(values))):
        axis.add_patch(Rectangle((at - 0.5, at - 0.5), 1, 1, facecolor="white", edgecolor="white"))


def _dots(axis: Any, matrix: Matrix, colour_map: Any, low: float, high: float) -> bool:
    """A dot in every cell that could be chance; dark on light and light on dark."""
    there = np.isfinite(matrix.values) & np.isfinite(matrix.q) & (matrix.q >= LEVEL)
    np.fill_diagonal(there, False)
    rows, columns = np.nonzero(there)
    colours_of = colour_map((matrix.values[rows, columns] - low) / (high - low))
    dark = colours_of[:, :3] @ (0.2126, 0.7152, 0.0722) < 0.45
    size = 2.2 if len(matrix.languages) > 24 else 5
    for light_mark in (True, False):
        of = dark == light_mark
        colour = _LIGHT_MARK if light_mark else _DARK_MARK
        axis.scatter(columns[of], rows[of], s=size, color=colour, linewidths=0, zorder=3)
    return bool(len(rows))


def _tree(axis: Any, made: Ordering) -> None:
    links = made.links()
    for link in links:
        axis.plot(*link.path, color=SOFT, linewidth=0.6, solid_joinstyle="miter")
    axis.set_xlim(-0.5, len(made.order) - 0.5)
    axis.set_ylim(0, 1.02 * max((link.height for link in links), default=1.0))


def _bar(figure: Any, mesh: Any, axis: Any, label: str, marks: dict[str, float]) -> None:
    bar = figure.colorbar(mesh, cax=axis)
    bar.solids.set_rasterized(False)  # a page of drawings has no pictures in it
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8)
    axis.tick_params(labelsize=7, length=2)
    axis.grid(visible=False)
    low, high = mesh.get_clim()
    for name, value in marks.items():
        if low <= value <= high:
            axis.axhline(value, color=_DARK_MARK, linewidth=1.2)
            axis.annotate(
                name, (0, value), xytext=(-2, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va="center", fontsize=6.5, color=INK, rotation=90,
            )  # fmt: skip


def _said(axis: Any, matrix: Matrix, where: str, space: str, made: Ordering | None, *, dots: bool) -> int:
    """The lines below the title; how many there are."""
    beside = np.isfinite(matrix.values) & ~np.eye(len(matrix.languages), dtype=bool)
    pairs = int((beside | beside.T).sum()) // 2
    parts = [where, space_name(space) if space else "", f"{pairs:,} pairs"]
    if made is not None:
        parts.append("ordered by average linkage")
    said = ", ".join(part for part in parts if part)
    if dots:
        said += f"\ndots: could be chance (q ≥ {LEVEL:g})"
    if matrix.empty:
        said += f"\nhatched, no value: {', '.join(full_name(name) for name in matrix.empty)}"
    elif (~beside & ~np.eye(len(beside), dtype=bool)).any():
        said += "\nhatched: no value"
    lines = wrapped(said, int(17 * axis.get_position().width * axis.figure.get_size_inches()[0]))
    axis.annotate(
        lines, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=7.5,
        color=INK, ha="left", va="bottom", annotation_clip=False,
    )  # fmt: skip
    return lines.count("\n") + 1


def _legend(figure: Any, languages: Sequence[str], *, dots: bool) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=group.colour, label=group.name) for group in groups(languages)]
    across = max(2, int(figure.get_size_inches()[0] / 1.25))
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.5 / figure.get_size_inches()[1]),
        ncols=across, fontsize=7, handlelength=1, handleheight=1, columnspacing=1.2,
    )  # fmt: skip
