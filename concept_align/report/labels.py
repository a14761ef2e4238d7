"""Words in a figure: a headline, labels at the end of lines, and labels next to points that hide nothing.

A label next to a point takes the cheapest of some hundred places around it: covering another label costs
most, then a point, then a line, then distance. Labels are placed in turn, then each again as long as one
moves. No draw is random: equal figures give equal bytes.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .style import INK

Floats = NDArray[np.float64]
SOFT = "#555555"  # of lines
ROUNDS = 12
_NONE: Floats = np.empty((0, 2))
# Prices of one label covered, one point covered, one sample of a line covered, and a pixel of distance.
_LABEL, _POINT, _LINE, _PIXEL = 400.0, 60.0, 4.0, 1.0
_LEADS = 25.0  # a sample of a label's own line
_LEAD = np.linspace(0.2, 0.8, 4)[:, None, None]
_PAD, _RADIUS = 1.5, 4.0  # pixels around a box, and half a marker


@dataclass(frozen=True)
class Label:
    """``text`` for the point (``x``, ``y``), in data coordinates."""

    x: float
    y: float
    text: str
    colour: str = INK
    size: float = 7.5
    bold: bool = False


def headline(axis: Any, title: str, *lines: str, width: int = 84) -> None:
    """``title`` over the axes and, smaller, ``lines`` below it, of at most ``width`` letters."""
    below = wrapped("\n".join(line for line in lines if line), width)
    axis.set_title(title + ("\n" * (1 + below.count("\n")) if below else ""))
    if below:
        axis.annotate(
            below, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points",
            fontsize=7.5, color=INK, ha="left", va="bottom", annotation_clip=False,
        )  # fmt: skip


def wrapped(words: str, width: int) -> str:
    """``words`` in lines of at most ``width`` letters; lines that are there stay."""
    lines = [textwrap.wrap(line, width, break_long_words=False) for line in words.splitlines()]
    return "\n".join(part for line in lines for part in line)


def settle(figure: Any) -> None:
    """Lay the figure out for good, so that places in pixels can be told."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def place_labels(
    figure: Any, axis: Any, labels: Sequence[Label], *, points: Floats | None = None, lines: Floats = _NONE
) -> list[Any]:
    """Write ``labels`` into ``axis``, within it, and return their texts.

    ``points`` and ``lines`` [n, 2], in data coordinates, are markers and samples of lines that had better not
    be covered; points are the labels' own where they are not given. The layout of the figure is final.
    """
    settle(figure)
    if not labels:
        return []
    texts = [
        axis.text(
            label.x, label.y, label.text, color=label.colour, fontsize=label.size, ha="center", va="center",
            fontweight="bold" if label.bold else "normal", zorder=8,
            bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.4},
        )
        for label in labels
    ]  # fmt: skip
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in texts]
    half = np.array([(box.width, box.height) for box in boxes]) / 2 + _PAD
    home = axis.transData.transform([(label.x, label.y) for label in labels])
    frame = axis.get_window_extent(renderer)
    centre = _placed(
        home,
        half,
        home if points is None else axis.transData.transform(points),
        axis.transData.transform(lines) if len(lines) else _NONE,
        (np.array([frame.x0, frame.y0]), np.array([frame.x1, frame.y1])),
    )
    back = axis.transData.inverted()
    for text, at, start, size in zip(texts, centre, home, half, strict=True):
        text.set_position(back.transform(at))
        edge = np.clip(start, at - size, at + size)
        if np.hypot(*(edge - start)) > 2 * _RADIUS:
            (x0, y0), (x1, y1) = back.transform([edge, start])
            axis.plot(
                [x0, x1], [y0, y1], color=text.get_color(), linewidth=0.5, alpha=0.8, zorder=5,
                scalex=False, scaley=False,
            )  # fmt: skip
    return texts


def _offsets(half: Floats) -> Floats:
    """[places, 2] centres around a point for a box of ``half`` its size, nearest and upper ones first."""
    gaps = np.concatenate([[_RADIUS + 1, _RADIUS + 3], np.arange(10, 120, 8.0)])
    turns = np.pi / 2 + np.pi / 8 * np.array([0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8])
    ways = np.stack([np.cos(turns), np.sin(turns)], 1)
    return np.asarray(((half[None, None] + gaps[:, None, None]) * ways[None]).reshape(-1, 2))


def _placed(
    home: Floats, half: Floats, points: Floats, lines: Floats, limits: tuple[Floats, Floats]
) -> Floats:
    """[labels, 2] centres of the boxes, in pixels."""
    places = [np.clip(start + _offsets(size), limits[0] + size, limits[1] - size)
              for start, size in zip(home, half, strict=True)]  # fmt: skip
    alone = [
        _PIXEL * np.hypot(*(at - start).T)
        + _POINT * _inside(at, size + _RADIUS, points)
        + _LINE * _inside(at, size, lines)
        for at, start, size in zip(places, home, half, strict=True)
    ]
    centre = np.full_like(home, np.inf)
    # Who has the least room goes first.
    order = np.argsort([-cost.min() for cost in alone], kind="stable")
    for _ in range(ROUNDS):
        before = centre.copy()
        for at in order:
            others = np.arange(len(home)) != at
            gap = np.abs(places[at][:, None] - centre[others][None])
            covered = (gap < half[at] + half[others][None]).all(2).sum(1)
            # A line from a label to its point had better not run through another label.
            lead = home[at] + _LEAD * (places[at] - home[at])  # [samples, places, 2]
            through = (np.abs(lead[:, :, None] - centre[others]) < half[others]).all(3).sum((0, 2))
            leads = home[others] + _LEAD * (
                np.where(np.isfinite(centre), centre, home)[others] - home[others]
            )
            through += _inside(places[at], half[at], leads.reshape(-1, 2))
            centre[at] = places[at][np.argmin(alone[at] + _LABEL * covered + _LEADS * through)]
        if np.array_equal(before, centre):
            break
    return centre


def _inside(centres: Floats, half: Floats, points: Floats) -> NDArray[np.int64]:
    """How many of ``points`` a box of ``half`` its size covers, at each of ``centres``."""
    apart = np.abs(centres[:, None] - points[None])
    return np.asarray((apart < half).all(2).sum(1), dtype=np.int64)


def end_labels(figure: Any, axis: Any, labels: Sequence[Label]) -> list[Any]:
    """Write each label to the right of its point, all in one column, moved up or down until none touch."""
    if not labels:
        return []
    settle(figure)
    ordered = sorted(labels, key=lambda label: label.y)
    home = axis.transData.transform([(label.x, label.y) for label in ordered])[:, 1] * 72 / figure.dpi
    gap = 1.25 * max(label.size for label in labels)
    at = home.copy()
    for _ in range(500):
        short = np.maximum(gap - np.diff(at), 0)
        if (short < 1e-6).all():
            break
        at[:-1] -= short / 2
        at[1:] += short / 2
    right = max(label.x for label in labels)
    return [
        axis.annotate(
            label.text, (right, label.y), xytext=(7, lift), textcoords="offset points", ha="left",
            va="center", color=label.colour, fontsize=label.size, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.5, "shrinkA": 0,
                        "shrinkB": 1} if abs(lift) > 2 else None,
        )
        for label, lift in zip(ordered, at - home, strict=True)
    ]  # fmt: skip
