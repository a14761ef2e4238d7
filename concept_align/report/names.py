"""Names that people read for the codes of the tables."""

from ..errors import UsageError
from ..evaluation.results import ALL_SHOTS
from ..treebanks.registry import language

SUMMARY_TITLES: dict[str, str] = {
    "mean": "Mean over target languages",
    "low-resource mean": "Mean over low-resource targets",
    "worst": "Worst target language",
    "sd": "Standard deviation over target languages",
    "max-min": "Best minus worst target language",
}
METRIC_TITLES: dict[str, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "ece": "expected calibration error",
}
TASK_TITLES: dict[str, str] = {"upos": "word classes", "relation": "relations"}


def language_name(code: str) -> str:
    """``Welsh`` for ``cy``; a code that the registry does not know stays as it is."""
    try:
        return language(code).name
    except UsageError:
        return code


def short_revision(revision: str) -> str:
    """The first eight digits of a commit or of a hash of files."""
    return revision.removeprefix("sha256:")[:8]


def task_name(task: str) -> str:
    """``word classes`` for ``upos``, ``Case`` for ``feature:Case``, ``XPOS`` for ``column:XPOS``."""
    return TASK_TITLES.get(task, task.removeprefix("feature:").removeprefix("column:"))


def shots_name(shots: int) -> str:
    return {ALL_SHOTS: "all sentences", 0: "zero-shot", 1: "1 sentence"}.get(shots, f"{shots} sentences")


def metric_name(metric: str) -> str:
    """``macro-F1`` for ``macro_f1``, ``F1 of NOUN`` for ``f1:NOUN``."""
    return METRIC_TITLES.get(metric) or metric.replace("f1:", "F1 of ", 1)
