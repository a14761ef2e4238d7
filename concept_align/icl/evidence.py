"""Answers as evidence: rows, paired comparisons and gains, one evaluation for each source and layer.

Every trial of a target asks the same sentences, which are resampled alike for all: comparisons are paired. A
draw of demonstrations stands before the queries of all targets, so that what is special about it does not
average out over them: draws are resampled alike for all targets too, but for demonstrations of a target's own
language (OWN), which are nobody else's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from .. import ragged
from ..evaluation.config import Protocol, SharedDrawsProtocol
from ..evaluation.evidence import Evidence, evidence
from ..evaluation.predictions import LEVELS, Place, Predictions
from ..evaluation.resampling import sentence_weights
from ..evaluation.results import MAJORITY
from ..evaluation.tidy import Condition, Evaluation, tabulate
from ..spaces.features import Features
from .base import PromptSentence
from .config import NONE, OWN, SCORES
from .plan import ICLPlan

OUTPUT = "output"  # the layer of what the model itself answers
PROBE = "probe"
WITHOUT = "@0"  # after a name: without demonstrations, compared at as many as the others have
ALIGNED = "aligned"


@dataclass(frozen=True, order=True)
class AnswerKey:
    """Whose answers: a layer (OUTPUT, or that of a learner's features), a name, demonstrations' language."""

    layer: str
    learner: str
    source: str
    language: str


Found = dict[tuple[str, int], dict[str, Evidence]]  # (learner, demonstrations) -> target -> evidence
Answers = Mapping[AnswerKey, Mapping[Place, Predictions]]


def predictions(scores: Float[torch.Tensor, "items concepts"]) -> Predictions:
    """The best concept of each item, and its probability among the labels."""
    sure, codes = scores.float().softmax(1).max(1)
    confidence = np.rint(sure.numpy().astype(np.float64) * LEVELS).astype(np.uint8)
    return Predictions(codes.numpy().astype(np.int64), confidence)


def majority_class(sentences: Sequence[PromptSentence], concepts: int) -> int:
    """The most frequent concept of ``sentences``."""
    codes = [item.label for one in sentences for item in one.items]
    return int(np.bincount(codes, minlength=concepts).argmax())


def labelled(
    language: str,
    concepts: tuple[str, ...],
    sentences: Sequence[PromptSentence],
    x: torch.Tensor | None = None,
) -> Features:
    """The items of ``sentences`` with their states ``x``; of no dimension where there is none."""
    y = torch.tensor([item.label for one in sentences for item in one.items], dtype=torch.int64)
    offsets = ragged.offsets_of([len(one.items) for one in sentences])
    return Features(language, concepts, torch.zeros(len(y), 0) if x is None else x, y, offsets)


@dataclass(frozen=True, eq=False)
class AnswerEvidence:
    """Turns answers into evidence; ``gold`` are the queries of each target, as features."""

    plan: ICLPlan
    model: str
    revision: str
    gold: Mapping[str, Features]
    majority: Mapping[str, int]  # language of demonstrations -> majority class (OWN has none: its targets do)

    @cached_property
    def protocol(self) -> Protocol:
        config = self.plan.config
        shots, draws = tuple(sorted(config.k)), config.demo_draws
        return SharedDrawsProtocol(
            shots=shots, support_draws=draws, seed=config.seed, bootstrap=config.bootstrap
        )

    def _protocol_of(self, source: str) -> Protocol:
        """Of demonstrations in ``source``."""
        given = asdict(self.protocol)
        return Protocol(**given) if source == OWN else self.protocol

    @cached_property
    def _weights(self) -> dict[str, np.ndarray]:
        """How often resamples draw each query."""
        resamples, seed = self.protocol.bootstrap, self.protocol.seed
        return {code: sentence_weights(one.sents, resamples, seed, code) for code, one in self.gold.items()}

    def evaluation(self, answers: Answers, notices: Sequence[str] = ()) -> Evaluation:
        """Everything, one condition for every language of demonstrations and layer.

        Of what is there, what the plan asks for: an earlier run may have had more draws.
        """
        config, found = self.plan.config, []
        wanted = {(k, draw) for k in config.k for draw in range(self.plan.draws(k))}
        answers = {
            key: {place: one for place, one in units.items() if place in wanted}
            for key, units in answers.items()
        }
        layers = {key.layer for key, units in answers.items() if units} - {OUTPUT}
        ordered = sorted(layers, key=lambda layer: (layer == SCORES, layer.zfill(4)))
        first = self.plan.variants[0].name
        for source in self.plan.asked:
            plain = self._of(answers, OUTPUT, source)
            if not plain:
                continue
            own = plain | self._majority(source)
            found.append(self._evaluation(own, {}, OUTPUT, source, _repeated(plain, [first])))
            beside = {key: by_language for key, by_language in plain.items() if key[0] == first}
            for layer in ordered:
                if own := self._of(answers, layer, source):
                    probes = [name for name, _ in own if name.startswith(f"{PROBE}-")]
                    found.append(self._evaluation(own, beside, layer, source, _repeated(own, probes)))
        return Evaluation.join([replace(found[0], notices=tuple(notices)), *found[1:]])

    def _of(self, answers: Answers, layer: str, source: str) -> Found:
        """(learner, k) -> target -> evidence; without demonstrations, what is the same for every source."""
        found: Found = {}
        for key, units in sorted(answers.items()):
            targets = self.plan.targets_of(source)
            if key.layer != layer or key.source not in (source, NONE) or key.language not in targets:
                continue
            for k in sorted({k for k, _ in units}):
                name = key.learner
                if layer != OUTPUT:
                    name = f"{ALIGNED if k else PROBE}-{name}"
                draws = [units[place] for place in sorted(units) if place[0] == k]
                found.setdefault((name, k), {})[key.language] = self._evidence(draws, key, name)
        return found

    def _evidence(self, draws: Sequence[Predictions], key: AnswerKey, learner: str) -> Evidence:
        gold, weights = self.gold[key.language], self._weights[key.language]
        return evidence(draws, gold, weights, self._protocol_of(key.source), learner=learner)

    def _majority(self, source: str) -> Found:
        """The floor: the majority class of the sentences that demonstrations are chosen from."""
        by_language: dict[str, Evidence] = {}
        for language in self.plan.targets_of(source):
            concept = self.majority[source if source in self.majority else language]
            codes = np.full(self.gold[language].words, concept, dtype=np.int64)
            key = AnswerKey(OUTPUT, MAJORITY, source, language)
            by_language[language] = self._evidence([Predictions(codes, None)], key, MAJORITY)
        return {(MAJORITY, k): by_language for k in self.protocol.shots}

    def _evaluation(self, found: Found, beside: Found, layer: str, source: str, without: Found) -> Evaluation:
        """Rows of ``found``, compared with what stands ``beside`` and what is the same ``without``
        demonstrations, at every number of them that ``found`` has."""
        first, task = self.plan.variants[0].name, self.plan.config.task
        # Fewer pairs, less lost to their correction: all with the first, and with a probe.
        probes = dict.fromkeys(name for name, _ in without if name.startswith(PROBE))
        fixed = (first, *probes)
        condition = Condition(
            model=self.model, revision=self.revision, layer=layer, task=task, source=source, references=fixed
        )
        numbers = {k for name, k in found if name != MAJORITY}
        evaluation = tabulate(
            condition,
            found,
            self.plan.task.concepts,
            self._protocol_of(source),
            others={key: one for key, one in {**beside, **without}.items() if key[1] in numbers},
            over=tuple(dict.fromkeys([first, *(name for name, _ in without)])),
        )
        pairs = evaluation.comparisons()
        turned = pairs["a"].str.endswith(WITHOUT)  # what is without demonstrations stands second
        for one, other in (("a", "b"), ("better_in", "worse_in")):
            pairs.loc[turned, [one, other]] = pairs.loc[turned, [other, one]].to_numpy()
        pairs.loc[turned, "difference"] *= -1
        pairs.loc[turned, ["low", "high"]] = -pairs.loc[turned, ["high", "low"]].to_numpy()
        return evaluation


def _repeated(found: Found, learners: Sequence[str]) -> Found:
    """Answers without demonstrations, to be compared at every number of them: a probe under its own name."""
    numbers = {k for _, k in found if k}
    return {
        (name if name.startswith(PROBE) else name + WITHOUT, k): found[name, 0]
        for name in learners
        if (name, 0) in found
        for k in sorted(numbers)
    }
