"""From a work folder to what is committed: results.csv, comparisons.csv, effects, summaries and figures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.atomic import save_csv
from concept_align.evaluation.results import SUMMARIES

COLUMNS = [
    "model", "layer", "task", "source", "language", "shots", "draw",
    "learner", "metric", "value", "low", "high", "n",
]  # fmt: skip
TABLES = (
    "comparisons", "gains", "effects-accuracy", "effects-alignability",
    "usefulness", "usefulness-pairs", "usefulness-choice",
)  # fmt: skip


def write(work: Path, folder: Path, settings: dict[str, Any]) -> None:
    """Collect what ``icl`` wrote for every model that is finished."""
    results: list[pd.DataFrame] = []
    others: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    made: dict[str, Any] = {}
    for model in settings["models"]:
        there = work / model
        if not (there / "icl.json").exists():
            continue
        frame = pd.read_parquet(there / "results.parquet").assign(model=model)
        summary = frame["language"].isin(SUMMARIES)
        # Of single concepts the mean over languages is kept, of draws their mean.
        kept = frame[(frame["draw"] == -1) & (summary | ~frame["metric"].str.startswith("f1:"))]
        results.append(kept[COLUMNS])
        for name, found in others.items():
            if (there / f"{name}.csv").exists():
                table = pd.read_csv(there / f"{name}.csv").assign(model=model)
                if name == "gains":  # of single concepts none: there are few words of each
                    table = table[~table["metric"].str.startswith("f1:")]
                found.append(table.drop(columns="revision", errors="ignore"))
        stem = model.split("-")[0]
        text = (there / "summary.md").read_text(encoding="utf-8")
        about = json.loads((there / "icl.json").read_text())
        for figure in sorted(there.glob("*.png")):
            shutil.copy(figure, folder / f"{stem}-{figure.name}")
            text = text.replace(f"]({figure.name})", f"]({stem}-{figure.name})")
        recorded = about["config"].pop("model")
        (folder / f"summary-{stem}.md").write_text(text.replace(recorded, model), encoding="utf-8")
        about.pop("made_from", None)
        made[model] = about
    if not results:
        raise SystemExit(f"{work}: nothing is finished")
    save_csv(pd.concat(results, ignore_index=True).round(5), folder / "results.csv")
    for name, found in others.items():
        if found:
            save_csv(pd.concat(found, ignore_index=True).round(5), folder / f"{name}.csv")
    provenance = {"runs": made, "settings": settings}
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")
