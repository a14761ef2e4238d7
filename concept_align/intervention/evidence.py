"""Effects of interventions: values, changes, and excess over controls, with intervals and tests.

With a_s and b_s the sums of a sentence (words predicted correctly and words, nats and tokens), the
value of a treatment is V = sum a_s / sum b_s, and

    change   V(intervention) - V(untouched)
    excess   V(intervention) - mean over draws of V(control)

so that an excess says what taking out *these* directions did beyond what taking out as much of anything does.
Treatments are compared on the same resamples of the same sentences. Draws of a control are each language's
own, and are resampled too (Rao and Wu's weights, :mod:`concept_align.evaluation.resampling`).

Means over languages weight languages alike. Languages of one branch are kin: intervals draw whole branches,
and p is that of sign flips of whole branches. Holm's adjustment is over all interventions, layers and read
layers of a read-out that are compared with the same thing: words of single concepts apart from all words
together, directions of single languages apart from those of several.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..evaluation.resampling import draw_weights, sentence_weights
from ..seeding import stream
from ..statistics import (
    LEAST_BOUNDED,
    Floats,
    bounds_over_languages,
    holm,
    means_over_drawn,
    percentile_bounds,
    sign_flip,
)
from ..treebanks.registry import relatives
from .config import MAJORITY, MATCHED, POOLED, UNTOUCHED
from .outcomes import InterventionOutcome, MeasuredReadOut

MEAN = "mean"
ALL = ""  # as a concept: all of them together
COLUMNS = (
    "model", "revision", "task", "layer", "source", "language", "intervention", "control", "readout",
    "read_layer", "unit", "concept", "against", "value", "low", "high", "p", "p_holm", "n",
)  # fmt: skip
MATRIX_COLUMNS = (
    "layer", "source", "language", "intervention", "readout", "read_layer", "against", "value", "low", "high",
    "n",
)  # fmt: skip
PART = ("readout", "layer", "intervention", "read_layer")  # of the matrix
CONFIDENCE = 0.95
Place = tuple[int, str, str, str]  # layer, source, read-out, read layer
Way = tuple[str, str]  # intervention, control


@dataclass(frozen=True, eq=False)
class ResampledWay:
    """One way in one language: the value of all concepts together and of each, and the resamples of them."""

    value: Floats  # [1 + concepts]; NaN where a concept has nothing
    drawn: Floats  # [resamples, 1 + concepts]
    below: Floats  # [1 + concepts]: words, tokens or pairs


@dataclass(frozen=True)
class InterventionEvidence:
    """Tables of the effects in ``model``."""

    model: str
    revision: str
    task: str
    seed: int = 0
    resamples: int = 1000
    branches: Mapping[str, str] = field(default_factory=dict)  # of languages; else the registry's

    def effects(self, outcomes: Sequence[InterventionOutcome]) -> pd.DataFrame:
        """The tidy table (COLUMNS): a row for every value, change and excess, by language and their mean."""
        places: dict[Place, dict[str, MeasuredReadOut]] = {}
        for outcome in outcomes:
            for one in outcome.measured:
                place = (outcome.layer, outcome.source, one.readout, one.read_layer)
                places.setdefault(place, {})[outcome.language] = one
        rows = [row for place, found in places.items() for row in self._rows(place, found)]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        frame["p_holm"] = np.nan
        tested = frame[frame["p"].notna()]
        keys = [tested[key] for key in ("readout", "control", "against")]
        keys += [tested["concept"] == ALL, tested["source"] == POOLED]
        for _, family in tested.groupby(keys, sort=False):
            frame.loc[family.index, "p_holm"] = holm(family["p"].to_numpy(dtype=np.float64))
        return frame

    def _rows(self, place: Place, found: Mapping[str, MeasuredReadOut]) -> Iterator[dict[str, object]]:
        layer, source, readout, read_layer = place
        at = {"model": self.model, "revision": self.revision, "task": self.task, "layer": layer}
        at |= {"source": source, "readout": readout, "read_layer": read_layer}
        by_language = {code: self._ways(code, one) for code, one in found.items()}
        first = next(iter(found.values()))
        concepts, at = first.concepts, at | {"unit": first.unit}
        ways = list(dict.fromkeys(way for own in by_language.values() for way in own))
        for way, against in [(one, other) for one in ways for other in _against(one, ways)]:
            other = None if against == "" else _reference(way, against)
            pairs = {
                code: (own[way], None if other is None else own[other])
                for code, own in by_language.items()
                if way in own and (other is None or other in own)
            }
            detailed = not way[1] and against in ("", UNTOUCHED, MATCHED) and way[0] != MAJORITY
            about = {**at, "intervention": way[0], "control": way[1], "against": against}
            yield from self._compared(about, pairs, concepts if detailed else ())

    def _ways(self, language: str, one: MeasuredReadOut) -> dict[Way, ResampledWay]:
        """Values of every way; of draws the mean, with the draws resampled as well."""
        sents = one.above.shape[1]
        times = sentence_weights(sents, self.resamples, self.seed, language).astype(np.float64)
        draws: dict[Way, list[ResampledWay]] = {}
        for place, treatment in enumerate(one.treatments):
            above, below = one.of_treatment(place)
            single = _resampled(above, below, times)
            draws.setdefault((treatment.intervention, treatment.control), []).append(single)
        found = {way: self._mean(own, language) for way, own in draws.items()}
        if one.floor is not None:
            below = one.of_treatment(0)[1]
            right = np.zeros_like(below)
            right[:, one.floor] = below[:, one.floor]
            found[MAJORITY, ""] = _resampled(right, below, times)
        return found

    def _mean(self, draws: Sequence[ResampledWay], language: str) -> ResampledWay:
        if len(draws) == 1:
            return draws[0]
        weights = draw_weights(len(draws), self.resamples, self.seed, language)
        drawn = np.einsum("rd,drc->rc", weights, np.stack([one.drawn for one in draws]))
        return ResampledWay(np.mean([one.value for one in draws], axis=0), drawn, draws[0].below)

    def _compared(
        self,
        about: dict[str, object],
        pairs: Mapping[str, tuple[ResampledWay, ResampledWay | None]],
        concepts: Sequence[str],
    ) -> Iterator[dict[str, object]]:
        """Rows of each language, then of their mean: of all concepts, and of ``concepts`` one by one."""
        columns = 1 + len(concepts)
        names = (ALL, *concepts)
        values, spreads = {}, {}
        for code, (mine, theirs) in pairs.items():
            value, drawn = mine.value[:columns], mine.drawn[:, :columns]
            if theirs is not None:
                value, drawn = value - theirs.value[:columns], drawn - theirs.drawn[:, :columns]
            low, high = percentile_bounds(drawn, CONFIDENCE)
            values[code], spreads[code] = value, drawn
            for place, name in enumerate(names):
                if np.isfinite(value[place]):
                    numbers = {"value": value[place], "low": low[place], "high": high[place]}
                    yield {**about, "language": code, "concept": name, **numbers,
                           "p": np.nan, "n": int(mine.below[place])}  # fmt: skip
        for place, name in enumerate(names):
            codes = [code for code in values if np.isfinite(values[code][place])]
            if codes:
                row = self._mean_row(codes, values, spreads, place, tested=about["against"] != "")
                yield {**about, "language": MEAN, "concept": name, **row}

    def _mean_row(
        self,
        codes: Sequence[str],
        values: Mapping[str, Floats],
        spreads: Mapping[str, Floats],
        place: int,
        *,
        tested: bool,
    ) -> dict[str, object]:
        own = np.array([values[code][place] for code in codes])
        kin, _ = relatives(codes)
        clusters = [self.branches.get(code, own) for code, own in zip(codes, kin, strict=True)]
        low = high = float("nan")
        if len(set(clusters)) >= LEAST_BOUNDED:
            drawn = np.stack([spreads[code][:, place] for code in codes])
            means = means_over_drawn(drawn, stream(self.seed, "branches", len(codes)), groups=clusters)
            ends = bounds_over_languages(means[:, None], len(set(clusters)), CONFIDENCE)
            low, high = float(ends[0][0]), float(ends[1][0])
        p = sign_flip(own, groups=clusters, seed=self.seed) if tested else float("nan")
        return {"value": float(own.mean()), "low": low, "high": high, "p": p, "n": len(codes)}


def _resampled(above: Floats, below: Floats, times: Floats) -> ResampledWay:
    """Of sums [sents, concepts] and how often each sentence is drawn, [resamples, sents]."""
    up, down = (np.hstack([one.sum(axis=1, keepdims=True), one]) for one in (above, below))
    many, total = times @ down, down.sum(axis=0)
    drawn = np.divide(times @ up, many, out=np.full_like(many, np.nan), where=many > 0)
    value = np.divide(up.sum(axis=0), total, out=np.full_like(total, np.nan), where=total > 0)
    return ResampledWay(value, drawn, total)


def _against(way: Way, ways: Sequence[Way]) -> list[str]:
    """What ``way`` is compared with: nothing, the untouched model, and each of its controls."""
    intervention, control = way
    if intervention in (UNTOUCHED, MAJORITY):
        return [""]
    controls = [other for name, other in ways if name == intervention and other and not control]
    return ["", UNTOUCHED, *controls]


def _reference(way: Way, against: str) -> Way:
    return (UNTOUCHED, "") if against == UNTOUCHED else (way[0], against)


def matrix_of(frame: pd.DataFrame) -> pd.DataFrame:
    """MATRIX_COLUMNS: what the span of each single source did in each language, beyond its first control."""
    rows = frame[(frame["source"] != POOLED) & (frame["concept"] == ALL) & (frame["control"] == "")]
    rows = rows[(rows["language"] != MEAN) & ~rows["intervention"].isin([UNTOUCHED, MAJORITY])]
    compared = [one for one in dict.fromkeys(rows["against"]) if one not in ("", UNTOUCHED)]
    chosen = MATCHED if MATCHED in compared else (compared or [UNTOUCHED])[0]
    return rows[rows["against"] == chosen][list(MATRIX_COLUMNS)].reset_index(drop=True)


def single_part(matrix: pd.DataFrame, part: tuple[str, int, str, str]) -> pd.DataFrame:
    """[sources, languages] of one of :func:`parts_of`."""
    keys = zip(PART, part, strict=True)
    rows = matrix[np.logical_and.reduce([matrix[key] == value for key, value in keys])]
    return rows.pivot(index="source", columns="language", values="value")


def parts_of(matrix: pd.DataFrame) -> list[tuple[str, int, str, str]]:
    """(read-out, layer, intervention, read layer) of every part that the matrix has."""
    return list(matrix[list(PART)].drop_duplicates().itertuples(index=False, name=None))
