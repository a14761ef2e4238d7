"""Scores of an evaluation, added to the card of the aligner they are about."""

from pathlib import Path

import pandas as pd

from .. import atomic
from ..errors import LearningError, UsageError
from ..evaluation.aligners import SavedAligner, read_aligner
from ..evaluation.results import read
from ..meta.card import CARD, SCORES, is_ours


def add_scores(folder: str | Path, results: str | Path, *, name: str | None = None) -> None:
    """Put the accuracies of ``results`` into the card of the aligner in ``folder``, in place of those there.

    ``results`` is results.csv or .parquet of ``evaluate``, or the folder that holds the latter. Only rows of
    this aligner count: its model, layers, task and source, and ``name`` (by default its learner, or its
    folder's name) in place of the learner. Raises UsageError where there are none, LearningError for a folder
    without a card.
    """
    trained, path = read_aligner(folder), Path(folder) / CARD
    if not is_ours(path):
        raise LearningError("no card of ours", where=str(path), remedy="run meta-train again, with --force")
    # By its folder it is called where several aligners of one learner were tested together.
    names = {trained.learner, trained.folder.resolve().name} if name is None else {name}
    rows = _of(trained, read(results), names)
    if rows.empty:
        raise UsageError(
            f"no accuracy of this aligner ({trained.learner}, {trained.features.task})",
            where=str(results),
            remedy="give the results of `concept-align evaluate --aligner` with this folder",
        )
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(SCORES[0])
    _, _, after = rest.partition(SCORES[1])
    atomic.write_text(path, before + SCORES[0] + _section(rows) + SCORES[1] + after)


def _of(trained: SavedAligner, frame: pd.DataFrame, names: set[str]) -> pd.DataFrame:
    how = trained.features
    same = {
        "revision": trained.recipe.revision,
        "task": how.task,
        "source": trained.source,
        "metric": "accuracy",
        "draw": -1,
    }
    for column, value in same.items():
        frame = frame[frame[column] == value]
    layer = how.layer_name  # among others, where representations were compared
    ours = frame["layer"].map(lambda named: layer in named.split(" | ")).astype(bool)
    return frame[ours & frame["learner"].isin(names)]


def _section(rows: pd.DataFrame) -> str:
    shots = sorted(rows["shots"].unique())
    lines = [
        "## Scores in languages not seen",
        "",
        "Accuracy, %, with its interval; by labelled sentences of the language.",
        "",
        f"| language | {' | '.join(str(number) for number in shots)} |",
        "|---" * (1 + len(shots)) + "|",
    ]
    for language, own in rows.groupby("language", sort=False):
        if language in ("sd", "max-min"):
            continue
        cells = []
        for number in shots:
            found = own[own["shots"] == number]
            cells.append(_cell(found.iloc[0]) if len(found) else "")
        lines.append(f"| {language} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n"


def _cell(row: "pd.Series[float]") -> str:
    interval = "" if pd.isna(row["low"]) else f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{100 * row['value']:.1f}{interval}"
