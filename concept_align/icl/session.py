"""Trials of a plan put to a model: which sentences, which demonstrations, what it answers.

Demonstrations come from training splits, queries from test splits; of a target's labels nothing is in a
prompt but in its own demonstrations (OWN). The draws of demonstrations are the same for all targets, kinds of
labels and templates, so that they are compared on the same prompts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Float32

from ..errors import UsageError
from ..seeding import derive, stream
from .base import NO_HEAD, LabelScores, PromptSentence, digest_of
from .config import ANY, OWN, Layer
from .plan import ICLPlan, Trial, Variant
from .prompting import CONTENT_FREE, PromptScorer, content_free, preference
from .selectors import Selector
from .wording import LabelSet, label_set

# Sentences with questions, of a language and split.
Read = Callable[[str, str], Sequence[PromptSentence]]


@dataclass(frozen=True, eq=False)
class PromptSession:
    """A plan with all that prompting takes: a scorer for each template, selectors, sentences."""

    plan: ICLPlan
    scorers: Mapping[str, PromptScorer]  # by template
    selectors: dict[str, Selector]
    read: Read
    notices: dict[str, None] = field(default_factory=dict)
    _kept: dict[tuple[str, str], list[PromptSentence]] = field(default_factory=dict)

    def label_set(self, variant: Variant, language: str, draw: int) -> LabelSet:
        """The labels of a draw: what is shuffled is shuffled anew for each."""
        seed = derive(self.plan.config.seed, "labels", draw)
        return label_set(variant.labels, self.plan.task.concepts, language=language, seed=seed)

    def candidates(self, language: str) -> list[PromptSentence]:
        """Training sentences that demonstrations are chosen from, in random order; ANY: of all sources."""
        if language == ANY:
            return [one for source in self.plan.named for one in self.candidates(source)]
        return self._sentences(language, "train", self.plan.config.candidates)

    def queries(self, language: str) -> list[PromptSentence]:
        """The test sentences of ``language``: the same for every trial."""
        return self._sentences(language, "test", self.plan.config.queries)

    def learning_queries(self, language: str) -> list[PromptSentence]:
        """The share of ``language`` in the training sentences that selectors learn from, no query's words
        among them; as long as the model's context allows."""
        plan, key = self.plan, (language, "select")
        if key not in self._kept:
            asked = {one.words for target in plan.targets for one in self.queries(target)}
            longest, number = plan.config.max_words, plan.select.index(language)
            fit = {one.words: one for one in self.read(language, "train") if len(one.words) <= longest}
            left = [one for words, one in fit.items() if words not in asked and one.items and self._fits(one)]
            order = stream(plan.config.seed, "sentences", *key).permutation(len(left))
            share = range(number, plan.config.select_queries, len(plan.select))
            self._kept[key] = [left[place] for place in order[: len(share)]]
        return self._kept[key]

    def _sentences(self, language: str, split: str, most: int) -> list[PromptSentence]:
        if (language, split) in self._kept:
            return self._kept[language, split]
        seed, longest = self.plan.config.seed, self.plan.config.max_words
        short = [one for one in self.read(language, split) if one.items and len(one.words) <= longest]
        order = stream(seed, "sentences", language, split).permutation(len(short))
        drawn = [short[place] for place in order[:most]]
        chosen = drawn if split == "train" else [one for one in drawn if self._fits(one)]
        if long := len(drawn) - len(chosen):
            self.note(f"{language}: {long} queries are longer than the model's context; left out")
        if split == "test" and len(short) < most:
            self.note(f"{language}: {len(short)} test sentences, fewer than the {most} asked for")
        if not chosen:
            what = f"no labelled sentence of at most {longest} words fits"
            remedy = "raise max_words, leave the language out, or use a model with a longer context"
            raise UsageError(what, where=f"{language}, {split} split", remedy=remedy)
        self._kept[language, split] = chosen
        return chosen

    def note(self, notice: str) -> None:
        """Keep what a reader of the results must know, once."""
        self.notices[notice] = None

    def _fits(self, query: PromptSentence) -> bool:
        for variant in self.plan.variants:
            scorer, labels = self.scorers[variant.template], self.label_set(variant, query.language, 0)
            alone = scorer.prompt([], labels, room=0)
            if len(alone.ids) + scorer.room(query, labels) > scorer.context_length:
                return False
        return True

    def demonstrations(self, trial: Trial, query: PromptSentence | None = None) -> list[PromptSentence]:
        """The demonstrations of ``trial``, in the order they are to stand; none of them is ``query``."""
        if not trial.k:
            return []
        language = trial.language if trial.source == OWN else trial.source
        candidates = self.candidates(language)
        if trial.source == ANY:
            candidates = [one for one in candidates if one.language != trial.language]
        if query is not None and self.looks_at(trial.variant) == "query":
            candidates = [one for one in candidates if one != query]
        if trial.source == OWN:
            # Treebanks repeat sentences across splits: their labels would stand in the prompt.
            asked = {one.words for one in self.queries(language)}
            candidates = [one for one in candidates if one.words not in asked]
        if len(candidates) < trial.k:
            what = f"{len(candidates)} training sentences for {trial.k} demonstrations"
            remedy = "lower k, or raise max_words or candidates"
            raise UsageError(what, where=f"{language}, train split", remedy=remedy)
        seed = derive(self.plan.config.seed, "demonstrations", language, trial.draw)
        chosen = self.selectors[trial.variant.selector].select(query, candidates, trial.k, seed=seed)
        return [candidates[place] for place in chosen]

    def looks_at(self, variant: Variant) -> str:
        """What a choice depends on besides the candidates: "nothing", the "language", or each "query"."""
        return str(getattr(self.selectors[variant.selector], "looks_at", "nothing"))

    def made_from(self, variant: Variant) -> Mapping[str, Any] | None:
        """What a choice of demonstrations depends on besides sentences, where it depends on more."""
        return getattr(self.selectors[variant.selector], "made_from", None)

    def choices(self) -> dict[str, Mapping[str, Any]]:
        """By selector, what its choices depend on besides sentences, where they depend on more."""
        found = {name: getattr(one, "made_from", None) for name, one in self.selectors.items()}
        return {name: made for name, made in found.items() if made is not None}

    def pools(self, language: str) -> list[list[PromptSentence]]:
        """The sentences that are used of a language: candidates, queries, as far as there are."""
        plan = self.plan
        train = {*plan.named, *plan.train, *plan.validation, *(plan.targets if OWN in plan.sources else ())}
        found = [self.candidates(language)] if language in train else []
        found += [self.learning_queries(language)] if language in plan.select else []
        return [*found, *([self.queries(language)] if language in plan.targets else [])]

    def repeats(self, trial: Trial) -> bool:
        """Are demonstrations and labels those of the first draw?"""
        selector = self.selectors[trial.variant.selector]
        drawn = bool(getattr(selector, "seeded", True)) or trial.variant.labels == "shuffled"
        return bool(trial.k and trial.draw) and not drawn

    def digest(self, language: str, split: str) -> str:
        """A hash of the sentences that are used of ``language``, words and labels."""
        sentences = self.candidates(language) if split == "train" else self.queries(language)
        return digest_of(sentences)

    def answers(
        self, trial: Trial, queries: Sequence[PromptSentence], layers: Sequence[Layer] = ()
    ) -> list[LabelScores]:
        """What the model answers to ``queries``, one after another where each has its own demonstrations.

        Their states at ``layers`` are with them; SCORES, which are no states, are always.
        """
        scorer, variant = self.scorers[trial.variant.template], trial.variant
        numbers = [layer for layer in layers if isinstance(layer, int)]
        looks_at = self.looks_at(variant) if trial.k else "nothing"
        labels = self.label_set(variant, trial.language, trial.draw)
        relational = any(item.head != NO_HEAD for query in queries for item in query.items)
        empty = [content_free(word, relational=kind) for word in CONTENT_FREE for kind in (False, True)]
        found: list[LabelScores] = []
        for part in [[one] for one in queries] if looks_at == "query" else [queries]:
            of = part[0] if looks_at != "nothing" else None
            longest = [*part, *(empty if variant.contextual else ())]
            room = max(scorer.room(one, labels) for one in longest)
            prompt = scorer.prompt(self.demonstrations(trial, of), labels, room=room)
            if prompt.dropped:
                self.note(
                    f"{trial.source}, {trial.k} demonstrations, {labels.kind}: some did not fit the model's "
                    f"context of {scorer.context_length} tokens before the longest query; prompts have fewer"
                )
            prior = preference(scorer, prompt, relational=relational) if variant.contextual else None
            found += scorer.score(prompt, part, feedback=variant.feedback, layers=numbers, prior=prior)
        return found


def stacked(answers: Sequence[LabelScores]) -> Float32[torch.Tensor, "items concepts"]:
    """The scores of all queries, one after another."""
    return torch.cat([one.scores.float().cpu() for one in answers])


def states(answers: Sequence[LabelScores], layer: Layer) -> Float32[torch.Tensor, "items dim"]:
    """The states of all queries at ``layer``; SCORES are their scores as log-probabilities."""
    if isinstance(layer, str):
        return stacked(answers).log_softmax(1)
    return torch.cat([one.states[layer].float().cpu() for one in answers])


def calibrated(scores: Float[torch.Tensor, "items concepts"]) -> Float[torch.Tensor, "items concepts"]:
    """Log-probabilities with each label's mean over the items subtracted.

    What a label gets whatever is asked is no answer: batch calibration (Zhou et al. 2024, arXiv 2309.17249),
    on the queries themselves, which needs none of their labels.
    """
    scores = scores.log_softmax(1)
    return scores - scores.mean(0)
