"""Does alignability foretell which demonstrations help? Tables and a figure of a study's results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ...correspondence.table import Alignability
from ...errors import UsageError
from ...evaluation.results import save_csv
from ...icl.plan import OWN
from ...icl.usefulness import choice, gains, usefulness
from .figures import usefulness_figure

KINDS: Mapping[str, str] = {"within-targets": "within targets", "overall": "over all pairs"}


@dataclass(frozen=True, eq=False)
class Foretold:
    """``pairs`` (source, language, alignability, gain), correlations, and what choosing by it gains."""

    pairs: pd.DataFrame
    table: pd.DataFrame
    choice: pd.DataFrame
    measure: str
    layer: str
    learner: str
    k: int

    @property
    def said(self) -> str:
        """The correlations in one line."""
        parts = [
            f"{KINDS[row['kind']]} r = {row['r']:.2f} (p = {row['p']:.3f})"
            for row in self.table.to_dict("records")
            if row["kind"] in KINDS and row["r"] == row["r"]
        ]
        return "Spearman: " + ", ".join(parts) if parts else "too few pairs for a correlation"


def foretold(
    frame: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    learner: str,
    k: int,
    measure: str | None = None,
    layer: str | None = None,
    permutations: int = 1999,
    seed: int = 0,
) -> Foretold:
    """Gains of ``learner`` from ``k`` demonstrations beside the ``scores`` of ``concept-align alignability``.

    ``measure`` is the first of the scores and ``layer`` that of its best mean unless they are named. Raises
    UsageError where no pair has both.
    """
    tasks = set(map(str, frame["task"].unique()))
    known = scores[scores["task"].isin(tasks) & (scores["against"] == "")]
    if known.empty:
        raise UsageError(
            f"the scores are not of {', '.join(sorted(tasks))}",
            where="--alignability",
            remedy="give what concept-align alignability wrote for the same task",
        )
    measure = measure or str(known["measure"].iloc[0])
    if layer is None:
        layer = str(known[known["measure"] == measure].groupby("layer")["value"].mean().idxmax())
    square = Alignability(known).matrix(measure, layer, both=True)
    rows = frame[(frame["source"] != OWN) & frame["shots"].isin([0, k])]
    gained = gains(rows, learners=[learner])
    values = [
        square.loc[a, b] if a in square.index and b in square.columns else float("nan")
        for a, b in zip(gained["source"], gained["language"], strict=True)
    ]
    pairs = gained.assign(alignability=values)[["source", "language", "alignability", "gain"]].dropna()
    table = usefulness(gained, square, permutations=permutations, seed=seed)
    return Foretold(pairs, table, choice(gained, square, seed=seed), measure, layer, learner, k)


def write_foretold(found: Foretold, folder: Path, *, figure: bool = True) -> list[Path]:
    """``usefulness.csv``, ``usefulness-pairs.csv``, ``usefulness-choice.csv``; the paths of the figure."""
    save_csv(found.table, folder / "usefulness.csv")
    save_csv(found.pairs, folder / "usefulness-pairs.csv")
    save_csv(found.choice, folder / "usefulness-choice.csv")
    if not figure:
        return []
    measure = f"{found.measure}, layer {found.layer}"
    return usefulness_figure(found.pairs, folder / "usefulness", measure=measure, k=found.k, said=found.said)
