"""The folder of an evaluation: tables for machines, a page and figures for people."""

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from .. import atomic
from ..evaluation.tidy import Evaluation
from .draw import Frames, draw_figures
from .summary import summary


def write_evaluation(evaluation: Evaluation, folder: str | Path, *, figures: bool = True) -> list[str]:
    """Write everything into ``folder``; what could not be drawn is said in the list that is returned.

    ``results.csv``, ``results.parquet``, ``comparisons.csv``, ``gains.csv``, ``confusion.csv``,
    ``reliability.csv``, ``summary.md``, ``evaluation.json`` (options and facts) and, with ``figures`` and
    where matplotlib is installed, the figures. Equal evaluations give equal bytes.
    """
    folder = Path(folder)
    evaluation.save(folder)
    missing, pictures = [], []
    if figures and find_spec("matplotlib"):
        drawn = draw_figures(Frames(**evaluation.tables), folder)
        pictures = [path.name for path in drawn if path.suffix == ".png"]
    elif figures:
        missing.append('no figures: they need matplotlib (pip install "concept-align[plots]")')
    page = summary(
        evaluation.frame(),
        evaluation.comparisons(),
        low_resource={one.key: one.low_resource for one in evaluation.settings},
        protocol=asdict(evaluation.protocol),
        notices=evaluation.notices,
        figures=pictures,
        gains=evaluation.gains(),
        seeds={name: number for one in evaluation.settings for name, number in one.seeds.items()},
    )
    atomic.write_text(folder / "summary.md", page)
    return missing
