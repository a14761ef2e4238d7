"""Figures of interventions: by layer, by treatment, by concept, by language, and source by language."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from ..errors import ConceptAlignError
from ..intervention.config import MAJORITY, POOLED, UNTOUCHED
from ..intervention.evidence import ALL, MEAN
from .drawing import legend, row_axis
from .families import groups
from .intervene_tables import (
    control_name,
    detailed,
    intervention_name,
    interventions_of,
    main_control,
    main_layer,
    means_of_all,
    readout_name,
)
from .names import language_name, short_name
from .style import COLOURS, GREY, INK, MARKERS, WHITE_EDGE, Chart, empty, panels, single, styled

_DIVERGING = "PuOr"


def _scale(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares in per cent; nats as they are."""
    times = np.where(rows["unit"] == "share", 100.0, 1.0)
    return rows.assign(**{name: rows[name] * times for name in ("value", "low", "high")})


def _unit(rows: pd.DataFrame) -> str:
    return "%" if rows["unit"].iloc[0] == "share" else "nats"


def _looks(controls: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The intervention is blue, its controls have the other colours in their order."""
    names = ["", *controls]
    return {
        name: {"color": COLOURS[at % len(COLOURS)], "marker": MARKERS[at % len(MARKERS)]}
        for at, name in enumerate(names)
    }


@styled()
def layers_figure(effects: pd.DataFrame, *, readout: str = "probe") -> Chart:
    """Values of ``readout`` by the layer that is changed: the first intervention, its controls, untouched.

    The last layer that is read counts. Raises ConceptAlignError where nothing was read so.
    """
    rows = means_of_all(effects)
    rows = rows[(rows["readout"] == readout) & (rows["against"] == "")]
    if rows.empty:
        raise ConceptAlignError(f"no {readout} to draw", remedy="name a read-out that was measured")
    last = sorted(set(rows["read_layer"]), key=lambda one: int(one) if one.isdigit() else 0)[-1]
    name = interventions_of(effects)[0]
    rows = _scale(rows[(rows["read_layer"] == last)])
    controls = [one for one in dict.fromkeys(rows["control"]) if one]
    looks = _looks(controls)
    figure, axis = single(4.8, 3.4)
    handles: dict[str, Any] = {}
    for kind, colour, style in ((UNTOUCHED, INK, "--"), (MAJORITY, GREY, ":")):
        own = rows[rows["intervention"] == kind].sort_values("layer")
        if len(own):
            (handles[intervention_name(kind)],) = axis.plot(
                own["layer"], own["value"], color=colour, linestyle=style
            )
    for control in (*controls[::-1], ""):
        own = rows[(rows["intervention"] == name) & (rows["control"] == control)].sort_values("layer")
        if np.isfinite(own["low"]).any():
            axis.fill_between(
                own["layer"], own["low"], own["high"], color=looks[control]["color"], alpha=0.12, linewidth=0
            )
        label = control_name(control) if control else intervention_name(name)
        (handles[label],) = axis.plot(own["layer"], own["value"], **looks[control], **WHITE_EDGE)
    axis.set_xticks(sorted(set(rows["layer"])))
    axis.set(xlabel="layer that is changed", ylabel=f"{readout_name(readout, last)}, {_unit(rows)}")
    legend(figure, handles, 1, ncols=2)
    return figure


@styled()
def treatments_figure(
    effects: pd.DataFrame, *, readout: str | None = None, layer: int | None = None
) -> Chart:
    """Every intervention and its controls as dots with intervals, a panel for each read-out.

    ``layer`` is the one that is changed, by default that with the largest effect.
    """
    layer = main_layer(effects) if layer is None else layer
    rows = means_of_all(effects)
    rows = _scale(rows[(rows["against"] == "") & (rows["layer"] == layer)])
    rows = rows if readout is None else rows[rows["readout"] == readout]
    parts = list(rows.groupby(["readout", "read_layer"], sort=False))
    if not parts:
        raise ConceptAlignError(f"no {readout} to draw", remedy="name a read-out that was measured")
    lines = [line for line in dict.fromkeys(zip(rows["intervention"], rows["control"], strict=True))]
    lines = [line for line in lines if line[0] not in (UNTOUCHED, MAJORITY)][::-1]
    looks = _looks([one for one in dict.fromkeys(rows["control"]) if one])
    several = len(interventions_of(effects)) > 1
    names = [
        (f"{intervention_name(name)}: " if several and control else "")
        + (control_name(control) if control else intervention_name(name))
        for name, control in lines
    ]
    figure, axes = panels(len(parts), _width(names, len(parts)), 1.2 + 0.27 * len(lines))
    handles: dict[str, Any] = {}
    for axis, ((of, read_layer), part) in zip(axes, parts, strict=True):
        row_axis(axis, names)
        cells = part.set_index(["intervention", "control"])
        for kind, colour, style in ((UNTOUCHED, INK, "--"), (MAJORITY, GREY, ":")):
            if (kind, "") in cells.index:
                value = float(cells.loc[(kind, ""), "value"])
                handles[intervention_name(kind)] = axis.axvline(
                    value, color=colour, linestyle=style, linewidth=1.2
                )
        for at, line in enumerate(lines):
            if line not in cells.index:
                continue
            own = cells.loc[line]
            axis.hlines(at, own["low"], own["high"], color=looks[line[1]]["color"], linewidth=1.3, alpha=0.7)
            axis.plot(own["value"], at, **looks[line[1]], **WHITE_EDGE, linestyle="none")
        axis.set_xlabel(f"{readout_name(of, read_layer)}, {_unit(part)}")
    legend(figure, handles, len(parts))
    return figure


@styled()
def concepts_figure(effects: pd.DataFrame, *, readout: str | None = None, layer: int | None = None) -> Chart:
    """What the first intervention does to words of each concept beyond its main control: bars."""
    layer = main_layer(effects) if layer is None else layer
    rows = detailed(effects, layer)
    rows = _scale(rows[rows["language"] == MEAN])
    rows = rows if readout is None else rows[rows["readout"] == readout]
    if rows.empty:
        raise ConceptAlignError("no concepts to draw", remedy="name a read-out that was measured")
    parts = list(rows.groupby(["readout", "read_layer"], sort=False))
    most = max(part["concept"].nunique() for _, part in parts)
    width = 3.6 if len(parts) > 1 else 4.6
    figure, axes = panels(len(parts), width, 0.9 + 0.22 * most, sharey=False)
    for axis, ((of, read_layer), unsorted) in zip(axes, parts, strict=True):
        part = unsorted.sort_values("value", ascending=False, kind="stable")
        row_axis(axis, list(part["concept"]), zero=True)
        places = np.arange(len(part))
        axis.barh(places, part["value"], 0.62, color=COLOURS[0], alpha=0.85)
        axis.hlines(places, part["low"], part["high"], color=INK, linewidth=1.0)
        axis.set_xlabel(f"{readout_name(of, read_layer)}: {_difference(part, effects)}")
    return figure


@styled()
def languages_figure(effects: pd.DataFrame, *, readout: str | None = None, layer: int | None = None) -> Chart:
    """What the first intervention does in each language beyond its main control: dots with intervals."""
    layer = main_layer(effects) if layer is None else layer
    against = main_control(effects)
    rows = effects[
        (effects["source"] == POOLED) & (effects["layer"] == layer) & (effects["control"] == "")
        & (effects["concept"] == ALL) & (effects["against"] == against) & (effects["language"] != MEAN)
        & (effects["intervention"] == interventions_of(effects)[0])
    ]  # fmt: skip
    rows = _scale(rows if readout is None else rows[rows["readout"] == readout])
    parts = list(rows.groupby(["readout", "read_layer"], sort=False))
    order = list(parts[0][1].sort_values("value", ascending=False, kind="stable")["language"])
    order += [code for code in dict.fromkeys(rows["language"]) if code not in order]
    names = [language_name(code) for code in order]
    figure, axes = panels(len(parts), _width(names, len(parts)), 1.0 + 0.22 * len(order))
    for axis, ((of, read_layer), part) in zip(axes, parts, strict=True):
        row_axis(axis, names, zero=True)
        own = part.set_index("language").reindex(order)
        places = np.arange(len(order))
        axis.hlines(places, own["low"], own["high"], color=COLOURS[0], linewidth=1.3, alpha=0.7)
        axis.plot(own["value"], places, linestyle="none", marker="o", color=COLOURS[0], **WHITE_EDGE)
        axis.set_xlabel(f"{readout_name(of, read_layer)}: {_difference(part, effects)}")
    return figure


def _width(names: Sequence[str], facets: int) -> float:
    """Inches of one of several panels that share the names of their rows, which stand to the left of all."""
    return (3.0 if facets > 1 else 3.4) + 0.07 * max(map(len, names)) / min(facets, 3)


def _difference(rows: pd.DataFrame, effects: pd.DataFrame) -> str:
    points = "points" if rows["unit"].iloc[0] == "share" else "nats"
    against = rows["against"].iloc[0]
    return f"change, {points}" if against == UNTOUCHED else f"beyond control, {points}"


@styled()
def matrix_figure(square: pd.DataFrame, *, unit: str = "share") -> Chart:
    """[sources, languages] as colours, nought in the middle; languages of one family side by side."""
    sources, languages = (_by_family(list(map(str, one))) for one in (square.index, square.columns))
    values = square.reindex(index=sources, columns=languages).to_numpy(dtype=np.float64)
    values = values * (100 if unit == "share" else 1)
    most = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    side = 0.26 if max(values.shape) <= 24 else 0.16
    figure = empty(2.0 + side * len(languages), 1.3 + side * len(sources))
    axis = figure.subplots()
    mesh = axis.pcolormesh(
        np.ma.masked_invalid(values), cmap=matplotlib.colormaps[_DIVERGING], vmin=-most, vmax=most,
        edgecolor="white", linewidth=0.3,
    )  # fmt: skip
    axis.patch.set(facecolor="#EEEEEE")
    for row, source in enumerate(sources):
        if source in languages:  # at home
            axis.plot(languages.index(source) + 0.5, row + 0.5, marker=".", color=INK, markersize=3)
    axis.set_xticks(np.arange(len(languages)) + 0.5, [short_name(one) for one in languages], rotation=90)
    axis.set_yticks(np.arange(len(sources)) + 0.5, [short_name(one) for one in sources])
    axis.tick_params(length=0, labelsize=7)
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set(xlabel="language that is read (dots: the source itself)", ylabel="directions of")
    bar = figure.colorbar(mesh, ax=axis, shrink=0.8)
    bar.outline.set_visible(False)
    bar.set_label("beyond control, " + ("points" if unit == "share" else "nats"), fontsize=8)
    bar.ax.grid(visible=False)
    return figure


def _by_family(languages: Sequence[str]) -> list[str]:
    order = [code for group in groups(sorted(languages)) for code in group.languages]
    return [code for code in order if code in languages]
