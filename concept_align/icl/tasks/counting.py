"""Answers counted: who was right in which question, and who is compared with whom."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...evaluation.results import MAJORITY
from ..runner import CALIBRATED
from .asking import AskSession
from .choosing import without_means
from .config import Asking
from .evidence import AnswerWay
from .metrics import chrf, corpus_chrf, exact
from .questions import Question
from .stand_ins import FLUENCY, MEANING, fluency

COPY, REFERENCE = "copy", "reference"  # learners: what copies from the question; the right answers


@dataclass(frozen=True, eq=False)
class Counted:
    """Answers counted: the values of every question, by language, for each way of answering."""

    session: AskSession
    found: Mapping[Asking, Mapping[str, Any]]
    _references: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # nats, by language

    def values(self) -> tuple[dict[AnswerWay, dict[str, NDArray[np.float64]]], dict[AnswerWay, AnswerWay]]:
        """Means over draws; and each way's reference: a number of demonstrations against none, a selector
        against the first, calibrated scores against plain ones."""
        config = self.session.config
        values: dict[AnswerWay, dict[str, NDArray[np.float64]]] = {}
        pairs: dict[AnswerWay, AnswerWay] = {}
        for source in config.demo_langs:
            for selector in config.selectors:
                for k in sorted(config.k):
                    for code in config.langs:
                        draws = [
                            self._scored(code, self.found[one])
                            for one in self.session.askings
                            if one.language == code and one.k == k
                            and (not k or (one.source, one.selector) == (source, selector))
                        ]  # fmt: skip
                        for name, metric in draws[0]:
                            learner = selector + name if name in ("", CALIBRATED) else name
                            way = AnswerWay(source, learner, k, metric)
                            mean = np.mean([own[name, metric] for own in draws], axis=0)
                            values.setdefault(way, {})[code] = mean
        for way in values:
            if way.learner in (MAJORITY, COPY, REFERENCE):
                continue
            plain = way.learner.removesuffix(CALIBRATED)
            first = config.selectors[0] + way.learner[len(plain) :]
            if plain != way.learner:
                pairs[way] = AnswerWay(way.source, plain, way.shots, way.metric)
            elif way.learner != first and way.shots:
                pairs[way] = AnswerWay(way.source, first, way.shots, way.metric)
            elif way.shots:
                pairs[way] = AnswerWay(way.source, way.learner, 0, way.metric)
        return values, pairs

    def _scored(
        self, language: str, answers: Mapping[str, Any]
    ) -> dict[tuple[str, str], NDArray[np.float64]]:
        """By learner ("" is the model itself) and metric: [questions]."""
        questions, spec = self.session.questions[language], self.session.task.spec
        if spec.kind == "choice":
            return self._chosen(questions, answers)
        texts, gold = answers["texts"], [one.gold for one in questions]
        copied = [one.copied for one in questions]
        metrics = {"accuracy": exact} if spec.metric == "accuracy" else {"chrf": chrf}
        found = {("", name): metric(texts, gold) for name, metric in metrics.items()}
        if any(copied):
            found |= {(COPY, name): metric(copied, gold) for name, metric in metrics.items()}
        if spec.metric == "chrf":
            found["", "chrf-corpus"] = np.full(len(gold), corpus_chrf(texts, gold))
        if "nats" in answers:
            found["", FLUENCY] = np.array(answers["nats"], dtype=np.float64)
            if language not in self._references:
                self._references[language] = fluency(self.session.reader, gold)
            found[REFERENCE, FLUENCY] = self._references[language]
            found["", MEANING] = np.array(answers["meaning"])
        return found

    def _chosen(
        self, questions: Sequence[Question], answers: Mapping[str, Any]
    ) -> dict[tuple[str, str], NDArray[np.float64]]:
        right = np.array([one.answer for one in questions])
        scores = [np.array(own) for own in answers["scores"]]
        ways = {"": scores}
        if self.session.config.calibrate:
            gained = answers.get("information")
            ways[CALIBRATED] = without_means(scores) if gained is None else [np.array(one) for one in gained]
        found = {
            (name, "accuracy"): (np.array([int(own.argmax()) for own in each]) == right).astype(np.float64)
            for name, each in ways.items()
        }
        commonest = int(np.bincount(right).argmax())
        return found | {(MAJORITY, "accuracy"): (right == commonest).astype(np.float64)}


def answers_frame(session: AskSession, found: Mapping[Asking, Mapping[str, Any]]) -> pd.DataFrame:
    """Every answer: one row for each question and set of demonstrations."""
    rows = []
    for asking, answers in found.items():
        for place, question in enumerate(session.questions[asking.language]):
            if "texts" in answers:
                said = answers["texts"][place]
            else:
                said = question.choices[int(np.argmax(answers["scores"][place]))].strip()
            rows.append({**asdict(asking), "id": question.id, "answer": said, "gold": question.gold})
    return pd.DataFrame(rows)
