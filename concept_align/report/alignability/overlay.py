"""A map of several languages' prototypes in one plane: does a concept lie in the same place in each?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import UsageError
from ...treebanks.concepts import RELATIONS, UPOS
from ..style import COLOURS, GREY, INK, MARKERS, single, styled, write
from .families import full_name
from .labels import Label, headline, place_labels, wrapped
from .sweep import FORMATS

Floats = NDArray[np.float64]
_INDEX = {name: at for inventory in (UPOS, RELATIONS) for at, name in enumerate(inventory)}
# Those of the style that are dark enough for letters. A concept has the same one in every figure; seven of
# them, so that nouns, pronouns and proper nouns differ, as do verbs, auxiliaries and particles.
_READABLE = (COLOURS[0], COLOURS[1], GREY, COLOURS[2], COLOURS[3], COLOURS[6], COLOURS[7])


def overlay_figure(
    points: Floats,
    languages: Sequence[str],
    concepts: Sequence[str],
    stem: str | Path,
    *,
    shares: tuple[float, float] | None = None,
    axes: tuple[str, str] = ("first axis", "second axis"),
    title: str = "Prototypes in one plane",
    below: str = "",
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """``points`` [langs, concepts, 2], NaN where a language lacks a concept: a colour a concept, a marker a
    language, and lines from each concept's middle to where each language has it.

    ``shares`` are the parts of all variance that both axes show. Both axes have one scale, so that distances
    can be compared. A language without any point is named. Writes ``stem`` in all ``formats``.
    """
    if points.shape != (len(languages), len(concepts), 2):
        raise UsageError(
            f"points of shape {list(points.shape)} are not [languages, concepts, 2]",
            remedy=f"for {len(languages)} languages and {len(concepts)} concepts give "
            f"[{len(languages)}, {len(concepts)}, 2]",
        )
    there = np.asarray(np.isfinite(points).all(axis=2))
    some = [bool(row.any()) for row in there]
    if not there.any():
        raise UsageError("there are no points to draw", remedy="choose languages with more words")
    shown = np.where(there[..., None], points, np.nan)
    with styled():
        figure, axis = single(5.4, 5.4)
        markers = _markers(languages)
        middles = {at: shown[there[:, at], at].mean(0) for at in range(len(concepts)) if there[:, at].any()}
        labels = []
        for at, middle in middles.items():
            colour = _READABLE[_INDEX.get(concepts[at], at) % len(_READABLE)]
            _concept(axis, shown[:, at], middle, colour, [markers[name] for name in languages])
            labels.append(Label(float(middle[0]), float(middle[1]), concepts[at], colour, size=8, bold=True))
        axis.set_aspect("equal", adjustable="datalim")
        axis.margins(0.09)
        axis.tick_params(labelsize=8)
        for set_label, name, share in zip(
            (axis.set_xlabel, axis.set_ylabel), axes, shares or (None, None), strict=True
        ):
            set_label(name if share is None else f"{name} ({100 * share:.0f}% of variance)")
        none = [full_name(name) for name, has in zip(languages, some, strict=True) if not has]
        said = [below] * bool(below) + [f"no prototypes: {', '.join(none)}"] * bool(none)
        headline(axis, title, wrapped("\n".join(said), 84))
        _legend(figure, [name for name, has in zip(languages, some, strict=True) if has], markers)
        part = np.linspace(0.15, 0.85, 5)[:, None, None]
        lines = [middle + part * (shown[there[:, at], at] - middle) for at, middle in middles.items()]
        place_labels(
            figure, axis, labels, points=shown[there], lines=np.concatenate([x.reshape(-1, 2) for x in lines])
        )
        return write(figure, stem, formats=formats)


def points_of(table: pd.DataFrame) -> tuple[Floats, tuple[str, ...], tuple[str, ...]]:
    """``points`` [langs, concepts, 2], languages and concepts of a table: language, concept, x, y."""
    languages, concepts = (tuple(map(str, dict.fromkeys(table[side]))) for side in ("language", "concept"))
    points = np.full((len(languages), len(concepts), 2), np.nan)
    rows, columns = (
        table[side].map({name: at for at, name in enumerate(names)}).to_numpy(dtype=np.int64)
        for side, names in (("language", languages), ("concept", concepts))
    )
    points[rows, columns] = table[["x", "y"]].to_numpy(dtype=np.float64)
    return points, languages, concepts


def _markers(languages: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Eight markers filled, then the same eight hollow."""
    return {
        name: {"marker": MARKERS[at % len(MARKERS)], "hollow": at % (2 * len(MARKERS)) >= len(MARKERS)}
        for at, name in enumerate(languages)
    }


def _concept(
    axis: Any, points: Floats, middle: Floats, colour: str, markers: Sequence[Mapping[str, Any]]
) -> None:
    """One concept in every language that has it."""
    for (x, y), style in zip(points, markers, strict=True):
        if np.isnan(x):
            continue
        axis.plot([middle[0], x], [middle[1], y], color=colour, linewidth=0.8, alpha=0.45, zorder=2)
        axis.plot(
            x, y, linestyle="none", marker=style["marker"], markersize=5.5, zorder=4,
            markerfacecolor="white" if style["hollow"] else colour,
            markeredgecolor=colour if style["hollow"] else "white",
            markeredgewidth=1.1 if style["hollow"] else 0.5,
        )  # fmt: skip


def _legend(figure: Any, languages: Sequence[str], markers: dict[str, dict[str, Any]]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], linestyle="none", marker=markers[name]["marker"], markersize=5.5, label=full_name(name),
            markerfacecolor="white" if markers[name]["hollow"] else INK,
            markeredgecolor=INK if markers[name]["hollow"] else "white",
        )
        for name in languages
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8, handletextpad=0.2)
