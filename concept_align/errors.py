"""What goes wrong, said once: what was wrong, where, and what to do about it.

Every error a user can cause is a :class:`ConceptAlignError`; the command line prints it without a
traceback. Anything else that escapes is a bug of ours and keeps its traceback. What comes from files, servers
and libraries may hold anything: it is cleaned and cut here, where it is told.
"""

import re
from collections.abc import Callable
from pathlib import Path

LONGEST = 300  # characters of a part of an error
# What a terminal takes for an order rather than text: control characters, marks that turn the direction of
# writing, line separators; and halves of characters, which no stream can write.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` in one line that a terminal shows as it is: white space as a space, other signs by code."""
    text = re.sub(r"[\t\n\r]+", " ", text)
    return _UNPRINTABLE.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def shortened(text: str, most: int = LONGEST) -> str:
    """``text`` without its middle where it is longer than ``most`` characters."""
    end = (most - 5) // 2
    return text if len(text) <= most else f"{text[: most - 5 - end]} ... {text[-end:]}"


class ConceptAlignError(Exception):
    """An error with a place and a remedy.

    ``option`` is the argument that is wrong, by its name in Python (``max_words``); ``where`` names a file, a
    line or a sentence; ``remedy`` says what to do.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        option: str | None = None,
        where: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message, self.option, self.where, self.remedy = message, option, where, remedy
        super().__init__(message)

    def __str__(self) -> str:
        return self.told()

    def told(self, name: Callable[[str], str] = str) -> str:
        """The error as text; ``name`` writes an argument's name as its reader knows it (``--max-words``).

        In a file (``where``), an argument is a key and keeps its name.
        """
        option = name(self.option) if self.option and not self.where else self.option
        parts = (self.where, option, self.message)
        text = ": ".join(shortened(clean(part)) for part in parts if part)
        return f"{text}\n  → {shortened(clean(self.remedy), 3 * LONGEST)}" if self.remedy else text


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


def encoded(text: str, where: str) -> bytes:
    """``text`` in UTF-8; UsageError for half of a pair of surrogates, which is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"U+{ord(text[error.start]):04X} is half of a character (a lone surrogate), not text",
            where=where,
            remedy="decode the text anew from its bytes, or take the sign out",
        ) from error


def place(path: str | Path, line: int | None = None, sent_id: str | None = None) -> str:
    """``file:line, sentence ID`` as errors name it."""
    text = f"{path}:{line}" if line is not None else str(path)
    return f"{text}, sentence {sent_id}" if sent_id else text
