"""Texts that say the same in several languages: what a model is tuned on.

A meaning has an id, and a text in each language that has a translation of it. A missing translation is
absent, never an empty text. Texts are in Unicode's normal form C, without white space around them.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from ..errors import UsageError, encoded
from ..hashing import digest


def cleaned(text: str) -> str:
    """``text`` as it is kept: normal form C, nothing around it; "" where nothing can be seen of it.

    Example:
        >>> cleaned(" e\\u0301tude\\u200b "), cleaned("\\u200b")
        ('étude\\u200b', '')
    """
    text = unicodedata.normalize("NFC", text).strip()
    return text if any(unicodedata.category(sign)[0] not in "CZ" for sign in text) else ""


def normalised(text: str) -> str:
    """What texts are compared by: without case, width and spacing.

    Example:
        >>> normalised("The  CAT") == normalised("the cat")
        True
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@dataclass(frozen=True, eq=False, repr=False)
class Parallel:
    """Translations of each other, by language and id; :func:`~.reading.read_pairs` and :meth:`of` make it."""

    languages: tuple[str, ...]
    ids: tuple[str, ...]  # that some language has, in the order of mention
    texts: Mapping[str, Mapping[str, str]]  # by language and id
    documents: Mapping[str, str]  # by id: sentences of one document are kept together
    source: str  # where they come from, for people
    notes: tuple[str, ...] = ()  # what was left out, and why

    @classmethod
    def of(
        cls,
        texts: Mapping[str, Mapping[str, str]],
        *,
        documents: Mapping[str, str] | None = None,
        source: str = "texts",
        notes: Sequence[str] = (),
        apart: bool = False,
    ) -> Self:
        """From texts by language and id, which are cleaned here; an id without a document is one by itself.

        Raises UsageError where no two languages share an id, unless they are to be ``apart``, and for a text
        that is none (half a character).

        Example:
            >>> both = Parallel.of({"en": {"1": "Dogs bark.", "2": "Rain."}, "de": {"1": "Hunde bellen."}})
            >>> both.ids, both.pairs("en", "de")
            (('1', '2'), ('1',))
        """
        kept = {language: _kept(own, f"{source}, {language}") for language, own in texts.items()}
        ids = tuple(dict.fromkeys(one for own in kept.values() for one in own))
        alone = sum(len(own) for own in kept.values()) == len(ids)  # each is said in one language only
        if alone and not apart:
            what = "no sentence is here in two languages"
            remedy = "give translations that share an id, a row or a line"
            raise UsageError(what, option="pairs", where=source, remedy=remedy)
        told = documents or {}
        whole = {one: told.get(one, one) for one in ids}
        return cls(tuple(kept), ids, kept, whole, source, tuple(notes))

    def __repr__(self) -> str:
        return f"<Parallel {self.source}: {len(self.ids):,} meanings, {len(self.languages)} languages>"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of texts, documents and the order of ids, by which they are drawn."""
        texts = {language: dict(own) for language, own in self.texts.items()}
        return digest([self.ids, texts, {**self.documents}])

    def pairs(self, a: str, b: str) -> tuple[str, ...]:
        """The ids that languages ``a`` and ``b`` both have, in their order."""
        first, second = self._of(a), self._of(b)
        return tuple(one for one in self.ids if one in first and one in second)

    def only(self, languages: Iterable[str]) -> Self:
        """These languages alone, in this order, with the ids that any of them has."""
        texts = {language: self._of(language) for language in dict.fromkeys(languages)}
        ids = tuple(one for one in self.ids if any(one in own for own in texts.values()))
        documents = {one: self.documents[one] for one in ids}
        return replace(self, languages=tuple(texts), ids=ids, texts=texts, documents=documents)

    def _of(self, language: str) -> Mapping[str, str]:
        if language not in self.texts:
            remedy = f"there are {', '.join(self.languages)}"
            raise UsageError(
                f"no texts in {language!r}", option="langs", where=self.source, remedy=remedy
            ) from None
        return self.texts[language]


def _kept(texts: Mapping[str, str], where: str) -> dict[str, str]:
    for one, text in texts.items():
        encoded(one, f"{where}, an id")
        encoded(text, f"{where}, {one}")
    found = {one: cleaned(text) for one, text in texts.items()}
    return {one: text for one, text in found.items() if text}
