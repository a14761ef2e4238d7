"""Tests of a plan put to a model: which sentences, which demonstrations, what was answered.

Demonstrations come from training splits, queries from test splits; of a target's labels nothing is in a
prompt but in its own demonstrations (OWN). The draws of demonstrations are the same for all targets, kinds of
labels and templates, so that they are compared on the same prompts.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..errors import UsageError
from ..seeding import derive, stream
from .base import LabelSet, Prompt, Scored, Scorer, Selector, Sentence
from .plan import OWN, Plan, Test, Variant

# Sentences with questions, of a language and split.
Read = Callable[[str, str], Sequence[Sentence]]


@dataclass(frozen=True, eq=False)
class Ask:
    """What asking takes: a scorer for each template, names of labels, selectors."""

    plan: Plan
    scorers: Mapping[str, Scorer]  # by template
    labels: Callable[[str, str, int], LabelSet]  # kind, language that is asked about, seed
    selectors: Mapping[str, Selector]
    read: Read
    notices: dict[str, None] = field(default_factory=dict)
    _kept: dict[tuple[str, str], list[Sentence]] = field(default_factory=dict)

    def label_set(self, variant: Variant, language: str, draw: int) -> LabelSet:
        """The labels of a draw: what is shuffled is shuffled anew for each."""
        return self.labels(variant.labels, language, derive(self.plan.config.seed, "labels", draw))

    def candidates(self, language: str) -> list[Sentence]:
        """Training sentences that demonstrations are chosen from, in random order."""
        return self._sentences(language, "train", self.plan.config.candidates, fits=False)

    def queries(self, language: str) -> list[Sentence]:
        """The test sentences of ``language``: the same for every test."""
        return self._sentences(language, "test", self.plan.config.queries, fits=True)

    def _sentences(self, language: str, split: str, most: int, *, fits: bool) -> list[Sentence]:
        if (language, split) in self._kept:
            return self._kept[language, split]
        config, where = self.plan.config, f"{language}, {split} split"
        usable = [one for one in self.read(language, split) if one.items]
        short = [one for one in usable if len(one.words) <= config.max_words]
        order = stream(config.seed, "sentences", language, split).permutation(len(short))
        chosen = [short[place] for place in order]
        if fits:
            narrow = [one for one in chosen[:most] if self._fits(one)]
            if len(narrow) < len(chosen[:most]):
                long = len(chosen[:most]) - len(narrow)
                self.notices[f"{language}: {long} queries are longer than the model's window; left out"] = (
                    None
                )
            chosen = narrow
            if len(short) < most:
                self.notices[f"{language}: {len(short)} test sentences, fewer than the {most} asked for"] = (
                    None
                )
        if not chosen:
            raise UsageError(
                f"no labelled sentence of at most {config.max_words} words fits",
                where=where,
                remedy="raise --max-words, leave the language out, or use a model with a longer window",
            )
        self._kept[language, split] = chosen[:most]
        return self._kept[language, split]

    def _fits(self, query: Sentence) -> bool:
        for variant in self.plan.variants:
            scorer, labels = self.scorers[variant.template], self.label_set(variant, query.language, 0)
            alone = scorer.prompt([], labels, room=0)
            if len(alone.ids) + scorer.room(query, labels) > scorer.window:
                return False
        return True

    def demonstrations(self, test: Test, query: Sentence | None = None) -> list[Sentence]:
        """The demonstrations of ``test``, in the order they are to stand; none of them is ``query``."""
        if not test.k:
            return []
        language = test.language if test.source == OWN else test.source
        candidates = self.candidates(language)
        if query is not None:
            candidates = [one for one in candidates if one != query]
        if test.source == OWN:
            # Treebanks repeat sentences across splits: their labels would stand in the prompt.
            asked = {one.words for one in self.queries(language)}
            candidates = [one for one in candidates if one.words not in asked]
        if len(candidates) < test.k:
            raise UsageError(
                f"{len(candidates)} training sentences for {test.k} demonstrations",
                where=f"{language}, train split",
                remedy="lower --k, or raise --max-words or --candidates",
            )
        seed = derive(self.plan.config.seed, "demonstrations", language, test.draw)
        chosen = self.selectors[test.variant.selector].select(query, candidates, test.k, seed=seed)
        return [candidates[place] for place in chosen]

    def by_query(self, variant: Variant) -> bool:
        """Does each query have demonstrations of its own?"""
        return getattr(self.selectors[variant.selector], "looks_at", "nothing") == "query"

    def repeats(self, test: Test) -> bool:
        """Are demonstrations and labels those of the first draw?"""
        selector = self.selectors[test.variant.selector]
        drawn = bool(getattr(selector, "seeded", True)) or test.variant.labels == "shuffled"
        return bool(test.k and test.draw) and not drawn

    def digest(self, language: str, split: str) -> str:
        """A hash of the sentences that are used of ``language``, words and labels."""
        sentences = self.candidates(language) if split == "train" else self.queries(language)
        said = [(one.words, [(item.word, item.head, item.label) for item in one.items]) for one in sentences]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def answers(self, test: Test, queries: Sequence[Sentence], layers: Sequence[int] = ()) -> list[Scored]:
        """What the model answers to ``queries``, one after another where each has its own demonstrations."""
        scorer: Scorer = self.scorers[test.variant.template]
        if test.variant.contextual:
            scorer = contextual(scorer)
        labels = self.label_set(test.variant, test.language, test.draw)
        feedback = test.variant.feedback
        if test.k and self.by_query(test.variant):
            found: list[Scored] = []
            for query in queries:
                prompt = self._prompt(scorer, labels, test, [query], query)
                found += scorer.score(prompt, [query], feedback=feedback, layers=layers)
            return found
        prompt = self._prompt(scorer, labels, test, queries, None)
        return scorer.score(prompt, queries, feedback=feedback, layers=layers)

    def _prompt(
        self,
        scorer: Scorer,
        labels: LabelSet,
        test: Test,
        queries: Sequence[Sentence],
        query: Sentence | None,
    ) -> Prompt:
        room = max(scorer.room(one, labels) for one in queries)
        prompt = scorer.prompt(self.demonstrations(test, query), labels, room=room)
        if prompt.dropped:
            self.notices[
                f"{test.source}, {test.k} demonstrations, {labels.kind}: some did not fit the model's window "
                f"of {scorer.window} pieces before the longest query; prompts have fewer"
            ] = None
        return prompt


def contextual(scorer: Scorer) -> Scorer:
    """``scorer``, less what labels get after the same prompt without content (Zhao et al. 2021)."""
    from .calibrate import Calibrated
    from .prompting import Prompting

    if not isinstance(scorer, Prompting):
        raise UsageError(
            f"{scorer.name} cannot be asked without content", where="--contextual", remedy="leave it out"
        )
    return Calibrated(scorer)


def stacked(answers: Sequence[Scored]) -> torch.Tensor:
    """float32 [items, concepts]: the scores of all queries, one after another."""
    return torch.cat([one.scores.float().cpu() for one in answers])


def states(answers: Sequence[Scored], layer: int) -> torch.Tensor:
    """float32 [items, dim]: the states of all queries at ``layer``; SCORES are their scores."""
    if layer == SCORES:
        return stacked(answers).log_softmax(1)
    return torch.cat([one.states[layer].float().cpu() for one in answers])


SCORES = -1  # as a layer: the scores of the labels are the features


def calibrated(scores: torch.Tensor) -> torch.Tensor:
    """[items, concepts] with each label's mean over the items taken off its log-probabilities.

    What a label gets whatever is asked is no answer: batch calibration (Zhou et al. 2024, arXiv 2309.17249),
    on the queries themselves, which needs none of their labels.
    """
    scores = scores.log_softmax(1)
    return scores - scores.mean(0)
