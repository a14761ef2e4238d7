"""Is one model's space more alike over languages than another's (an encoder's than a decoder's), and do
they agree on which languages are?

The two tables of scores are of the same pairs of languages, so the difference is taken pair by pair. Pairs
share languages: flipping the sign of each pair's difference would take them for independent and find too
much. Interval and p are those of the jackknife over languages (:mod:`concept_align.statistics`), Student's t
of n - 1 degrees of freedom. Agreement is the Mantel correlation of the two tables.

Raw values of spaces with other dimensions are not on one scale (``table.QUANTITIES``): compare
"excess", "z" or "share" unless both are in probes of one rank. At "best" layers the layer is chosen again
without each language, so that the choice is part of the interval; the mean itself stays that of a winner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...errors import UsageError
from ...statistics import LEAST, Floats, adjusted, differences_of, jackknife, mean_over_pairs
from ..table import Alignability
from .mantel import complete, mantel


@dataclass(frozen=True)
class ModelDifference:
    """A mean over pairs of languages of first - second. ``p`` is two-sided."""

    difference: float
    low: float
    high: float
    p: float
    first: float
    second: float
    n: int  # languages
    pairs: int
    left_out: tuple[str, ...]


def paired(first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame]) -> tuple[ModelDifference, int, int]:
    """The difference of ``first`` and ``second``, tables [languages, languages] of one or more layers each.

    Of several layers that with the highest mean counts; the two numbers say which. All pairs that count
    have a score in every table.
    """
    from scipy.stats import t

    languages, values, left_out = complete(*first, *second)
    n = len(languages)
    if n < LEAST:
        remedy = f"at least {LEAST} are needed: score the same languages with both, at these layers"
        raise UsageError(f"{n} languages have all scores of both models", remedy=remedy)
    means, without = mean_over_pairs(values)  # [tables], [tables, n]
    split = len(first)
    chosen = int(means[:split].argmax()), int(means[split:].argmax())
    ours, theirs = float(means[:split].max()), float(means[split:].max())
    each: Floats = without[:split].max(axis=0) - without[split:].max(axis=0)
    low, high = jackknife(ours - theirs, each, within=differences_of(values))
    error = float(np.sqrt((n - 1) / n * ((each - each.mean()) ** 2).sum()))
    p = float(2 * t.sf(abs(ours - theirs) / error, n - 1)) if error > 0 else float("nan")
    found = ModelDifference(ours - theirs, low, high, p, ours, theirs, n, n * (n - 1) // 2, left_out)
    return found, *chosen


def compare_models(
    first: Alignability,
    second: Alignability,
    *,
    of: str = "value",
    permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per measure: ``first`` against ``second``, scores of one model each, at the best layer of
    either.

    ``agreement`` is the Mantel correlation with its interval and p; q is adjusted over the rows.
    """
    rows = []
    for measure in (name for name in first.measures if name in second.measures):
        tables = (scores.table[scores.table["measure"] == measure] for scores in (first, second))
        ours, theirs = (table["layer"].astype(str).unique() for table in tables)
        left = [first.matrix(measure, layer, of, both=True) for layer in ours]
        right = [second.matrix(measure, layer, of, both=True) for layer in theirs]
        found, i, j = paired(left, right)
        agreed = mantel(left[i], right[j], permutations=permutations, seed=seed)
        rows.append({
            "measure": measure, "quantity": of, "layer_first": ours[i], "layer_second": theirs[j],
            "mean_first": found.first, "mean_second": found.second, "difference": found.difference,
            "low": found.low, "high": found.high, "p": found.p,
            "agreement": agreed.r, "agreement_low": agreed.low, "agreement_high": agreed.high,
            "agreement_p": agreed.p_greater, "n": found.n, "pairs": found.pairs,
            "left_out": ";".join(found.left_out),
        })  # fmt: skip
    if not rows:
        raise UsageError("the two tables share no measure", remedy="score both with the same measures")
    table = pd.DataFrame(rows)
    table.insert(list(table.columns).index("p") + 1, "q", adjusted(table["p"].to_numpy(dtype=np.float64)))
    return table
