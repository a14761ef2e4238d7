"""A figure of languages: does one that is more alike to the source do better without labels of its own?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ConceptAlignError
from ...statistics import Correlation, correlate
from ..style import single, styled, write
from .families import full_name, groups, short_name
from .labels import Label, headline, place_labels, wrapped
from .sweep import FORMATS

Floats = NDArray[np.float64]


def transfer_figure(
    alike: Mapping[str, float],
    accuracy: Mapping[str, float],
    stem: str | Path,
    *,
    measure: str,
    source: str = "en",
    metric: str = "zero-shot accuracy",
    found: Correlation | None = None,
    below: str = "",
    title: str | None = None,
    seed: int = 0,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Every language by its score with ``source`` and by its ``accuracy`` (a share), labelled by its code.

    Languages that lack one of both are named, not drawn. ``found`` is Pearson's correlation,
    computed here where it is not given. Writes ``stem`` in all ``formats``.
    """
    names = sorted({*alike, *accuracy} - {source})
    both = [
        name for name in names if np.isfinite([alike.get(name, np.nan), accuracy.get(name, np.nan)]).all()
    ]
    if not both:
        raise ConceptAlignError(
            "no language has both a score and an accuracy", remedy="compare and evaluate the same languages"
        )
    x, y = (np.array([of[name] for name in both], dtype=np.float64) for of in (alike, accuracy))
    y = 100 * y
    said = correlate(x, y, method="pearson", seed=seed) if found is None else found
    with styled():
        figure, axis = single(5.2, 4.4)
        for group in groups(both):
            at = [both.index(name) for name in group.languages]
            axis.plot(
                x[at], y[at], linestyle="none", marker="o", markersize=5, color=group.colour,
                label=group.name, markeredgecolor="#777777", markeredgewidth=0.4, zorder=4,
            )  # fmt: skip
        line = np.empty((0, 2))
        if np.isfinite(said.r):
            slope, start = np.polyfit(x, y, 1)
            ends = np.array([x.min(), x.max()])
            axis.plot(ends, start + slope * ends, color="#555555", linewidth=1.0, linestyle="--", zorder=2)
            along = np.linspace(x.min(), x.max(), 60)
            line = np.stack([along, start + slope * along], 1)
        axis.margins(0.07)
        axis.set_xlabel(f"{measure}, with {full_name(source)}")
        axis.set_ylabel(f"{metric}, %")
        gone = [full_name(name) for name in names if name not in both]
        lines = [below] * bool(below) + [f"not drawn, no value: {', '.join(gone)}"] * bool(gone)
        headline(
            axis, f"{title or 'Alignability and transfer'}: {_said(said)}", wrapped("\n".join(lines), 84)
        )
        figure.legend(loc="outside lower center", ncols=4, fontsize=7.5, handletextpad=0.1, columnspacing=1.0)
        labels = [
            Label(float(a), float(b), short_name(name), size=6.5)
            for name, a, b in zip(both, x, y, strict=True)
        ]
        place_labels(figure, axis, labels, lines=line)
        return write(figure, stem, formats=formats)


def _said(found: Correlation) -> str:
    if np.isnan(found.r):
        return f"{found.n} languages, too few for a correlation"
    bounds = "" if np.isnan(found.low) else f" [{_signed(found.low)}, {_signed(found.high)}]"
    return f"r = {_signed(found.r)}{bounds}, n = {found.n}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
