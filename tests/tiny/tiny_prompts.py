"""Small random causal models with their heads, and made-up sentences with questions, for tests of prompts."""

from functools import cache

import numpy as np
from tiny_models import TINY, TOKENIZERS, tiny_module

from concept_align.icl.base import NO_HEAD, Item, PromptSentence
from concept_align.icl.causal import CausalModel
from concept_align.icl.wording import LabelSet, label_set

CONCEPTS = ("ADJ", "ADP", "AUX", "AD")  # pieces in common, one the beginning of others


@cache
def tiny_causal(name: str, *, seed: int = 0) -> CausalModel:
    tokenizer = TOKENIZERS[TINY[name][1] if name == "gpt2" else "byte_fallback"]()
    return CausalModel(tiny_module(name, seed=seed, head=True), tokenizer, name=name, revision="random")


def long_labels() -> LabelSet:
    """Of several pieces each."""
    return label_set("tags", CONCEPTS)


def short_labels() -> LabelSet:
    """Of one piece each."""
    return label_set("symbols", CONCEPTS)


def made_up(number: int, length: int, *, relational: bool = False, asked: float = 0.8) -> PromptSentence:
    """A sentence of ``length`` words; of most of them something is asked, of the first always."""
    rng = np.random.default_rng([7, number])
    words = tuple("".join(rng.choice(list("abdeй我"), size=rng.integers(1, 6))) for _ in range(length))
    items = tuple(
        Item(word, int(rng.integers(-1, length)) if relational else NO_HEAD, int(rng.integers(len(CONCEPTS))))
        for word in range(length)
        if word == 0 or rng.random() < asked
    )
    return PromptSentence("UD_X-Fake", "x", number, words, items)


def demonstrations(count: int = 2, *, relational: bool = False) -> list[PromptSentence]:
    return [made_up(number, 2 + number % 2, relational=relational) for number in range(count)]


def queries(*lengths: int, relational: bool = False) -> list[PromptSentence]:
    return [
        made_up(100 + number, length, relational=relational)
        for number, length in enumerate(lengths or (3, 1, 2))
    ]
