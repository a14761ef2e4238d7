"""One look for every figure: colours that the colour-blind can tell apart, markers that nobody mixes up.

Figures are drawn without pyplot's global state, and saved so that equal data give equal bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .. import atomic

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F5539")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
GREY = "#8A8A8A"
INK = "#333333"
STRIPE = "#F5F5F5"
WHITE_EDGE: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.5}

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # a name may hold any sign
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "svg.hashsalt": "concept-align",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # letters stay letters: to be searched, and to be edited by a typesetter
}
# What a writer of each kind would put in by itself: dates and versions.
_NO_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib in our style inside the block (or, as a decorator, the function), as it was outside."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


class Chart(Figure):
    """A matplotlib figure that is saved in our style, and that a notebook shows by itself, without pyplot."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """As matplotlib's; cut to what is drawn, on white, unless ``options`` say otherwise."""
        with styled():
            super().savefig(fname, **{"bbox_inches": "tight", "facecolor": "white", **options})
        self.set_layout_engine("none")  # laid out once for all forms

    def _repr_png_(self) -> bytes:
        return rendered(self, "png", dpi=110)


def look(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and marker by name, the same whatever else is plotted with it in the same order."""
    return {
        name: {
            "color": COLOURS[place % len(COLOURS)],
            "marker": MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
        }
        for place, name in enumerate(names)
    }


def empty(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained") -> Chart:
    """A figure of ``width`` by ``height`` inches without axes."""
    figure = Chart(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def single(width: float = 4.4, height: float = 3.2) -> tuple[Chart, Any]:
    """A figure of ``width`` by ``height`` inches with one pair of axes."""
    figure = empty(width, height)
    return figure, figure.subplots()


def panels(
    facets: int, width: float, height: float, *, sharey: bool = True, columns: int | None = None
) -> tuple[Chart, list[Any]]:
    """A figure with ``facets`` pairs of axes, each of ``width`` by ``height`` inches."""
    columns = columns or across(facets)
    down = -(-facets // columns)
    figure = empty(width * columns, height * down)
    axes = list(figure.subplots(down, columns, squeeze=False, sharey=sharey).flat)
    for axis in axes[facets:]:
        axis.remove()
    return figure, axes[:facets]


def across(facets: int) -> int:
    """How many facets in a row: three at most, and full rows if there are any."""
    return facets if facets <= 3 else next((n for n in (3, 2) if facets % n == 0), 3)


def rendered(figure: Chart, suffix: str, **options: Any) -> bytes:
    """``figure`` as ``png``, ``svg`` or ``pdf``, without dates and versions."""
    buffer = BytesIO()
    figure.savefig(buffer, format=suffix, metadata=_NO_METADATA[suffix], **options)
    return buffer.getvalue()


def save(figure: Chart, stem: str | Path, *, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write ``stem.png`` and so on, each whole or not at all; equal figures give equal bytes."""
    paths = [Path(f"{stem}.{suffix}") for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        atomic.write_bytes(path, rendered(figure, suffix))
    return paths
