"""Where the parts of a matrix of languages are on its figure, and the families along its sides."""

from collections.abc import Sequence
from typing import Any

from .families import colours, short_name


def panels(count: int, *, tree: bool) -> tuple[Any, tuple[Any, ...]]:
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


def strips(left: Any, bottom: Any, languages: Sequence[str]) -> None:
    """Each language's code, and the colour of its family, left of and below the matrix."""
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
