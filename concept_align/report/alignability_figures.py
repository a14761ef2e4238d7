"""Figures of alignability: by layer, by concept, in one plane, and against zero-shot accuracy."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..errors import ConceptAlignError, UsageError
from ..statistics import Correlation, correlate
from ..treebanks.concepts import RELATIONS, UPOS
from .alignability_findings import language_means, means_frame
from .drawing import row_axis
from .families import groups
from .labels import Label, end_labels, headline, place_labels
from .names import capital, full_name, measure_name, short_name, space_name, task_name
from .score_matrix import layer_numbers, one_condition
from .style import COLOURS, GREY, INK, MARKERS, WHITE_EDGE, Chart, look, single, styled
from .tables import number

Depth = Literal["auto", "layer", "relative"]
CONCEPT_COLUMNS: tuple[str, ...] = ("concept", "value", "low", "high", "null_mean", "null_sd", "pairs")
_INDEX = {name: at for inventory in (UPOS, RELATIONS) for at, name in enumerate(inventory)}
# Those of the style that are dark enough for letters. A concept has the same one in every figure; seven of
# them, so that nouns, pronouns and proper nouns differ, as do verbs, auxiliaries and particles.
_READABLE = (COLOURS[0], COLOURS[1], GREY, COLOURS[2], COLOURS[3], COLOURS[6], COLOURS[7])


@styled()
def sweep_figure(
    series: Mapping[str, pd.DataFrame],
    *,
    controls: Collection[str] = (),
    languages: bool | None = None,
    highlight: Sequence[str] | None = None,
    depth: Depth = "auto",
    blocks: Mapping[str, int] | None = None,
    ceiling: bool = True,
    title: str | None = None,
) -> Chart:
    """Mean over pairs of languages against layers, with a 95% interval over languages.

    ``series`` are tables of one condition each, by their names in the figure; those named in ``controls`` are
    drawn dashed. Grey bands are the null of a single pair: mean and two standard deviations under permuted
    labels. ``languages`` draws the mean of each language's pairs as a thin line (by default where there is
    one series that is no control), and ``highlight`` names some of them (by default the two lowest and the
    highest). ``depth`` "relative" counts from 0 (embeddings) to 1 (last layer), "auto" does so where series
    differ in layers; ``blocks`` are the layers that a series' model has, by default as many as its last one
    here. Raises UsageError for series of several measures.
    """
    numbered = {name: layer_numbers(scores) for name, scores in series.items()}
    known = {name: one_condition(scores) for name, scores in numbered.items()}
    if len({about["measure"] for about in known.values()}) > 1:
        raise UsageError("the series are of several measures", remedy="draw a figure for each measure")
    last = {name: (blocks or {}).get(name, int(rows["layer"].max())) for name, rows in numbered.items()}
    relative = depth == "relative" or (depth == "auto" and len(set(last.values())) > 1)
    scale = {name: 1 / max(last[name], 1) if relative else 1.0 for name in series}
    main = [name for name in series if name not in controls]
    figure, axis = single(5.2, 3.7)
    looks = look([*main, *(name for name in series if name in controls)])
    labels: list[Label] = []
    for name in main if (len(main) == 1 if languages is None else languages) else ():
        labels += _languages(axis, numbered[name], scale[name], looks[name]["color"], highlight)
    frames = {
        name: means_frame(rows).assign(at=lambda frame, by=scale[name]: frame["layer"].astype(int) * by)
        for name, rows in numbered.items()
    }
    _nulls(axis, [frames[name] for name in main])
    for name, frame in frames.items():
        x, value, low, high = _columns(frame, "at", "value", "low", "high")
        axis.fill_between(x, low, high, color=looks[name]["color"], alpha=0.22, linewidth=0, zorder=3)
        axis.plot(
            x, value, **looks[name], label=name, zorder=4, markeredgecolor="white", markeredgewidth=0.6,
            linestyle=(0, (4, 1.6)) if name in controls else "-",
        )  # fmt: skip
    if ceiling and len(main) == 1:
        x, top = _columns(frames[main[0]], "at", "ceiling")
        if np.isfinite(top).any():
            axis.plot(
                x, top, color=INK, linewidth=1.0, linestyle=(0, (1, 1.2)), zorder=2,
                label="ceiling: halves of the same language",
            )  # fmt: skip
    about = known[next(iter(series))]
    most = max(main or series, key=lambda name: int(frames[name]["pairs"].max()))
    said = _about_pairs(about, numbered[most], frames[most])
    headline(axis, title or capital(f"{task_name(about['task'])}: similarity of languages by layer"), said)
    axis.set_xlabel("depth (0: embeddings, 1: last layer)" if relative else "layer (0: embeddings)")
    axis.set_ylabel(f"{measure_name(about['measure'])}\nmean over pairs of languages")
    if not relative:
        layers = sorted({int(at) for rows in numbered.values() for at in rows["layer"]})
        axis.set_xticks(layers[:: -(-len(layers) // 20)])  # so many that their numbers do not touch
    axis.margins(x=0.03)
    by_name = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    ordered = {name: by_name[name] for name in (*series, *by_name) if name in by_name}
    figure.legend(
        ordered.values(), ordered.keys(), loc="outside lower center", ncols=2, fontsize=8, handlelength=2.6
    )
    end_labels(figure, axis, labels)
    return figure


def _columns(frame: pd.DataFrame, *names: str) -> list[Any]:
    return [frame[name].to_numpy(dtype=np.float64) for name in names]


def _about_pairs(about: Mapping[str, str], scores: pd.DataFrame, frame: pd.DataFrame) -> str:
    """The line below the title: pairs, space, and languages that have no value at all."""
    pairs, languages = int(frame["pairs"].max()), int(frame["languages"].max())
    said = f"{pairs:,} pairs of {languages} languages, {space_name(about['space'])}; "
    said += "bands: 95% intervals over languages"
    means = language_means(scores)
    none = [full_name(str(code)) for code in means if means[code].isna().all()]
    return said + (f"\nno value in any layer: {', '.join(none)}" if none else "")


def _nulls(axis: Any, frames: Sequence[pd.DataFrame]) -> None:
    label = "permuted labels: mean ± 2 sd of a pair"
    for frame in frames:
        x, mean, sd = _columns(frame, "at", "null_mean", "null_sd")
        if np.isfinite(mean).any():
            band = {"alpha": 0.20 if len(frames) == 1 else 0.11, "linewidth": 0, "zorder": 1}
            axis.fill_between(x, mean - 2 * sd, mean + 2 * sd, color=GREY, label=label, **band)
            axis.plot(x, mean, color=GREY, linestyle=":", linewidth=1.3, zorder=2)
            label = "_"  # one entry for all of them


def _languages(
    axis: Any, rows: pd.DataFrame, scale: float, colour: str, highlight: Sequence[str] | None
) -> list[Label]:
    """A thin line per language; the labels of those that are named, at their right end."""
    means = language_means(rows)
    means = means.loc[:, means.notna().any()]
    x = means.index.to_numpy() * scale
    best = int(means.mean(axis=1).to_numpy().argmax())
    ranked = list(means.iloc[best].sort_values(kind="stable").index)
    named = dict.fromkeys([*ranked[:2], *ranked[-1:]] if highlight is None else highlight)
    for code in means:
        axis.plot(x, means[code], color=colour, linewidth=0.6, alpha=0.28, zorder=2)
    axis.plot([], [], color=colour, linewidth=0.8, alpha=0.5, label="mean of one language's pairs")
    labels = []
    for code in (code for code in named if code in means):
        axis.plot(x, means[code], color=INK, linewidth=0.8, alpha=0.7, zorder=3)
        labels.append(Label(float(x[-1]), float(means[code].iloc[-1]), full_name(code), size=7))
    return labels


@styled()
def concepts_figure(concepts: pd.DataFrame, *, task: str = "", below: str = "") -> Chart:
    """Each concept's value with its interval and its null, the highest on top.

    ``concepts`` has columns ``concept`` and ``value``, and may have ``low``, ``high``, ``null_mean``,
    ``null_sd`` and ``pairs`` (of languages, shown at the right). Concepts without a value are named, not
    drawn. Raises UsageError where a concept has several values, ConceptAlignError where none has one.
    """
    if concepts["concept"].duplicated().any():
        raise UsageError(
            "some concepts have several values",
            where="concepts",
            remedy="keep the rows of one layer, kind and measure",
        )
    frame = concepts.reindex(columns=list(CONCEPT_COLUMNS)).reset_index(drop=True)
    rows = frame[frame["value"].notna()].sort_values("value", kind="stable").reset_index(drop=True)
    if rows.empty:
        raise ConceptAlignError("no concept has a value to draw", remedy="compare languages with more words")
    value, low, high, mean, sd = _columns(rows, *CONCEPT_COLUMNS[1:6])
    y = np.arange(len(rows))
    figure, axis = single(4.8, 1.25 + 0.2 * len(rows))
    row_axis(axis, list(rows["concept"]))
    if np.isfinite(mean).any():
        sd = np.nan_to_num(sd)
        band = {"color": GREY, "alpha": 0.30, "linewidth": 0, "zorder": 1}
        band["label"] = "concepts relabelled: mean ± 2 sd"
        axis.barh(y, 4 * sd, left=mean - 2 * sd, height=0.62, **band)
        axis.plot(
            mean, y, color=GREY, marker="|", markersize=8, markeredgewidth=1.4, linestyle="none", zorder=2
        )
    axis.hlines(y, low, high, color=COLOURS[0], linewidth=1.4, alpha=0.6, zorder=3)
    axis.plot(
        value, y, color=COLOURS[0], marker="o", markersize=5, linestyle="none", **WHITE_EDGE, zorder=4,
        label="mean, 95% interval" if np.isfinite(low).any() else "mean",
    )  # fmt: skip
    axis.use_sticky_edges = False
    axis.set_ylim(-0.5, len(rows) - 0.5)
    axis.set_xlabel("correlation of distances to the other concepts")
    if rows["pairs"].notna().any():
        counts = [(at, "" if pd.isna(n) else f"{int(n):,}", 0) for at, n in enumerate(rows["pairs"])]
        for at, text, lift in (*counts, (len(rows) - 0.5, "pairs", 3)):
            axis.annotate(
                text, (1, at), xytext=(4, lift), fontsize=7, color=INK, textcoords="offset points",
                xycoords=("axes fraction", "data"), va="bottom" if lift else "center",
            )  # fmt: skip
    none = [str(name) for name in frame.loc[frame["value"].isna(), "concept"]]
    said = f"no value: {', '.join(none)}" if none else ""
    title = capital(f"{task_name(task) if task else 'concepts'}: which correspond best")
    headline(axis, title, below, said, width=72)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


@styled()
def overlay_figure(
    points: Float[np.ndarray, "langs concepts 2"],
    languages: Sequence[str],
    concepts: Sequence[str],
    *,
    shares: tuple[float, float] | None = None,
    title: str = "Prototypes in one plane",
    below: str = "",
) -> Chart:
    """Prototypes of several languages in one plane: does a concept lie in the same place in each?

    ``points`` [langs, concepts, 2] are NaN where a language lacks a concept: a colour per concept, a marker
    per language, and lines from each concept's mean to where each language has it. ``shares`` are the parts
    of all variance that both axes show. Both axes have one scale, so that distances can be compared. A
    language without any point is named. Raises UsageError for points of another shape, or none.
    """
    if points.shape != (len(languages), len(concepts), 2):
        raise UsageError(
            f"points of shape {list(points.shape)} are not [languages, concepts, 2]",
            remedy=f"for {len(languages)} languages and {len(concepts)} concepts give "
            f"[{len(languages)}, {len(concepts)}, 2]",
        )
    there: NDArray[np.bool_] = np.isfinite(points).all(axis=2)
    if not there.any():
        raise UsageError("there are no points to draw", remedy="choose languages with more words")
    figure, axis = single(5.4, 5.4)
    part = np.linspace(0.15, 0.85, 5)[:, None, None]
    labels, lines = [], []
    for at in np.flatnonzero(there.any(0)).tolist():
        own, colour = there[:, at], _READABLE[_INDEX.get(concepts[at], at) % len(_READABLE)]
        middle = points[own, at].mean(0)
        for place in np.flatnonzero(own).tolist():
            x, y = points[place, at]
            axis.plot([middle[0], x], [middle[1], y], color=colour, linewidth=0.8, alpha=0.45, zorder=2)
            axis.plot(x, y, linestyle="none", zorder=4, **_marker(place, colour))
        labels.append(Label(float(middle[0]), float(middle[1]), concepts[at], colour, size=8, bold=True))
        lines.append((middle + part * (points[own, at] - middle)).reshape(-1, 2))
    axis.set_aspect("equal", adjustable="datalim")
    axis.margins(0.09)
    axis.tick_params(labelsize=8)
    told = ["" if share is None else f" ({100 * share:.0f}% of variance)" for share in shares or (None, None)]
    axis.set(xlabel="first axis" + told[0], ylabel="second axis" + told[1])
    some = [bool(row.any()) for row in there]
    none = [full_name(name) for name, has in zip(languages, some, strict=True) if not has]
    headline(axis, title, below, f"no prototypes: {', '.join(none)}" if none else "")
    handles = [
        Line2D([], [], linestyle="none", label=full_name(languages[at]), **_marker(at, INK))
        for at in np.flatnonzero(some).tolist()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8, handletextpad=0.2)
    place_labels(figure, axis, labels, points=points[there], lines=np.concatenate(lines))
    return figure


def _marker(at: int, colour: str) -> dict[str, Any]:
    """Eight markers filled, then the same eight hollow."""
    hollow = at % (2 * len(MARKERS)) >= len(MARKERS)
    return {
        "marker": MARKERS[at % len(MARKERS)],
        "markersize": 5.5,
        "markerfacecolor": "white" if hollow else colour,
        "markeredgecolor": colour if hollow else "white",
        "markeredgewidth": 1.1 if hollow else 0.5,
    }


def points_of(
    table: pd.DataFrame,
) -> tuple[Float[np.ndarray, "langs concepts 2"], tuple[str, ...], tuple[str, ...]]:
    """``points`` [langs, concepts, 2], languages and concepts of a table: language, concept, x, y."""
    languages, concepts = (tuple(map(str, dict.fromkeys(table[side]))) for side in ("language", "concept"))
    wide = [table.pivot(index="language", columns="concept", values=axis) for axis in ("x", "y")]
    points = [one.reindex(index=languages, columns=concepts).to_numpy(dtype=np.float64) for one in wide]
    return np.stack(points, axis=2), languages, concepts


@styled()
def transfer_figure(
    alike: Mapping[str, float],
    accuracy: Mapping[str, float],
    *,
    measure: str,
    source: str = "en",
    found: Correlation | None = None,
    below: str = "",
) -> Chart:
    """Every language by its score with ``source`` and by its ``accuracy`` (a share), labelled by its code.

    Languages that lack one of both are named, not drawn. ``found`` is Pearson's correlation, computed here
    where it is not given. Raises ConceptAlignError where no language has both.
    """
    names = sorted({*alike, *accuracy} - {source})
    pairs = {name: (alike.get(name, np.nan), 100 * accuracy.get(name, np.nan)) for name in names}
    both = [name for name, pair in pairs.items() if np.isfinite(pair).all()]
    if not both:
        raise ConceptAlignError(
            "no language has both a score and an accuracy", remedy="compare and evaluate the same languages"
        )
    x, y = np.array([pairs[name] for name in both], dtype=np.float64).T
    said = correlate(x, y, method="pearson") if found is None else found
    figure, axis = single(5.2, 4.4)
    for group in groups(both):
        at = [both.index(name) for name in group.languages]
        axis.plot(
            x[at], y[at], linestyle="none", marker="o", markersize=5, color=group.colour,
            label=group.name, markeredgecolor="#777777", markeredgewidth=0.4, zorder=4,
        )  # fmt: skip
    line = np.empty((0, 2))
    if np.isfinite(said.r):
        along = np.linspace(x.min(), x.max(), 60)
        line = np.stack([along, np.polyval(np.polyfit(x, y, 1), along)], 1)
        axis.plot(*line[[0, -1]].T, color="#555555", linewidth=1.0, linestyle="--", zorder=2)
    axis.margins(0.07)
    axis.set(xlabel=f"{measure}, with {full_name(source)}", ylabel="zero-shot accuracy, %")
    gone = [full_name(name) for name in names if name not in both]
    r = f"r = {number(said.r, said.low, said.high)}, n = {said.n}"
    if np.isnan(said.r):
        r = f"{said.n} languages, too few for a correlation"
    headline(
        axis,
        f"Alignability and transfer: {r}",
        below,
        f"not drawn, no value: {', '.join(gone)}" if gone else "",
    )
    figure.legend(loc="outside lower center", ncols=4, fontsize=7.5, handletextpad=0.1, columnspacing=1.0)
    labels = [
        Label(float(a), float(b), short_name(name), size=6.5) for name, a, b in zip(both, x, y, strict=True)
    ]
    place_labels(figure, axis, labels, lines=line)
    return figure
