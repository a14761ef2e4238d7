"""Figures of what learners gain over a reference: language by language, or concept by concept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .facets import across, dots, dots_height, facets_of, legend, looks_of, panels
from .names import language_name, shots_name
from .style import INK, STRIPE, styled, write

_CONCEPT = "f1:"


def language_gains_figure(
    gains: pd.DataFrame,
    stem: str | Path,
    *,
    reference: str,
    shots: int,
    learners: Sequence[str] | None = None,
) -> list[Path]:
    """Every target language: learners less ``reference`` as dots with intervals, the largest gain on top."""
    rows = gains[(gains["metric"] == "accuracy") & (gains["language"] != "mean")]
    rows = rows.assign(row=[language_name(code) for code in rows["language"]])
    said = f"accuracy less that of {reference}, points, {shots_name(shots)}"
    return _figure(rows, stem, reference, shots, said, learners)


def concept_gains_figure(
    gains: pd.DataFrame,
    stem: str | Path,
    *,
    reference: str,
    shots: int,
    learners: Sequence[str] | None = None,
) -> list[Path]:
    """Every concept: F1 of learners less that of ``reference``, mean over the languages that have it.

    Where not all languages have it, the row says how many do.
    """
    rows = gains[gains["metric"].str.startswith(_CONCEPT) & (gains["language"] == "mean")]
    names, most = rows["metric"].str.removeprefix(_CONCEPT), rows["n"].max()
    few = rows["n"].map(lambda n: f" ({n} of {most})" if n < most else "")
    said = f"F1 less that of {reference}, points, {shots_name(shots)}"
    return _figure(rows.assign(row=names + few), stem, reference, shots, said, learners)


def _figure(
    rows: pd.DataFrame,
    stem: str | Path,
    reference: str,
    shots: int,
    said: str,
    learners: Sequence[str] | None,
) -> list[Path]:
    rows = rows[(rows["reference"] == reference) & (rows["shots"] == shots)]
    facets, looks = facets_of(rows), looks_of(rows, learners)
    many = max(part["row"].nunique() for _, part in facets)
    with styled():
        height = dots_height(many, len(looks), across(len(facets)))
        figure, axes = panels(len(facets), 5.2 if len(facets) == 1 else 4.3, height, sharey=False)
        handles: dict[str, Any] = {}
        for axis, (title, part) in zip(axes, facets, strict=True):
            names = [str(name) for name in part.groupby("row")["value"].mean().sort_values().index]
            for place in range(0, len(names), 2):
                axis.axhspan(place - 0.5, place + 0.5, color=STRIPE, linewidth=0, zorder=0)
            axis.axvline(0, color=INK, linewidth=0.9, zorder=1)
            drawn = dict(dots(axis, part, names, looks, column="row"))
            handles |= {learner: drawn[learner] for learner in looks if learner in drawn}
            axis.set_yticks(range(len(names)), names)
            axis.set_ylim(-0.5, len(names) - 0.5)
            axis.tick_params(axis="y", length=0)
            axis.grid(axis="y", visible=False)
            axis.set_title(title)
            axis.set_xlabel(said)
        legend(figure, handles, across(len(facets)))
        return write(figure, stem)
