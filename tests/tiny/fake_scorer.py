"""A scorer without a model, for tests: it reads labels off demonstrations, and has planted states.

Words are of the same types in all languages, so that demonstrations in one teach the words of another; of a
word that was not demonstrated the label is guessed, by the word. States say the label, plainly in layer 2.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from concept_align.icl.base import Item, LabelScores, Prompt, PromptSentence
from concept_align.icl.config import Feedback, ICLConfig
from concept_align.icl.plan import ICLPlan
from concept_align.icl.prompting import PromptScorer
from concept_align.icl.selectors.simple import RandomSelector
from concept_align.icl.session import PromptSession
from concept_align.icl.wording import DEFAULT, TEMPLATES, LabelSet
from concept_align.treebanks.concepts import Task
from concept_align.treebanks.discover import TreebankFile

DIM = 12


def sentences(language: str, concepts: int, count: int, *, seed: int, words: int = 8) -> list[PromptSentence]:
    """Sentences whose words say their label: ``w<label>-<type>``, the same types in all languages."""
    rng = np.random.default_rng([seed, *language.encode()])
    found = []
    for number in range(count):
        labels = rng.integers(0, concepts, size=words)
        forms = tuple(f"w{label}-{rng.integers(6)}" for label in labels)
        items = tuple(Item(place, -2, int(label)) for place, label in enumerate(labels))
        found.append(PromptSentence(f"UD_{language}", language, number, forms, items))
    return found


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


class FakeScorer(PromptScorer):
    """Knows the label of a word that was demonstrated under the labels' own names; guesses others."""

    name, revision, dtype = "fake", "0", "torch.float32"
    template = TEMPLATES[DEFAULT]
    layers, dim = 2, DIM

    def __init__(self, context_length: int = 10_000) -> None:
        self.context_length = context_length
        self.asked = 0  # queries

    def prompt(self, sentences: Sequence[PromptSentence], labels: LabelSet, *, room: int) -> Prompt:
        kept, used = [], 0
        for one in sentences:
            if used + 2 * len(one.words) + room > self.context_length:
                break
            kept.append(one)
            used += 2 * len(one.words)
        return Prompt(tuple(kept), labels, tuple(range(used)), len(sentences) - len(kept))

    def room(self, query: PromptSentence, labels: LabelSet) -> int:
        return 2 * len(query.words)

    def score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        *,
        feedback: Feedback = "predicted",
        layers: Sequence[int] = (),
        prior: torch.Tensor | None = None,
    ) -> list[LabelScores]:
        assert prior is None
        seen = {one.words[item.word]: item.label for one in prompt.sentences for item in one.items}
        concepts = len(prompt.labels.concepts)
        return [self._scored(query, seen, concepts, prompt.labels, layers) for query in queries]

    def _score(self, prompt, laid, chooser):
        raise AssertionError

    def _scored(
        self,
        query: PromptSentence,
        seen: dict[str, int],
        concepts: int,
        labels: LabelSet,
        layers: Sequence[int],
    ) -> LabelScores:
        self.asked += 1
        scores = torch.full((len(query.items), concepts), -4.0)
        held = {layer: torch.zeros(len(query.items), DIM) for layer in layers}
        for row, item in enumerate(query.items):
            word = query.words[item.word]
            scores[row, _number(word) % concepts] += 1.0
            # Shuffled labels: what was seen is said under another concept's name.
            if word in seen:
                known = labels.concepts.index(labels.names[seen[word]])
                scores[row, known] += 3.0
            rng = np.random.default_rng(_number(word + query.language) % 2**32)
            for layer in layers:
                held[layer][row] = torch.from_numpy(rng.normal(size=DIM) * 0.3).float()
                held[layer][row, item.label] += layer * 1.5
        return LabelScores(scores, scores.argmax(1).numpy(), held)


CONCEPTS = ("A", "B", "C", "D")


def make_plan(targets: tuple[str, ...] = ("ga", "tr"), **options: Any) -> ICLPlan:
    """A plan of made-up languages; ``options`` are the configuration's, and sources, train, validation."""
    parts = {
        name: options.pop(name) for name in ("sources", "train", "validation", "select") if name in options
    }
    usual = {
        "k": (0, 2),
        "demo_draws": 2,
        "queries": 12,
        "candidates": 40,
        "align_sentences": 30,
        "bootstrap": 100,
    }
    config = replace(ICLConfig("fake", Path("nowhere")), **{**usual, **options})
    languages = {*targets, "en", "de", "fr", "et"}
    files = {
        (code, split): TreebankFile(f"UD_{code}", code, split, Path(code))
        for code in languages
        for split in ("train", "test")
    }
    plan = ICLPlan(config, Task("upos", CONCEPTS), targets, ("en", "de"), ("en", "de", "fr"), ("et",), files)
    return replace(plan, **parts)


def read(language: str, split: str) -> list[PromptSentence]:
    return sentences(language, len(CONCEPTS), 60, seed=0 if split == "train" else 1)


def make_session(plan: ICLPlan, scorer: FakeScorer | None = None) -> PromptSession:
    selectors = {"random": RandomSelector()}
    return PromptSession(plan, {"tagged": scorer or FakeScorer()}, selectors, read)
