"""Tasks beyond tagging, as data: a TOML file says how questions are put, a reader where they come from.

A *task* is a :class:`.spec.TaskSpec`: a kind (``choice``: of several texts, the likeliest; ``generate``: a
text is written), templates of a question and of its answer, the words of each language, a metric. A *reader*
gives the questions of one language and split as :class:`.questions.TaskRow`. Built in are ``paws-x``,
``xcopa``, ``jsonl``, ``translation``, ``lemma`` and ``inflection``; a reader of your own is a function:

    @register_task_reader("capitals")
    def capitals(path, language, split, options):
        return [TaskRow("1", language, {"country": "France"}, ("Paris",))]

Packages register theirs by an entry point of the group ``concept_align.task_readers``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from ...registration import Registry
from .questions import TaskRow

QuestionSplit = Literal["dev", "test"]  # demonstrations are of dev, questions of test
# Path, language, split and the task's options; the rows in the order of the file.
TaskReader = Callable[[Path, str, QuestionSplit, Mapping[str, Any]], list[TaskRow]]

TASK_READERS: Registry[TaskReader] = Registry(
    "task reader",
    option="reader",
    entry_point_group="concept_align.task_readers",
    builtin={
        "paws-x": f"{__name__}.evaluation_sets:read_paws_x",
        "xcopa": f"{__name__}.evaluation_sets:read_xcopa",
        "jsonl": f"{__name__}.evaluation_sets:read_jsonl",
        "translation": f"{__name__}.of_treebanks:read_translation",
        "lemma": f"{__name__}.of_treebanks:read_lemma",
        "inflection": f"{__name__}.of_treebanks:read_inflection",
    },
)


def register_task_reader(name: str) -> Callable[[TaskReader], TaskReader]:
    """A decorator that makes a function known as the reader ``name`` of tasks' questions.

    It is called with the path, the language, the split (``dev`` for demonstrations, ``test``) and the
    task's options, and gives rows (:class:`.questions.TaskRow`). UsageError for a name that is taken.

    Example:
        >>> import concept_align as ca
        >>> @ca.register_task_reader("capitals")
        ... def capitals(path, language, split, options):
        ...     return [ca.TaskRow("1", language, {"country": "France"}, ("Paris",))]
    """
    return TASK_READERS.register(name)
