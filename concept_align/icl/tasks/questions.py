"""Questions: what a reader gives, and the text that a task makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..base import PromptSentence


@dataclass(frozen=True)
class TaskRow:
    """One question as its file has it. Equal ids in several languages are translations.

    ``answers`` are the texts to choose from, or the one right answer of a task whose answers are written;
    ``right`` is the place of the right one. ``copied`` is what somebody would answer who copies from the
    question (a floor), ``answered_in`` the language of answers if it is another one, ``where`` names the
    file and line in errors.
    """

    id: str
    language: str
    fields: Mapping[str, str]
    answers: tuple[str, ...]
    right: int = 0
    copied: str = ""
    answered_in: str = ""
    where: str = ""


@dataclass(frozen=True)
class Question:
    """``beginning`` is continued by one of ``choices``; the right one is ``choices[answer]``.

    Where an answer is written, the only choice is the right one. ``gold`` is the answer without what the
    template puts around it, ``domain`` a beginning without content, ``text`` what is compared where the
    nearest questions are looked for.
    """

    id: str
    language: str
    beginning: str
    choices: tuple[str, ...]
    answer: int
    gold: str = ""
    domain: str = ""
    text: str = ""
    copied: str = ""
    answered_in: str = ""

    @property
    def solved(self) -> str:
        """The beginning with the right choice: what a demonstration shows."""
        return self.beginning + self.choices[self.answer]

    def same(self, other: "Question") -> bool:
        """Whether one must not demonstrate the other: it is the same, or by its id a translation.

        Sets that count both splits from one lose a few demonstrations by this, and nothing else.
        """
        return self.beginning == other.beginning or self.id == other.id

    def sentence(self, task: str, number: int) -> "PromptSentence":
        """As a sentence for selectors, one thing asked of it (text without spaces is one word)."""
        from ..base import NO_HEAD, Item, PromptSentence  # which comes with torch: the help does without

        words = tuple((self.text or self.beginning).split()) or (self.id,)
        return PromptSentence(task, self.language, number, words, (Item(0, NO_HEAD, 0),))
