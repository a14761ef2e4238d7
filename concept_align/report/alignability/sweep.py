"""A figure of a layer sweep: how alike languages are, layer by layer, beside chance and controls."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...errors import UsageError
from ..names import task_name
from ..style import GREY, INK, look, single, styled, write
from .families import full_name
from .labels import Label, end_labels, headline, wrapped
from .means import language_means, means_frame
from .names import measure_name, space_name
from .scores import layer_numbers, one_setting

FORMATS: tuple[str, ...] = ("png", "svg", "pdf")
Depth = Literal["auto", "layer", "relative"]


def sweep_figure(
    series: Mapping[str, pd.DataFrame],
    stem: str | Path,
    *,
    controls: Collection[str] = (),
    languages: bool | None = None,
    highlight: Sequence[str] | None = None,
    depth: Depth = "auto",
    blocks: Mapping[str, int] | None = None,
    ceiling: bool = True,
    title: str | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Mean over pairs of languages against layers, with a 95% interval over languages.

    ``series`` are tables of one setting each, by what they are called in the figure; those named in
    ``controls`` are drawn dashed. Grey bands are the null of a single pair: mean and two standard deviations
    under permuted labels. ``languages`` draws the mean of each language's pairs as a thin line (by default
    where there is one series that is no control), and ``highlight`` names some of them (by default the two
    lowest and the highest). ``depth`` "relative" counts from 0 (embeddings) to 1 (last layer), "auto" does so
    where series differ in layers; ``blocks`` are the layers that a series' model has, by default as many as
    its last one here. Writes ``stem`` in all ``formats``.
    """
    numbered = {name: layer_numbers(scores) for name, scores in series.items()}
    known = {name: one_setting(scores) for name, scores in numbered.items()}
    if len({about["measure"] for about in known.values()}) > 1:
        raise UsageError("the series are of several measures", remedy="draw a figure for each measure")
    last = {name: (blocks or {}).get(name, int(rows["layer"].max())) for name, rows in numbered.items()}
    relative = depth == "relative" or (depth == "auto" and len(set(last.values())) > 1)
    scale = {name: 1 / max(last[name], 1) if relative else 1.0 for name in series}
    main = [name for name in series if name not in controls]
    thin = len(main) == 1 if languages is None else languages
    with styled():
        figure, axis = single(5.2, 3.7)
        looks = look([*main, *(name for name in series if name in controls)])
        labels: list[Label] = []
        for name in main if thin else ():
            labels += _languages(axis, numbered[name], scale[name], looks[name]["color"], highlight)
        frames = {name: means_frame(rows) for name, rows in numbered.items()}
        _nulls(axis, {name: frames[name] for name in main}, scale)
        for name, frame in frames.items():
            _line(axis, frame, scale[name], looks[name], name, dashed=name in controls)
        if ceiling and len(main) == 1:
            _ceiling(axis, frames[main[0]], scale[main[0]])
        about = known[next(iter(series))]
        most = max(main or series, key=lambda name: int(frames[name]["pairs"].max()))
        headline(
            axis,
            title or f"{task_name(about['task'])}: how alike languages are, by layer".capitalize(),
            wrapped(_said(about, numbered[most], frames[most]), 84),
        )
        axis.set_xlabel("depth (0: embeddings, 1: last layer)" if relative else "layer (0: embeddings)")
        axis.set_ylabel(f"{measure_name(about['measure'])}\nmean over pairs of languages")
        if not relative:
            axis.set_xticks(_ticks(sorted({int(at) for rows in numbered.values() for at in rows["layer"]})))
        axis.margins(x=0.03)
        figure.legend(
            *_entries(axis, list(series)), loc="outside lower center", ncols=2, fontsize=8, handlelength=2.6
        )
        end_labels(figure, axis, labels)
        return write(figure, stem, formats=formats)


def _said(about: Mapping[str, str], scores: pd.DataFrame, frame: pd.DataFrame) -> str:
    """What is below the title: pairs, space, and languages that have no value at all."""
    pairs, languages = int(frame["pairs"].max()), int(frame["languages"].max())
    said = f"{pairs:,} pairs of {languages} languages, {space_name(about['space'])}; "
    said += "bands: 95% intervals over languages"
    means = language_means(scores)
    none = [full_name(str(code)) for code in means if means[code].isna().all()]
    return said + (f"\nno value in any layer: {', '.join(none)}" if none else "")


def _ticks(layers: Sequence[int]) -> list[int]:
    """Every layer, or every so many where their numbers would touch."""
    step = -(-len(layers) // 20)
    return list(layers[::step])


def _entries(axis: Any, series: Sequence[str]) -> tuple[list[Any], list[str]]:
    """Handles and names of the legend: the series first."""
    handles, names = axis.get_legend_handles_labels()
    by_name = dict(zip(names, handles, strict=True))
    ordered = [*(name for name in series if name in by_name), *(n for n in by_name if n not in series)]
    return [by_name[name] for name in ordered], ordered


def _line(
    axis: Any, frame: pd.DataFrame, scale: float, style: Mapping[str, Any], label: str, *, dashed: bool
) -> None:
    x = frame["layer"].astype(int).to_numpy() * scale
    value, low, high = (frame[column].to_numpy(dtype=np.float64) for column in ("value", "low", "high"))
    axis.fill_between(x, low, high, color=style["color"], alpha=0.22, linewidth=0, zorder=3)
    axis.plot(
        x, value, **style, label=label, zorder=4, markeredgecolor="white", markeredgewidth=0.6,
        linestyle=(0, (4, 1.6)) if dashed else "-",
    )  # fmt: skip


def _nulls(axis: Any, frames: Mapping[str, pd.DataFrame], scale: Mapping[str, float]) -> None:
    label = "permuted labels: mean ± 2 sd of a pair"
    for name, frame in frames.items():
        x = frame["layer"].astype(int).to_numpy() * scale[name]
        mean, sd = frame["null_mean"].to_numpy(np.float64), frame["null_sd"].to_numpy(np.float64)
        if not np.isfinite(mean).any():
            continue
        strength = 0.20 if len(frames) == 1 else 0.11
        axis.fill_between(
            x, mean - 2 * sd, mean + 2 * sd, color=GREY, alpha=strength, linewidth=0, zorder=1, label=label
        )
        axis.plot(x, mean, color=GREY, linestyle=":", linewidth=1.3, zorder=2)
        label = "_"  # one entry for all of them


def _ceiling(axis: Any, frame: pd.DataFrame, scale: float) -> None:
    ceiling = frame["ceiling"].to_numpy(dtype=np.float64)
    if np.isfinite(ceiling).any():
        x = frame["layer"].astype(int).to_numpy() * scale
        axis.plot(
            x, ceiling, color=INK, linewidth=1.0, linestyle=(0, (1, 1.2)), zorder=2,
            label="ceiling: halves of the same language",
        )  # fmt: skip


def _languages(
    axis: Any, rows: pd.DataFrame, scale: float, colour: str, highlight: Sequence[str] | None
) -> list[Label]:
    """A thin line a language; the labels of those that are named, at their right end."""
    means = language_means(rows)
    means = means.loc[:, means.notna().any()]
    x = means.index.to_numpy() * scale
    best = int(means.mean(axis=1).to_numpy().argmax())
    ranked = list(means.iloc[best].sort_values(kind="stable").index)
    named = (
        [code for code in highlight if code in means]
        if highlight is not None
        else list(dict.fromkeys([*ranked[:2], *ranked[-1:]]))
    )
    for code in means:
        axis.plot(x, means[code], color=colour, linewidth=0.6, alpha=0.28, zorder=2)
    axis.plot([], [], color=colour, linewidth=0.8, alpha=0.5, label="mean of one language's pairs")
    for code in named:
        axis.plot(x, means[code], color=INK, linewidth=0.8, alpha=0.7, zorder=3)
    return [Label(float(x[-1]), float(means[code].iloc[-1]), full_name(code), size=7) for code in named]
