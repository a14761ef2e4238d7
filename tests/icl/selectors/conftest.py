"""Sentences whose words and labels are known."""

from collections.abc import Callable

import pytest

from concept_align.icl.base import NO_HEAD, Item, PromptSentence


def sentence(
    number: int, labels: tuple[int, ...], language: str = "en", length: int | None = None
) -> PromptSentence:
    """A sentence with a question about its first words each; all words are its own."""
    words = tuple(f"{language}{number}-{place}" for place in range(length or len(labels)))
    items = tuple(Item(place, NO_HEAD, label) for place, label in enumerate(labels))
    return PromptSentence(f"UD_Planted-{language.upper()}", language, number, words, items)


@pytest.fixture(name="sentence")
def sentence_fixture() -> Callable[..., PromptSentence]:
    return sentence


@pytest.fixture
def candidates() -> list[PromptSentence]:
    """Forty English sentences of 3 to 12 words."""
    return [sentence(n, tuple(range(3 + n % 10))) for n in range(40)]


@pytest.fixture
def query() -> PromptSentence:
    return sentence(7, (0, 1, 2), language="de")
