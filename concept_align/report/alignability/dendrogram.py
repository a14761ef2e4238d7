"""A figure of the languages as a tree: the more alike their concept spaces, the earlier they join."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import ConceptAlignError
from ..names import task_name
from ..style import GREY, single, styled, write
from .families import Group, colours, full_name, groups
from .labels import headline, wrapped
from .names import measure_name, space_name
from .ordering import Ordering, ordering
from .scores import Matrix
from .sweep import FORMATS


def dendrogram_figure(
    matrix: Matrix,
    stem: str | Path,
    *,
    measure: str,
    task: str = "",
    space: str = "",
    where: str = "",
    title: str | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Average linkage on 1 - score; a link has the colour of a family where all below it belong to it.

    Languages without a value are not in the tree, and are named. Writes ``stem`` in all ``formats``.
    """
    made = ordering(matrix)
    count = len(made.leaves)
    if count < 2:
        raise ConceptAlignError(
            "no tree: fewer than two languages have a value", remedy="compare more languages"
        )
    leaves = [matrix.languages[at] for at in made.order[:count]]
    of = groups(matrix.languages)
    colour_of = colours(matrix.languages)
    with styled():
        figure, axis = single(5.2, 1.35 + (0.135 if count > 24 else 0.18) * count)
        _links(axis, made, matrix, of)
        for at, name in enumerate(leaves):
            axis.plot(0, at, marker="s", markersize=5, color=colour_of[name], markeredgecolor="none",
                      clip_on=False, zorder=4)  # fmt: skip
        axis.set_yticks(range(count), [full_name(name) for name in leaves])
        axis.tick_params(axis="y", length=0, labelsize=7 if count > 24 else 8, pad=6)
        axis.yaxis.tick_right()
        axis.set_ylim(count - 0.3, -0.7)
        axis.set_xlim(1.04 * float(made.linkage[:, 2].max()), 0)
        axis.spines[["left", "right"]].set_visible(False)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(f"1 − {measure_name(measure)}, mean between the two sides of a link")
        parts = [where, space_name(space) if space else "", f"{count} languages, average linkage"]
        below = wrapped(", ".join(part for part in parts if part), 80)
        if matrix.empty:
            below += "\n" + wrapped(
                f"not in the tree, no value: {', '.join(map(full_name, matrix.empty))}", 80
            )
        what = task_name(task) if task else "concepts"
        headline(axis, title or f"{what}: which languages are alike".capitalize(), below)
        _legend(figure, of, leaves)
        return write(figure, stem, formats=formats)


def _links(axis: Any, made: Ordering, matrix: Matrix, of: tuple[Group, ...]) -> None:
    """Every link of the tree, coloured where it holds together one family."""
    group_of = {name: group for group in of for name in group.languages}
    for link in made.links():
        below = {group_of[matrix.languages[at]] for at in link.members}
        group = below.pop()
        one = not below and not group.mixed
        places, heights = link.path
        axis.plot(
            heights, places, color=group.colour if one else GREY, linewidth=1.6 if one else 1.0,
            solid_joinstyle="miter", solid_capstyle="projecting", zorder=3 if one else 2,
        )  # fmt: skip


def _legend(figure: Any, of: tuple[Group, ...], leaves: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="s", linestyle="none", markersize=5, color=group.colour, label=group.name)
        for group in of
        if set(group.languages) & set(leaves)
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, fontsize=7.5, handletextpad=0.2,
        columnspacing=1.2,
    )  # fmt: skip
