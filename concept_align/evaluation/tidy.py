"""From evidence to flat rows: results, confusions, reliability."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from ..statistics import percentile_interval
from .calibration import BINS
from .evidence import Evidence
from .gains import Found, Gain
from .protocol import Protocol
from .resampling import METRICS, Cell
from .results import Result
from .summary import Comparison, Key, point_means, summarise

_NAN = float("nan")


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
            **vars(self),
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
class Confused:
    """How often words of a concept are called another: means over draws, each language with equal weight."""

    learner: str
    shots: int
    gold: str
    predicted: str
    share: float  # of all words
    of_gold: float  # of the words of the gold concept
    n: int  # languages


@dataclass(frozen=True)
class Reliability:
    """One bin of confidence (above ``bin_low``, to ``bin_high``), each language with equal weight."""

    learner: str
    shots: int
    bin_low: float
    bin_high: float
    share: float  # of all words
    confidence: float
    accuracy: float
    n: int  # languages


@dataclass(frozen=True)
class Evaluation:
    """Rows, comparisons of learners, and what a reader must know beside them."""

    setting: Setting
    results: list[Result]
    comparisons: list[Comparison]
    low_resource: tuple[str, ...]
    notices: list[str]
    gains: list[Gain] = field(default_factory=list)
    confusion: list[Confused] = field(default_factory=list)
    reliability: list[Reliability] = field(default_factory=list)
    seeds: Mapping[str, int] = field(default_factory=dict)  # learner -> training seeds its rows are over
    references: tuple[str, ...] = ()  # what learners were compared with; none: all with all

    def about(self) -> dict[str, object]:
        """The setting, and what of the run is in no row."""
        return {
            **asdict(self.setting),
            "low_resource": list(self.low_resource),
            "seeds": dict(self.seeds),
            "references": list(self.references),
        }


def results_of(
    setting: Setting, found: Found, concepts: Sequence[str], low: tuple[str, ...], protocol: Protocol
) -> list[Result]:
    """All rows, by learner, shots and metric: summaries first, then languages."""
    rows: list[Result] = []
    for (learner, shots), by_language in sorted(found.items()):
        for metric in METRICS:
            cells = {language: one.cells[metric] for language, one in by_language.items()}
            key = (learner, shots, metric)
            for summary in summarise(cells, low, protocol):
                numbers = (summary.value, summary.low, summary.high)
                rows.append(setting.row(key, summary.name, -1, numbers, summary.n))
            for language, cell in cells.items():
                rows += _cell_rows(setting, key, language, cell, protocol.confidence)
        rows += _ece_rows(setting, learner, shots, by_language, protocol)
        for place, concept in enumerate(concepts):
            rows += _concept_rows(setting, (learner, shots, f"f1:{concept}"), place, by_language, protocol)
    return rows


def _cell_rows(setting: Setting, key: Key, language: str, cell: Cell, confidence: float) -> Iterator[Result]:
    yield setting.row(
        key, language, -1, (cell.value, *percentile_interval(cell.mean, confidence)), cell.words
    )
    if key[1] > 0 or len(cell.draws) > 1:
        for draw, numbers in enumerate(zip(cell.draws, cell.low, cell.high, strict=True)):
            yield setting.row(key, language, draw, numbers, cell.words)


def _ece_rows(
    setting: Setting, learner: str, shots: int, by_language: Mapping[str, Evidence], protocol: Protocol
) -> Iterator[Result]:
    known = {language: one.ece for language, one in by_language.items() if one.ece is not None}
    if not known:
        return
    key = (learner, shots, "ece")
    over_seeds = next(iter(by_language.values())).cells[METRICS[0]].over_seeds
    value, resampled = point_means(known, over_seeds, protocol)
    yield setting.row(
        key, "mean", -1, (value, *percentile_interval(resampled, protocol.confidence)), len(known)
    )
    for language, errors in known.items():
        words = by_language[language].cells[METRICS[0]].words
        yield setting.row(key, language, -1, (float(errors.mean()), _NAN, _NAN), words)


def _concept_rows(
    setting: Setting, key: Key, place: int, by_language: Mapping[str, Evidence], protocol: Protocol
) -> Iterator[Result]:
    """One concept's F1; languages without a word of it are left out."""
    known = {code: one.f1 for code, one in by_language.items() if one.f1.words[place]}
    if not known:
        return
    over_seeds = next(iter(by_language.values())).cells[METRICS[0]].over_seeds
    by_seed = {code: f1.by_seed[:, place] for code, f1 in known.items()}
    value, resampled = point_means(by_seed, over_seeds, protocol)
    yield setting.row(
        key, "mean", -1, (value, *percentile_interval(resampled, protocol.confidence)), len(known)
    )
    for code, f1 in known.items():
        numbers = (float(by_seed[code].mean()), f1.low[place], f1.high[place])
        yield setting.row(key, code, -1, numbers, int(f1.words[place]))


def confusions(found: Found, concepts: Sequence[str]) -> list[Confused]:
    """What is called what; pairs that never occur are left out."""
    rows = []
    for (learner, shots), by_language in sorted(found.items()):
        shares = np.mean([one.confusion for one in by_language.values()], axis=0)
        gold = shares.sum(1)
        for i, j in zip(*np.nonzero(shares), strict=True):
            of_gold = float(shares[i, j] / gold[i])
            rows.append(
                Confused(
                    learner, shots, concepts[i], concepts[j], float(shares[i, j]), of_gold, len(by_language)
                )
            )
    return rows


def reliabilities(found: Found) -> list[Reliability]:
    """Bins of confidence that hold words, of learners whose confidences are known."""
    rows = []
    for (learner, shots), by_language in sorted(found.items()):
        known = [one.reliability for one in by_language.values() if one.reliability is not None]
        if not known:
            continue
        for place, (share, sure, right) in enumerate(np.mean(known, axis=0).tolist()):
            if share:
                edges = (place / BINS, (place + 1) / BINS)
                rows.append(
                    Reliability(learner, shots, *edges, share, sure / share, right / share, len(known))
                )
    return rows
