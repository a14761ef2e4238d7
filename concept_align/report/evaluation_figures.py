"""Figures of an evaluation: accuracy against shots, gains, calibration, confusions.

Each function returns a matplotlib figure; :func:`.style.save` writes it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ..errors import ConceptAlignError
from ..evaluation.results import ALL_SHOTS, MAJORITY
from .drawing import FLOOR, band, count_axis, dots_figure, facets_of, floor_line, legend, looks_of, percents
from .evaluation_tables import means_of, per_language
from .names import language_name, metric_name, shots_name
from .style import GREY, INK, WHITE_EDGE, Chart, across, empty, look, panels, styled

_SPREAD = {"low-resource mean": "low-resource mean, %", "worst": "worst language, %", "sd": "sd, points"}
_LEAST_SHARE = 0.001  # a bin of confidence with a smaller share of the words says nothing
_WRITTEN = 20  # so many concepts leave room for numbers in the cells
_LEAST_WRITTEN = 5.0  # percentages and points below it are not written


def _curves(axis: Any, part: pd.DataFrame, looks: dict[str, Any], *, zero: bool = False) -> dict[str, Any]:
    """Learners' lines and bands against shots; handles by label.

    A majority class far below all learners would press them together: unless the axis begins at ``zero``
    anyway, it is then named in words.
    """
    handles: dict[str, Any] = {}
    curve, whole = part[part["shots"] >= 0], part[part["shots"] == ALL_SHOTS]
    for learner, style in looks.items():
        rows = curve[curve["learner"] == learner]
        handles[learner] = band(axis, rows, "shots", style, alpha=0.12 if len(looks) <= 4 else 0.06)
    floor = curve[curve["learner"] == MAJORITY]
    if len(floor):
        (value,) = percents(floor, "value")
        if zero or not _far_below(value, curve):
            handles[FLOOR] = floor_line(axis, floor, "shots")
        else:
            # On the right: lines rise with labels, so there is room below them.
            about = {"transform": axis.transAxes, "fontsize": 7.5, "color": GREY, "ha": "right"}
            ends = dict.fromkeys(f"{end:.1f}" for end in (value.min(), value.max()))
            axis.text(0.98, 0.02, f"{FLOOR}: {' to '.join(ends)}, below", **about)
    for row in whole[whole["learner"] != MAJORITY].to_dict("records"):
        # What labels of every training sentence would give: no function of shots, so a line across.
        if row["low"] <= row["high"]:  # none where languages are few
            axis.axhspan(100 * row["low"], 100 * row["high"], color=INK, alpha=0.06, linewidth=0)
        line = axis.axhline(100 * row["value"], color=INK, linestyle="--", linewidth=1.2)
        handles[f"{row['learner']}, all training sentences"] = line
    count_axis(axis, curve["shots"].unique(), "labelled sentences of the target language")
    return handles


def _far_below(floor: Any, curve: pd.DataFrame) -> bool:
    """Is ``floor``, in per cent, further below the learners' bands than half their height?"""
    known = curve[curve["learner"] != MAJORITY]
    if known.empty:
        return False
    ends = 100 * known[["low", "value", "high"]]
    low, high = ends.min(axis=None), ends.max(axis=None)
    return bool(floor.max() < low - (high - low) / 2)


@styled()
def shots_figure(
    frame: pd.DataFrame,
    *,
    metric: str = "accuracy",
    summary: str = "mean",
    title: str | None = None,
    top: float | None = None,
    learners: Sequence[str] | None = None,
) -> Chart:
    """A learner's ``summary`` over target languages against shots, with intervals; a facet per condition.

    Learners that are given all training sentences are lines across. ``title`` replaces task and layer in the
    title of a figure of one condition; with ``top``, the axis goes from 0 to that many per cent. ``learners``
    (of all figures) keep their colours from figure to figure. Raises ConceptAlignError without such rows.
    """
    rows = means_of(frame, metric, summary)
    facets, looks = facets_of(rows), looks_of(rows[rows["shots"] >= 0], learners)
    if title is not None and len(facets) == 1:
        facets = [(title, facets[0][1])]
    figure, axes = panels(len(facets), 4.8 if len(facets) == 1 else 3.6, 3.6)
    handles: dict[str, Any] = {}
    for axis, (heading, part) in zip(axes, facets, strict=True):
        handles |= _curves(axis, part, looks, zero=top is not None)
        axis.set_title(heading)
        if top is not None:
            axis.set_ylim(0, top)
    for axis in axes[:: across(len(facets))]:
        axis.set_ylabel(f"{summary} {metric_name(metric)} over languages, %")
    legend(figure, handles, across(len(facets)))
    return figure


@styled()
def spread_figure(
    frame: pd.DataFrame, *, metric: str = "accuracy", learners: Sequence[str] | None = None
) -> Chart:
    """Who is left behind: low-resource mean, worst language and spread against shots; a row per condition."""
    rows = means_of(frame, metric)
    rows = rows[rows["language"].isin(_SPREAD)]
    facets, looks = facets_of(rows), looks_of(rows[rows["shots"] >= 0], learners)
    figure, axes = panels(len(_SPREAD) * len(facets), 3.3, 3.0, sharey=False, columns=len(_SPREAD))
    handles: dict[str, Any] = {}
    for place, axis in enumerate(axes):
        title, part = facets[place // len(_SPREAD)]
        summary = list(_SPREAD)[place % len(_SPREAD)]
        handles |= _curves(axis, part[part["language"] == summary], looks)
        axis.set_title(title if place % len(_SPREAD) == 0 else "")
        axis.set_ylabel(f"{metric_name(metric)}, {_SPREAD[summary]}")
    legend(figure, handles, len(_SPREAD))
    return figure


def languages_figure(
    frame: pd.DataFrame, *, metric: str = "accuracy", shots: int = 0, learners: Sequence[str] | None = None
) -> Chart:
    """Every target language at ``shots``: learners as dots with intervals, easiest language on top."""
    rows = per_language(frame, metric, shots)
    rows = rows.assign(row=rows["language"].map(language_name))
    order = rows[rows["learner"] != MAJORITY].groupby("row")["value"].mean().sort_values().index
    label = f"{metric_name(metric)}, %, {shots_name(shots)}"
    return dots_figure(facets_of(rows), label, learners=learners, order=list(order), width=3.9)


def language_gains_figure(
    gains: pd.DataFrame, *, reference: str, shots: int, learners: Sequence[str] | None = None
) -> Chart:
    """Every target language: learners less ``reference`` as dots with intervals, the largest gain on top."""
    rows = gains[(gains["metric"] == "accuracy") & (gains["language"] != "mean")]
    rows = rows.assign(row=[language_name(code) for code in rows["language"]])
    return _gains(rows, reference, shots, "accuracy", learners)


def concept_gains_figure(
    gains: pd.DataFrame, *, reference: str, shots: int, learners: Sequence[str] | None = None
) -> Chart:
    """Every concept: F1 of learners less that of ``reference``, mean over the languages that have it.

    Where not all languages have it, the row says how many do.
    """
    rows = gains[gains["metric"].str.startswith("f1:") & (gains["language"] == "mean")]
    names, most = rows["metric"].str.removeprefix("f1:"), rows["n"].max()
    few = rows["n"].map(lambda n: f" ({n} of {most})" if n < most else "")
    return _gains(rows.assign(row=names + few), reference, shots, "F1", learners)


def _gains(
    rows: pd.DataFrame, reference: str, shots: int, metric: str, learners: Sequence[str] | None
) -> Chart:
    rows = rows[(rows["reference"] == reference) & (rows["shots"] == shots)]
    label = f"{metric} less that of {reference}, points, {shots_name(shots)}"
    return dots_figure(facets_of(rows), label, learners=learners, zero=True)


@styled()
def reliability_figure(
    reliability: pd.DataFrame, *, shots: int, learners: Sequence[str] | None = None
) -> Chart:
    """A reliability diagram (Guo et al. 2017): accuracy against confidence, and the words by confidence.

    A column per condition. Below the diagonal a learner is surer than it is correct. Bins with fewer than one
    word in a thousand are not drawn.
    """
    facets = facets_of(reliability[reliability["shots"] == shots])
    names = sorted(set.union(*(set(map(str, part["learner"])) for _, part in facets)))
    styles = look(sorted({*names, *(learners or ())}))
    columns = across(len(facets))
    down = -(-len(facets) // columns)
    figure = empty((4.2 if columns == 1 else 3.4) * columns, 4.4 * down)
    axes = figure.subplots(2 * down, columns, squeeze=False, height_ratios=[3.2, 1] * down)
    handles: dict[str, Any] = {}
    for place in range(down * columns):
        upper, lower = (axes[2 * (place // columns) + row][place % columns] for row in (0, 1))
        if place >= len(facets):
            upper.remove()
            lower.remove()
            continue
        title, part = facets[place]
        (handles["confidence = accuracy"],) = upper.plot(
            [0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1.3
        )
        for learner in names:
            style = styles[learner]
            bins = part[part["learner"] == learner].sort_values("bin_low")
            drawn = percents(bins[bins["share"] >= _LEAST_SHARE], "confidence", "accuracy")
            (handles[learner],) = upper.plot(*drawn, **style, **WHITE_EDGE, markersize=4, clip_on=False)
            middle = 50 * (bins["bin_low"] + bins["bin_high"])
            shares = 100 * bins["share"]
            lower.plot(middle, shares, color=style["color"], linewidth=1.2, drawstyle="steps-mid")
        upper.set(title=title, xlim=(0, 100), ylim=(0, 100))
        upper.tick_params(labelbottom=False)
        lower.set(xlim=(0, 100), xlabel=f"confidence, %, {shots_name(shots)}")
        lower.set_ylim(bottom=0)
        if place % columns == 0:
            upper.set_ylabel("accuracy, %")
            lower.set_ylabel("words, %")
    legend(figure, handles, columns)
    return figure


@styled()
def confusion_figure(
    confusion: pd.DataFrame, *, learner: str, shots: int, reference: str | None = None, title: str = ""
) -> Chart:
    """Shares of each gold concept's words, and their difference from the shares of ``reference``.

    ``confusion`` holds the rows of one condition; each language has equal weight. Concepts are in the order
    of their frequency. Raises ConceptAlignError without such rows.
    """
    rows = confusion[(confusion["shots"] == shots) & (confusion["learner"] == learner)]
    if rows.empty:
        raise ConceptAlignError(f"no confusions of {learner} to draw", remedy="evaluate first")
    gold = rows.groupby("gold")["share"].sum().sort_values(ascending=False, kind="stable")
    concepts = [*map(str, gold.index), *sorted(set(rows["predicted"]) - set(gold.index))]
    shown = 100 * confusion_matrix(rows, concepts)
    other = confusion[(confusion["shots"] == shots) & (confusion["learner"] == reference)]
    side = 1.5 + max(0.19 * len(concepts), 2.4)
    figure = empty(side * (1 if other.empty else 2) + 0.6, side)
    axes = figure.subplots(1, 1 if other.empty else 2, squeeze=False)[0]
    said = f"{title}, {shots_name(shots)}".removeprefix(", ")
    _confusions(axes[0], shown, concepts, f"{said}: {learner}", "of the gold concept's words, %")
    if not other.empty:
        apart = shown - 100 * confusion_matrix(other, concepts)
        _confusions(axes[1], apart, concepts, f"{learner} less {reference}", "points", diverging=True)
    return figure


def confusion_matrix(rows: pd.DataFrame, concepts: Sequence[str]) -> Float[np.ndarray, "concepts concepts"]:
    """[gold, predicted] shares of the gold concept's words; NaN for a gold concept without words."""
    table = rows.pivot_table(
        index="gold", columns="predicted", values="of_gold", aggfunc="sum", fill_value=0.0
    )
    return np.asarray(table.reindex(index=concepts).reindex(columns=concepts, fill_value=0.0), np.float64)


def _confusions(
    axis: Any, values: Any, concepts: Sequence[str], title: str, said: str, *, diverging: bool = False
) -> None:
    most = max(float(np.nanmax(np.abs(values))), 1.0)
    image = axis.imshow(
        np.ma.masked_invalid(values),
        cmap="PuOr_r" if diverging else "YlGnBu",
        vmin=-most if diverging else 0,
        vmax=most if diverging else 100,
    )
    axis.set_xticks(range(len(concepts)), concepts, rotation=90)
    axis.set_yticks(range(len(concepts)), concepts)
    axis.tick_params(length=0, labelsize=7)
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set(title=title, xlabel="predicted", ylabel="gold")
    axis.figure.colorbar(image, ax=axis, shrink=0.7, label=said)
    if len(concepts) > _WRITTEN:
        return
    for i, j in zip(*np.nonzero(np.abs(np.nan_to_num(values)) >= _LEAST_WRITTEN), strict=True):
        dark = abs(values[i, j]) > (0.55 * most if diverging else 55)
        axis.text(
            j, i, f"{values[i, j]:.0f}".replace("-", "−"), ha="center", va="center", fontsize=5.5,
            color="#FDFDFD" if dark else "#262626",
        )  # fmt: skip
