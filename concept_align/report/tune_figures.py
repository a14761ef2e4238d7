"""Figures of tuning: losses by step, retrieval by layer, gains by language, what plain text costs."""

from typing import Any

import pandas as pd

from ..errors import ConceptAlignError
from ..tuning.outcomes import SEEN, UNSEEN
from ..tuning.study import BEFORE, LANGUAGE, RETRIEVAL, TUNED
from .drawing import band, dots_figure, legend, row_axis
from .names import language_name
from .style import COLOURS, GREY, INK, WHITE_EDGE, Chart, across, look, panels, single, styled

WAYS = ("raw", "centred", "standardised", "CSLS")  # of searching, in the order of learners
GROUPS = {SEEN: "languages tuned on", UNSEEN: "languages not tuned on"}
LOSSES = {
    "contrast": "contrast, nats",
    "answers": "answers, nats per token",
    "retention": "distance from before, nats per token",
    "concepts": "concepts, nats per word",
    "accuracy": "translation told from the batch, %",
}
SMOOTH = 20  # a running mean is over the last of so many parts of the run
METRICS = {"p1": "precision@1", "mrr": "mean reciprocal rank"}


def learner_title(learner: str) -> str:
    """``standardised, before`` for ``standardising``; ``raw, tuned`` for ``tuned``."""
    names = {**dict(zip(BEFORE, WAYS, strict=True)), **dict(zip(TUNED, WAYS, strict=True))}
    return f"{names[learner]}, {'before' if learner in BEFORE else 'tuned'}"


def values_of(frame: pd.DataFrame, task: str, **at: str) -> pd.DataFrame:
    """Rows of ``task`` that are values, not differences, at the given places."""
    rows = frame[(frame["task"] == task) & (frame["reference"] == "")]
    for column, wanted in at.items():
        rows = rows[rows[column] == wanted]
    return rows


@styled()
def losses_figure(history: pd.DataFrame) -> Chart:
    """Every loss by step, and a running mean; raises ConceptAlignError where none was recorded."""
    kinds = [name for name in LOSSES if name in history and history[name].notna().any()]
    if not kinds:
        raise ConceptAlignError("no losses to draw", remedy="train first")
    figure, axes = panels(len(kinds), 3.3, 2.5, sharey=False)
    for axis, name in zip(axes, kinds, strict=True):
        own = history[["step", name]].dropna()
        value = own[name] * (100 if name == "accuracy" else 1)
        window = max(1, len(own) // SMOOTH)
        axis.plot(own["step"], value, color=COLOURS[0], linewidth=0.7, alpha=0.35)
        axis.plot(own["step"], value.rolling(window, min_periods=1).mean(), color=COLOURS[0])
        axis.set_title(LOSSES[name], fontsize=9)
        axis.set_xlabel("step")
        axis.set_ylim(bottom=0)
        axis.margins(x=0.02)
    return figure


@styled()
def retrieval_figure(
    frame: pd.DataFrame, source: str, *, layer: int | None = None, metric: str = "p1"
) -> Chart:
    """Retrieval of ``source`` by layer, languages tuned on and others apart: broken lines before, full after.

    The tuned ``layer`` is marked. Raises ConceptAlignError without rows.
    """
    rows = values_of(frame, RETRIEVAL, source=source, metric=metric)
    rows = rows[rows["language"].isin(GROUPS)].assign(at=lambda part: part["layer"].astype(int))
    groups = [name for name in GROUPS if (rows["language"] == name).any()]
    if not groups:
        raise ConceptAlignError(f"no retrieval of {source} to draw", remedy="evaluate retrieval")
    figure, axes = panels(len(groups), 4.6 if len(groups) == 1 else 3.7, 3.3)
    styles = look(sorted(WAYS[:3]))  # as in the figure of gains
    handles: dict[str, Any] = {}
    for axis, group in zip(axes, groups, strict=True):
        part = rows[rows["language"] == group]
        for names, line in ((BEFORE, "--"), (TUNED, "-")):
            for learner, way in zip(names[:3], WAYS, strict=False):  # CSLS is in the tables
                own = part[part["learner"] == learner]
                style = {**styles[way], "linestyle": line}
                found = band(axis, own, "at", style, alpha=0.1 if names is TUNED else 0.05)
                handles[learner_title(learner)] = found or handles.get(learner_title(learner))
        if layer is not None:
            axis.axvline(layer, color=GREY, linewidth=1.0, linestyle=":", zorder=0)
        axis.set_title(f"{GROUPS[group]} ({part['n'].max()})")
        axis.set_xlabel("layer (0: embeddings)")
        axis.set_xticks(sorted(part["at"].unique()))
        axis.set_ylim(0, None)
    axes[0].set_ylabel(f"{METRICS[metric]}, %")
    legend(figure, handles, across(len(groups)), ncols=3 if len(groups) > 1 else 2)
    return figure


def gains_figure(frame: pd.DataFrame, source: str, *, layer: int, metric: str = "p1") -> Chart:
    """What tuning adds to each way of searching in ``layer``, by language: dots with intervals."""
    rows = frame[
        (frame["task"] == RETRIEVAL) & (frame["source"] == source) & (frame["layer"] == str(layer))
        & (frame["metric"] == metric) & (frame["reference"] != "")
    ]  # fmt: skip
    pairs = dict(zip(TUNED[:3], BEFORE[:3], strict=True))
    rows = rows[rows["reference"] == rows["learner"].map(pairs)]
    if rows.empty:
        raise ConceptAlignError(f"no gains in {source} to draw", remedy="evaluate before and after")
    titles = dict(zip(TUNED, WAYS, strict=True))
    rows = rows.assign(learner=rows["learner"].map(titles), row=rows["language"].map(_row_name))
    means = [GROUPS[name] for name in (UNSEEN, SEEN) if (rows["language"] == name).any()]
    single_rows = rows[~rows["language"].isin(GROUPS)]
    ranked = single_rows.groupby("row")["value"].mean().sort_values()
    order = [*means, *ranked.index]
    label = f"{METRICS[metric]} after tuning less that before, points"
    return dots_figure([("", rows)], label, order=order, zero=True)


def _row_name(language: str) -> str:
    return GROUPS.get(language) or language_name(language)


@styled()
def cost_figure(frame: pd.DataFrame, *, metric: str = "nats-per-token") -> Chart:
    """The loss of plain text before and after, by language, the dearest change on top."""
    rows = values_of(frame, LANGUAGE, metric=metric)
    table = rows[~rows["language"].isin(GROUPS)].pivot_table("value", "language", "learner")
    if not {BEFORE[0], TUNED[0]} <= {*table.columns}:
        raise ConceptAlignError("no loss of plain text to draw", remedy="evaluate language, of a decoder")
    table = table.dropna().assign(change=lambda part: part[TUNED[0]] - part[BEFORE[0]]).sort_values("change")
    figure, axis = single(4.6, 1.0 + 0.24 * len(table))
    row_axis(axis, [language_name(str(code)) for code in table.index])
    places = range(len(table))
    axis.hlines(places, table[BEFORE[0]], table[TUNED[0]], color=GREY, linewidth=1.2)
    axis.plot(
        table[BEFORE[0]], places, linestyle="none", marker="D", markersize=4.6, label="before",
        markerfacecolor="white", markeredgecolor=INK, markeredgewidth=1.1,
    )  # fmt: skip
    axis.plot(
        table[TUNED[0]], places, linestyle="none", marker="o", markersize=5, color=COLOURS[0],
        label="tuned", **WHITE_EDGE,
    )  # fmt: skip
    axis.set_xlabel(metric.replace("-", " "))
    figure.legend(loc="outside lower center", ncols=2)
    return figure
