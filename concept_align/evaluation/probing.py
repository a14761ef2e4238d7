"""The layer sweep: in each language and layer a probe is trained on train, chosen on dev, tested on test.

A probe is kept as soon as it is done, with its predictions of the test words and with what it was made from;
a stopped run resumes there. Metrics and intervals are computed anew from the predictions each time. The floor
is the majority class of the language's train split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64

from .. import provenance
from ..atomic import save_table, write_json
from ..cache import Kept
from ..config import changed
from ..correspondence.own_probe import SpaceSampling, fit_own_probe, probe_folder, probe_made_from
from ..errors import UsageError
from ..layers import resolve_layers
from ..outputs import PAGE_FILES, OutputLayout, output_folder
from ..progress import Progress, Silent
from ..showing import Showable, reporter
from ..spaces.metrics import sentence_counts
from ..spaces.probe import Probe
from ..spaces.source import FeatureSource
from ..store import Store
from ..tensors import load_tensors, save_tensors
from ..types import Split
from .config import ProbeSweep, Protocol
from .resampling import MetricResamples, draw_weights, resample_metrics, sentence_weights
from .results import ALL_SHOTS, COLUMNS, MAJORITY, METRICS
from .summary import low_resource, summarise

PROBE = "probe"
NEEDED: tuple[Split, ...] = ("train", "test")
TESTED = "tested"  # the file of a probe's predictions
LAYOUT = OutputLayout(
    "probe",
    ("units", "probe-*", *PAGE_FILES),
    (("probe-*.json", '"provenance"'), ("units/*.layer-*/*.json", '"made_from"')),
)


@dataclass(frozen=True, eq=False)
class ProbeRun:
    """A probe, and what it predicts."""

    probe: Probe
    predicted: Int64[np.ndarray, " words"]  # of the test split

    @property
    def dev_accuracy(self) -> float:
        """In the epoch that was chosen; NaN without a dev split."""
        return self.probe.dev_accuracy[self.probe.epoch - 1] if self.probe.dev_accuracy else float("nan")

    def save(self, place: Path) -> None:
        self.probe.save(place)
        save_tensors(place, TESTED, {"predicted": torch.from_numpy(self.predicted.astype(np.int16))}, {})

    @classmethod
    def load(cls, place: Path) -> "ProbeRun":
        tensors, _ = load_tensors(place, TESTED)
        return cls(Probe.load(place), tensors["predicted"].numpy().astype(np.int64))


@dataclass(frozen=True, eq=False, repr=False)
class ProbeSweepResult(Showable):
    """Accuracy and macro-F1 of a probe in every layer and language.

    Rows have the columns of :mod:`.results`: the language is both source and target, ``learner`` is "probe"
    or "majority", and metrics include "dev_accuracy", by which layers are to be chosen. Shares run from 0 to
    1.
    """

    results: pd.DataFrame
    notes: Mapping[str, str]  # language -> what was done otherwise than asked, or why it was left out
    sweep: ProbeSweep
    languages: tuple[str, ...]
    layers: tuple[int, ...]

    report_maker = "probe:probe_report"

    def __repr__(self) -> str:
        return f"ProbeSweepResult({len(self.languages)} languages, layers {', '.join(map(str, self.layers))})"

    def report(self) -> Any:
        """Findings, tables and figures, as a :class:`concept_align.report.builder.Report`."""
        notes = [f"{code}: {note}" for code, note in sorted(self.notes.items())]
        return reporter(self.report_maker)(self.results, notes=notes)

    def frame(self) -> pd.DataFrame:
        """Every number, one per row."""
        return self.results

    def plot_layers(self, *, path: str | Path | None = None, **options: Any) -> Any:
        """Accuracy against layers: a Matplotlib figure, saved to ``path`` where one is given."""
        return self._plot("probe:layers_figure", self.results, self.sweep.task, path=path, **options)

    def best_layer(self, languages: Sequence[str] | None = None) -> int:
        """The layer with the best mean development accuracy over ``languages``; the lowest of equals."""
        return best_layer(self.results, languages)

    def save(self, folder: str | Path) -> list[Path]:
        """``probe-TASK.csv``, ``.parquet`` and ``.json``."""
        name = f"{PROBE}-{self.sweep.task.replace(':', '-')}"
        save_table(self.results, folder, name)
        files = [Path(folder) / f"{name}.{ending}" for ending in ("csv", "parquet", "json")]
        plan = asdict(self.sweep) | {"languages": self.languages, "layers": self.layers}
        plan["config"] = asdict(self.sweep.training)
        del plan["store"]  # a place, which decides nothing
        write_json(files[-1], {"plan": plan, "provenance": provenance.collect()})
        return files


def best_layer(results: pd.DataFrame, languages: Sequence[str] | None = None) -> int:
    """The layer with the best mean development accuracy over ``languages`` (or all); the lowest of equals.

    ``results`` are rows of one model and task. UsageError where no probe had a dev split.
    """
    rows = results[results["metric"] == "dev_accuracy"]
    if languages is not None:
        rows = rows[rows["language"].isin(languages)]
    means = {int(str(layer)): float(part["value"].mean()) for layer, part in rows.groupby("layer")}
    if not means:
        raise UsageError("no language has a dev split", option="languages", remedy="choose a layer yourself")
    return max(sorted(means), key=means.__getitem__)


def probe(
    store: Store | str | Path,
    *,
    task: str = "upos",
    layers: int | Sequence[int] | str = "all",
    langs: str | Sequence[str] = "all",
    max_sentences: int | None = None,
    seed: int | None = None,
    sweep: ProbeSweep | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> ProbeSweepResult:
    """Train a linear probe for each language and layer of a store, and test it.

    ``layers``: one, several or "all"; ``langs``: codes or names of sets. Further options are fields of
    :class:`ProbeSweep`, which ``sweep`` may hold all of (``task``, ``layers`` and ``langs`` are then its
    own). With ``out``, probes are kept there and a run that was stopped resumes.

    Raises UsageError for layers and languages that the store lacks.

    Example:
        >>> import concept_align as ca
        >>> found = ca.probe("runs/store", task="upos", layers=[2, 3])
        >>> found.best_layer() in (2, 3)
        True
    """
    store = store if isinstance(store, Store) else Store.open(store)
    if sweep is None:
        chosen: Any = "all" if layers == "all" else resolve_layers(layers, store.recipe.layers)
        asked = (langs,) if isinstance(langs, str) else tuple(langs)
        sweep = ProbeSweep(task=task, layers=chosen, langs=asked)
    sweep = changed(sweep, {"max_sentences": max_sentences, "seed": seed})
    if out is None:
        return run_sweep(store, sweep, None, progress)
    with output_folder(out, LAYOUT):
        return run_sweep(store, sweep, Path(out), progress)


def run_sweep(
    store: Store, sweep: ProbeSweep, folder: Path | None, progress: Progress | None = None
) -> ProbeSweepResult:
    """Run what is not done yet and give every result. Probes go to ``folder`` (kept nowhere without it)."""
    layers, asked = sweep.layers_in(store), sweep.languages_in(store)
    usable = usable_languages(store, layers)
    languages = tuple(language for language in asked if language in usable)
    notes = {
        language: "left out: the store lacks its train or test states of these layers"
        for language in asked
        if language not in usable
    }
    if not languages:
        message = f"none of {', '.join(asked)} has train and test states of these layers"
        remedy = f"extract them; there are: {', '.join(usable) or 'none'}"
        raise UsageError(message, where=str(store.folder), remedy=remedy)
    source = FeatureSource(store, sweep.spec(layers[0]), cache_bytes=0)  # nothing is loaded twice
    unlabelled = [code for code in languages if not all(len(source.gold(code, split)[0]) for split in NEEDED)]
    task = source.task.name
    notes |= {code: f"left out: it has no word labelled for {task} in train or test" for code in unlabelled}
    languages = tuple(code for code in languages if code not in unlabelled)
    if not languages:
        message = f"no word of {', '.join(unlabelled)} is labelled for {task} in train and test"
        raise UsageError(message, where=str(store.folder), remedy="choose another task or other languages")
    bar = (progress or Silent()).bar(PROBE, len(languages) * len(layers), unit="probes")
    rows: list[dict[str, Any]] = []
    for layer in layers:
        source = source.with_layers((layer,))
        setting = {
            "model": store.recipe.model, "revision": store.recipe.revision, "layer": source.layer_name,
            "task": source.task.name, "shots": ALL_SHOTS, "draw": -1,
        }  # fmt: skip
        found: dict[str, dict[str, dict[str, MetricResamples]]] = {}
        for language in languages:
            run = probe_run(source, sweep, language, folder)
            bar.note(f"layer {layer} {language}")
            bar.advance()
            found[language] = _resampled(source, sweep, language, run)
            rows += [setting | row for row in _rows(source, language, run, found[language])]
            if language not in source.languages("dev"):
                notes[language] = "no dev split: the last epoch was taken"
        notes |= source.notes
        rows += [setting | row for row in _summaries(source, sweep, found)]
    return ProbeSweepResult(pd.DataFrame(rows, columns=list(COLUMNS)), notes, sweep, languages, layers)


def usable_languages(store: Store, layers: tuple[int, ...]) -> tuple[str, ...]:
    """Languages with train and test states of every one of ``layers``, sorted."""
    held = [set(store.languages(split, layer)) for split in NEEDED for layer in layers]
    return tuple(sorted(set.intersection(*held))) if held else ()


def probe_run(source: FeatureSource, sweep: ProbeSweep, language: str, folder: Path | None) -> ProbeRun:
    """The finished probe in ``folder``, or a new one, kept there."""
    chosen = SpaceSampling(
        space="probe", probe=sweep.training, max_sentences=sweep.max_sentences, seed=sweep.seed
    )
    about = probe_made_from(source, language, chosen)

    def make() -> ProbeRun:
        train = chosen.words_of(source.load(language, "train"), "train")
        fitted = fit_own_probe(source, train, chosen, about)
        return ProbeRun(fitted, fitted.predict(source.load(language, "test").x).numpy())

    place = None if folder is None else probe_folder(folder, source)
    return Kept(place, lambda at, run: run.save(at), ProbeRun.load).get(language, about, make)


def _resampled(
    source: FeatureSource, sweep: ProbeSweep, language: str, run: ProbeRun
) -> dict[str, dict[str, MetricResamples]]:
    """learner -> metric -> value with its interval over test sentences."""
    y, offsets = source.gold(language, "test")
    concepts = len(source.concepts)
    train_y, _ = source.gold(language, "train")
    majority = np.full(len(y), np.bincount(train_y, minlength=concepts).argmax())
    weights = sentence_weights(len(offsets) - 1, sweep.bootstrap, sweep.seed, language)
    one_draw = draw_weights(1, sweep.bootstrap, sweep.seed, language)
    found = {}
    for learner, predicted in ((PROBE, run.predicted), (MAJORITY, majority)):
        counts = [sentence_counts(predicted, y, concepts, offsets)]
        found[learner], _ = resample_metrics(counts, weights, one_draw, sweep.confidence)
    return found


def _rows(
    source: FeatureSource, language: str, run: ProbeRun, found: Mapping[str, Mapping[str, MetricResamples]]
) -> list[dict[str, Any]]:
    own = {"source": language, "language": language}
    rows = [
        {
            **own, "learner": learner, "metric": metric, "value": cell.value,
            "low": float(cell.low[0]), "high": float(cell.high[0]), "n": cell.words,
        }
        for learner, metrics in found.items()
        for metric, cell in metrics.items()
    ]  # fmt: skip
    if not np.isnan(run.dev_accuracy):  # layers are to be chosen by this, not by the test
        words = len(source.gold(language, "dev")[0])
        rows.append(own | {"learner": PROBE, "metric": "dev_accuracy", "value": run.dev_accuracy, "n": words})
    return rows


def _summaries(
    source: FeatureSource, sweep: ProbeSweep, found: Mapping[str, Mapping[str, Mapping[str, MetricResamples]]]
) -> list[dict[str, Any]]:
    """Mean, worst and spread over the languages of one layer."""
    protocol = Protocol(seed=sweep.seed, bootstrap=sweep.bootstrap, confidence=sweep.confidence)
    poor = low_resource({language: len(source.gold(language, "train")[0]) for language in found})
    return [
        {"source": one.language, "learner": learner, "metric": metric, **vars(one)}
        for learner in (PROBE, MAJORITY)
        for metric in METRICS
        for one in summarise({code: of[learner][metric] for code, of in found.items()}, poor, protocol)
    ]
