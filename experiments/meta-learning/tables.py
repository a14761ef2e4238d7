"""From a work folder to what is committed, for each evaluation: tables, summaries and figures.

``main`` gives results.csv, comparisons.csv and gains.csv; another evaluation the first two, with its name
behind (results-every-learner.csv) and without single concepts. A model and task that the work folder has not
finished keep their rows.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from figure import FIGURE, learners_figure

from concept_align.atomic import save_csv
from concept_align.evaluation.results import SUMMARIES

COLUMNS = [
    "model", "layer", "task", "source", "language", "shots", "draw",
    "learner", "metric", "value", "low", "high", "n",
]  # fmt: skip
TABLES = ("results", "comparisons", "gains")
MAIN = "main"


def write(work: Path, folder: Path, settings: dict[str, Any]) -> None:
    """Collect what ``evaluate`` wrote for every evaluation, model and task that is finished."""
    path = folder / "provenance.json"
    made = json.loads(path.read_text())["runs"] if path.exists() else {}
    for evaluation in settings["evaluations"]:
        found: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
        for model in settings["models"]:
            for task in settings["tasks"]:
                there = work / model / "evaluate" / evaluation / task
                if not (there / "evaluation.json").exists():
                    continue
                for name, table in tables(there, model, whole=evaluation == MAIN).items():
                    found[name].append(table)
                stem = named(f"{model.split('-')[0]}-{task}", evaluation)
                summary(there, folder, stem, model)
                if evaluation != MAIN:
                    learners_figure(found["results"][-1], folder / f"{FIGURE}-{model.split('-')[0]}-{task}")
                made[stem] = about(there, model)
        for name, parts in found.items():
            save(folder / f"{named(name, evaluation)}.csv", parts, settings)
    path.write_text(json.dumps({"runs": made, "settings": settings}, indent=2, sort_keys=True) + "\n")


def named(stem: str, evaluation: str) -> str:
    return stem if evaluation == MAIN else f"{stem}-{evaluation}"


def tables(there: Path, model: str, *, whole: bool) -> dict[str, pd.DataFrame]:
    """What is kept of the tables of one model and task; unless ``whole``, nothing of single concepts."""
    frame = pd.read_parquet(there / "results.parquet").assign(model=model)
    # Of single concepts the mean over languages is kept, of draws their mean.
    summary = frame["language"].isin(SUMMARIES)
    of_concepts = frame["metric"].str.startswith("f1:")
    kept = frame[(frame["draw"] == -1) & ((summary & whole) | ~of_concepts)]
    others = {
        name: pd.read_csv(there / f"{name}.csv").assign(model=model).drop(columns="revision", errors="ignore")
        for name in (TABLES[1:] if whole else TABLES[1:2])
    }
    return {"results": kept[COLUMNS], **others}


def save(path: Path, parts: list[pd.DataFrame], settings: dict[str, Any]) -> None:
    """``parts``, and the rows at ``path`` of models and tasks that none of them is about."""
    if not parts:
        return
    frame = pd.concat(parts, ignore_index=True).round(5)
    if path.exists():
        old = pd.read_csv(path)
        new = set(zip(frame["model"], frame["task"], strict=True))
        stays = [pair not in new for pair in zip(old["model"], old["task"], strict=True)]
        frame = pd.concat([old[stays], frame], ignore_index=True)
    order = {name: place for place, name in enumerate([*settings["models"], *settings["tasks"]])}
    frame = frame.sort_values(["model", "task"], key=lambda column: column.map(order), kind="stable")
    save_csv(frame, path)


def summary(there: Path, folder: Path, stem: str, model: str) -> None:
    """``summary-stem.md``, of the main evaluation with its figures."""
    recorded = json.loads((there / "evaluation.json").read_text())["store"]["model"]
    text = (there / "summary.md").read_text(encoding="utf-8").replace(recorded, model)
    for figure in sorted(there.glob("*.png")):
        shown = f"![{figure.name}]({figure.name})\n\n"
        if stem.endswith(tuple(f"-{task}" for task in ("upos", "relation"))):
            shutil.copy(figure, folder / f"{stem}-{figure.name}")
            text = text.replace(f"]({figure.name})", f"]({stem}-{figure.name})")
        else:
            text = text.replace(shown, "")
    (folder / f"summary-{stem}.md").write_text(text, encoding="utf-8")


def about(there: Path, model: str) -> dict[str, Any]:
    """How it was made."""
    known = json.loads((there / "evaluation.json").read_text())
    kept: dict[str, Any] = {key: known[key] for key in ("protocol", "settings", "notices")}
    kept["store"] = {**known["store"], "model": model}
    for setting in kept["settings"]:
        setting["model"] = model
    return kept
