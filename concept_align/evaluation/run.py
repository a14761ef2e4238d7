"""Aligners put to the test in the target languages: predictions, what they show, and the tidy rows."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..progress import Progress, Silent
from ..spaces.features import Features
from .baselines import MAJORITY, Majority
from .evidence import Evidence, evidence
from .gains import gains
from .notices import Looked
from .protocol import Load, Protocol
from .resampling import METRICS, sentence_weights
from .results import Result
from .summary import BASELINES, compare, low_resource, references
from .targets import Views
from .tested import Adapts, Predicts, UnderTest, predictions, tested
from .tidy import Evaluation, Setting, confusions, reliabilities, results_of

__all__ = ["Adapts", "Evaluation", "Predicts", "Setting", "UnderTest", "evaluate", "measure"]


def measure(
    aligners: Sequence[tuple[str, Adapts] | UnderTest],
    load: Load,
    targets: Collection[str],
    *,
    setting: Setting,
    protocol: Protocol | None = None,
    untrained: Collection[str] = (),
    against: Sequence[str] = (),
    units: Path | None = None,
    identities: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Test every learner, and the majority baseline, in every target language.

    A learner is a name and its aligner, or a :class:`UnderTest` where it has an aligner a training seed.
    ``load`` gives features of the source's train split and of each target's train and test split, for
    learners without a ``load`` of their own;
    ``untrained`` names targets that have no train split, ``against`` the learners that the others are
    compared with (default: all pairs of few, else the baselines among them). With ``units``, finished units
    are kept in that folder and taken from there next time; ``identities`` tells, by name, what an aligner is
    (hashes of its files), so that another aligner of the same name is not taken for it. Neither the order of
    aligners nor that of targets changes a row.

    Raises LearningError for predictions that are not concepts of the task, UsageError for no or equal names.
    """
    protocol, targets = protocol or Protocol(), sorted(set(targets))
    learners = tested(aligners, identities)
    names = [one.name for one in learners]
    if not names or not targets or len({*names, MAJORITY}) <= len(names):
        raise UsageError(
            f"cannot evaluate aligners {names} in languages {targets}",
            remedy=f"give aligners under different names ({MAJORITY} is taken), and a language or more",
        )
    source = load(setting.source, "train")
    learners = tested([*learners, (MAJORITY, Majority(source.counts()))], None)
    basis = {"source": setting.source, "seed": protocol.seed, "smoothing": protocol.smoothing}
    basis |= {"valid": protocol.valid, "least": protocol.least}
    basis |= {"source_counts": source.counts().tolist()}

    found: dict[tuple[str, int], dict[str, Evidence]] = {}
    training_words: dict[str, int] = {}
    notices: list[str] = []
    looked = Looked()
    each = sum(one.tests(protocol.shots, protocol) for one in learners)
    bar = (progress or Silent()).bar(
        f"{setting.task}, layer {setting.layer}", len(targets) * each, unit="tests"
    )
    for language in targets:
        views = Views(
            load, language, source, protocol, untrained=language in untrained, hashed=units is not None
        )
        target = views.target(load)
        notices += views.said
        if target is None:
            bar.advance(each)
            continue
        training_words[language] = target.train.words if target.train is not None else 0
        weights = sentence_weights(target.test.sents, protocol.bootstrap, protocol.seed, language)
        done = 0
        for one in learners:
            bar.note(f"{language} {one.name}")
            view = views.of(one.load, one.name)
            looked.at(one, view)
            logs = one.logs(units, {**basis, **view.made_from}, view)
            for shots, draws in predictions(one, view, logs=logs, protocol=protocol, bar=bar):
                done += len(draws)
                found.setdefault((one.name, shots), {})[language] = evidence(
                    draws, target.test, weights, protocol, learner=one.name, seeds=len(one.aligners)
                )
        bar.advance(each - done)
    notices += looked.notices()
    seeds = {one.name: len(one.aligners) for one in learners if one.name != MAJORITY}
    return _evaluation(
        setting, found, source, low_resource(training_words), protocol, notices, seeds, against
    )


def _evaluation(
    setting: Setting,
    found: dict[tuple[str, int], dict[str, Evidence]],
    source: Features,
    low: tuple[str, ...],
    protocol: Protocol,
    notices: list[str],
    seeds: dict[str, int],
    against: Sequence[str],
) -> Evaluation:
    chosen = references(seeds, against)
    # Gains are drawn against something even where all learners are compared with all.
    beside = chosen or tuple(name for name in BASELINES if name in seeds)[:1]
    cells = {
        (*key, metric): {language: one.cells[metric] for language, one in by_language.items()}
        for key, by_language in sorted(found.items())
        for metric in METRICS
    }
    return Evaluation(
        setting=setting,
        results=results_of(setting, found, source.concepts, low, protocol),
        comparisons=compare(cells, protocol, chosen),
        low_resource=low,
        notices=notices,
        gains=gains(found, source.concepts, beside, protocol),
        confusion=confusions(found, source.concepts),
        reliability=reliabilities(found),
        seeds=seeds,
        references=chosen,
    )


def evaluate(
    aligners: Sequence[tuple[str, Adapts]], load: Load, targets: Collection[str], **options: Any
) -> list[Result]:
    """The rows of :func:`measure`, whose keyword options these are."""
    return measure(aligners, load, targets, **options).results
