"""What chosen demonstrations are worth, in nats: the correct label's log-probability, query by query.

With the gold labels fed back, of a query with items y_1..y_n and demonstrations C,

    nats(q) = (1/n) sum_i log p(y_i | C, q_<i),     gain(q) = nats(q) - nats(q) without demonstrations

where p is normalised over the label set. Accuracy counts a word once its label passes all others; nats feel
what moves it there, so that fewer queries tell selectors apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from ..cache import KeptLines
from ..evaluation.predictions import Place
from ..evaluation.resampling import sentence_weights
from ..statistics import mean_over_languages, percentile_interval
from .base import LabelScores, PromptSentence
from .config import NONE
from .evidence import OUTPUT, AnswerKey
from .plan import ICLPlan, Variant
from .selectors.helping import gold_mean

NATS = "-nats"  # behind the name of the folder that they are kept in
# What nats of each way of choosing are compared with: nothing shown, then the usual ways of choosing.
NOTHING = "no demonstrations"
COMPARED = ("random", "random-per-query", "best-on-train")
COLUMNS = ("source", "language", "learner", "shots", "against", "value", "low", "high", "p", "n")
ByQuery = Mapping[AnswerKey, Mapping[Place, Float64[np.ndarray, " queries"]]]


def gold_nats(
    answers: Sequence[LabelScores], queries: Sequence[PromptSentence]
) -> Float64[np.ndarray, " queries"]:
    """The mean log-probability of each query's gold labels, over the label set."""
    pairs = zip(answers, queries, strict=True)
    return np.array([gold_mean(one.scores.double().log_softmax(1), query) for one, query in pairs])


class NatsLog:
    """The finished trials of one kind, in nats by query; in memory alone where ``path`` is None."""

    def __init__(self, path: Path | None, made_from: Mapping[str, Any], queries: int) -> None:
        def read(line: Mapping[str, Any]) -> tuple[Place, Float64[np.ndarray, " queries"]] | None:
            found = np.array(line["nats"], np.float64)
            return ((int(line["shots"]), int(line["draw"])), found) if found.shape == (queries,) else None

        self._lines = KeptLines(path, {**made_from, "kind": "nats"}, read)

    @property
    def done(self) -> Mapping[Place, Float64[np.ndarray, " queries"]]:
        return self._lines.done

    def add(self, place: Place, nats: Float64[np.ndarray, " queries"]) -> None:
        """Keep a finished unit."""
        self._lines.add(place, nats, {"shots": place[0], "draw": place[1], "nats": nats.tolist()})


def nats_table(plan: ICLPlan, found: ByQuery) -> pd.DataFrame:
    """A row for each source, target, way of asking and number of demonstrations, and what it is held against.

    ``against`` is empty (then ``value`` are nats), NOTHING (their gain), or another selector with all else
    the same: then ``value`` is the mean over queries of the paired difference, and ``low`` and ``high`` its
    interval over queries drawn anew; draws of demonstrations are averaged first. In the rows of language
    "mean" it is over targets, the interval a jackknife's and ``p`` that of sign-flips; ``n`` counts queries,
    then languages.
    """
    rows = []
    for source in plan.asked:
        for variant in plan.variants:
            for k in sorted(set(plan.config.k)):
                rows += _rows(plan, found, source, variant, k)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    keys = ["source", "learner", "shots", "against"]
    means = [
        {"language": "mean", **dict(zip(keys, key, strict=True))}
        | mean_over_languages(part["value"].to_numpy(dtype=np.float64), seed=plan.config.seed)
        for key, part in table.groupby(keys, sort=False)
    ]
    return (
        pd.concat([table, pd.DataFrame(means, columns=list(COLUMNS))], ignore_index=True) if means else table
    )


def _rows(plan: ICLPlan, found: ByQuery, source: str, variant: Variant, k: int) -> list[dict[str, Any]]:
    config, rows = plan.config, []
    own = {language: _nats(plan, found, source, language, variant, k) for language in plan.targets_of(source)}
    for language, nats in own.items():
        if nats is None:
            continue
        held: dict[str, Float64[np.ndarray, " queries"] | None] = {"": np.zeros(len(nats))}
        if k:
            held[NOTHING] = _nats(plan, found, source, language, variant, 0)
            others = [name for name in COMPARED if name in config.selectors and name != variant.selector]
            for name in others:
                held[name] = _nats(plan, found, source, language, replace(variant, selector=name), k)
        weights = sentence_weights(len(nats), config.bootstrap, config.seed, language).astype(np.float64)
        for against, other_nats in held.items():
            if other_nats is None:
                continue
            by_query = nats - other_nats
            drawn = np.einsum("rq,q->r", weights, by_query) / len(by_query)
            low, high = percentile_interval(drawn, 0.95)
            about = {"source": source, "language": language, "learner": variant.name, "shots": k}
            about |= {"against": against, "p": float("nan"), "n": len(nats)}
            rows.append(about | {"value": float(by_query.mean()), "low": low, "high": high})
    return rows


def _nats(
    plan: ICLPlan, found: ByQuery, source: str, language: str, variant: Variant, k: int
) -> Float64[np.ndarray, " queries"] | None:
    """Means over draws [queries]; without demonstrations nothing is chosen, and no selector is named."""
    if not k:
        variant = replace(variant, selector=plan.config.selectors[0])
    units = found.get(AnswerKey(OUTPUT, variant.name, source if k else NONE, language), {})
    draws = [units[k, draw] for draw in range(plan.draws(k)) if (k, draw) in units]
    return np.mean(draws, axis=0) if draws else None
