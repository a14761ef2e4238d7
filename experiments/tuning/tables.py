"""From a work folder to what is committed: conditions.csv, differences.csv, seeds.csv and the figure.

Outcomes of a condition's seeds are pooled before anything is resampled: each document (or sentence) counts
with what all seeds found of it, so that intervals are over documents and languages; ``seeds.csv`` says how
far seeds are apart.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.atomic import save_csv
from concept_align.evaluation.results import SUMMARIES
from concept_align.report.drawing import dots_figure
from concept_align.report.style import save as save_figure
from concept_align.report.tune_figures import GROUPS, WAYS
from concept_align.statistics import jackknife, mean_over_languages, mean_over_pairs
from concept_align.tuning.outcomes import COLUMNS, KEYS, SEEN, UNSEEN, cells_of, summary
from concept_align.tuning.study import BEFORE, RETRIEVAL, TUNED

BARE = "before"
UNDO = dict(zip(TUNED, BEFORE, strict=True))  # tuned names to those of the same way before
STANDARDISING = "standardising"  # of the model before
CONTROLS = (BARE, "shuffled", "same-language", "answers-only", STANDARDISING)
DIGITS = 5


def outcomes_of(work: Path, model: str, condition: str) -> dict[int, pd.DataFrame]:
    """By seed, with ways of searching under the names of the model before."""
    found = {}
    for path in sorted((work / model).glob(f"{condition}-[0-9].outcomes.parquet")):
        frame = pd.read_parquet(path)
        frame["learner"] = frame["learner"].replace(UNDO)
        found[int(path.name.split(".")[0].rpartition("-")[2])] = frame
    return found


def pooled(by_seed: dict[int, pd.DataFrame], seeds: Iterable[int]) -> pd.DataFrame:
    """Outcomes of ``seeds``, summed over equal units."""
    whole = pd.concat([by_seed[seed] for seed in seeds], ignore_index=True)
    return whole.groupby([*KEYS, "unit"], as_index=False, sort=False).sum()[list(COLUMNS)]


def words_of(folder: Path) -> tuple[pd.Series, pd.DataFrame]:
    """Of one unit: zero-shot accuracy by language, and the CKA of word classes of all pairs of languages."""
    rows = pd.read_csv(folder / "evaluate" / "results.csv", keep_default_na=False, na_values=[""])
    rows = rows[(rows["learner"] == "pooled") & (rows["metric"] == "accuracy")]
    accuracy = rows[~rows["language"].isin(SUMMARIES)].set_index("language")["value"]
    pairs = pd.read_csv(folder / "alignability" / "alignability.csv", keep_default_na=False, na_values=[""])
    table = pairs.pivot_table("value", "source", "target")
    codes = sorted({*table.index, *table.columns})
    table = table.reindex(index=codes, columns=codes)
    return accuracy, table.combine_first(table.T)


def words_table(work: Path, model: str, conditions: Iterable[str]) -> list[dict[str, Any]]:
    """Word classes of every condition, and differences to the model before: means over languages or pairs."""
    rows: list[dict[str, Any]] = []
    before = work / model / f"{BARE}-0.words"
    if not (before / "alignability" / "alignability.csv").exists():
        return rows
    accuracy, cka = words_of(before)
    for condition in (BARE, *conditions):
        folders = sorted((work / model).glob(f"{condition}-[0-9].words"))
        found = [words_of(one) for one in folders if (one / "alignability" / "alignability.csv").exists()]
        if not found:
            continue
        mean = sum(one for one, _ in found) / len(found), sum(one for _, one in found) / len(found)
        at = {"model": model, "condition": condition, "seeds": len(found)}
        for less in (False, True) if condition != BARE else (False,):
            values = mean[0] - accuracy if less else mean[0]
            told = mean_over_languages(values.to_numpy())
            of = {"reference": BARE if less else "", "metric": "accuracy"}
            rows.append({**at, **of, **{key: told[key] for key in ("value", "low", "high", "n")}})
            table = (mean[1] - cka if less else mean[1]).to_numpy()
            value, without = mean_over_pairs(table)
            low, high = jackknife(float(value), without)
            of = {"reference": BARE if less else "", "metric": "cka"}
            rows.append({**at, **of, "value": float(value), "low": low, "high": high, "n": len(table)})
    return rows


def controls_of(condition: str) -> tuple[str, ...]:
    """What a condition is held against: controls of the same settings."""
    if condition.startswith("contrast"):
        return BARE, "contrast-shuffled", STANDARDISING
    return CONTROLS


def save(frame: pd.DataFrame, path: Path) -> None:
    """Over what ``path`` says of the same models."""
    frame = frame.round(DIGITS)
    if path.exists():
        known = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"layer": str})
        frame = pd.concat([known[~known["model"].isin(frame["model"])], frame], ignore_index=True)
    save_csv(frame, path)


def write(work: Path, folder: Path, settings: dict[str, Any]) -> None:
    """Collect what is finished of every model; rows of models that were not run in ``work`` stay."""
    seen, results, seeds, compared = settings["tuned"].split(","), [], [], []
    times: dict[str, Any] = {}
    classes: list[dict[str, Any]] = []
    for model, numbers in settings["models"].items():
        by_condition = {
            name: found
            for name in (BARE, *settings["conditions"])
            if (found := outcomes_of(work, model, name))
        }
        for name, by_seed in by_condition.items():
            at = {"model": model, "condition": name}
            results.append(summary(cells_of(pooled(by_seed, by_seed)), seen).assign(**at, seeds=len(by_seed)))
            for seed, own in by_seed.items():
                rows = summary(cells_of(own, draws=10), seen)
                means = rows[rows["language"].isin(GROUPS)].drop(columns=["low", "high", "reference"])
                seeds.append(means.assign(**at, seed=seed))
            for control in controls_of(name):
                other = by_condition.get(BARE if control == STANDARDISING else control, {})
                shared = sorted({*by_seed} & {*other})  # each seed holds out other documents
                if name in (BARE, control) or not shared:
                    continue
                mine, theirs = pooled(by_seed, shared), pooled(other, shared)
                pairs = [(way, way) for way in BEFORE]
                if control == STANDARDISING:  # what is had without training
                    pairs = [(BEFORE[0], BEFORE[2])]
                    mine = mine[mine["task"] == RETRIEVAL]
                rows = summary(cells_of(mine), seen, less=cells_of(theirs), pairs=pairs)
                compared.append(rows.assign(**at, control=control, seeds=len(shared)))
        classes += words_table(work, model, settings["conditions"])
        known = sorted((work / model).glob("*.time.json"))
        seconds = {path.name.split(".")[0]: json.loads(path.read_text())["seconds"] for path in known}
        if seconds:
            times[model] = {"settings": numbers, "seconds": seconds}
    if not results:
        raise SystemExit(f"{work}: nothing is finished")
    tables = {"conditions": results, "differences": compared, "seeds": seeds}
    for name, parts in tables.items():
        frame = pd.concat(parts, ignore_index=True)
        first = [column for column in ("model", "condition", "control", "seed") if column in frame]
        frame = frame[[*first, *(column for column in frame if column not in first)]]
        if name == "conditions":  # single languages of the tuned layer alone
            layers = [*(str(one["layer"]) for one in settings["models"].values()), "output"]
            frame = frame[frame["language"].isin(GROUPS) | frame["layer"].isin(layers)]
        else:
            frame = frame[frame["language"].isin(GROUPS) & frame["metric"].isin(["p1", "nats-per-token"])]
        save(frame, folder / f"{name}.csv")
    if classes:
        save(pd.DataFrame(classes), folder / "words.csv")
    told = folder / "provenance.json"
    others = json.loads(told.read_text())["runs"] if told.exists() else {}
    told.write_text(
        json.dumps({"runs": {**others, **times}, "settings": settings}, indent=2, sort_keys=True) + "\n"
    )
    draw(pd.read_csv(folder / "differences.csv"), folder, settings)


def draw(compared: pd.DataFrame, folder: Path, settings: dict[str, Any]) -> None:
    """What each condition adds to the model before, by ways of searching held-out translations."""
    titles = dict(zip(BEFORE, WAYS, strict=True))
    for model in compared["model"].unique():
        layer = str(settings["models"][model]["layer"])
        rows = compared[
            (compared["model"] == model) & (compared["control"] == BARE)
            & (compared["source"] == "held-out") & (compared["metric"] == "p1")
            & (compared["layer"].astype(str) == layer) & compared["learner"].isin(BEFORE[:3])
        ]  # fmt: skip
        rows = rows.assign(learner=rows["learner"].map(titles), row=rows["condition"])
        facets = [(GROUPS[name], rows[rows["language"] == name]) for name in (SEEN, UNSEEN)]
        order = [name for name in settings["conditions"] if name in set(rows["row"])][::-1]
        label = f"precision@1 in layer {layer}, less the model before, points"
        figure = dots_figure(facets, label, order=order, width=4.0, zero=True)
        save_figure(figure, folder / f"{model}-gains")
