"""From evidence to tables, and everything an evaluation found: :class:`Evaluation`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..atomic import save_csv, save_table, write_json
from ..hashing import sha256_file
from ..reading import ABOUT, RESULTS
from ..showing import Showable, reporter
from ..statistics import SHARES, bounds_over_languages, percentile_bounds
from .comparisons import Found, by_metric, compare, concept_groups, concept_means, gains
from .config import Protocol
from .evidence import BINS, Evidence
from .results import COLUMNS, CONDITION, MAJORITY, METRICS, combine
from .summary import point_means, summarise

# What ``learner`` calls the words of a concept: ``share`` of all words, ``of_gold`` of the concept's; means
# over draws, each of ``n`` languages with equal weight.
CONFUSED = ("learner", "shots", "gold", "predicted", "share", "of_gold", "n")
# One bin of confidence (above ``bin_low``, to ``bin_high``), each of ``n`` languages with equal weight.
RELIABLE = ("learner", "shots", "bin_low", "bin_high", "share", "confidence", "accuracy", "n")

Block = dict[str, Any]  # rows of a table: columns that are arrays [rows], or one value for all of them


@dataclass(frozen=True)
class Condition:
    """What the rows of a table have in common, and what is in no row: which targets are ``low_resource``, the
    training ``seeds`` of each learner, and the ``references`` of comparisons (none: all with all)."""

    model: str
    revision: str
    layer: str
    task: str
    source: str = "en"
    low_resource: tuple[str, ...] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)
    references: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """Model, revision, layer, task, source: what every row says."""
        return tuple(getattr(self, name) for name in CONDITION)

    def into(self, frame: pd.DataFrame) -> pd.DataFrame:
        """``frame`` with the condition's columns before its own."""
        return pd.DataFrame({**dict(zip(CONDITION, self.key, strict=True)), **frame})


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Showable):
    """Everything that an evaluation found, of one condition or several, as tables.

    Every row names its condition (model, revision, layer, task, source). Values are shares from 0 to 1;
    ``low`` and ``high`` bound them.

    Example:
        >>> import concept_align as ca
        >>> found = ca.evaluate({"probe": "runs/probe"}, "runs/store", shots=[0])
        >>> len(found.frame().query("language == 'mean' and metric == 'accuracy'"))  # of both learners
        2
    """

    tables: Mapping[str, pd.DataFrame]  # results comparisons gains confusion reliability
    conditions: tuple[Condition, ...]
    notices: tuple[str, ...] = ()  # what a reader must know
    protocol: Protocol = field(default_factory=Protocol)
    facts: Mapping[str, Any] = field(default_factory=dict)  # what else decided the numbers

    def __repr__(self) -> str:
        of = ", ".join(f"{one.task} at layer {one.layer} of {one.model}" for one in self.conditions)
        return f"Evaluation({of}; {len(self.frame()):,} results)"

    report_maker = "evaluation:evaluation_report"

    def frame(self) -> pd.DataFrame:
        """Every number, one per row, with the columns of :mod:`.results`."""
        return self.tables["results"]

    def comparisons(self) -> pd.DataFrame:
        """Paired tests of learners over languages, one pair per row: :data:`.comparisons.COMPARED`."""
        return self.tables["comparisons"]

    def gains(self) -> pd.DataFrame:
        """What learners gain over a reference, by language and by concept: :data:`.comparisons.GAINED`."""
        return self.tables["gains"]

    def confusion(self) -> pd.DataFrame:
        """Which concept is called what: :data:`CONFUSED`. Pairs that never occur are left out."""
        return self.tables["confusion"]

    def reliability(self) -> pd.DataFrame:
        """Accuracy by confidence, of learners that tell it: :data:`RELIABLE`."""
        return self.tables["reliability"]

    def report(self, *, figures: bool = True) -> Any:
        """Findings, tables and figures, as a :class:`concept_align.report.builder.Report`."""
        return reporter(self.report_maker)(self, figures=figures)

    def _repr_html_(self) -> str:
        shown: str = self.report(figures=False)._repr_html_()
        return shown

    def plot_shots(self, *, path: str | Path | None = None, **options: Any) -> Any:
        """Accuracy against labelled sentences, a line per learner: a Matplotlib figure, saved to ``path``.

        ``options``: ``metric`` ("accuracy", "macro_f1"), ``summary`` ("mean", "low-resource mean", ...),
        ``learners``, ``title``, ``top``.
        """
        return self._plot("evaluation_figures:shots_figure", self.frame(), path=path, **options)

    def plot_languages(self, *, shots: int = 0, path: str | Path | None = None, **options: Any) -> Any:
        """Every target language at ``shots``, a dot with its interval per learner: a Matplotlib figure."""
        return self._plot(
            "evaluation_figures:languages_figure", self.frame(), shots=shots, path=path, **options
        )

    def plot_confusion(
        self, *, learner: str, shots: int = 0, path: str | Path | None = None, **options: Any
    ) -> Any:
        """Which concept ``learner`` predicts for which, at ``shots``: a Matplotlib figure."""
        place, given = "evaluation_figures:confusion_figure", {"learner": learner, "shots": shots, **options}
        return self._plot(place, self.confusion(), path=path, **given)

    def plot_reliability(self, *, shots: int = 0, path: str | Path | None = None, **options: Any) -> Any:
        """Accuracy against confidence at ``shots``: a Matplotlib figure."""
        place = "evaluation_figures:reliability_figure"
        return self._plot(place, self.reliability(), shots=shots, path=path, **options)

    def plot_gains(
        self,
        reference: str,
        *,
        shots: int = 0,
        by: Literal["concepts", "languages"] = "concepts",
        path: str | Path | None = None,
        **options: Any,
    ) -> Any:
        """F1 of each concept, or accuracy in each language, less that of ``reference``: a Matplotlib figure.

        ``reference`` is one of those that learners were compared with (``against``).
        """
        kind = "concept" if by == "concepts" else "language"
        learners = [name for name in self.frame()["learner"].unique() if name != MAJORITY]
        given = {"reference": reference, "shots": shots, "learners": learners, **options}
        return self._plot(f"evaluation_figures:{kind}_gains_figure", self.gains(), path=path, **given)

    @classmethod
    def join(cls, parts: Sequence["Evaluation"], **facts: Any) -> "Evaluation":
        """Several evaluations by one protocol as one. ConceptAlignError where two disagree on a number."""
        tables = {"results": combine(part.frame() for part in parts)}
        for name in ("comparisons", "gains", "confusion", "reliability"):
            frames = [part.tables[name] for part in parts]
            tables[name] = pd.concat([one for one in frames if len(one)] or frames[:1], ignore_index=True)
        conditions = tuple(condition for part in parts for condition in part.conditions)
        notices = tuple(dict.fromkeys(notice for part in parts for notice in part.notices))
        merged = {key: value for part in parts for key, value in part.facts.items()}
        return cls(tables, conditions, notices, parts[0].protocol, merged | facts)

    def about(self) -> dict[str, Any]:
        """What is in no table, as JSON has it: protocol, conditions, notices and facts."""
        conditions = [asdict(condition) for condition in self.conditions]
        about = {"protocol": asdict(self.protocol), "settings": conditions, "notices": list(self.notices)}
        return about | dict(self.facts)

    def save(self, folder: str | Path) -> None:
        """``results.csv`` and ``.parquet``, a CSV file for every other table, and ``evaluation.json``; equal
        evaluations give equal bytes."""
        for name, frame in self.tables.items():
            if name == RESULTS:
                save_table(frame, folder, name)
            else:
                save_csv(frame, Path(folder) / f"{name}.csv")
        hashes = {"sha256": sha256_file(Path(folder) / f"{RESULTS}.parquet")}
        write_json(Path(folder) / ABOUT, self.about() | hashes)


def tabulate(
    condition: Condition,
    found: Found,
    concepts: Sequence[str],
    protocol: Protocol,
    *,
    others: Found | None = None,
    over: Sequence[str] = (),
    notices: Iterable[str] = (),
) -> Evaluation:
    """The tables of one condition: ``found`` has the evidence of each learner, number of shots and language.

    Learners are compared with the condition's references and with ``others`` (rows of which are not among the
    results); gains are over the learners named by ``over``.
    """
    both = {**found, **(others or {})}
    tables = {
        "comparisons": compare(by_metric(both), protocol, condition.references),
        "gains": gains(both, concepts, over, protocol),
        "confusion": _table(list(_confusions(found, concepts)), CONFUSED),
        "reliability": _table(list(_reliabilities(found)), RELIABLE),
    }
    rows = _results(found, concepts, condition.low_resource, protocol)
    results = _table(list(rows), COLUMNS[len(CONDITION) :])
    # What has no interval has NaN there, not None: a column of numbers is one.
    tables = {"results": results.astype(dict.fromkeys(("value", "low", "high"), float)), **tables}
    tables = {name: condition.into(frame) for name, frame in tables.items()}
    return Evaluation(tables, (condition,), tuple(notices), protocol)


def _table(blocks: Sequence[Block], columns: Sequence[str]) -> pd.DataFrame:
    """The rows of all ``blocks``, one after the other."""
    if not blocks:
        return pd.DataFrame(columns=list(columns))
    frames = []
    for block in blocks:
        several = any(isinstance(value, np.ndarray) for value in block.values())
        frames.append(pd.DataFrame(block if several else [block], columns=list(columns)))
    return pd.concat(frames, ignore_index=True)


def _names(words: Sequence[str]) -> NDArray[np.object_]:
    return np.array(words, dtype=object)


def _results(
    found: Found, concepts: Sequence[str], low: tuple[str, ...], protocol: Protocol
) -> Iterator[Block]:
    """All rows, by learner, shots and metric: summaries first, then languages."""
    for (learner, shots), of in sorted(found.items()):
        key = {"learner": learner, "shots": shots}
        for metric in METRICS:
            cells = {language: one.metrics[metric] for language, one in of.items()}
            for summary in summarise(cells, low, protocol):
                yield {**key, "metric": metric, "draw": -1, **vars(summary)}
            yield key | {"metric": metric, **_of_draws(of, metric, shots, protocol)}
        yield from (key | block for block in _of_calibration(of, protocol))
        if block := _of_concepts(of, concepts, protocol):
            yield key | block


def _of_draws(of: Mapping[str, Evidence], metric: str, shots: int, protocol: Protocol) -> Block:
    """Of every language the mean over draws, then each draw, if there are draws."""
    cells = [one.metrics[metric] for one in of.values()]
    ends = percentile_bounds(np.stack([cell.mean for cell in cells], axis=1), protocol.confidence)
    draws = [len(cell.draws) if shots > 0 or len(cell.draws) > 1 else 0 for cell in cells]
    means = {"value": [cell.value for cell in cells], "low": list(ends[0]), "high": list(ends[1])}
    rows = [n + 1 for n in draws]
    block: Block = {
        "language": np.repeat(_names(list(of)), rows),
        "draw": np.concatenate([np.arange(-1, n) for n in draws]),
        "n": np.repeat([cell.words for cell in cells], rows),
    }
    for name, attribute in (("value", "draws"), ("low", "low"), ("high", "high")):
        parts = zip(means[name], cells, draws, strict=True)
        block[name] = np.concatenate(
            [np.append(mean, getattr(cell, attribute)[:n]) for mean, cell, n in parts]
        )
    return block


def _of_calibration(of: Mapping[str, Evidence], protocol: Protocol) -> Iterator[Block]:
    known = {language: one for language, one in of.items() if one.ece is not None}
    if not known:
        return
    languages = tuple(sorted(known))
    by_seed = np.stack([one for language in languages if (one := known[language].ece) is not None])
    over_seeds = next(iter(of.values())).metrics[METRICS[0]].over_seeds
    (value,), resampled = point_means(by_seed[None], languages, over_seeds, protocol)
    (low,), (high,) = bounds_over_languages(resampled, len(languages), protocol.confidence, within=SHARES)
    about = {"metric": "ece", "draw": -1}
    yield about | {"language": "mean", "value": value, "low": low, "high": high, "n": len(known)}
    yield about | {
        "language": _names(list(known)), "low": np.nan, "high": np.nan,
        "value": np.array([one.ece.mean() for one in known.values() if one.ece is not None]),
        "n": np.array([one.metrics[METRICS[0]].words for one in known.values()]),
    }  # fmt: skip


def _of_concepts(of: Mapping[str, Evidence], concepts: Sequence[str], protocol: Protocol) -> Block | None:
    """Each concept's F1: the mean over languages, then each of them, without those that lack it."""
    words = np.stack([one.f1.words for one in of.values()], axis=1)  # [concepts, langs]
    by_seed = np.ascontiguousarray(np.stack([one.f1.by_seed for one in of.values()]).transpose(2, 0, 1))
    ends = [np.stack([getattr(one.f1, end) for one in of.values()], axis=1) for end in ("low", "high")]
    shape = len(concepts), len(of) + 1
    value, low, high, n = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64)
    value[:, 1:], low[:, 1:], high[:, 1:], n[:, 1:] = by_seed.mean(2), *ends, words
    for languages, places in concept_groups(of, sorted(of), len(concepts)).items():
        value[places, 0], resampled = concept_means(of, languages, places, protocol)
        over = bounds_over_languages(resampled, len(languages), protocol.confidence, within=SHARES)
        low[places, 0], high[places, 0] = over
        n[places, 0] = len(languages)
    kept = n > 0
    if not kept.any():
        return None
    metric, language = np.meshgrid(
        _names([f"f1:{concept}" for concept in concepts]), _names(["mean", *of]), indexing="ij"
    )
    numbers = {"value": value[kept], "low": low[kept], "high": high[kept], "n": n[kept]}
    return {"metric": metric[kept], "language": language[kept], "draw": -1, **numbers}


def _confusions(found: Found, concepts: Sequence[str]) -> Iterator[Block]:
    names = _names(list(concepts))
    for (learner, shots), of in sorted(found.items()):
        shares = np.mean([one.confusion for one in of.values()], axis=0)
        gold, predicted = np.nonzero(shares)
        share = shares[gold, predicted]
        about = {"learner": learner, "shots": shots, "gold": names[gold], "predicted": names[predicted]}
        yield about | {"share": share, "of_gold": share / shares.sum(1)[gold], "n": len(of)}


def _reliabilities(found: Found) -> Iterator[Block]:
    """Bins of confidence that hold words, of learners whose confidences are known."""
    edges = np.arange(BINS + 1) / BINS
    for (learner, shots), of in sorted(found.items()):
        known = [one.reliability for one in of.values() if one.reliability is not None]
        if not known:
            continue
        bins = np.mean(known, axis=0)
        (held,) = np.nonzero(bins[:, 0])
        share, sure, correct = bins[held].T
        about = {"learner": learner, "shots": shots, "bin_low": edges[held], "bin_high": edges[held + 1]}
        yield about | {
            "share": share, "confidence": sure / share, "accuracy": correct / share, "n": len(known)
        }  # fmt: skip
