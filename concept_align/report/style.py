"""One look for every figure: colours that the colour-blind can tell apart, markers that nobody mixes up.

Figures are drawn without pyplot's global state, and written so that equal data give equal bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from .. import atomic
from ..errors import ConceptAlignError

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F5539")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
GREY = "#8A8A8A"
INK = "#333333"
STRIPE = "#F5F5F5"

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
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
    """Matplotlib in our style inside the block, as it was outside.

    Raises ConceptAlignError where matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ConceptAlignError(
            "figures need matplotlib, which is not installed",
            remedy='pip install "concept-align[plots]"',
        ) from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def look(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and marker by name, the same whatever else is plotted beside it in the same order."""
    return {
        name: {
            "color": COLOURS[place % len(COLOURS)],
            "marker": MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
        }
        for place, name in enumerate(names)
    }


def single(width: float = 4.4, height: float = 3.2) -> tuple[Any, Any]:
    """A figure of ``width`` by ``height`` inches with one pair of axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def write(figure: Any, stem: str | Path, *, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """``stem.png`` and so on, each whole or not at all; no dates or versions go in."""
    written = []
    for suffix in formats:
        buffer = BytesIO()
        figure.savefig(
            buffer, format=suffix, metadata=_NO_METADATA[suffix], bbox_inches="tight", facecolor="white"
        )
        path = Path(f"{stem}.{suffix}")
        atomic.write_bytes(path, buffer.getvalue())
        written.append(path)
    return written
