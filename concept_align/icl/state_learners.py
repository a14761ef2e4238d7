"""Aligned in-context learning: the states that labels are chosen from, classified by a learner.

The state at the last token before a label is the word's representation, in a prompt with demonstrations in
the source language; the source's own such states give its prototypes, and those of a few training languages
teach the learner, which is tested on the targets zero-shot (Xu et al. 2023, arXiv 2310.12794, whose
learner are f and g; here it is any). Without demonstrations the same is a probe.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import ragged
from ..cache import Kept
from ..errors import LearningError, UsageError
from ..evaluation.predictions import Predictions
from ..meta.data import branches_of
from ..meta.learners.base import Aligner, TrainingData
from ..seeding import derive
from ..spaces.features import Features, Sentences
from ..spaces.standardise import StandardiserFitter
from ..types import Split
from .base import LabelScores, PromptSentence
from .config import NONE, Layer
from .evidence import labelled, predictions
from .plan import Trial
from .session import PromptSession, states


@dataclass(frozen=True, eq=False)
class StateLearners:
    """Learners of states in prompts; what they learned is kept in ``folder``, by language, k and layer."""

    session: PromptSession
    layers: tuple[Layer, ...]
    folder: Path | None
    made_from: Mapping[str, Any]  # what decides the states
    _features: dict[tuple[str, int], dict[tuple[str, Layer], Features]] = field(default_factory=dict)
    _aligners: dict[tuple[str, int, Layer, str], Aligner] = field(default_factory=dict)

    def identity(self, source: str, k: int, layer: Layer, learner: str) -> dict[str, Any]:
        """What decides what is learned."""
        plan, digest = self.session.plan, self.session.digest
        config, choice = plan.config, self.session.made_from(plan.variants[0])
        return {
            **self.made_from,
            **({} if choice is None else {"choice": choice}),
            "source": source,
            "k": k,
            "layer": str(layer),
            "learner": learner,
            "options": config.learner(learner).config(),
            "variant": plan.variants[0].name,
            "draws": plan.draws(k),
            "train": {code: digest(code, "train") for code in plan.trained_on(source)},
            "validation": {code: digest(code, "train") for code in plan.validation},
            "sentences": config.align_sentences,
            "standardise": config.standardise,
        }

    def aligner(self, source: str, k: int, layer: Layer, learner: str) -> Aligner:
        """What ``learner`` learned, or learns now, of states with ``k`` demonstrations in ``source``."""
        key = (source, k, layer, learner)
        if key not in self._aligners:
            kept = Kept(self.folder, lambda place, made: made.save_pretrained(place), Aligner.from_pretrained)
            name = f"{source}/{k}/{layer}/{learner.replace(':', '-')}"
            self._aligners[key] = kept.get(name, self.identity(*key), lambda: self._fit(*key))
        return self._aligners[key]

    def _fit(self, source: str, k: int, layer: Layer, learner: str) -> Aligner:
        config = self.session.plan.config
        try:
            aligner = config.learner(learner).fit(self.data(source, k, layer), seed=config.seed)
        except LearningError as error:
            where = f"{learner}, {k} demonstrations in {source}, layer {layer}"
            remedy = f"{error.remedy}; or raise align_sentences, or name other align_langs"
            raise LearningError(error.message, where=where, remedy=remedy) from error
        if aligner.wants == "everything":
            what = f"{learner} learns from all labels of the target, of which prompts here have none"
            remedy = "use pooled, shrink, proto or another that works zero-shot"
            raise UsageError(what, option="learners", remedy=remedy)
        return aligner

    def data(self, source: str, k: int, layer: Layer) -> TrainingData:
        """The training and validation languages as a learner sees them."""
        plan, features = self.session.plan, self.features(source, k)
        train, standardised = plan.trained_on(source), self.standardising(source, k, layer)
        # A fifth of a training language's sentences chooses epochs, half of a validation language's.
        apart = {language: 5 for language in train} | {language: 2 for language in plan.validation}

        @cache
        def load(language: str, split: Split) -> Features:
            found = features[language, layer]
            found = replace(found, stored=standardised(found.x))
            dev = np.arange(found.sents) % apart[language] == apart[language] - 1
            return found.of_sentences(np.flatnonzero(dev if split == "dev" else ~dev))

        return TrainingData(source, train, plan.validation, plan.task.concepts, load, branches_of(train))

    def features(self, source: str, k: int) -> dict[tuple[str, Layer], Features]:
        """(language, layer) -> labelled states of training sentences, whose prompts are of every draw."""
        plan = self.session.plan
        found = self._features.setdefault((source if k else NONE, k), {})
        for language in (*plan.trained_on(source), *plan.validation):
            if (language, self.layers[0]) in found:
                continue
            sentences: list[PromptSentence] = []
            answers: list[LabelScores] = []
            for trial, part in self._parts(source, language, k):
                sentences += part
                answers += self.session.answers(trial, part, self.layers)
            for layer in self.layers:
                x = states(answers, layer)
                found[language, layer] = labelled(language, plan.task.concepts, sentences, x)
        return found

    def _parts(self, source: str, language: str, k: int) -> list[tuple[Trial, list[PromptSentence]]]:
        """Each draw of demonstrations with its share of the language's sentences, none a demonstration."""
        plan = self.session.plan
        variant = plan.variants[0]
        trials = [Trial(source if k else NONE, language, variant, k, draw) for draw in range(plan.draws(k))]
        sentences = self.session.candidates(language)
        looks_at = self.session.looks_at(variant)
        if k and language == source and looks_at != "query":
            of = sentences[0] if looks_at == "language" else None
            shown = [one for trial in trials for one in self.session.demonstrations(trial, of)]
            sentences = [one for one in sentences if one not in shown]
        sentences = sentences[: plan.config.align_sentences]
        parts = [(trial, sentences[trial.draw :: len(trials)]) for trial in trials]
        return [(trial, part) for trial, part in parts if part]

    def standardising(self, source: str, k: int, layer: Layer) -> Callable[[torch.Tensor], torch.Tensor]:
        """What brings states [items, dim] to the mean and scale of all training languages, of their own, or
        leaves them as they are."""
        how = self.session.plan.config.standardise
        if how == "language":
            return lambda x: StandardiserFitter(x.shape[1]).update(x).finish().states(x)
        if how == "none":
            return lambda x: x
        features = self.features(source, k)
        parts = [features[language, layer].x for language in self.session.plan.trained_on(source)]
        fitter = StandardiserFitter(parts[0].shape[1])
        for part in parts:
            fitter.update(part)
        return fitter.finish().states

    def answers(self, source: str, trial: Trial, layer: Layer, learner: str, x: torch.Tensor) -> Predictions:
        """What the learner says of the queries of ``trial``, whose states are ``x`` [items, dim]."""
        aligner = self.aligner(source, trial.k, layer, learner)
        x = self.standardising(source, trial.k, layer)(x)
        seed = derive(self.session.plan.config.seed, "adapt", trial.language, trial.k, trial.draw)
        items = [len(one.items) for one in self.session.queries(trial.language)]
        words = Sentences(x, ragged.offsets_of(items))
        classifier = aligner.adapt(None, unlabelled=words if aligner.transductive else None, seed=seed)
        return predictions(classifier.scores(words))
