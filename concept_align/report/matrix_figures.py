"""Figures of all pairs of languages: a heatmap ordered by a tree, and the tree by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from ..correspondence.table import LEVEL
from ..errors import ConceptAlignError
from .families import colours, groups
from .labels import SOFT, headline, wrapped
from .names import full_name, measure_name, short_name, space_name, task_name
from .score_matrix import LanguageTree, ScoreMatrix, language_tree
from .style import GREY, INK, STRIPE, Chart, empty, single, styled

COLOUR_MAP = "YlGnBu"
_DARK_MARK, _LIGHT_MARK = "#262626", "#FDFDFD"
_MANY = 24  # more languages than this are drawn smaller


@styled()
def heatmap_figure(
    grid: ScoreMatrix,
    *,
    measure: str,
    task: str = "",
    space: str = "",
    where: str = "",
    order: Sequence[int] | None = None,
    limits: tuple[float, float] | None = None,
    marks: Mapping[str, float] | None = None,
    title: str | None = None,
) -> Chart:
    """Scores of every pair, rows by columns; a dot where q is not below 0.05.

    Languages are in ``order`` (places in the matrix), or in that of average linkage on 1 - score, whose tree
    is then drawn on top. A pair without a value is hatched, and languages without any are named. ``limits``
    are the ends of the colours, ``marks`` values shown at the colour bar ("null", "ceiling"), ``where`` says
    the model and layer.
    """
    made = language_tree(grid) if order is None else None
    shown = grid.ordered(made.order if made else list(order or ()))
    low, high = limits or _limits(shown.values)
    count = len(shown.languages)
    figure, (top, axis, bar, left, bottom) = _panels(count, tree=made is not None)
    colour_map = matplotlib.colormaps[COLOUR_MAP]
    edges = np.arange(count + 1) - 0.5
    axis.patch.set(facecolor=STRIPE, edgecolor=GREY, hatch="///////", linewidth=0)
    mesh = axis.pcolormesh(
        edges, edges, np.ma.masked_invalid(shown.values), cmap=colour_map, vmin=low, vmax=high,
        edgecolor="white", linewidth=0.25,
    )  # fmt: skip
    for at in np.flatnonzero(~np.isfinite(np.diag(shown.values))):  # a language with itself is no pair
        axis.add_patch(Rectangle((at - 0.5, at - 0.5), 1, 1, facecolor="white", edgecolor="white"))
    dotted = _dots(axis, shown, colour_map, low, high)
    _strips(left, bottom, shown.languages)
    if made is not None:
        _tree(top, made)
    _bar(figure, mesh, bar, measure_name(measure), marks or {})
    over = axis if made is None else top
    title = title or f"{task_name(task) if task else 'concepts'}, pair by pair".capitalize()
    over.set_title(title, pad=8 + 9 * _said(over, shown, where, space, ordered=made is not None, dots=dotted))
    figure.legend(
        handles=[Patch(facecolor=group.colour, label=group.name) for group in groups(shown.languages)],
        loc="upper center", bbox_to_anchor=(0.5, 0.5 / figure.get_size_inches()[1]), fontsize=7,
        ncols=max(2, int(figure.get_size_inches()[0] / 1.25)), handlelength=1, handleheight=1,
        columnspacing=1.2,
    )  # fmt: skip
    return figure


def _panels(count: int, *, tree: bool) -> tuple[Chart, tuple[Any, ...]]:
    """A figure with tree, matrix, colour bar, and the strips of families left of and below the matrix."""
    cell = 0.128 if count > _MANY else 0.17 if count > 12 else 0.26
    side = max(cell * count, 1.9)
    strip, gap, x, y = 0.11, 0.03, 0.55, 0.9
    height = 0.55 if tree else 0.0
    figure = empty(side + 1.7, side + height + 1.6, layout=None)
    whole = figure.get_size_inches()

    def panel(left: float, low: float, width: float, tall: float) -> Any:
        return figure.add_axes((left / whole[0], low / whole[1], width / whole[0], tall / whole[1]))

    axis = panel(x, y, side, side)
    left = panel(x - strip - gap, y, strip, side)
    bottom = panel(x, y - strip - gap, side, strip)
    bar = panel(x + side + 0.16, y, 0.13, min(side, 2.6))
    top = panel(x, y + side + gap, side, height) if tree else None
    for of in (left, bottom, axis, *([top] if top is not None else [])):
        of.set(xticks=[], yticks=[])
        of.grid(visible=False)
        of.spines[:].set_visible(False)
        of.tick_params(length=0, labelsize=5.6 if count > _MANY else 7, pad=1.5)
    for of in (axis, left):
        of.set_ylim(count - 0.5, -0.5)
    for of in (axis, bottom):
        of.set_xlim(-0.5, count - 0.5)
    left.set_xlim(0, 1)
    bottom.set_ylim(0, 1)
    return figure, (top, axis, bar, left, bottom)


def _strips(left: Any, bottom: Any, languages: Sequence[str]) -> None:
    """Each language's code, and the colour of its family, left of and below the matrix."""
    colour_of, places = colours(languages), range(len(languages))
    look: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.4}
    look["color"] = [colour_of[name] for name in languages]
    left.barh(places, 1, 1, **look)
    bottom.bar(places, 1, 1, **look)
    names = [short_name(name) for name in languages]
    left.set_yticks(places, names)
    bottom.set_xticks(places, names, rotation=90)


def _limits(values: Any) -> tuple[float, float]:
    """The ends of the values off the diagonal, rounded outwards to twentieths."""
    others = values[~np.eye(len(values), dtype=bool) & np.isfinite(values)]
    if not len(others):
        return 0.0, 1.0
    low, high = np.floor(20 * others.min()) / 20, np.ceil(20 * others.max()) / 20
    return float(low), float(high if high > low else low + 0.05)


def _dots(axis: Any, grid: ScoreMatrix, colour_map: Any, low: float, high: float) -> bool:
    """A dot in every cell that could be chance; dark on light and light on dark."""
    there = np.isfinite(grid.values) & np.isfinite(grid.q) & (grid.q >= LEVEL)
    np.fill_diagonal(there, False)
    rows, columns = np.nonzero(there)
    colours_of = colour_map((grid.values[rows, columns] - low) / (high - low))
    dark = colours_of[:, :3] @ (0.2126, 0.7152, 0.0722) < 0.45
    size = 2.2 if len(grid.languages) > _MANY else 5
    for of, colour in ((dark, _LIGHT_MARK), (~dark, _DARK_MARK)):
        axis.scatter(columns[of], rows[of], s=size, color=colour, linewidths=0, zorder=3)
    return bool(len(rows))


def _tree(axis: Any, made: LanguageTree) -> None:
    links = made.links()
    for link in links:
        axis.plot(link.places, link.heights, color=SOFT, linewidth=0.6, solid_joinstyle="miter")
    axis.set_xlim(-0.5, len(made.order) - 0.5)
    axis.set_ylim(0, 1.02 * max((link.heights.max() for link in links), default=1.0))


def _bar(figure: Any, mesh: Any, axis: Any, label: str, marks: Mapping[str, float]) -> None:
    bar = figure.colorbar(mesh, cax=axis)
    bar.solids.set_rasterized(False)  # a drawing has no pictures in it
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


def _said(axis: Any, grid: ScoreMatrix, where: str, space: str, *, ordered: bool, dots: bool) -> int:
    """The lines below the title; how many there are."""
    own = np.eye(len(grid.languages), dtype=bool)
    there = np.isfinite(grid.values) & ~own
    pairs = int((there | there.T).sum()) // 2
    parts = [where, space_name(space) if space else "", f"{pairs:,} pairs"]
    said = ", ".join(part for part in (*parts, "ordered by average linkage" * ordered) if part)
    said += f"\ndots: could be chance (q ≥ {LEVEL:g})" if dots else ""
    if grid.empty:
        said += f"\nhatched, no value: {', '.join(full_name(name) for name in grid.empty)}"
    elif (~there & ~own).any():
        said += "\nhatched: no value"
    lines = wrapped(said, int(17 * axis.get_position().width * axis.figure.get_size_inches()[0]))
    axis.annotate(
        lines, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=7.5,
        color=INK, ha="left", va="bottom", annotation_clip=False,
    )  # fmt: skip
    return lines.count("\n") + 1


@styled()
def dendrogram_figure(
    grid: ScoreMatrix,
    *,
    measure: str,
    task: str = "",
    space: str = "",
    where: str = "",
) -> Chart:
    """Average linkage on 1 - score; a link has the colour of a family where all below it belong to it.

    Languages without a value are not in the tree, and are named. Raises ConceptAlignError for fewer than two
    languages with one.
    """
    made = language_tree(grid)
    count = len(made.leaves)
    if count < 2:
        raise ConceptAlignError(
            "no tree: fewer than two languages have a value", remedy="compare more languages"
        )
    leaves = [grid.languages[at] for at in made.order[:count]]
    of, colour_of = groups(grid.languages), colours(grid.languages)
    group_of = {name: group for group in of for name in group.languages}
    figure, axis = single(5.2, 1.35 + (0.135 if count > _MANY else 0.18) * count)
    for link in made.links():
        below = {group_of[grid.languages[at]] for at in link.members}
        group = next(iter(below))
        one = len(below) == 1 and not group.mixed
        axis.plot(
            link.heights, link.places, color=group.colour if one else GREY, linewidth=1.6 if one else 1.0,
            solid_joinstyle="miter", solid_capstyle="projecting", zorder=3 if one else 2,
        )  # fmt: skip
    square: dict[str, Any] = {"marker": "s", "markersize": 5}
    for at, name in enumerate(leaves):
        axis.plot(0, at, color=colour_of[name], markeredgecolor="none", clip_on=False, zorder=4, **square)
    axis.set_yticks(range(count), [full_name(name) for name in leaves])
    axis.tick_params(axis="y", length=0, labelsize=7 if count > _MANY else 8, pad=6)
    axis.yaxis.tick_right()
    axis.set_ylim(count - 0.3, -0.7)
    axis.set_xlim(1.04 * float(made.linkage[:, 2].max()), 0)
    axis.spines[["left", "right"]].set_visible(False)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(f"1 − {measure_name(measure)}, mean between the two sides of a link")
    parts = [where, space_name(space) if space else "", f"{count} languages, average linkage"]
    gone = f"not in the tree, no value: {', '.join(map(full_name, grid.empty))}" if grid.empty else ""
    said = ", ".join(part for part in parts if part)
    title = f"{task_name(task) if task else 'concepts'}: which languages are alike".capitalize()
    headline(axis, title, said, gone, width=80)
    handles = [
        Line2D([], [], linestyle="none", color=group.colour, label=group.name, **square)
        for group in of
        if set(group.languages) & set(leaves)
    ]
    legend = {"ncols": 3, "fontsize": 7.5, "handletextpad": 0.2, "columnspacing": 1.2}
    figure.legend(handles=handles, loc="outside lower center", **legend)
    return figure
