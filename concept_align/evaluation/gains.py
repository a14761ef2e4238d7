"""What a learner gains over a reference: language by language, and concept by concept over languages.

Both learners see the same resamples of sentences and the same draws, so differences are paired. A concept's
gain is the mean over the languages that have it, bounded by resampling languages (and training seeds).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..statistics import percentile_interval
from .baselines import MAJORITY
from .evidence import Evidence
from .protocol import Protocol
from .resampling import METRICS
from .summary import point_means

Found = Mapping[tuple[str, int], Mapping[str, Evidence]]  # (learner, shots) -> language -> evidence


@dataclass(frozen=True)
class Gain:
    """``learner`` less ``reference``: of a metric in a language (``n``: its words), or of a concept's F1 in
    the mean over languages (``n``: languages)."""

    learner: str
    reference: str
    shots: int
    metric: str
    language: str
    value: float
    low: float
    high: float
    n: int


def gains(found: Found, concepts: Sequence[str], references: Sequence[str], protocol: Protocol) -> list[Gain]:
    """Every learner against every reference, at every number of shots that both were tested at."""
    rows: list[Gain] = []
    for reference in references:
        for learner, shots in sorted(found):
            if learner not in (reference, MAJORITY) and (reference, shots) in found:
                a, b = found[learner, shots], found[reference, shots]
                for part in (_languages(a, b, protocol), _concepts(a, b, concepts, protocol)):
                    rows += [Gain(learner, reference, shots, *rest) for rest in part]
    return rows


Rest = tuple[str, str, float, float, float, int]


def _languages(a: Mapping[str, Evidence], b: Mapping[str, Evidence], protocol: Protocol) -> Iterator[Rest]:
    for metric in METRICS:
        for language in sorted(a.keys() & b.keys()):
            first, second = a[language].cells[metric], b[language].cells[metric]
            bounds = percentile_interval(first.mean - second.mean, protocol.confidence)
            yield metric, language, first.value - second.value, *bounds, first.words


def _concepts(
    a: Mapping[str, Evidence], b: Mapping[str, Evidence], concepts: Sequence[str], protocol: Protocol
) -> Iterator[Rest]:
    for place, concept in enumerate(concepts):
        languages = [code for code in sorted(a.keys() & b.keys()) if a[code].f1.words[place]]
        if languages:
            (one, first), (two, second) = (
                point_means(
                    {code: of[code].f1.by_seed[:, place] for code in languages},
                    of[languages[0]].cells[METRICS[0]].over_seeds,
                    protocol,
                )
                for of in (a, b)
            )
            bounds = percentile_interval(first - second, protocol.confidence)
            yield f"f1:{concept}", "mean", one - two, *bounds, len(languages)
