"""Aligners put to the test in the target languages: predictions, their metrics, and the tidy rows."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import LearningError, UsageError
from ..progress import Bar, Progress, Silent
from ..seeding import derive
from ..spaces.features import Features
from ..spaces.metrics import sentence_counts
from .baselines import MAJORITY, Majority
from .protocol import Load, Protocol
from .resampling import Cell, cells, draw_weights, interval, sentence_weights
from .results import Result
from .summary import Comparison, Key, compare, low_resource, summarise
from .targets import Target, prepare
from .units import UnitLog


class Predicts(Interface):
    def predict(self, x: torch.Tensor) -> torch.Tensor: ...


class Adapts(Interface):
    """What evaluation asks of an aligner."""

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> Predicts: ...


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a run's rows have in common."""

    model: str
    revision: str
    layer: str
    task: str
    source: str = "en"

    def row(self, key: Key, language: str, draw: int, numbers: Sequence[float], n: int) -> Result:
        """A row of the table; ``numbers`` are value, low and high."""
        value, low, high = map(float, numbers)
        learner, shots, metric = key
        return Result(
            **asdict(self),
            language=language,
            shots=shots,
            draw=draw,
            learner=learner,
            metric=metric,
            value=value,
            low=low,
            high=high,
            n=n,
        )


@dataclass(frozen=True)
class Evaluation:
    """Rows, comparisons of learners, and what a reader must know beside them."""

    setting: Setting
    results: list[Result]
    comparisons: list[Comparison]
    low_resource: tuple[str, ...]
    notices: list[str]


def _checked(predicted: torch.Tensor, test: Features, name: str) -> NDArray[np.int64]:
    codes = predicted.detach().cpu().numpy().astype(np.int64)
    if codes.shape != (test.words,) or (codes < 0).any() or (codes >= len(test.concepts)).any():
        raise LearningError(
            f"predictions of shape {codes.shape} do not name one of {len(test.concepts)} concepts "
            f"for each of {test.words} words",
            where=f"learner {name}, language {test.language}",
            remedy="evaluate it on the task and concepts it was trained for",
        )
    return codes


def _units(
    name: str, aligner: Adapts, target: Target, *, log: UnitLog, protocol: Protocol, bar: Bar
) -> Iterator[tuple[int, list[NDArray[np.int64]]]]:
    """Predictions of every draw, by number of shots; finished units are taken from the log."""
    language = target.test.language
    for shots in target.shots:
        draws = []
        for draw in range(protocol.draws_of(shots)):
            if (shots, draw) not in log.done:
                classifier = aligner.adapt(
                    target.support(shots, draw, protocol),
                    valid=target.valid,
                    seed=derive(protocol.seed, "adapt", language, shots, draw),
                )
                with torch.no_grad():
                    log.add((shots, draw), _checked(classifier.predict(target.test.x), target.test, name))
            draws.append(log.done[shots, draw])
            bar.advance()
        yield shots, draws


def _file(folder: Path, name: str, language: str) -> Path:
    """A path that any learner's name may stand in."""
    safe = re.sub(r"[^\w.+-]", "_", name).lstrip(".")
    return folder / (safe if safe == name else f"{safe}-{derive(0, name):016x}") / f"{language}.jsonl"


def _rows(setting: Setting, key: Key, language: str, cell: Cell, confidence: float) -> Iterator[Result]:
    yield setting.row(key, language, -1, (cell.value, *interval(cell.resampled, confidence)), cell.words)
    if key[1]:
        for draw, numbers in enumerate(zip(cell.draws, cell.low, cell.high, strict=True)):
            yield setting.row(key, language, draw, numbers, cell.words)


def measure(
    aligners: Sequence[tuple[str, Adapts]],
    load: Load,
    targets: Collection[str],
    *,
    setting: Setting,
    protocol: Protocol | None = None,
    untrained: Collection[str] = (),
    units: Path | None = None,
    identities: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Test every aligner, and the majority baseline, in every target language.

    ``load`` gives features of the source's train split and of each target's train and test split;
    ``untrained`` names targets that have no train split. With ``units``, finished units are kept in that
    folder and taken from there next time; ``identities`` tells, by name, what an aligner is (hashes of its
    files), so that another aligner of the same name is not taken for it. Neither the order of aligners nor
    that of targets changes a row.

    Raises LearningError for predictions that are not concepts of the task, UsageError for no or equal names.
    """
    protocol, targets = protocol or Protocol(), sorted(set(targets))
    names = [name for name, _ in aligners]
    if not names or not targets or len({*names, MAJORITY}) <= len(names):
        raise UsageError(
            f"cannot evaluate aligners {names} in languages {targets}",
            remedy=f"give aligners under different names ({MAJORITY} is taken), and a language or more",
        )
    source = load(setting.source, "train")
    tested = sorted([*aligners, (MAJORITY, Majority(source.counts()))], key=lambda pair: pair[0])
    basis = {"source": setting.source, "seed": protocol.seed, "smoothing": protocol.smoothing}
    basis |= {"valid": protocol.valid, "least": protocol.least}
    basis |= {"source_counts": source.counts().tolist()}

    found: dict[Key, dict[str, Cell]] = {}
    training_words: dict[str, int] = {}
    notices: list[str] = []
    each = len(tested) * sum(protocol.draws_of(shots) for shots in protocol.shots)
    bar = (progress or Silent()).bar(
        f"{setting.task}, layer {setting.layer}", len(targets) * each, unit="tests"
    )
    for language in targets:
        target, said = prepare(
            language, load, source, protocol, untrained=language in untrained, hashed=units is not None
        )
        notices += said
        if target is None:
            bar.advance(each)
            continue
        training_words[language] = target.train.words if target.train is not None else 0
        weights = sentence_weights(target.test.sents, protocol.bootstrap, protocol.seed, language)
        for name, aligner in tested:
            made_from = {**basis, **target.made_from, "aligner": dict((identities or {}).get(name, {}))}
            path = None if units is None else _file(units, name, language)
            log = UnitLog(path, made_from, target.test.words)
            bar.note(f"{language} {name}")
            for shots, draws in _units(name, aligner, target, log=log, protocol=protocol, bar=bar):
                counts = [
                    sentence_counts(
                        predicted, target.test.y.numpy(), len(source.concepts), target.test.offsets
                    )
                    for predicted in draws
                ]
                over_draws = draw_weights(len(draws), protocol.bootstrap, protocol.seed, language)
                for metric, cell in cells(counts, weights, over_draws, protocol.confidence).items():
                    found.setdefault((name, shots, metric), {})[language] = cell
        bar.advance(each - len(tested) * sum(protocol.draws_of(shots) for shots in target.shots))
    return _evaluation(setting, found, low_resource(training_words), protocol, notices)


def _evaluation(
    setting: Setting,
    found: dict[Key, dict[str, Cell]],
    low: tuple[str, ...],
    protocol: Protocol,
    notices: list[str],
) -> Evaluation:
    results: list[Result] = []
    for key in sorted(found):
        for summary in summarise(found[key], low, protocol):
            numbers = (summary.value, summary.low, summary.high)
            results.append(setting.row(key, summary.name, -1, numbers, summary.n))
        for language, cell in found[key].items():
            results += _rows(setting, key, language, cell, protocol.confidence)
    return Evaluation(setting, results, compare(found, protocol), low, notices)


def evaluate(
    aligners: Sequence[tuple[str, Adapts]], load: Load, targets: Collection[str], **options: Any
) -> list[Result]:
    """The rows of :func:`measure`, whose keyword options these are."""
    return measure(aligners, load, targets, **options).results
