"""Does alignability with the source language predict zero-shot accuracy?

Over target languages, the score of (source, target) is correlated with the accuracy of a learner on the
target (:func:`concept_align.statistics.correlate`). Both a score and an accuracy are better measured, and a
language better known to the model, where there is more text: the partial correlation holds the log number of
training words constant.

Many layers and measures are tried against few languages: read q, adjusted over all rows of one kind of r.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...errors import ConceptAlignError, UsageError
from ...reading import NAMES, read_results
from ...statistics import Method, adjusted, correlate

KEYS: tuple[str, ...] = ("model", "revision", "task", "space", "measure", "layer")
METRIC = "accuracy"
METHODS: tuple[Method, ...] = ("spearman", "pearson")
RESULT_KEYS: tuple[str, ...] = ("results_layer", "learner", "metric", "shots")


def table_of_results(path: str | Path) -> pd.DataFrame:
    """What ``evaluate`` wrote. ConceptAlignError where there is none, or columns are missing."""
    frame = read_results(path)
    if missing := [name for name in (*NAMES, "shots", "draw", "value") if name not in frame]:
        message = f"a table of results has also columns {', '.join(missing)}"
        raise ConceptAlignError(message, where=str(path), remedy="give what concept-align evaluate wrote")
    return frame


def transfer(
    scores: pd.DataFrame,
    results: pd.DataFrame,
    *,
    source: str = "en",
    words: Mapping[str, int] | None = None,
    shots: int = 0,
    learners: Sequence[str] | None = None,
    layers: Literal["same", "all"] = "same",
    draws: int = 2000,
    permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per score (model, task, space, measure, layer), result (layer, learner) and kind of
    correlation.

    ``results`` is the table of ``concept-align evaluate``; its rows of the same model, revision, task and
    source count, those of accuracy at ``shots`` (mean over draws). ``layers="all"`` sets every layer's
    scores against every learner's accuracy, for learners that read several layers ("6+10"). ``words`` are
    training words by language: with them there are partial rows.
    Columns: what is compared, ``kind`` (spearman, pearson, partial-spearman, partial-pearson), r, low, high,
    p, q, n, languages. Raises UsageError where nothing matches.
    """
    wanted = _wanted(results, source, shots, learners)
    rows = []
    for key, part in _with_source(scores, source).groupby(list(KEYS), sort=False):
        about = dict(zip(KEYS, key, strict=True))
        x = pd.Series(part["value"].to_numpy(np.float64), index=part["target"].to_numpy())
        same = (wanted["model"] == about["model"]) & (wanted["task"] == about["task"])
        same &= wanted["revision"] == about["revision"]
        if layers == "same":
            same &= wanted["layer"].astype(str) == str(about["layer"])
        for (result_layer, learner), found in wanted[same].groupby(["layer", "learner"], sort=False):
            both = pd.DataFrame({"x": x, "y": found.set_index("language")["value"]}).dropna()
            about |= dict(zip(RESULT_KEYS, (result_layer, learner, METRIC, shots), strict=True))
            options = {"draws": draws, "permutations": permutations, "seed": seed}
            rows += [about | row for row in _kinds(both, words, options)]
    if not rows:
        raise UsageError(
            f"no {METRIC} at {shots} shots goes with a score of the same model, task and layer",
            remedy=f"layers of scores: {', '.join(map(str, scores['layer'].unique()))}; of results: "
            f"{', '.join(map(str, wanted['layer'].unique()))}; layers='all' compares each with each",
        )
    found = pd.DataFrame(rows)
    found["q"] = np.nan
    for _, at in found.groupby("kind").groups.items():
        found.loc[at, "q"] = adjusted(found.loc[at, "p"].to_numpy(dtype=np.float64))
    first = [*KEYS, *RESULT_KEYS, "kind", "r", "low", "high", "p", "q", "n", "languages"]
    return found[first]


def _kinds(
    both: pd.DataFrame, words: Mapping[str, int] | None, options: dict[str, Any]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for kind in METHODS:
        found = correlate(both["x"].to_numpy(), both["y"].to_numpy(), method=kind, **options)
        rows.append({"kind": kind, **asdict(found), "languages": ";".join(both.index)})
        if words is None:
            continue
        sized = both[[words.get(code, 0) > 0 for code in both.index]]
        size = np.log([float(words[code]) for code in sized.index])[None]
        partly = correlate(
            sized["x"].to_numpy(), sized["y"].to_numpy(), controls=size, method=kind, **options
        )
        rows.append({"kind": f"partial-{kind}", **asdict(partly), "languages": ";".join(sized.index)})
    return rows


def _with_source(scores: pd.DataFrame, source: str) -> pd.DataFrame:
    """Scores of (source, target); of a pair stored the other way round only, that one turned."""
    forward = scores[(scores["source"] == source) & (scores["target"] != source)]
    back = scores[(scores["target"] == source) & (scores["source"] != source)]
    back = back.rename(columns={"source": "target", "target": "source"})[scores.columns]
    rows = pd.concat([forward, back], ignore_index=True)
    if rows.empty:
        remedy = f"languages there: {', '.join(sorted({*scores['source'], *scores['target']}))}"
        raise UsageError(f"there are no scores with {source}", remedy=remedy)
    if "against" in rows:
        rows = rows[rows["against"].fillna("") == ""]
    return rows.drop_duplicates([*KEYS, "target"], ignore_index=True)


def _wanted(results: pd.DataFrame, source: str, shots: int, learners: Sequence[str] | None) -> pd.DataFrame:
    rows = results[
        (results["source"] == source) & (results["metric"] == METRIC) & (results["shots"] == shots)
    ]
    rows = rows[(rows["draw"] == -1) & (rows["language"] != source)]
    if learners is not None:
        rows = rows[rows["learner"].isin(list(learners))]
    if rows.empty:
        raise UsageError(
            f"no {METRIC} at {shots} shots from {source}",
            option="results",
            remedy="evaluate with this source, metric and number of shots, or name learners that are there: "
            + ", ".join(map(str, results["learner"].unique())),
        )
    return rows
