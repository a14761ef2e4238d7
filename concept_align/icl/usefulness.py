"""Does a demonstration language's alignability with the target predict how useful its demonstrations are?

Useful is what a prompt gains: the value of a metric with k demonstrations in language d, asked of target t,
less that without demonstrations. :func:`choice` says what would be gained by taking the most alignable
language, compared with the mean and the best one; :func:`usefulness` correlates gains over (d, t) with
alignability. Three questions, each with one Spearman (or Pearson) correlation:

- ``overall``: over all pairs. Easy targets may gain more and be more alignable at once.
- ``within-targets``: the mean over targets of the correlation over their demonstration languages. What one
  asks who has a target and is to choose the language of demonstrations.
- ``both-held``: over all pairs, given who is the demonstration language and who the target (a partial
  correlation, both as factors). Do two languages suit each other beyond what either is good for in general?

Pairs share languages, so the unit is the language. The null renames languages in the table of x, rows and
columns together, as Mantel's does (:mod:`concept_align.correspondence.analyses.mantel`; Dekker, Krackhardt
and Snijders 2007): languages of demonstrations among each other, and other targets among each other, for
which languages have demonstrations is no accident. Intervals are jackknives over languages on Fisher's
scale, as there; of two kinds of languages the errors add up (two-sample U-statistics: Arvesen 1969). A kind
of fewer than 4 languages is taken as given, and the interval says nothing of others like them.

The results are a tidy table as of ``concept-align evaluate``, in which ``source`` is the language of the
demonstrations and ``shots`` their number k; alignability is languages x languages, as of
:meth:`concept_align.correspondence.table.Alignability.matrix`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..correspondence.table import Alignability
from ..errors import UsageError
from ..evaluation.results import SUMMARIES
from ..seeding import stream
from ..statistics import (
    LEAST,
    Floats,
    Method,
    adjusted,
    fisher_z,
    jackknife,
    p_values,
    random_orders,
    ranked,
    sign_flip,
)  # fmt: skip
from .plan import ANY, OWN
from .selectors.alignability import best_layer

SETTING: tuple[str, ...] = ("model", "revision", "layer", "task", "learner")
GROUP: tuple[str, ...] = (*SETTING, "shots", "metric", "reference")
Kind = Literal["overall", "within-targets", "both-held"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CHUNK = 512  # permutations at once
FEWEST = 3  # demonstration languages of a target, or pairs at all, for a correlation

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class UsefulnessReport:
    """``pairs`` (source, language, alignability, gain), correlations, and what choosing by it gains."""

    pairs: pd.DataFrame
    table: pd.DataFrame
    choice: pd.DataFrame
    measure: str
    layer: str
    learner: str
    k: int

    @property
    def in_words(self) -> str:
        """The correlations in one line."""
        names = {"within-targets": "within targets", "overall": "over all pairs"}
        parts = [
            f"{names[row['kind']]} r = {row['r']:.2f} (p = {row['p']:.3f})"
            for row in self.table.to_dict("records")
            if row["kind"] in names and row["r"] == row["r"]
        ]
        return "Spearman: " + ", ".join(parts) if parts else "too few pairs for a correlation"


def usefulness_report(frame: pd.DataFrame, scores: pd.DataFrame, *, learner: str, k: int) -> UsefulnessReport:
    """Gains of ``learner`` from ``k`` demonstrations against ``scores`` of ``concept-align alignability``.

    Their first measure counts, at the layer of its best mean. Raises UsageError where no pair has both.
    """
    tasks = set(map(str, frame["task"].unique()))
    known = scores[scores["task"].isin(tasks) & (scores["against"] == "")]
    if known.empty:
        what = f"the scores are not of {', '.join(sorted(tasks))}"
        remedy = "give what concept-align alignability wrote for the same task"
        raise UsageError(what, option="alignability", remedy=remedy)
    measure = str(known["measure"].iloc[0])
    layer = best_layer(known, measure)
    square = Alignability(known).matrix(measure, layer, both=True)
    rows = frame[~frame["source"].isin([OWN, ANY]) & frame["shots"].isin([0, k])]
    gained = demonstration_gains(rows, learners=[learner])
    values = square.rename_axis(index="source", columns="language").stack().rename("alignability")
    pairs = gained.join(values, on=["source", "language"])[["source", "language", "alignability", "gain"]]
    table = usefulness(gained, square)
    return UsefulnessReport(pairs.dropna(), table, choice(gained, square), measure, layer, learner, k)


def demonstration_gains(
    results: pd.DataFrame, *, metric: str = "accuracy", learners: Sequence[str] | None = None
) -> pd.DataFrame:
    """One row per setting, k, demonstration language and target: ``value``, ``reference_value``, ``gain``.

    The reference has no demonstrations, of the same source, or of any where it has none. Means over draws are
    taken. Raises UsageError where there is nothing to be compared.
    """
    rows = results[(results["metric"] == metric) & ~results["language"].isin(SUMMARIES)]
    means = _over_draws(rows[rows["source"] != rows["language"]])
    chosen = means if learners is None else means[means["learner"].isin(list(learners))]
    keys = [*SETTING, "language"]
    base = means[means["shots"] == 0].drop(columns="shots")
    same = base.rename(columns={"value": "same"})
    every = base.groupby(keys, as_index=False)["value"].mean().rename(columns={"value": "every"})
    found = chosen[chosen["shots"] != 0].merge(same, "left").merge(every, "left")
    found["reference_value"] = found["same"].fillna(found["every"])
    found["gain"] = found["value"] - found["reference_value"]
    found = found[found["gain"].notna()].assign(reference="0", metric=metric)
    if found.empty:
        raise UsageError(
            f"no {metric} with demonstrations can be compared with one without",
            where="results",
            remedy=f"shots there: {_list(rows['shots'])}; sources: {_list(rows['source'])}; learners: "
            f"{_list(rows['learner'])}",
        )
    first = [*GROUP, "source", "language", "value", "reference_value", "gain"]
    return found[first].reset_index(drop=True)


def usefulness(
    gained: pd.DataFrame, alignability: pd.DataFrame, *, permutations: int = 1999, seed: int = 0
) -> pd.DataFrame:
    """One row per setting, k and kind of correlation (``overall``, ``within-targets``, ``both-held``).

    Columns: the setting, ``kind``, r with low and high, p (two-sided), p_greater, its null's mean and sd, q
    (over the settings, each kind by itself), and what it is over. r > 0: the more alignable, the more useful.
    """
    table = pd.DataFrame(
        about | {"kind": kind} | asdict(dyad_correlation(found, kind, permutations=permutations, seed=seed))
        for about, found in _groups(gained, alignability)
        for kind in KINDS
    )
    table["q"] = table.groupby("kind")["p"].transform(lambda p: adjusted(p.to_numpy(dtype=np.float64)))
    return table


def choice(gained: pd.DataFrame, alignability: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """One row per setting and k: mean gain over targets by the most alignable demonstrations and by others.

    ``chosen``, ``mean`` (of a demonstration language taken at random) and ``best`` (known afterwards only);
    ``value`` = chosen - mean with a jackknife interval over targets and a sign-flip p. Targets with a single
    demonstration language are left out.
    """
    rows = []
    for about, found in _groups(gained, alignability):
        x = found.square[found.demonstration, found.target]
        parts = []
        for target in np.unique(found.target):
            own = found.target == target
            if own.sum() > 1:
                y = found.y[own]
                parts.append((y[x[own] == x[own].max()].mean(), y.mean(), y.max()))
        gain = np.array(parts).reshape(-1, 3)
        n = len(gain)
        value = gain[:, 0] - gain[:, 1]
        mean = float(value.mean()) if n else float("nan")
        low, high = jackknife(mean, (value.sum() - value) / max(n - 1, 1))
        columns = dict(zip(("chosen", "mean", "best"), gain.mean(axis=0) if n else [np.nan] * 3, strict=True))
        columns |= {"value": mean, "low": low, "high": high, "p": sign_flip(value, seed=seed), "n": n}
        rows.append(about | columns)
    return pd.DataFrame(rows)


def _over_draws(rows: pd.DataFrame) -> pd.DataFrame:
    """One value a setting, k and pair: the mean over draws, as it stands there or taken here."""
    keys = [*SETTING, "shots", "source", "language"]
    stands = rows[rows["draw"] == -1].drop_duplicates(keys)
    taken = rows[rows["draw"] != -1].groupby(keys, sort=False)["value"].mean().reset_index()
    parts: list[pd.DataFrame] = [stands[[*keys, "value"]], taken]
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True).drop_duplicates(keys)


def _groups(gained: pd.DataFrame, alignability: pd.DataFrame) -> list[tuple[dict[str, Any], "DirectedPairs"]]:
    """The pairs of each setting and k. Raises UsageError where none has alignability."""
    found = []
    for key, part in gained.groupby(list(GROUP), sort=False):
        values = zip(part["source"], part["language"], part["gain"], strict=True)
        one = directed_pairs(alignability, {(str(a), str(b)): float(gain) for a, b, gain in values})
        if len(one.y):
            found.append((dict(zip(GROUP, key, strict=True)), one))
    if not found:
        raise UsageError(
            "no pair of demonstration and target language has both a gain and alignability",
            where="usefulness",
            remedy=f"gains are of {_list(gained['source'])} for {_list(gained['language'])}; alignability of "
            f"{', '.join(map(str, alignability.index))}",
        )
    return found


def _list(column: pd.Series) -> str:
    return ", ".join(map(str, dict.fromkeys(column))) or "none"


@dataclass(frozen=True)
class DyadCorrelation:
    """A correlation over ``pairs``; ``p`` is two-sided, ``over`` names the languages the interval is over."""

    r: float
    low: float
    high: float
    p: float
    p_greater: float
    null_mean: float
    null_sd: float
    pairs: int
    demonstrations: int
    targets: int
    over: str
    left_out: str


@dataclass(frozen=True, eq=False)
class DirectedPairs:
    """The pairs observed: y [pairs] of (demonstration, target), and x of all languages with each other."""

    codes: tuple[str, ...]
    square: Floats  # x [codes, codes]
    demonstration: Places  # [pairs]
    target: Places  # [pairs]
    y: Floats  # [pairs]
    left_out: tuple[str, ...]  # languages without x to all others they are to be compared or renamed with

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of each language."""
        gives = set(self.demonstration.tolist())
        return tuple("demonstrations" if i in gives else "targets" for i in range(len(self.codes)))

    def x(self, orders: Places) -> Floats:
        """[draws, pairs] with the languages renamed by ``orders`` [draws, codes]."""
        return np.asarray(self.square[orders[:, self.demonstration], orders[:, self.target]])


def directed_pairs(square: pd.DataFrame, y: Mapping[tuple[str, str], float]) -> DirectedPairs:
    """Of ``square`` x [languages, languages] and ``y`` of (demonstration, target): pairs that have both.

    A language that lacks x with some other cannot be renamed: those that lack most are left out one by one.
    """
    known = {str(code) for code in square.index}
    wanted = {pair: v for pair, v in y.items() if pair[0] != pair[1] and not np.isnan(v)}
    everyone = {code for pair in wanted for code in pair}
    kept = sorted(everyone & known)
    values = square.reindex(index=kept, columns=kept).to_numpy(dtype=np.float64)
    while kept:
        pairs = [pair for pair in wanted if pair[0] in kept and pair[1] in kept]
        gives = np.array([any(pair[0] == code for pair in pairs) for code in kept], dtype=bool)
        takes = ~gives | any(gives[kept.index(pair[1])] for pair in pairs)
        lacking = np.isnan(values) & gives[:, None] & takes & ~np.eye(len(kept), dtype=bool)
        if not lacking.any():
            break
        worst = int((lacking.sum(axis=0) + lacking.sum(axis=1)).argmax())
        values = np.delete(np.delete(values, worst, axis=0), worst, axis=1)
        del kept[worst]
    place = {code: i for i, code in enumerate(kept)}
    pairs = sorted(pair for pair in wanted if pair[0] in place and pair[1] in place)
    at = np.array([(place[a], place[b]) for a, b in pairs], dtype=np.intp).reshape(-1, 2)
    return DirectedPairs(
        tuple(kept), values, at[:, 0], at[:, 1], np.array([wanted[pair] for pair in pairs]),
        tuple(sorted(everyone - set(kept))),
    )  # fmt: skip


def dyad_correlation(
    found: DirectedPairs,
    kind: Kind,
    *,
    method: Method = "spearman",
    permutations: int = 1999,
    confidence: float = 0.95,
    seed: int = 0,
) -> DyadCorrelation:
    """The correlation of x and y; r is NaN where it is not defined (too few pairs, or constants)."""
    n, nan = len(found.codes), float("nan")
    r = float(_statistic(found.x(np.arange(n)[None]), found, kind, method)[0])
    null = np.empty(0)
    if not np.isnan(r):
        orders = random_orders(n, permutations, stream(seed, "directed", n), found.kinds)
        parts = [orders[begin : begin + CHUNK] for begin in range(0, permutations, CHUNK)]
        null = np.concatenate([_statistic(found.x(part), found, kind, method) for part in parts] or [null])
        null = null[~np.isnan(null)]
    p, greater, _ = p_values(r, null)
    low, high, over = _interval(r, found, kind, method, confidence)
    return DyadCorrelation(
        r, low, high, p, greater,
        float(null.mean()) if len(null) else nan, float(null.std()) if len(null) else nan,
        len(found.y), len(set(found.demonstration.tolist())), len(set(found.target.tolist())), over,
        ";".join(found.left_out),
    )  # fmt: skip


def _statistic(
    x: Floats, found: DirectedPairs, kind: Kind, method: Method, kept: NDArray[np.bool_] | None = None
) -> Floats:
    """[draws] of ``x`` [draws, pairs], over the pairs ``kept``."""
    kept = np.ones(len(found.y), dtype=bool) if kept is None else kept
    x, y = x[:, kept], found.y[kept]
    demonstration, target = found.demonstration[kept], found.target[kept]
    if len(y) < FEWEST:
        return np.full(len(x), np.nan)
    if kind == "within-targets":
        total, number = np.zeros(len(x)), np.zeros(len(x))
        for code in np.unique(target):
            own = target == code
            if own.sum() >= FEWEST:
                r = _correlation(ranked(x[:, own], method), ranked(y[own], method), np.empty((own.sum(), 0)))
                total += np.nan_to_num(r)
                number += ~np.isnan(r)
        return np.divide(total, number, out=np.full(len(x), np.nan), where=number > 0)
    basis = np.empty((len(y), 0))
    if kind == "both-held":
        factors = [side == code for side in (demonstration, target) for code in np.unique(side)]
        dummies = np.array(factors, dtype=np.float64).T
        basis, sizes, _ = np.linalg.svd(dummies - dummies.mean(axis=0), full_matrices=False)
        basis = basis[:, sizes > 1e-9]
    return _correlation(ranked(x, method), ranked(y, method), basis)


def _correlation(x: Floats, y: Floats, basis: Floats) -> Floats:
    """[draws] of x [draws, m] and y [m], given an orthonormal ``basis`` [m, controls]; or NaN."""

    def rest(values: Floats) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        left = centred - (centred @ basis) @ basis.T
        length = np.linalg.norm(left, axis=-1, keepdims=True)
        least = 1e-9 * np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-300)
        return np.where(length > least, left / np.maximum(length, 1e-300), np.nan)

    return np.asarray(rest(x) @ rest(y))


def _interval(
    r: float, found: DirectedPairs, kind: Kind, method: Method, confidence: float
) -> tuple[float, float, str]:
    """Bounds of r, and the kinds of languages they are over."""
    kinds = np.array(found.kinds)
    x = found.x(np.arange(len(found.codes))[None])
    squares, over = 0.0, []
    for name in ("demonstrations", "targets"):
        who = np.flatnonzero(kinds == name)
        if len(who) < LEAST or np.isnan(r):
            continue
        without = [
            float(_statistic(x, found, kind, method, (found.demonstration != i) & (found.target != i))[0])
            for i in who
        ]
        low, _ = jackknife(r, np.array(without), confidence=confidence, fisher=True)
        squares += float(np.diff(fisher_z(np.array([low, r])))[0]) ** 2
        over.append(name)
    if not over or np.isnan(squares):
        return float("nan"), float("nan"), ""
    ends = np.tanh(fisher_z(np.array(r)) + np.array([-1, 1]) * np.sqrt(squares))
    return float(ends[0]), float(ends[1]), ";".join(over)
