"""Names that people read for the codes of the tables."""

from ..errors import UsageError
from ..treebanks.registry import language

SUMMARY_TITLES: dict[str, str] = {
    "mean": "Mean over target languages",
    "low-resource mean": "Mean over low-resource targets",
    "worst": "Worst target language",
    "sd": "Standard deviation over target languages",
    "max-min": "Best minus worst target language",
}
METRIC_TITLES: dict[str, str] = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
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
    """``word classes`` for ``upos``, ``Case`` for ``feature:Case``."""
    return TASK_TITLES.get(task, task.removeprefix("feature:"))


def shots_name(shots: int) -> str:
    return {0: "zero-shot", 1: "1 sentence"}.get(shots, f"{shots} sentences")
