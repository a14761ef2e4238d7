"""Figures of in-context learning: demonstrations, languages, layers, and what alignability predicts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...evaluation.results import MAJORITY, SUMMARIES
from ...icl.evidence import ALIGNED, OUTPUT, PROBE
from ...icl.study import CALIBRATED
from ..facets import across, dots, dots_height, legend, looks_of, means_of, panels
from ..names import language_name, metric_name
from ..style import COLOURS, GREY, INK, MARKERS, STRIPE, look, single, styled, write


def demonstrations_name(source: str) -> str:
    """``demonstrations in English``, ``in the target itself``."""
    return {"own": "the target itself", "any": "any of the languages"}.get(source) or language_name(source)


def k_figure(
    frame: pd.DataFrame, stem: str | Path, *, metric: str = "accuracy", learners: Sequence[str] | None = None
) -> list[Path]:
    """Mean over targets against the number of demonstrations: a line a kind of labels, a facet a language."""
    rows = means_of(frame[frame["layer"] == OUTPUT], metric)
    rows = rows[rows["language"] == "mean"]
    sources = list(dict.fromkeys(map(str, rows["source"])))
    looks = _by_labels(rows, learners)
    with styled():
        figure, axes = panels(len(sources), 4.6 if len(sources) == 1 else 3.5, 3.4, sharey=True)
        handles: dict[str, Any] = {}
        for axis, source in zip(axes, sources, strict=True):
            part = rows[rows["source"] == source]
            for learner, style in looks.items():
                x, value, low, high = _band(part[part["learner"] == learner])
                axis.fill_between(x, low, high, color=style["color"], alpha=0.1, linewidth=0)
                (handles[learner],) = axis.plot(
                    x, value, **style, markeredgecolor="white", markeredgewidth=0.6
                )
            x, value, _, _ = _band(part[part["learner"] == MAJORITY])
            if len(x):
                (handles["majority class"],) = axis.plot(x, value, color=GREY, linestyle=":", linewidth=1.3)
            _k_axis(axis, part)
            axis.set_title(f"demonstrations in {demonstrations_name(source)}")
        for axis in axes[:: across(len(sources))]:
            axis.set_ylabel(f"mean {metric_name(metric)} over targets, %")
        _legend(figure, handles, len(sources))
        return write(figure, stem)


def _by_labels(rows: pd.DataFrame, learners: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """A colour and marker for each kind of labels; a broken line where scores are calibrated."""
    names = sorted({*map(str, rows["learner"]), *(learners or ())} - {MAJORITY})
    styles = look(list(dict.fromkeys(name.removesuffix(CALIBRATED) for name in names)))
    return {
        name: {
            **styles[name.removesuffix(CALIBRATED)],
            "linestyle": "--" if name.endswith(CALIBRATED) else "-",
        }
        for name in names
        if name in set(rows["learner"])
    }


def _band(part: pd.DataFrame) -> tuple[Any, ...]:
    rows = part.sort_values("shots")
    return rows["shots"].to_numpy(), *(100 * rows[column].to_numpy() for column in ("value", "low", "high"))


def _k_axis(axis: Any, part: pd.DataFrame) -> None:
    from matplotlib.ticker import NullLocator

    numbers = sorted(part["shots"].unique())
    axis.set_xscale("function", functions=(np.log1p, np.expm1))
    axis.set_xticks(numbers, [str(k) for k in numbers])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("demonstrations")
    axis.margins(x=0.05)


def gains_figure(gains: pd.DataFrame, stem: str | Path, *, learner: str, k: int) -> list[Path]:
    """What ``k`` demonstrations add to none, target by target: a dot a language of demonstrations."""
    rows = gains[
        (gains["learner"] == learner)
        & (gains["reference"] == f"{learner}@0")
        & (gains["shots"] == k)
        & (gains["metric"] == "accuracy")
        & (gains["language"] != "mean")
    ]
    rows = rows.assign(learner=[demonstrations_name(source) for source in rows["source"]])
    said = f"accuracy with {k} demonstrations less that with none, points"
    return _by_language(rows, stem, said, zero=True)


def languages_figure(
    frame: pd.DataFrame, stem: str | Path, *, k: int, layer: str, source: str, plain: str
) -> list[Path]:
    """Target by target: the model's own answers with ``k`` demonstrations, the aligned ones, the probes."""
    rows = means_of(frame, "accuracy")
    rows = rows[(rows["source"] == source) & ~rows["language"].isin(SUMMARIES)]
    own = rows[(rows["layer"] == OUTPUT) & (rows["shots"] == k) & (rows["learner"] == plain)]
    aligned = rows[(rows["layer"] == layer) & (rows["shots"] == k)]
    probes = rows[(rows["layer"] == layer) & rows["learner"].str.startswith(PROBE)]
    said = f"accuracy, %, {k} demonstrations in {demonstrations_name(source)}, states of layer {layer}"
    return _by_language(pd.concat([own, aligned, probes]), stem, said)


def _by_language(rows: pd.DataFrame, stem: str | Path, said: str, *, zero: bool = False) -> list[Path]:
    """Languages as rows of dots with intervals, the best on top."""
    names = rows.groupby("language")["value"].mean().sort_values()
    codes = [str(code) for code in names.index]
    looks = looks_of(rows)
    with styled():
        figure, (axis,) = panels(1, 5.4, dots_height(len(codes), len(looks), 1), sharey=True)
        for place in range(0, len(codes), 2):
            axis.axhspan(place - 0.5, place + 0.5, color=STRIPE, linewidth=0, zorder=0)
        if zero:
            axis.axvline(0, color=INK, linewidth=0.9, zorder=1)
        drawn = dict(dots(axis, rows, codes, looks))
        axis.set_yticks(range(len(codes)), [language_name(code) for code in codes])
        axis.set_ylim(-0.5, len(codes) - 0.5)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(said)
        legend(figure, {name: drawn[name] for name in looks if name in drawn}, 1)
        return write(figure, stem)


def layers_figure(frame: pd.DataFrame, stem: str | Path, *, plain: str) -> list[Path]:
    """Layer by layer: states with demonstrations and without, and the model's own answers as lines across."""
    rows = means_of(frame, "accuracy")
    rows = rows[rows["language"] == "mean"]
    read = rows[rows["layer"].str.isdigit()].assign(at=lambda part: part["layer"].astype(int))
    sources = list(dict.fromkeys(map(str, read["source"])))
    names = sorted({name.split("-", 1)[1] for name in read["learner"]})
    with styled():
        figure, axes = panels(len(sources), 4.6 if len(sources) == 1 else 3.5, 3.4, sharey=True)
        handles: dict[str, Any] = {}
        for axis, source in zip(axes, sources, strict=True):
            part = read[read["source"] == source]
            for place, name in enumerate(names):
                named = part[part["learner"].str.split("-", n=1).str[1] == name]
                for key, own in named.groupby(["learner", "shots"]):
                    kind, k = map(str, key)
                    _line(axis, handles, own.sort_values("at"), kind, int(k), place)
            _across(axis, handles, rows[(rows["source"] == source) & (rows["learner"] == plain)], part)
            axis.set_title(f"demonstrations in {demonstrations_name(source)}")
            axis.set_xlabel("layer")
            axis.set_xticks(sorted(part["at"].unique()))
        for axis in axes[:: across(len(sources))]:
            axis.set_ylabel("mean accuracy over targets, %")
        _legend(figure, handles, len(sources), title="in brackets: demonstrations")
        return write(figure, stem)


def _legend(figure: Any, handles: dict[str, Any], facets: int, title: str | None = None) -> None:
    """Under the axes: of two columns for every facet in a row, for the labels are long."""
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=min(len(handles), 2 * across(facets)),
        title=title,
        title_fontsize=8,
    )


def _line(axis: Any, handles: dict[str, Any], own: pd.DataFrame, kind: str, k: int, place: int) -> None:
    with_demonstrations = kind.startswith(f"{ALIGNED}-")
    colour = COLOURS[(2 * place + with_demonstrations) % len(COLOURS)]
    value, low, high = (100 * own[column].to_numpy() for column in ("value", "low", "high"))
    axis.fill_between(own["at"], low, high, color=colour, alpha=0.1, linewidth=0)
    (handles[f"{kind} ({k})"],) = axis.plot(
        own["at"],
        value,
        color=colour,
        marker=MARKERS[(2 * place + with_demonstrations) % len(MARKERS)],
        linestyle="-" if with_demonstrations else "--",
        markeredgecolor="white",
    )


def _across(axis: Any, handles: dict[str, Any], own: pd.DataFrame, read: pd.DataFrame) -> None:
    """The model's own answers at the numbers of demonstrations that states were read at."""
    for k, style in zip(sorted(read["shots"].unique()), (":", "-", "-."), strict=False):
        for value in own[(own["layer"] == OUTPUT) & (own["shots"] == k)]["value"]:
            handles[f"own answers ({k})"] = axis.axhline(
                100 * value, color=INK, linestyle=style, linewidth=1.0
            )


def usefulness_figure(
    pairs: pd.DataFrame, stem: str | Path, *, measure: str, k: int, said: str = ""
) -> list[Path]:
    """Gain by demonstrations against alignability: a dot a pair of languages.

    ``pairs`` has columns source, language, alignability and gain; ``said`` stands over the figure.
    """
    sources = sorted(map(str, pairs["source"].unique()))
    with styled():
        figure, axis = single(4.8, 3.6)
        axis.axhline(0, color=GREY, linewidth=0.8)
        for place, source in enumerate(sources):
            part = pairs[pairs["source"] == source]
            axis.plot(
                part["alignability"],
                100 * part["gain"],
                linestyle="none",
                color=COLOURS[place % len(COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                markeredgecolor="white",
                label=f"demonstrations in {language_name(source)}",
            )
            for row in part.to_dict("records"):
                axis.annotate(
                    row["language"],
                    (row["alignability"], 100 * row["gain"]),
                    xytext=(3, 3),
                    textcoords="offset points",
                    fontsize=6.5,
                    color=INK,
                )
        axis.set_xlabel(f"alignability of demonstrations' language and target ({measure})")
        axis.set_ylabel(f"accuracy with {k} demonstrations\nless that with none, points")
        if said:
            axis.set_title(said, fontsize=8)
        figure.legend(loc="outside lower center", ncols=min(3, len(sources)))
        return write(figure, stem)
