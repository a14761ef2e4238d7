"""Which distances between languages go with alignability, alone and with others held constant?

Each predictor is a languages x languages table (:mod:`.languages`, :mod:`.typology`). With scores (larger =
more alike) a distance that matters has r < 0. Read the caution in :mod:`.mantel`: languages of one family are
alike in much, and holding "same family" constant does not undo that; ``p_within`` nearly does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ...errors import UsageError
from ...statistics import adjusted
from .mantel import MantelTest, mantel

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
    permutations: int = 9999,
    strata: Mapping[str, str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per predictor: its Mantel r with ``scores`` [languages, languages], and the partial one.

    p and p_within are two-sided; the first renames languages freely, the second within ``strata`` (families)
    only, and is NaN without strata or where that renames nothing. The partial test holds constant the
    ``controls`` among ``distances``, without the predictor itself; None stands for all others. q is adjusted
    over the predictors, simple and partial apart. A predictor that cannot be tested has NaN and a note.
    """
    rows = []
    options: dict[str, Any] = {"permutations": permutations, "seed": seed}
    among = [name for name in (distances if controls is None else controls) if name in distances]
    for name, table in distances.items():
        held = {other: distances[other] for other in among if other != name}
        alone, note = _tested(table, scores, {}, options)
        partial, note = _tested(table, scores, held, options) if held and not note else (None, note)
        row: dict[str, Any] = {"predictor": name, "n": 0, "partial_n": 0}
        if alone is not None:
            row |= asdict(alone) | {"left_out": ";".join(alone.left_out)}
        if strata and alone is not None:
            inside = mantel(table, scores, strata=strata, **options)
            row["p_within"] = inside.p if inside.null_sd > 1e-12 else float("nan")
        if partial is not None:
            row |= {f"partial_{key}": value for key, value in asdict(partial).items()}
        rows.append(row | {"note": note, "controls": ";".join(partial.controls if partial else ())})
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    found["q"] = adjusted(found["p"].to_numpy(dtype=np.float64))
    found["partial_q"] = adjusted(found["partial_p"].to_numpy(dtype=np.float64))
    return found


def _tested(
    table: pd.DataFrame, scores: pd.DataFrame, held: dict[str, pd.DataFrame], options: dict[str, Any]
) -> tuple[MantelTest | None, str]:
    try:
        found = mantel(table, scores, controls=held, **options)
    except UsageError as error:
        return None, error.message
    if np.isnan(found.r):
        return found, "explained by the controls alone" if held else "the same for all pairs"
    return found, ""
