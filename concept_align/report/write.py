"""The folder of an evaluation: tables for machines, a page and figures for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from .. import atomic
from ..evaluation.protocol import Protocol
from ..evaluation.results import combine, save, save_csv, table
from ..evaluation.run import Evaluation
from ..evaluation.summary import Comparison
from .figures import languages_figure, shots_figure
from .summary import summary

COMPARISON_COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Comparison))


def comparisons_frame(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Every comparison with its setting, one a row."""
    frames = []
    for evaluation in evaluations:
        frame = table(evaluation.comparisons, COMPARISON_COLUMNS)
        for place, (name, value) in enumerate(asdict(evaluation.setting).items()):
            frame.insert(place, name, value)
        frames.append(frame)
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def notices_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """What a reader must know, each thing once."""
    return list(dict.fromkeys(notice for evaluation in evaluations for notice in evaluation.notices))


def draw_figures(frame: pd.DataFrame, folder: Path) -> list[Path]:
    """``shots.{png,svg}`` (where there is more than zero-shot) and ``languages-SHOTS-shot.{png,svg}``."""
    drawn = shots_figure(frame, folder / "shots") if frame["shots"].nunique() > 1 else []
    shots = int(frame["shots"].min())
    return drawn + languages_figure(frame, folder / f"languages-{shots}-shot", shots=shots)


def write_evaluation(
    evaluations: Sequence[Evaluation], folder: str | Path, *, protocol: Protocol, facts: Mapping[str, Any]
) -> list[str]:
    """Write everything into ``folder``; what could not be drawn is said in the list that is returned.

    ``results.csv``, ``results.parquet``, ``comparisons.csv``, ``summary.md``, ``evaluation.json`` (options
    and ``facts``) and, where matplotlib is installed, the figures. Equal evaluations give equal bytes.
    """
    folder = Path(folder)
    frame = combine([table(evaluation.results) for evaluation in evaluations])
    comparisons = comparisons_frame(evaluations)
    notices = notices_of(evaluations)
    save(frame, folder)
    save_csv(comparisons, folder / "comparisons.csv")
    missing, pictures = [], []
    if find_spec("matplotlib"):
        pictures = [path.name for path in draw_figures(frame, folder) if path.suffix == ".png"]
    else:
        missing.append('no figures: they need matplotlib (pip install "concept-align[plots]")')
    poor = {tuple(asdict(one.setting).values()): one.low_resource for one in evaluations}
    page = summary(
        frame,
        comparisons,
        low_resource=poor,
        protocol=asdict(protocol),
        notices=notices,
        figures=pictures,
    )
    atomic.write_text(folder / "summary.md", page)
    low_resource = [{**asdict(one.setting), "low_resource": list(one.low_resource)} for one in evaluations]
    about = {"protocol": asdict(protocol), "settings": low_resource, "notices": notices, **facts}
    atomic.write_json(folder / "evaluation.json", about)
    return missing
