"""A figure of the concepts: which correspond across languages, and which do not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import ConceptAlignError, UsageError
from ..names import task_name
from ..style import COLOURS, GREY, INK, STRIPE, single, styled, write
from .labels import headline, wrapped
from .sweep import FORMATS

COLUMNS: tuple[str, ...] = ("concept", "value", "low", "high", "null_mean", "null_sd", "pairs")


def concepts_figure(
    concepts: pd.DataFrame,
    stem: str | Path,
    *,
    axis_label: str = "",
    task: str = "",
    below: str = "",
    null: str = "concepts relabelled: mean ± 2 sd",
    title: str | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Each concept's value with its interval and what chance gives, the best on top.

    ``concepts`` has columns ``concept`` and ``value``, and may have ``low``, ``high``, ``null_mean``,
    ``null_sd`` and ``pairs`` (of languages, shown at the right). Concepts without a value are named, not
    drawn. Writes ``stem`` in all ``formats``.
    """
    if concepts["concept"].duplicated().any():
        raise UsageError(
            "some concepts have several values",
            where="concepts",
            remedy="keep the rows of one layer, kind and measure",
        )
    frame = concepts.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    rows = frame[frame["value"].notna()].sort_values("value", kind="stable").reset_index(drop=True)
    if rows.empty:
        raise ConceptAlignError("no concept has a value to draw", remedy="compare languages with more words")
    none = [str(name) for name in frame.loc[frame["value"].isna(), "concept"]]
    value, low, high, mean, sd = (
        rows[column].to_numpy(dtype=np.float64) for column in ("value", "low", "high", "null_mean", "null_sd")
    )
    y = np.arange(len(rows))
    with styled():
        figure, axis = single(4.8, 1.25 + 0.2 * len(rows))
        for row in range(0, len(rows), 2):
            axis.axhspan(row - 0.5, row + 0.5, color=STRIPE, linewidth=0, zorder=0)
        if np.isfinite(mean).any():
            axis.barh(
                y, 4 * np.nan_to_num(sd), left=mean - 2 * np.nan_to_num(sd), height=0.62, color=GREY,
                alpha=0.30, linewidth=0, label=null, zorder=1,
            )  # fmt: skip
            axis.plot(
                mean, y, color=GREY, marker="|", markersize=8, markeredgewidth=1.4, linestyle="none", zorder=2
            )
        axis.hlines(y, low, high, color=COLOURS[0], linewidth=1.4, alpha=0.6, zorder=3)
        axis.plot(
            value, y, color=COLOURS[0], marker="o", markersize=5, linestyle="none", markeredgecolor="white",
            markeredgewidth=0.5, label="mean, 95% interval" if np.isfinite(low).any() else "mean", zorder=4,
        )  # fmt: skip
        axis.use_sticky_edges = False
        axis.set_yticks(y, list(rows["concept"]))
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="y", visible=False)
        axis.set_ylim(-0.5, len(rows) - 0.5)
        axis.set_xlabel(axis_label or "mean over pairs of languages")
        if rows["pairs"].notna().any():
            for at, n in zip(y, rows["pairs"], strict=True):
                axis.annotate(
                    "" if pd.isna(n) else f"{int(n):,}", (1, at), xytext=(4, 0), fontsize=7, color=INK,
                    xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
                )  # fmt: skip
            axis.annotate(
                "pairs", (1, len(rows) - 0.5), xytext=(4, 3), fontsize=7, color=INK, va="bottom",
                xycoords=("axes fraction", "data"), textcoords="offset points",
            )  # fmt: skip
        said = [below] * bool(below) + [f"no value: {', '.join(none)}"] * bool(none)
        headline(
            axis, title or f"{task_name(task) if task else 'concepts'}: which correspond best".capitalize(),
            wrapped("\n".join(said), 72),
        )  # fmt: skip
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
        return write(figure, stem, formats=formats)
