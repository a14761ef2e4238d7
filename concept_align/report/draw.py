"""Every figure of an evaluation, by name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..evaluation.results import MAJORITY
from .confusion import confusion_figure
from .facets import facets_of, means_of
from .figures import languages_figure, shots_figure, spread_figure
from .gains import concept_gains_figure, language_gains_figure
from .names import short_revision
from .reliability import reliability_figure
from .tables import SETTING, by_setting, fewest

_FEW = 10  # beside the fewest shots, gains are drawn at the number nearest to this


@dataclass(frozen=True, eq=False)
class Frames:
    """The tables of an evaluation, each with its settings."""

    results: pd.DataFrame
    comparisons: pd.DataFrame
    gains: pd.DataFrame
    confusion: pd.DataFrame
    reliability: pd.DataFrame


def draw_figures(frames: Frames, folder: Path) -> list[Path]:
    """The paths of what was drawn, in the order of reading.

    ``shots`` and ``spread`` (where there is more than zero-shot), ``languages-N-shot``, ``gains-languages``
    and ``gains-concepts`` (where there is a reference), ``reliability`` and ``confusion``.
    """
    frame, shots = frames.results, fewest(frames.results)
    tested = frame[(frame["shots"] >= 0) & (frame["learner"] != MAJORITY)]
    learners = sorted(map(str, tested["learner"].unique()))
    drawn: list[Path] = []
    if frame.loc[frame["shots"] >= 0, "shots"].nunique() > 1:
        drawn += shots_figure(frame, folder / "shots", learners=learners)
        drawn += spread_figure(frame, folder / "spread", learners=learners)
    drawn += languages_figure(frame, folder / f"languages-{shots}-shot", shots=shots, learners=learners)
    references = list(dict.fromkeys(map(str, frames.gains["reference"])))
    for reference in references[:1]:
        for number in _shown(frames.gains):
            end = f"{number}-shot"
            kinds = ((language_gains_figure, "languages"), (concept_gains_figure, "concepts"))
            for figure, of in kinds:
                stem = folder / f"gains-{of}-{end}"
                drawn += figure(frames.gains, stem, reference=reference, shots=number, learners=learners)
    if (frames.reliability["shots"] == shots).any():
        drawn += reliability_figure(
            frames.reliability, folder / f"reliability-{shots}-shot", shots=shots, learners=learners
        )
    return drawn + list(_confusions(frames, folder, shots, references[0] if references else None))


def _shown(gains: pd.DataFrame) -> list[int]:
    """The fewest shots, and those nearest to ten."""
    shots = sorted(map(int, gains["shots"].unique()))
    return sorted({shots[0], min(shots, key=lambda number: abs(number - _FEW))})


def _confusions(frames: Frames, folder: Path, shots: int, reference: str | None) -> Iterator[Path]:
    """For every setting, the confusions of the learner with the best mean."""
    if frames.confusion.empty:
        return
    several = [column for column in SETTING if frames.confusion[column].nunique() > 1]
    facets = facets_of(frames.confusion)
    for (setting, rows), (title, _) in zip(by_setting(frames.confusion), facets, strict=True):
        known = (frames.results[list(SETTING)] == list(setting)).all(axis=1)
        means = means_of(frames.results[known], "accuracy")
        means = means[(means["language"] == "mean") & (means["shots"] == shots)]
        means = means[means["learner"] != MAJORITY].sort_values("value", kind="stable")
        if means.empty:
            continue
        best = str(means["learner"].iloc[-1])
        told = [
            _told(column, value) for column, value in zip(SETTING, setting, strict=True) if column in several
        ]
        name = re.sub(r"[^a-zA-Z0-9+-]+", "-", "-".join(["confusion", *told, f"{shots}-shot"]))
        other = reference if reference != best else None
        yield from confusion_figure(
            rows, folder / name, learner=best, shots=shots, reference=other, title=title
        )


def _told(column: str, value: str) -> str:
    """A part of a file's name."""
    return {"model": Path(value).name, "revision": short_revision(value), "layer": f"layer-{value}"}.get(
        column, value
    )
