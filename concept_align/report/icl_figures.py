"""Figures of in-context learning: demonstrations, languages, layers, and what alignability predicts."""

from typing import Any

import pandas as pd

from ..evaluation.results import MAJORITY
from ..icl.evidence import ALIGNED, OUTPUT, PROBE
from ..icl.runner import CALIBRATED
from .drawing import FLOOR, band, count_axis, dots_figure, floor_line, legend
from .evaluation_tables import means_of, per_language
from .names import demonstrations_name, language_name, metric_name
from .style import COLOURS, GREY, INK, MARKERS, Chart, across, look, panels, single, styled


@styled()
def k_figure(frame: pd.DataFrame, *, metric: str = "accuracy") -> Chart:
    """Mean over targets against the number of demonstrations: a line per kind of labels, a facet per source.

    A broken line is of calibrated scores.
    """
    rows = means_of(frame[frame["layer"] == OUTPUT], metric, "mean")
    names = sorted({*map(str, rows["learner"])} - {MAJORITY})
    styles = look(list(dict.fromkeys(name.removesuffix(CALIBRATED) for name in names)))
    figure, axes, sources = _by_source(rows)
    handles: dict[str, Any] = {}
    for axis, source in zip(axes, sources, strict=True):
        part = rows[rows["source"] == source]
        for learner in names:
            style = styles[learner.removesuffix(CALIBRATED)]
            style = {**style, "linestyle": "--" if learner.endswith(CALIBRATED) else "-"}
            own = part[part["learner"] == learner]
            handles[learner] = band(axis, own, "shots", style) or handles.get(learner)
        floor = floor_line(axis, part[part["learner"] == MAJORITY], "shots")
        handles[FLOOR] = floor or handles.get(FLOOR)
        count_axis(axis, part["shots"].unique(), "demonstrations", margin=0.05)
    _label(figure, axes, handles, f"mean {metric_name(metric)} over targets, %")
    return figure


def _by_source(rows: pd.DataFrame) -> tuple[Chart, list[Any], list[str]]:
    """A facet per language of demonstrations, titled."""
    sources = list(dict.fromkeys(map(str, rows["source"])))
    figure, axes = panels(len(sources), 4.6 if len(sources) == 1 else 3.5, 3.4)
    for axis, source in zip(axes, sources, strict=True):
        axis.set_title(f"demonstrations in {demonstrations_name(source)}")
    return figure, axes, sources


def _label(figure: Chart, axes: list[Any], handles: dict[str, Any], said: str, **options: Any) -> None:
    """Labels of the first column, and a legend of two columns for every facet in a row (labels are long)."""
    columns = across(len(axes))
    for axis in axes[::columns]:
        axis.set_ylabel(said)
    legend(figure, handles, columns, ncols=min(len(handles), 2 * columns), **options)


def gains_figure(gains: pd.DataFrame, *, learner: str, k: int) -> Chart:
    """What ``k`` demonstrations add to none, by target language: a dot per language of demonstrations."""
    rows = gains[
        (gains["learner"] == learner)
        & (gains["reference"] == f"{learner}@0")
        & (gains["shots"] == k)
        & (gains["metric"] == "accuracy")
        & (gains["language"] != "mean")
    ]
    rows = rows.assign(learner=[demonstrations_name(source) for source in rows["source"]])
    return _by_language(rows, f"accuracy with {k} demonstrations less that with none, points", zero=True)


def languages_figure(frame: pd.DataFrame, *, k: int, layer: str, source: str, plain: str) -> Chart:
    """By target language: the model's own answers with ``k`` demonstrations, the aligned ones, the probes."""
    rows = per_language(frame[frame["source"] == source], "accuracy")
    read = rows["layer"] == layer
    own = rows[(rows["layer"] == OUTPUT) & (rows["shots"] == k) & (rows["learner"] == plain)]
    aligned = rows[read & (rows["shots"] == k)]
    probes = rows[read & rows["learner"].str.startswith(PROBE)]
    said = f"accuracy, %, {k} demonstrations in {demonstrations_name(source)}, states of layer {layer}"
    return _by_language(pd.concat([own, aligned, probes]), said)


def _by_language(rows: pd.DataFrame, label: str, *, zero: bool = False) -> Chart:
    """Languages as rows of dots with intervals, the best on top."""
    return dots_figure([("", rows.assign(row=rows["language"].map(language_name)))], label, zero=zero)


@styled()
def layers_figure(frame: pd.DataFrame, *, plain: str) -> Chart:
    """By layer: states with demonstrations and without, and the model's own answers as lines across."""
    rows = means_of(frame, "accuracy", "mean")
    read = rows[rows["layer"].str.isdigit()].assign(at=lambda part: part["layer"].astype(int))
    names = sorted({name.split("-", 1)[1] for name in read["learner"]})
    figure, axes, sources = _by_source(read)
    handles: dict[str, Any] = {}
    for axis, source in zip(axes, sources, strict=True):
        part = read[read["source"] == source]
        for place, name in enumerate(names):
            named = part[part["learner"].str.split("-", n=1).str[1] == name]
            for (kind, k), own in named.groupby(["learner", "shots"]):
                prompted = str(kind).startswith(f"{ALIGNED}-")
                at = 2 * place + prompted
                style = {
                    "color": COLOURS[at % len(COLOURS)],
                    "marker": MARKERS[at % len(MARKERS)],
                    "linestyle": "-" if prompted else "--",
                }
                handles[f"{kind} ({k})"] = band(axis, own, "at", style)
        # The model's own answers at the numbers of demonstrations that states were read at.
        own = rows[(rows["source"] == source) & (rows["learner"] == plain) & (rows["layer"] == OUTPUT)]
        for k, line in zip(sorted(part["shots"].unique()), (":", "-", "-."), strict=False):
            for value in own.loc[own["shots"] == k, "value"]:
                handles[f"own answers ({k})"] = axis.axhline(
                    100 * value, color=INK, linestyle=line, linewidth=1.0
                )
        axis.set_xlabel("layer")
        axis.set_xticks(sorted(part["at"].unique()))
    about = {"title": "in brackets: demonstrations", "title_fontsize": 8}
    _label(figure, axes, handles, "mean accuracy over targets, %", **about)
    return figure


@styled()
def usefulness_figure(pairs: pd.DataFrame, *, measure: str, k: int, said: str = "") -> Chart:
    """Gain by demonstrations against alignability: a dot per pair of languages.

    ``pairs`` has columns source, language, alignability and gain; ``said`` is the title.
    """
    sources = sorted(map(str, pairs["source"].unique()))
    figure, axis = single(4.8, 3.6)
    axis.axhline(0, color=GREY, linewidth=0.8)
    for source, style in look(sources).items():
        part = pairs[pairs["source"] == source]
        axis.plot(
            part["alignability"], 100 * part["gain"], linestyle="none", **style, markeredgecolor="white",
            label=f"demonstrations in {language_name(source)}",
        )  # fmt: skip
        for row in part.to_dict("records"):
            axis.annotate(
                row["language"], (row["alignability"], 100 * row["gain"]), xytext=(3, 3),
                textcoords="offset points", fontsize=6.5, color=INK,
            )  # fmt: skip
    axis.set_xlabel(f"alignability of the demonstrations' language with the target ({measure})")
    axis.set_ylabel(f"accuracy with {k} demonstrations\nless that with none, points")
    axis.set_title(said, fontsize=8)
    figure.legend(loc="outside lower center", ncols=min(3, len(sources)))
    return figure
