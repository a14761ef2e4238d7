"""Which distances between languages go with alignability, alone, beside others, and all together?

Each predictor is a languages x languages table (:mod:`.languages`, :mod:`.typology`, :mod:`.geography`). With
scores (larger = more alike) a distance that matters has r < 0. Read the caution in :mod:`.mantel`: languages
of one family are alike in much, and holding "same family" constant does not undo that; ``p_within`` nearly
does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...errors import UsageError
from ...seeding import stream
from ...statistics import LEAST, Method, adjusted, jackknife, p_values, random_orders, ranked
from .dyads import complete, triangle
from .mantel import Mantel, mantel

COLUMNS: tuple[str, ...] = (
    "predictor", "r", "low", "high", "p", "q", "p_within", "n", "pairs",
    "partial_r", "partial_low", "partial_high", "partial_p", "partial_q", "partial_n", "controls",
    "method", "permutations", "left_out", "note",
)  # fmt: skip


def predictors(
    scores: pd.DataFrame,
    distances: Mapping[str, pd.DataFrame],
    *,
    controls: Sequence[str] | None = ("family", "size"),
    method: Method = "spearman",
    permutations: int = 9999,
    strata: Mapping[str, str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """A row a predictor: its Mantel r with ``scores`` [languages, languages], and the partial one.

    p and p_within are two-sided; the first renames languages freely, the second within ``strata`` (families)
    only, and is NaN without strata or where that renames nothing. The partial test holds constant the
    ``controls`` among ``distances``, without the predictor itself; None stands for all others. q is adjusted
    over the predictors, simple and partial apart. A predictor that cannot be tested has NaN and a note.
    """
    rows = []
    for name, table in distances.items():
        held = {
            other: distances[other]
            for other in (distances if controls is None else controls)
            if other in distances and other != name
        }
        options: dict[str, Any] = {"method": method, "permutations": permutations, "seed": seed}
        alone, note = _tested(table, scores, {}, options)
        partial, note = _tested(table, scores, held, options) if held and not note else (None, note)
        row = _row(name, alone, partial, note)
        if strata and alone is not None:
            inside = mantel(table, scores, strata=strata, **options)
            row["p_within"] = inside.p if inside.null_sd > 1e-12 else float("nan")
        rows.append(row)
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    found["q"] = adjusted(found["p"].to_numpy(dtype=np.float64))
    found["partial_q"] = adjusted(found["partial_p"].to_numpy(dtype=np.float64))
    return found


def _tested(
    table: pd.DataFrame, scores: pd.DataFrame, held: dict[str, pd.DataFrame], options: dict[str, Any]
) -> tuple[Mantel | None, str]:
    try:
        found = mantel(table, scores, controls=held, **options)
    except UsageError as error:
        return None, error.message
    if np.isnan(found.r):
        return found, "explained by the controls alone" if held else "the same for all pairs"
    return found, ""


def _row(name: str, alone: Mantel | None, partial: Mantel | None, note: str) -> dict[str, object]:
    row: dict[str, object] = {"predictor": name, "note": note, "p_within": float("nan")}
    for found, prefix in ((alone, ""), (partial, "partial_")):
        for key in ("r", "low", "high", "p"):
            row[prefix + key] = float("nan") if found is None else getattr(found, key)
        row[prefix + "n"] = 0 if found is None else found.n
    if alone is not None:
        row |= {key: asdict(alone)[key] for key in ("pairs", "method", "permutations")}
        row["left_out"] = ";".join(alone.left_out)
    row["controls"] = ";".join(partial.controls) if partial is not None else ""
    return row


@dataclass(frozen=True, eq=False)
class Regression:
    """Scores on all predictors at once: ``r2`` with its permutation p, and a row a predictor."""

    coefficients: pd.DataFrame  # predictor, beta, low, high, p, q
    r2: float
    r2_adjusted: float
    r2_null: float  # mean under renamed languages: what as many predictors explain by chance
    p: float
    n: int
    pairs: int
    left_out: tuple[str, ...]


def regression(
    scores: pd.DataFrame,
    distances: Mapping[str, pd.DataFrame],
    *,
    method: Method = "spearman",
    permutations: int = 9999,
    seed: int = 0,
) -> Regression:
    """Multiple regression on distance matrices (Legendre et al. 1994, Evolution 48; Lichstein 2007).

    ``beta`` are standardised coefficients (of ranks, with ``spearman``), with jackknife intervals over
    languages; the p of each is that of its partial Mantel test given all other predictors, the p of ``r2``
    comes from renaming the languages of the scores. Raises UsageError for predictors of which one follows
    from the others, and for too few languages.
    """
    languages, values, left_out = complete(scores, *distances.values())
    n = len(languages)
    if n < max(LEAST, len(distances) + 3):
        raise UsageError(
            f"{n} languages have a value in all tables, for {len(distances)} predictors",
            where="regression on distances",
            remedy="give more languages or fewer predictors",
        )
    y, x = _standard(values, method)
    _check_rank(x, tuple(distances))
    beta = np.linalg.lstsq(x.T, y, rcond=None)[0]  # [predictors]
    r2 = float(beta @ (x @ y)) / len(y)
    basis = np.linalg.qr(x.T)[0]  # [pairs, predictors]
    null = np.array([
        float(((_moved(y, n, order) @ basis) ** 2).sum()) / len(y)
        for order in random_orders(n, permutations, stream(seed, "regression", n))
    ])  # fmt: skip
    every = np.arange(n)
    without = []
    for i in range(n):
        kept = np.delete(every, i)
        part_y, part_x = _standard(values[:, kept[:, None], kept], method)
        without.append(np.linalg.lstsq(part_x.T, part_y, rcond=None)[0])
    rows = []
    for at, name in enumerate(distances):
        held = {other: table for other, table in distances.items() if other != name}
        test = mantel(
            distances[name], scores, controls=held, method=method, permutations=permutations, seed=seed
        )
        low, high = jackknife(float(beta[at]), np.array(without)[:, at])
        rows.append({"predictor": name, "beta": float(beta[at]), "low": low, "high": high, "p": test.p})
    found = pd.DataFrame(rows, columns=["predictor", "beta", "low", "high", "p"])
    found["q"] = adjusted(found["p"].to_numpy(dtype=np.float64))
    pairs = len(y)
    return Regression(
        found, r2, 1 - (1 - r2) * (pairs - 1) / (pairs - len(distances) - 1),
        float(null.mean()) if permutations else float("nan"), p_values(r2, null)[1], n, pairs, left_out,
    )  # fmt: skip


def _standard(values: np.ndarray, method: Method) -> tuple[np.ndarray, np.ndarray]:
    """Of values [tables, n, n] the pairs, with mean 0 and variance 1: the first [pairs], the others."""
    rows, columns = triangle(values.shape[-1])
    flat = ranked(values[:, rows, columns], method)
    centred = flat - flat.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return (unit := centred / np.where(spread > 0, spread, 1.0))[0], unit[1:]


def _moved(y: np.ndarray, n: int, order: np.ndarray) -> np.ndarray:
    rows, columns = triangle(n)
    square = np.zeros((n, n))
    square[rows, columns] = square[columns, rows] = y
    return square[order[rows], order[columns]]


def _check_rank(x: np.ndarray, names: tuple[str, ...]) -> None:
    """Raise for the first predictor that those before it explain wholly (or that does not vary)."""
    for at, name in enumerate(names):
        if np.linalg.matrix_rank(x[: at + 1]) <= at:
            raise UsageError(
                f"predictor {name} is the same for all pairs, or follows from those before it",
                where="regression on distances",
                remedy="leave it out",
            )
