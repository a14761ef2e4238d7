"""The folder of an evaluation: tables for machines, a page and figures for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from .. import atomic
from ..evaluation.gains import Gain
from ..evaluation.protocol import Protocol
from ..evaluation.results import combine, save, save_csv, table
from ..evaluation.run import Evaluation
from ..evaluation.summary import Comparison
from ..evaluation.tidy import Confused, Reliability
from .draw import Frames, draw_figures
from .summary import summary


def flat(evaluations: Sequence[Evaluation], part: str, kind: type) -> pd.DataFrame:
    """The records of ``part`` (of the dataclass ``kind``) of every evaluation, each with its setting."""
    columns = [field.name for field in fields(kind)]
    frames = []
    for evaluation in evaluations:
        frame = table(getattr(evaluation, part), columns)
        for place, (name, value) in enumerate(asdict(evaluation.setting).items()):
            frame.insert(place, name, value)
        frames.append(frame)
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def comparisons_frame(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Every comparison with its setting, one a row."""
    return flat(evaluations, "comparisons", Comparison)


def notices_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """What a reader must know, each thing once."""
    return list(dict.fromkeys(notice for evaluation in evaluations for notice in evaluation.notices))


def write_evaluation(
    evaluations: Sequence[Evaluation],
    folder: str | Path,
    *,
    protocol: Protocol,
    facts: Mapping[str, Any],
    figures: bool = True,
) -> list[str]:
    """Write everything into ``folder``; what could not be drawn is said in the list that is returned.

    ``results.csv``, ``results.parquet``, ``comparisons.csv``, ``gains.csv``, ``confusion.csv``,
    ``reliability.csv``, ``summary.md``, ``evaluation.json`` (options and ``facts``) and, with ``figures`` and
    where matplotlib is installed, the figures. Equal evaluations give equal bytes.
    """
    folder = Path(folder)
    frame = combine([table(evaluation.results) for evaluation in evaluations])
    frames = Frames(
        frame,
        comparisons_frame(evaluations),
        flat(evaluations, "gains", Gain),
        flat(evaluations, "confusion", Confused),
        flat(evaluations, "reliability", Reliability),
    )
    notices = notices_of(evaluations)
    save(frame, folder)
    save_csv(frames.comparisons, folder / "comparisons.csv")
    save_csv(frames.gains, folder / "gains.csv")
    save_csv(frames.confusion, folder / "confusion.csv")
    save_csv(frames.reliability, folder / "reliability.csv")
    missing, pictures = [], []
    if figures and find_spec("matplotlib"):
        pictures = [path.name for path in draw_figures(frames, folder) if path.suffix == ".png"]
    elif figures:
        missing.append('no figures: they need matplotlib (pip install "concept-align[plots]")')
    page = summary(
        frame,
        frames.comparisons,
        low_resource={tuple(asdict(one.setting).values()): one.low_resource for one in evaluations},
        protocol=asdict(protocol),
        notices=notices,
        figures=pictures,
        gains=frames.gains,
        seeds={name: number for one in evaluations for name, number in one.seeds.items()},
    )
    atomic.write_text(folder / "summary.md", page)
    settings = [evaluation.about() for evaluation in evaluations]
    about = {"protocol": asdict(protocol), "settings": settings, "notices": notices, **facts}
    atomic.write_json(folder / "evaluation.json", about)
    return missing
