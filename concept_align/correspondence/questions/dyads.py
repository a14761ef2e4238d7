"""Languages x languages tables: what several of them have in common."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import UsageError
from ...statistics import Floats


def complete(*tables: pd.DataFrame) -> tuple[tuple[str, ...], Floats, tuple[str, ...]]:
    """The languages all ``tables`` know, their values [tables, n, n], and the languages left out.

    A language that lacks the value of some pair cannot be permuted: those that lack most are left out, one
    after another, until every pair has all values. The diagonal does not count. Raises UsageError for a
    table that is not square or not symmetric.
    """
    for at, given in enumerate(tables):
        _check(given, f"table {at + 1} of {len(tables)}")
    everyone = sorted({str(code) for given in tables for code in given.index})
    shared = [code for code in everyone if all(code in given.index for given in tables)]
    values = np.stack([_at(given, shared) for given in tables])
    lacking = np.asarray(np.isnan(values).any(axis=0)) & ~np.eye(len(shared), dtype=bool)
    kept = np.arange(len(shared))
    while lacking[np.ix_(kept, kept)].any():
        kept = np.delete(kept, int(lacking[np.ix_(kept, kept)].sum(axis=1).argmax()))
    names = tuple(shared[i] for i in kept)
    left_out = tuple(code for code in everyone if code not in names)
    return names, values[:, kept[:, None], kept], left_out


def _at(given: pd.DataFrame, codes: Sequence[str]) -> Floats:
    place = {str(code): i for i, code in enumerate(given.index)}
    kept = np.array([place[code] for code in codes], dtype=np.intp)
    return np.asarray(given.to_numpy(dtype=np.float64)[kept[:, None], kept])


def _check(given: pd.DataFrame, where: str) -> None:
    if list(given.index) != list(given.columns) or not given.index.is_unique:
        raise UsageError(
            "rows and columns are not the same languages in the same order",
            where=where,
            remedy="give a square table with each language once in the index and once in the columns",
        )
    values = given.to_numpy(dtype=np.float64)
    if not np.allclose(values, values.T, equal_nan=True):
        raise UsageError(
            "the value of (a, b) is not that of (b, a)",
            where=where,
            remedy="take the mean of both directions, as `questions.table.matrix` does",
        )


def triangle(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the n (n - 1) / 2 pairs above the diagonal."""
    return np.triu_indices(n, 1)
