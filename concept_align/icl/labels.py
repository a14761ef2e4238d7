"""How prompts call the concepts: tags, words, arbitrary symbols, or the tags in the wrong places.

What a model gains from the meaning of labels shows against ``symbols`` (no meaning) and ``shuffled`` (the
wrong meaning; Blevins et al. 2023, arXiv 2211.07830, section 5, ask the same of their label forms).
"""

import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from ..errors import UsageError
from ..reading import read_toml
from ..registration import suggest
from ..seeding import stream
from .base import LabelSet

LabelKind = Literal["tags", "english", "language", "symbols", "shuffled"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)

_DATA = read_toml(Path(__file__).with_name("labels.toml"))
ENGLISH: dict[str, str] = _DATA["english"]
_WORDS: dict[str, list[str]] = {"en": list(ENGLISH.values())[:17], **_DATA["word_classes"]}

LANGUAGES: tuple[str, ...] = tuple(_WORDS)


def label_set(kind: str, concepts: Sequence[str], *, language: str | None = None, seed: int = 0) -> LabelSet:
    """Names for ``concepts``, in their order.

    ``tags`` are the concepts' own names, ``english`` words for word classes and relations, ``language`` words
    for word classes in ``language`` (ISO code), ``symbols`` arbitrary letters and ``shuffled`` the tags such
    that none stands for its own concept, both drawn from ``seed``. UsageError where there are no such names.
    """
    concepts = tuple(concepts)
    if len(set(concepts)) != len(concepts) or not concepts:
        raise UsageError("the concepts of a label set must be different, and at least one")
    if kind == "tags":
        names = concepts
    elif kind == "english":
        names = _words(ENGLISH, concepts, "English")
    elif kind == "language":
        names = _words(word_classes(language), concepts, str(language))
    elif kind == "symbols":
        names = _symbols(len(concepts), seed)
    elif kind == "shuffled":
        names = _shuffled(concepts, seed)
    else:
        raise UsageError(f"no labels are called {kind!r}", option="labels", remedy=suggest(kind, LABEL_KINDS))
    return LabelSet(kind, concepts, names)


def word_classes(language: str | None) -> dict[str, str]:
    """The 17 word classes in the words of ``language`` (ISO code). UsageError where there are none."""
    if language is None:
        raise UsageError(
            "labels in the words of a language need one", option="labels", remedy="name the language"
        )
    if language not in _WORDS:
        what = f"there are no words for word classes in {language!r}"
        remedy = f"use english or tags; languages with words: {', '.join(LANGUAGES)}"
        raise UsageError(what, option="labels", remedy=remedy)
    return dict(zip(ENGLISH, _WORDS[language], strict=False))  # which begins with the word classes


def _words(words: Mapping[str, str], concepts: tuple[str, ...], language: str) -> tuple[str, ...]:
    if missing := [concept for concept in concepts if concept not in words]:
        remedy = "use tags or symbols (words in other languages are of word classes only)"
        raise UsageError(f"there is no word for {missing[0]!r} in {language}", option="labels", remedy=remedy)
    return tuple(words[concept] for concept in concepts)


def _symbols(count: int, seed: int) -> tuple[str, ...]:
    """Letters while they last, else pairs of a letter and a digit: short, so that most are one token."""
    pool = list(string.ascii_letters)
    if count > len(pool):
        pool = [letter + digit for letter in string.ascii_letters for digit in string.digits]
    if count > len(pool):
        raise UsageError(f"there are {len(pool)} symbols for {count} concepts", option="labels")
    chosen = stream(seed, "icl-symbols", count).permutation(len(pool))[:count]
    return tuple(pool[place] for place in chosen.tolist())


def _shuffled(concepts: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """A derangement, all equally likely: permutations are drawn until one leaves nothing in its place."""
    if len(concepts) < 2:
        raise UsageError("a single label cannot be shuffled", option="labels")
    rng = stream(seed, "icl-shuffled", len(concepts))
    while True:
        order = rng.permutation(len(concepts)).tolist()
        if all(place != other for place, other in enumerate(order)):
            return tuple(concepts[place] for place in order)
