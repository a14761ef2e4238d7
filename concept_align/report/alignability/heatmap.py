"""A figure of all pairs: languages by languages, ordered by a tree, with their families beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...alignability.means import LEVEL
from ..names import task_name
from ..style import GREY, INK, STRIPE, styled, write
from .families import colours, full_name, groups, short_name
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
) -> list[Path]:
    """Scores of every pair, rows by columns; a dot where q is not below 0.05.

    Languages are in ``order`` (places in the matrix), or in that of average linkage on 1 - score, whose tree
    then stands on top. A pair without a value is hatched, and languages without any are named. ``limits``
    are the ends of the colours, ``marks`` values shown at the colour bar ("null", "ceiling"), ``where`` says
    the model and layer. Writes ``stem.png``, ``.svg`` and ``.pdf``.
    """
    made = ordering(matrix) if order is None else None
    shown = matrix.ordered(made.order if made else list(order or ()))
    values = np.ma.masked_invalid(shown.values)
    low, high = limits or _limits(shown.values)
    count = len(shown.languages)
    with styled():
        import matplotlib

        figure, (top, axis, bar, left, bottom) = _panels(count, tree=made is not None)
        colour_map = matplotlib.colormaps[COLOUR_MAP]
        edges = np.arange(count + 1) - 0.5
        axis.patch.set(facecolor=STRIPE, edgecolor=GREY, hatch="///////", linewidth=0)
        mesh = axis.pcolormesh(
            edges, edges, values, cmap=colour_map, vmin=low, vmax=high, edgecolor="white", linewidth=0.25
        )
        _diagonal(axis, shown.values)
        dots = _dots(axis, shown, colour_map, low, high)
        _strips(left, bottom, shown.languages)
        if made is not None and top is not None:
            _tree(top, made)
        _bar(figure, mesh, bar, measure_name(measure), marks or {})
        over = top if top is not None else axis
        over.set_title(
            title or f"{task_name(task) if task else 'concepts'}, pair by pair".capitalize(),
            pad=8 + 9 * _said(over, shown, where, space, made, dots=dots),
        )
        _legend(figure, shown.languages, dots=dots)
        return write(figure, stem, formats=FORMATS)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of what is there beside the diagonal, rounded outwards to twentieths."""
    beside = values[~np.eye(len(values), dtype=bool) & np.isfinite(values)]
    if not len(beside):
        return 0.0, 1.0
    low, high = np.floor(20 * beside.min()) / 20, np.ceil(20 * beside.max()) / 20
    return float(low), float(high if high > low else low + 0.05)


def _panels(count: int, *, tree: bool) -> tuple[Any, tuple[Any, ...]]:
    """A figure with tree, matrix, colour bar, and the strips of families left of and below the matrix."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cell = 0.128 if count > 24 else 0.17 if count > 12 else 0.26
    side = max(cell * count, 1.9)
    strip = 0.11
    height = 0.55 if tree else 0.0
    figure = Figure(figsize=(side + 1.7, side + height + 1.6))
    FigureCanvasAgg(figure)
    width_all, height_all = figure.get_size_inches()
    gap, base = 0.03, 0.9

    def panel(x: float, y: float, width: float, tall: float) -> Any:
        return figure.add_axes((x / width_all, y / height_all, width / width_all, tall / height_all))

    x = 0.55
    axis = panel(x, base, side, side)
    left = panel(x - strip - gap, base, strip, side)
    bottom = panel(x, base - strip - gap, side, strip)
    bar = panel(x + side + 0.16, base, 0.13, min(side, 2.6))
    top = panel(x, base + side + gap, side, height) if tree else None
    size = 5.6 if count > 24 else 7
    for of in (left, bottom, axis, *([top] if top is not None else [])):
        of.set(xticks=[], yticks=[])
        of.grid(visible=False)
        of.spines[:].set_visible(False)
        of.tick_params(length=0, labelsize=size, pad=1.5)
    for of in (axis, left):
        of.set_ylim(count - 0.5, -0.5)
    for of in (axis, bottom):
        of.set_xlim(-0.5, count - 0.5)
    left.set_xlim(0, 1)
    bottom.set_ylim(0, 1)
    return figure, (top, axis, bar, left, bottom)


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


def _strips(left: Any, bottom: Any, languages: Sequence[str]) -> None:
    from matplotlib.patches import Rectangle

    colour_of = colours(languages)
    for at, name in enumerate(languages):
        left.add_patch(
            Rectangle((0, at - 0.5), 1, 1, facecolor=colour_of[name], edgecolor="white", linewidth=0.4)
        )
        bottom.add_patch(
            Rectangle((at - 0.5, 0), 1, 1, facecolor=colour_of[name], edgecolor="white", linewidth=0.4)
        )
    names = [short_name(name) for name in languages]
    left.set_yticks(range(len(names)), names)
    bottom.set_xticks(range(len(names)), names, rotation=90)


def _tree(axis: Any, made: Ordering) -> None:
    links = made.links()
    for link in links:
        axis.plot(*link.path, color=SOFT, linewidth=0.6, solid_joinstyle="miter")
    axis.set_xlim(-0.5, len(made.order) - 0.5)
    axis.set_ylim(0, 1.02 * max((link.height for link in links), default=1.0))


def _bar(figure: Any, mesh: Any, axis: Any, label: str, marks: dict[str, float]) -> None:
    bar = figure.colorbar(mesh, cax=axis)
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
        color=SOFT, ha="left", va="bottom", annotation_clip=False,
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
