"""The layer sweep: in each language and layer a probe is trained on train, chosen on dev, tested on test.

Metrics and intervals are computed anew from the units' predictions each time. The floor is the commonest
concept of the language's train split.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..progress import Progress, Silent
from ..spaces.metrics import sentence_counts
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store.store import Store
from ..types import Split
from .baselines import MAJORITY
from .probe_units import Sweep, Unit, probe_unit
from .protocol import Protocol
from .resampling import Cell, cells, draw_weights, sentence_weights
from .results import ALL_SHOTS, Result
from .summary import low_resource, summarise

PROBE = "probe"


@dataclass(frozen=True)
class Swept:
    results: list[Result]
    notes: dict[str, str]  # language -> what was done otherwise than asked, or why it was left out


def usable_languages(store: Store, layers: tuple[int, ...]) -> tuple[str, ...]:
    """Languages with train and test states of every one of ``layers``, sorted."""
    needed: tuple[Split, ...] = ("train", "test")
    held = [set(store.languages(split, layer)) for split in needed for layer in layers]
    return tuple(sorted(set.intersection(*held))) if held else ()


def sweep(store: Store, plan: Sweep, folder: Path | None, progress: Progress | None = None) -> Swept:
    """Run what is not done yet and give every result. Units go to ``folder`` (kept nowhere without it)."""
    usable = usable_languages(store, plan.layers)
    languages = tuple(language for language in plan.languages if language in usable)
    notes = {
        language: "left out: the store lacks its train or test states of these layers"
        for language in plan.languages
        if language not in usable
    }
    if not languages:
        raise UsageError(
            f"none of {', '.join(plan.languages) or 'no language'} has train and test states of these layers",
            where=str(store.folder),
            remedy=f"extract them; there are: {', '.join(usable) or 'none'}",
        )
    bar = (progress or Silent()).bar("probe", len(languages) * len(plan.layers), unit="probes")
    results: list[Result] = []
    source = FeatureSource(
        store,
        FeatureSpec(plan.task, plan.layers[:1], root=plan.root, mwt=plan.mwt, standardise=plan.standardise),
        cache_bytes=0,  # nothing is loaded twice
    )
    for layer in plan.layers:
        source = source.with_layers((layer,))
        found: dict[str, dict[str, dict[str, Cell]]] = {}
        for language in languages:
            unit = probe_unit(store, source, plan, language, folder)
            bar.note(f"layer {layer} {language}")
            bar.advance()
            found[language] = _cells(source, plan, language, unit)
            results += _rows(store, source, language, unit, found[language])
            if language not in source.languages("dev"):
                notes[language] = "no dev split: the last epoch was taken"
        notes |= source.notes
        results += _summaries(store, source, plan, found)
    return Swept(results, notes)


def _cells(source: FeatureSource, plan: Sweep, language: str, unit: Unit) -> dict[str, dict[str, Cell]]:
    """learner -> metric -> value with its interval over test sentences."""
    y, offsets = source.gold(language, "test")
    concepts = len(source.concepts)
    train_y, _ = source.gold(language, "train")
    commonest = np.full(len(y), np.bincount(train_y, minlength=concepts).argmax())
    weights = sentence_weights(len(offsets) - 1, plan.bootstrap, plan.seed, language)
    one_draw = draw_weights(1, plan.bootstrap, plan.seed, language)

    def of(predicted: NDArray[np.int64]) -> dict[str, Cell]:
        counted = sentence_counts(predicted, y, concepts, offsets)
        return cells([counted], weights, one_draw, plan.confidence)

    return {PROBE: of(unit.predicted), MAJORITY: of(commonest)}


def _row(
    store: Store, source: FeatureSource, language: str, learner: str, metric: str, **value: Any
) -> Result:
    return Result(
        model=store.recipe.model,
        revision=store.recipe.revision,
        layer=source.layer_name,
        task=source.task.name,
        source=language,
        language=language,
        shots=ALL_SHOTS,
        draw=-1,
        learner=learner,
        metric=metric,
        **value,
    )


def _rows(
    store: Store,
    source: FeatureSource,
    language: str,
    unit: Unit,
    found: Mapping[str, Mapping[str, Cell]],
) -> Iterator[Result]:
    nan = float("nan")
    for learner, metrics in found.items():
        for metric, cell in metrics.items():
            low, high = float(cell.low[0]), float(cell.high[0])
            yield _row(
                store, source, language, learner, metric, value=cell.value, low=low, high=high, n=cell.words
            )
    if not np.isnan(unit.dev_accuracy):  # layers are to be chosen by this, not by the test
        n = len(source.gold(language, "dev")[0])
        yield _row(
            store, source, language, PROBE, "dev_accuracy", value=unit.dev_accuracy, low=nan, high=nan, n=n
        )


def _summaries(
    store: Store, source: FeatureSource, plan: Sweep, found: Mapping[str, Mapping[str, Mapping[str, Cell]]]
) -> Iterator[Result]:
    """Mean, worst and spread over the languages of one layer."""
    protocol = Protocol(seed=plan.seed, bootstrap=plan.bootstrap, confidence=plan.confidence)
    poor = low_resource({language: len(source.gold(language, "train")[0]) for language in found})
    for learner in (PROBE, MAJORITY):
        for metric in ("accuracy", "macro_f1"):
            of = {language: learners[learner][metric] for language, learners in found.items()}
            for one in summarise(of, poor, protocol):
                yield _row(
                    store,
                    source,
                    one.name,
                    learner,
                    metric,
                    value=one.value,
                    low=one.low,
                    high=one.high,
                    n=one.n,
                )
