"""The figure of the calibration: p-values, power against its prediction, coverage."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from concept_align.report.style import GREY, look, save, styled

Floats = NDArray[np.float64]

TOP = 13.0  # % of rejections; what is above is written
NAMES = {
    "rsa": "RSA, Spearman",
    "rsa-pearson": "RSA, Pearson",
    "rsa/cosine": "RSA, cosine",
    "procrustes": "Procrustes",
    "cka": "debiased CKA",
    "retrieval-p1": "retrieval, P@1",
}


def draw(table: pd.DataFrame, stem: Path) -> list[Path]:
    with styled():
        figure = Figure(figsize=(12.4, 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 3, width_ratios=(1.35, 0.9, 1))
        styles = look(list(NAMES))
        _null(axes[0], table[table["part"].isin(["null", "counts"])], styles)
        _power(axes[1], table[table["part"] == "power"], styles)
        _coverage(axes[2], table[table["part"] == "coverage"], styles)
        handles = [
            axes[0].plot([], [], linestyle="none", **style, label=NAMES[name])[0]
            for name, style in styles.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(NAMES))
        return save(figure, stem)


def _percent(rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Values and the lengths of their error bars to either side."""
    value, low, high = (100 * rows[column].to_numpy(float) for column in ("value", "low", "high"))
    return value, value - low, high - value


def _null(axis: Any, rows: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    rows = rows[rows["quantity"] == "rejected at 0.05"]
    key = ["part", "concepts", "dim", "setting"]
    cells = list(dict.fromkeys(rows[key].itertuples(index=False, name=None)))
    axis.axhline(5, color=GREY, linewidth=1)
    for place, name in enumerate(NAMES):
        of = rows[rows["measure"] == name].set_index(key).reindex(cells)
        value, below, above = _percent(of)
        at = np.arange(len(cells)) + (place - 2.5) * 0.13
        axis.errorbar(
            at, np.minimum(value, TOP), yerr=(below, above), **styles[name], linestyle="none", elinewidth=0.7,
            markersize=3,
        )  # fmt: skip
        for x, y in zip(at[value > TOP], value[value > TOP], strict=True):
            axis.annotate(f"{y:.0f}", (x, TOP), (x, TOP + 0.35), ha="center", fontsize=5.5)
    names = {"counts": lambda setting: setting.rpartition(", ")[2].replace("debiased", "\ndebiased")}
    axis.set_xticks(
        range(len(cells)),
        [names[part](setting) if part in names else str(dim) for part, _, dim, setting in cells],
        fontsize=7,
    )
    groups = [f"{concepts} concepts" if part == "null" else "rare alike" for part, concepts, _, _ in cells]
    for name in dict.fromkeys(groups):
        at = [place for place, group in enumerate(groups) if group == name]
        where = {"transform": axis.get_xaxis_transform(), "ha": "center", "va": "bottom", "fontsize": 7.5}
        axis.text(np.mean(at), 1.0, name, **where)
        if at[0]:
            axis.axvline(at[0] - 0.5, color=GREY, linewidth=0.5)
    axis.set_ylim(0, TOP + 1)
    axis.grid(axis="x", visible=False)
    axis.set_title("Independent spaces: rejected at 0.05", pad=18)
    axis.set_xlabel("dimension of the spaces")
    axis.set_ylabel("% of pairs, 95 % binomial interval")


def _power(axis: Any, rows: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    for concepts, line, fill in zip(
        sorted(set(rows["concepts"])), ("-", "--"), ("full", "none"), strict=False
    ):
        look_alike = {"markersize": 4.5, "fillstyle": fill}
        for name in dict.fromkeys(rows["measure"]):
            of = rows[(rows["measure"] == name) & (rows["concepts"] == concepts)].sort_values(
                "correspondence"
            )
            x, expected = of["correspondence"].to_numpy(float), 100 * of["expected"].to_numpy(float)
            axis.plot(x, expected, color=styles[name]["color"], linestyle=line, linewidth=1.2)
            value, below, above = _percent(of)
            axis.errorbar(
                x, value, yerr=(below, above), **styles[name], **look_alike, linestyle="none", elinewidth=0.8
            )
        axis.plot([], [], color=GREY, linestyle=line, marker="o", **look_alike, label=f"{concepts} concepts")
    axis.legend(loc="lower right", title="lines: predicted\npoints: simulated", title_fontsize=8, fontsize=8)
    axis.set_ylim(0, 103)
    axis.set_title("Planted correspondence: power at 0.05", pad=18)
    axis.set_xlabel("correspondence ρ of prototypes")
    axis.set_ylabel("% of pairs")


def _coverage(axis: Any, rows: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    rows = rows[rows["quantity"].str.startswith("coverage")]
    key = ["concepts", "setting", "correspondence"]
    cells = list(dict.fromkeys(rows[key].itertuples(index=False, name=None)))
    axis.axvspan(93, 97, color=GREY, alpha=0.15, linewidth=0)
    axis.axvline(95, color=GREY, linewidth=1)
    for place, name in enumerate(dict.fromkeys(rows["measure"])):
        value, below, above = _percent(rows[rows["measure"] == name].set_index(key).reindex(cells))
        at = -np.arange(len(cells)) - (place - 2) * 0.14
        axis.errorbar(
            value, at, xerr=(below, above), **styles[name], linestyle="none", elinewidth=0.8, markersize=4
        )
    labels = [
        f"{concepts} concepts, ρ {rho:g}\n{setting.replace(', debiased', '')}"
        for concepts, setting, rho in cells
    ]
    axis.set_yticks(-np.arange(len(cells)), labels, fontsize=7)
    axis.set_xlim(right=100.5)
    axis.grid(axis="y", visible=False)
    axis.set_title("Samples of words: coverage of 95 % intervals", pad=18)
    axis.set_xlabel("% of samples")
