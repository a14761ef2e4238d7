"""What a study of interventions found: its tables, and whether alignability predicts where directions act.

The matrix has what the directions of one source language did in another, beyond the control, for pairs
(source, language). Its correlation with alignability is that of :mod:`concept_align.icl.dyads` (over all
pairs, within languages that are read, and given who is who), and, of both directions averaged, that of
Mantel, alone and with "same family" held constant.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..correspondence.analyses.languages import different, labels
from ..correspondence.analyses.predictors import predictors
from ..correspondence.table import Alignability
from ..errors import UsageError
from ..icl.dyads import KINDS, directed_pairs, dyad_correlation
from ..icl.selectors.simple import best_layer
from ..showing import Showable
from .evidence import ALL, MEAN, parts_of, single_part

PREDICTED = (
    "readout", "layer", "intervention", "read_layer", "measure", "measure_layer", "kind", "r", "low", "high",
    "p", "n", "pairs", "note",
)  # fmt: skip
MANTEL, PARTIAL = "mantel", "mantel given family"


@dataclass(frozen=True, eq=False)
class Interventions(Showable):
    """Effects of interventions: the tidy table, the matrix of sources and languages, the directions.

    ``facts`` say what decided the numbers.
    """

    effects: pd.DataFrame
    sources: pd.DataFrame  # the matrix, a row for each pair
    directions: pd.DataFrame
    agreement: pd.DataFrame  # relations and features of every treebank, whether they are used, and why not
    predicted: pd.DataFrame  # by alignability
    facts: Mapping[str, Any]
    notices: tuple[str, ...] = ()

    report_maker = "intervene:intervene_report"

    def frame(self) -> pd.DataFrame:
        """The tidy table: a row for every value, change and excess, with its interval."""
        return self.effects

    def means(self) -> pd.DataFrame:
        """Of the same, means over languages of all concepts together."""
        rows = self.effects
        return rows[(rows["language"] == MEAN) & (rows["concept"] == ALL)].reset_index(drop=True)

    def matrix(
        self,
        readout: str = "probe",
        *,
        layer: int | None = None,
        intervention: str | None = None,
        read_layer: str | int | None = None,
    ) -> pd.DataFrame:
        """[sources, languages]: what each source's directions did in each language, beyond the control.

        By default of the first layer, intervention and read layer there is. UsageError where there is none.
        """
        wanted = (readout, layer, intervention, None if read_layer is None else str(read_layer))
        for part in parts_of(self.sources):
            if all(asked in (None, there) for asked, there in zip(wanted, part, strict=True)):
                return single_part(self.sources, part)
        what = (
            "there is no such matrix" if len(self.sources) else "no directions of single languages were taken"
        )
        raise UsageError(what, option="readout", remedy="ask for a matrix, and for a read-out that is in it")

    def plot_layers(self, readout: str = "probe", *, path: str | Path | None = None) -> Any:
        """Values by the layer that is changed, with controls: a Matplotlib figure."""
        return self._plot("intervene_figures:layers_figure", self.effects, path=path, readout=readout)

    def plot_treatments(self, readout: str | None = None, *, path: str | Path | None = None) -> Any:
        """Every intervention with its controls, by all read-outs or one: a Matplotlib figure."""
        return self._plot("intervene_figures:treatments_figure", self.effects, path=path, readout=readout)

    def plot_concepts(self, readout: str | None = None, *, path: str | Path | None = None) -> Any:
        """What is done to words of each concept, by all read-outs or one: a Matplotlib figure."""
        return self._plot("intervene_figures:concepts_figure", self.effects, path=path, readout=readout)

    def plot_matrix(self, readout: str = "probe", *, path: str | Path | None = None, **part: Any) -> Any:
        """Sources by languages, as :meth:`matrix` has them: a Matplotlib figure."""
        return self._plot("intervene_figures:matrix_figure", self.matrix(readout, **part), path=path)


def scores_of(folder: Path, task: str) -> pd.DataFrame:
    """What alignability wrote into ``folder`` of ``task``; UsageError where it is of another."""
    scores = Alignability.load(folder).frame()
    known = scores[(scores["task"] == task) & (scores["against"] == "")]
    if known.empty:
        remedy = "give what concept-align alignability wrote for the same task"
        raise UsageError(f"the scores are not of {task}", option="alignability", remedy=remedy)
    return known


def predicted_by_alignability(
    matrix: pd.DataFrame, folder: Path, task: str, *, seed: int = 0
) -> pd.DataFrame:
    """PREDICTED: correlations of every part of the ``matrix`` with what alignability wrote into ``folder``.

    Its first measure counts, at the layer of its best mean. Raises UsageError where the scores are of another
    task.
    """
    known = scores_of(folder, task)
    measure = str(known["measure"].iloc[0])
    layer = best_layer(known, measure)
    square = Alignability(known).matrix(measure, layer, both=True)
    rows = []
    for part in parts_of(matrix):
        about = dict(zip(PREDICTED[:4], part, strict=True)) | {"measure": measure, "measure_layer": layer}
        own = single_part(matrix, part)
        values = {(str(a), str(b)): float(own.loc[a, b]) for a in own.index for b in own.columns}
        pairs = directed_pairs(square, values)
        for kind in KINDS:
            found = asdict(dyad_correlation(pairs, kind, seed=seed))
            rows.append({**about, "kind": kind, **found, "n": len(pairs.codes), "note": ""})
        rows += [{**about, **row} for row in _mantel(own, square, seed)]
    return pd.DataFrame(rows, columns=list(PREDICTED))


def _mantel(own: pd.DataFrame, square: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Of both directions averaged, over languages that are source and read."""
    both = sorted({*own.index} & {*own.columns} & {*square.index})
    there = own.reindex(index=both, columns=both)
    distances = {
        "alignability": square.reindex(index=both, columns=both),
        "family": different(both, "family"),
    }
    families = labels(both, "family")
    table = predictors(
        (there + there.T) / 2, distances, controls=("family",), strata=families, permutations=1999, seed=seed
    )  # fmt: skip
    row = table[table["predictor"] == "alignability"].iloc[0]
    simple = {key: row[key] for key in ("r", "low", "high", "p", "n", "pairs")}
    partial = {key: row[f"partial_{key}"] for key in ("r", "low", "high", "p", "n")} | {"pairs": row["pairs"]}
    note = str(row["note"])
    return [{"kind": MANTEL, **simple, "note": note}, {"kind": PARTIAL, **partial, "note": note}]
