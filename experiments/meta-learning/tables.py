"""From a work folder to what is committed: results.csv, comparisons.csv, gains.csv, summaries and figures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.evaluation.results import save_csv
from concept_align.evaluation.summary import SUMMARIES

COLUMNS = [
    "model", "layer", "task", "source", "language", "shots", "draw",
    "learner", "metric", "value", "low", "high", "n",
]  # fmt: skip
NUMBERS = {"value": 5, "low": 5, "high": 5}


def write(work: Path, folder: Path, settings: dict[str, Any]) -> None:
    """Collect what ``evaluate`` wrote for every model and task that is finished."""
    results, comparisons, gains, made = [], [], [], {}
    for model in settings["models"]:
        for task in settings["tasks"]:
            there = work / model / "evaluate" / task
            if not (there / "evaluation.json").exists():
                continue
            frame = pd.read_parquet(there / "results.parquet").assign(model=model)
            summary = frame["language"].isin(SUMMARIES)
            # Of single concepts the mean over languages is kept, of draws their mean.
            kept = frame[(frame["draw"] == -1) & (summary | ~frame["metric"].str.startswith("f1:"))]
            results.append(kept[COLUMNS])
            for found, name in ((comparisons, "comparisons"), (gains, "gains")):
                table = pd.read_csv(there / f"{name}.csv").assign(model=model)
                found.append(table.drop(columns="revision", errors="ignore"))
            stem = f"{model.split('-')[0]}-{task}"
            text = (there / "summary.md").read_text(encoding="utf-8")
            for figure in sorted(there.glob("*.png")):
                shutil.copy(figure, folder / f"{stem}-{figure.name}")
                text = text.replace(f"]({figure.name})", f"]({stem}-{figure.name})")
            about = json.loads((there / "evaluation.json").read_text())
            recorded = about["store"]["model"]
            (folder / f"summary-{stem}.md").write_text(text.replace(recorded, model), encoding="utf-8")
            made[stem] = {key: about[key] for key in ("protocol", "settings", "notices")}
            made[stem]["store"] = {**about["store"], "model": model}
            for setting in made[stem]["settings"]:
                setting["model"] = model
    save_csv(pd.concat(results, ignore_index=True).round(NUMBERS), folder / "results.csv")
    save_csv(pd.concat(comparisons, ignore_index=True).round(5), folder / "comparisons.csv")
    save_csv(pd.concat(gains, ignore_index=True).round(5), folder / "gains.csv")
    provenance = {"runs": made, "settings": settings}
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")
