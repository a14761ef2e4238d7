"""What goes wrong, said once: what was wrong, where, and what to do about it.

Every error a user can cause is a :class:`ConceptAlignError`; the command line prints it without a
traceback. Anything else that escapes is a bug of ours and keeps its traceback.
"""

from pathlib import Path


class ConceptAlignError(Exception):
    """An error with a place and a remedy.

    ``where`` names file, line, sentence or option; ``remedy`` says what to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.message, self.where, self.remedy = message, where, remedy
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  → {self.remedy}" if self.remedy else text


class UsageError(ConceptAlignError):
    """The command or call itself is wrong: an unknown language, an impossible option."""

    exit_code = 2


class TreebankError(ConceptAlignError):
    """A treebank that is absent, broken or not what it claims to be."""


class FetchError(ConceptAlignError):
    """A download that failed or an archive that is not safe or not the right one."""


class ModelError(ConceptAlignError):
    """A model that cannot be loaded, lacks what is asked of it, or gives unusable states."""


class StoreError(ConceptAlignError):
    """A store that is incomplete, damaged, stale or cannot be written."""


class LearningError(ConceptAlignError):
    """Training or evaluation that cannot go on: overlapping languages, too little data, NaN losses."""


def place(path: str | Path, line: int | None = None, sent_id: str | None = None) -> str:
    """``file:line, sentence ID`` as errors name it."""
    text = f"{path}:{line}" if line is not None else str(path)
    return f"{text}, sentence {sent_id}" if sent_id else text
