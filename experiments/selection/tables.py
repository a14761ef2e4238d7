"""From a work folder to what is committed: chosen.csv, and what its rows are held against.

chosen-against.csv has paired differences, chosen-ranks.csv correlations, chosen-elsewhere.csv what another
task taught.

Queries are paired within languages, and languages are what means are over. Draws of random demonstrations
stand before the queries of all languages, so their resamples are shared by all languages.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from concept_align.atomic import save_csv
from concept_align.evaluation.resampling import draw_weights, sentence_weights
from concept_align.icl.selectors.shared_head import LearnedSelector
from concept_align.seeding import stream
from concept_align.statistics import mean_over_languages, means_over_drawn, percentile_interval

METRICS = ("gain", "accuracy", "calibrated")
REFERENCES = ("random", "best-on-train", "best-on-self", "nearest-state", "nearest-concept")
ORACLE = "oracle"
RESAMPLES = 2000
DIGITS = 5

ByLanguage = dict[str, NDArray[np.float64]]  # [draws, queries]


def by_language(rows: pd.DataFrame, metric: str) -> ByLanguage:
    """[draws, queries] of one way of choosing."""
    found = {}
    for language, own in rows.groupby("language", sort=True):
        table = own.pivot_table(metric, "draw", "query", sort=True)
        found[str(language)] = table.to_numpy(dtype=np.float64)
    return found


def apart(one: ByLanguage, other: ByLanguage) -> ByLanguage:
    """Paired over queries; where one side alone has draws, the other is the same in each."""
    return {language: one[language] - other[language] for language in one}


def summary(values: ByLanguage, seed: int) -> Iterator[dict[str, Any]]:
    """Each language, and their mean: value, interval, p of the sign-flip test over languages, n."""
    drawn = []
    for language, table in values.items():
        draws, queries = table.shape
        over_queries = sentence_weights(queries, RESAMPLES, seed, language).astype(np.float64) / queries
        over_draws = draw_weights(draws, RESAMPLES, seed, None)
        drawn.append(np.einsum("rq,dq,rd->r", over_queries, table, over_draws))
        low, high = percentile_interval(drawn[-1], 0.95)
        about = {"language": language, "value": float(table.mean()), "low": low, "high": high}
        yield about | {"p": float("nan"), "n": queries}
    mean = mean_over_languages(np.array([table.mean() for table in values.values()]), seed=seed)
    resampled = means_over_drawn(np.stack(drawn), stream(seed, "selection", "languages"))
    low, high = percentile_interval(resampled, 0.95)
    yield {"language": "mean", **mean, "low": low, "high": high}


def outcomes(folder: Path) -> pd.DataFrame:
    """Of every query: single demonstrations as the gains tell them, more as they were prompted."""
    single = pd.read_parquet(folder / "single.parquet")
    # One at random is the mean over all candidates, without drawing any.
    every = single[single["selector"] == "any"]
    keys = ["language", "query", "items", "k"]
    known = every.groupby(keys, as_index=False)[["gain", "accuracy"]].mean()
    known = known.assign(selector="random", draw=0)
    parts = [single[~single["selector"].isin(["any", "random"])], known]
    if (folder / "prompts.parquet").exists():
        parts.append(pd.read_parquet(folder / "prompts.parquet"))
    return pd.concat(parts, ignore_index=True)


def tables_of(folder: Path, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Values, and paired differences to the usual ways of choosing, of one model and task."""
    values, differences = [], []
    for k, at in outcomes(folder).groupby("k", sort=True):
        for metric in METRICS:
            if metric not in at or at[metric].isna().all():
                continue
            cells = {name: by_language(own, metric) for name, own in at.groupby("selector", sort=True)}
            for name, own in cells.items():
                about = {"selector": name, "k": k, "metric": metric}
                values += [about | row for row in summary(own, seed)]
                if metric == "gain" and ORACLE in cells and k == 1:
                    regret = summary(apart(cells[ORACLE], own), seed)
                    values += [{**about, "metric": "regret"} | row for row in regret]
                for other in REFERENCES:
                    if other in cells and other != name:
                        rows = summary(apart(own, cells[other]), seed)
                        differences += [about | {"against": other} | row for row in rows]
    return values, differences


def ranks(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Spearman of what a way of choosing says of candidates, and their gains: means over queries."""
    frame = pd.read_parquet(folder / "ranks.parquet").dropna()
    rows = []
    for name, own in frame.groupby("selector", sort=True):
        means = own.groupby("language")["spearman"].mean()
        rows.append({"selector": name, **mean_over_languages(means.to_numpy(), seed=seed)})
    return rows


def elsewhere(folder: Path, seed: int) -> list[dict[str, Any]]:
    """What was learned from another task: gains over one at random, in languages seen and unseen."""
    if not (folder / "transfer.parquet").exists():
        return []
    rows = []
    for side, own in pd.read_parquet(folder / "transfer.parquet").groupby("side", sort=True):
        every = own[own["selector"] == "any"].groupby(["language", "query"], as_index=False)["gain"].mean()
        reference = by_language(every.assign(draw=0), "gain")
        for name, one in own[own["selector"] != "any"].groupby("selector", sort=True):
            *_, mean = summary(apart(by_language(one, "gain"), reference), seed)
            rows.append(
                {"selector": name, "languages": {"train": "seen", "test": "unseen"}[str(side)], **mean}
            )
    return rows


def write(work: Path, here: Path, settings: dict[str, Any]) -> None:
    """Everything that is finished in ``work``."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("", "-against", "-ranks", "-elsewhere")}
    made: dict[str, Any] = {}
    for model in settings["models"]:
        for task in settings["tasks"]:
            folder, about = work / model / task, {"model": model, "task": task}
            if not (folder / "single.parquet").exists():
                continue
            values, differences = tables_of(folder, settings["seed"])
            parts = {"": values, "-against": differences, "-ranks": ranks(folder, settings["seed"])}
            parts["-elsewhere"] = elsewhere(folder, settings["seed"])
            for name, rows in parts.items():
                found[name] += [about | row for row in rows]
            selectors = sorted((folder / "selectors").iterdir())
            made[f"{model}, {task}"] = {
                path.name: strength(LearnedSelector.from_pretrained(path)) for path in selectors
            }
    for name, rows in found.items():
        save_csv(pd.DataFrame(rows).round(DIGITS), here / f"chosen{name}.csv")
    provenance = {"settings": settings, "selectors": made}
    (here / "provenance.json").write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")


def strength(selector: LearnedSelector) -> dict[str, Any]:
    """What was chosen by leaving languages out, and what was learned from."""
    choice = selector.choice
    row = {} if choice.empty else choice[choice["chosen"]].iloc[0].to_dict()
    kept = {name: row[name] for name in ("rank", "penalty", "coherence", "divergence") if name in row}
    about = {name: selector.about.get(name) for name in ("queries", "candidates", "langs", "teacher")}
    return {**about, "a": float(selector.head.a), **{name: str(value) for name, value in kept.items()}}
