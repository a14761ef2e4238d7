"""Does a demonstration language's alignability with the target predict how useful its demonstrations are?

Useful is what a prompt gains: the value of a metric with k demonstrations in language d, asked of target t,
less that without demonstrations. :func:`choice` says what would be gained by taking the most alignable
language, compared with the mean and the best one; :func:`usefulness` correlates gains over (d, t) with
alignability, by the correlations of :mod:`.dyads`.

The results are a tidy table as of ``concept-align evaluate``, in which ``source`` is the language of the
demonstrations and ``shots`` their number k; alignability is languages x languages, as of
:meth:`concept_align.correspondence.table.Alignability.matrix`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..correspondence.table import Alignability
from ..errors import UsageError
from ..evaluation.results import SUMMARIES
from ..statistics import adjusted, mean_over_languages
from .config import ANY, OWN
from .dyads import KINDS, DirectedPairs, directed_pairs, dyad_correlation
from .selectors.simple import best_layer

WHOSE: tuple[str, ...] = ("model", "revision", "layer", "task", "learner")  # answers
GROUP: tuple[str, ...] = (*WHOSE, "shots", "metric", "reference")


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
    """One row per condition, k, demonstration language and target: ``value``, ``reference_value``, ``gain``.

    The reference has no demonstrations, of the same source, or of any where it has none. Means over draws are
    taken, as they stand there or made here. Raises UsageError where there is nothing to be compared.
    """
    rows = results[(results["metric"] == metric) & ~results["language"].isin(SUMMARIES)]
    rows = rows[rows["source"] != rows["language"]]
    keys = [*WHOSE, "shots", "source", "language"]
    stands = rows["draw"].eq(-1)
    there = stands.groupby([rows[key] for key in keys], dropna=False).transform("any")
    means = rows[stands | ~there].groupby(keys, sort=False, dropna=False, as_index=False)["value"].mean()
    chosen = means if learners is None else means[means["learner"].isin(list(learners))]
    same = means[means["shots"] == 0].drop(columns="shots").rename(columns={"value": "same"})
    every = same.groupby([*WHOSE, "language"], as_index=False)["same"].mean()
    found = chosen[chosen["shots"] != 0].merge(same, "left")
    found = found.merge(every.rename(columns={"same": "every"}), "left")
    found["reference_value"] = found["same"].fillna(found["every"])
    found["gain"] = found["value"] - found["reference_value"]
    found = found[found["gain"].notna()].assign(reference="0", metric=metric)
    if found.empty:
        what = f"no {metric} with demonstrations can be compared with one without"
        remedy = f"shots there: {_list(rows['shots'])}; sources: {_list(rows['source'])}; learners: "
        raise UsageError(what, where="results", remedy=remedy + _list(rows["learner"]))
    first = [*GROUP, "source", "language", "value", "reference_value", "gain"]
    return found[first].reset_index(drop=True)


def usefulness(
    gained: pd.DataFrame, alignability: pd.DataFrame, *, permutations: int = 1999, seed: int = 0
) -> pd.DataFrame:
    """One row per condition, k and kind of correlation (``overall``, ``within-targets``, ``both-held``).

    Columns: the condition, ``kind``, r with low and high, p (two-sided), p_greater, its null's mean and sd, q
    (over conditions, each kind by itself), and what it is over. r > 0: the more alignable, the more useful.
    """
    table = pd.DataFrame(
        about | {"kind": kind} | asdict(dyad_correlation(found, kind, permutations=permutations, seed=seed))
        for about, found in _groups(gained, alignability)
        for kind in KINDS
    )
    table["q"] = table.groupby("kind")["p"].transform(lambda p: adjusted(p.to_numpy(dtype=np.float64)))
    return table


def choice(gained: pd.DataFrame, alignability: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """One row per condition and k: mean gain over targets by the most alignable demonstrations and by others.

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
        means = gain.mean(axis=0) if len(gain) else [np.nan] * 3
        columns = dict(zip(("chosen", "mean", "best"), means, strict=True))
        rows.append(about | columns | mean_over_languages(gain[:, 0] - gain[:, 1], seed=seed))
    return pd.DataFrame(rows)


def _groups(gained: pd.DataFrame, alignability: pd.DataFrame) -> list[tuple[dict[str, Any], DirectedPairs]]:
    """The pairs of each condition and k. Raises UsageError where none has alignability."""
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
