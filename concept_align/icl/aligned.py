"""Aligned in-context learning: the states that labels are chosen from, classified by a learner.

The state at the last piece before a label is the word's representation, in a prompt with demonstrations in
the source language; the source's own such states give its prototypes, and those of a few training languages
teach the learner, which is put to the targets zero-shot (Xu et al. 2023, arXiv 2310.12794, whose learner are
f and g; here it is any). Without demonstrations the same is a probe.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import atomic
from ..errors import LearningError, UsageError
from ..evaluation.predictions import Predictions
from ..meta.languages import branches_of
from ..meta.learners.base import Aligner, TrainingData
from ..seeding import derive
from ..spaces.features import Features
from ..spaces.standardise import Standardiser, StandardiserFitter
from ..types import Split
from .asking import SCORES, Ask, states
from .base import Scored, Sentence
from .found import labelled, predictions
from .plan import NONE, Test

MADE_FROM = "made_from.json"


def layer_name(layer: int) -> str:
    """As results name it."""
    return "scores" if layer == SCORES else str(layer)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Learners of states in prompts; what they learned is kept in ``folder``, by language, k and layer."""

    ask: Ask
    layers: tuple[int, ...]
    folder: Path
    made_from: Mapping[str, Any]  # what decides the states
    _features: dict[tuple[str, int], dict[tuple[str, int], Features]] = field(default_factory=dict)
    _aligners: dict[tuple[str, int, int, str], Aligner] = field(default_factory=dict)

    def identity(self, source: str, k: int, layer: int, learner: str) -> dict[str, Any]:
        """What decides what is learned."""
        plan = self.ask.plan
        config = plan.config
        return {
            **self.made_from,
            "source": source,
            "k": k,
            "layer": layer_name(layer),
            "learner": learner,
            "options": config.learner(learner).config(),
            "variant": plan.variants[0].name,
            "draws": plan.draws(plan.variants[0], k),
            "train": {code: self.ask.digest(code, "train") for code in plan.trained_on(source)},
            "validation": {code: self.ask.digest(code, "train") for code in plan.validation},
            "sentences": config.align_sentences,
            "standardise": config.standardise,
        }

    def aligner(self, source: str, k: int, layer: int, learner: str) -> Aligner:
        """What ``learner`` learned, or learns now, of states with ``k`` demonstrations in ``source``."""
        key = (source, k, layer, learner)
        if key in self._aligners:
            return self._aligners[key]
        folder = self.folder / source / str(k) / layer_name(layer) / learner.replace(":", "-")
        identity = self.identity(*key)
        kept = folder / MADE_FROM
        if kept.is_file() and json.loads(kept.read_text()) == json.loads(json.dumps(identity)):
            self._aligners[key] = Aligner.from_pretrained(folder)
            return self._aligners[key]
        kept.unlink(missing_ok=True)
        made = self.ask.plan.config.learner(learner)
        try:
            aligner = made.fit(self.data(source, k, layer), seed=self.ask.plan.config.seed)
        except LearningError as error:
            raise LearningError(
                error.message,
                where=f"{learner}, {k} demonstrations in {source}, layer {layer_name(layer)}",
                remedy=f"{error.remedy}; or raise --align-sentences, or name other --align-langs",
            ) from error
        if aligner.wants == "everything":
            raise UsageError(
                f"{learner} learns from all labels of the target, of which prompts here have none",
                where="--learner",
                remedy="use pooled, shrink, proto or another that works zero-shot",
            )
        aligner.save_pretrained(folder)
        atomic.write_json(kept, identity)
        self._aligners[key] = aligner
        return aligner

    def data(self, source: str, k: int, layer: int) -> TrainingData:
        """The training and validation languages as a learner sees them."""
        plan = self.ask.plan
        train = plan.trained_on(source)
        features = self.features(source, k)
        scale = self._global([features[language, layer] for language in train])
        # A fifth of a training language's sentences chooses epochs, half of a validation language's.
        apart = {language: 5 for language in train} | {language: 2 for language in plan.validation}

        def load(language: str, split: Split) -> Features:
            found = features[language, layer]
            found = _with(found, self.standardised(found.x, scale))
            places = np.arange(found.sents)
            dev = places % apart[language] == apart[language] - 1
            return found.of_sentences(places[dev if split == "dev" else ~dev])

        cache: dict[tuple[str, Split], Features] = {}

        def cached(language: str, split: Split) -> Features:
            if (language, split) not in cache:
                cache[language, split] = load(language, split)
            return cache[language, split]

        return TrainingData(source, train, plan.validation, plan.task.concepts, cached, branches_of(train))

    def features(self, source: str, k: int) -> dict[tuple[str, int], Features]:
        """(language, layer) -> labelled states of training sentences, whose prompts are of every draw."""
        plan = self.ask.plan
        languages = (*plan.trained_on(source), *plan.validation)
        found = self._features.setdefault((source if k else NONE, k), {})
        for language in languages:
            if (language, self.layers[0]) in found:
                continue
            sentences: list[Sentence] = []
            answers: list[Scored] = []
            for test, part in self._parts(source, language, k):
                sentences += part
                answers += self.ask.answers(test, part, [layer for layer in self.layers if layer != SCORES])
            for layer in self.layers:
                x = states(answers, layer)
                found[language, layer] = labelled(language, plan.task.concepts, sentences, x)
        return found

    def _parts(self, source: str, language: str, k: int) -> list[tuple[Test, list[Sentence]]]:
        """Each draw of demonstrations with its share of the language's sentences, none a demonstration."""
        plan = self.ask.plan
        variant = plan.variants[0]
        tests = [
            Test(source if k else NONE, language, variant, k, draw) for draw in range(plan.draws(variant, k))
        ]
        sentences = self.ask.candidates(language)
        if k and language == source and not self.ask.by_query(variant):
            shown = [one for test in tests for one in self.ask.demonstrations(test)]
            sentences = [one for one in sentences if one not in shown]
        sentences = sentences[: plan.config.align_sentences]
        parts = [(test, sentences[test.draw :: len(tests)]) for test in tests]
        return [(test, part) for test, part in parts if part]

    def _global(self, features: Sequence[Features]) -> Standardiser | None:
        if self.ask.plan.config.standardise != "global":
            return None
        fitter = StandardiserFitter(features[0].dim)
        for one in features:
            fitter.update(one.x)
        return fitter.finish()

    def standardised(self, x: torch.Tensor, scale: Standardiser | None) -> torch.Tensor:
        """[items, dim] in the mean and scale of all training languages, of its own, or as it is."""
        if self.ask.plan.config.standardise == "language":
            scale = StandardiserFitter(x.shape[1]).update(x).finish()
        return x if scale is None else scale.states(x)

    def answers(self, source: str, test: Test, layer: int, learner: str, x: torch.Tensor) -> Predictions:
        """What the learner says of the queries of ``test``, whose states are ``x`` [items, dim]."""
        aligner = self.aligner(source, test.k, layer, learner)
        train = self.ask.plan.trained_on(source)
        scale = None
        if self.ask.plan.config.standardise == "global":
            features = self.features(source, test.k)
            scale = self._global([features[language, layer] for language in train])
        x = self.standardised(x, scale)
        seed = derive(self.ask.plan.config.seed, "adapt", test.language, test.k, test.draw)
        classifier = aligner.adapt(None, unlabelled=x if aligner.transductive else None, seed=seed)
        return predictions(classifier.scores(x))


def _with(features: Features, x: torch.Tensor) -> Features:
    return Features(features.language, features.concepts, x, features.y, features.offsets)
