"""From a work folder to what is committed: results.csv, comparisons.csv, summary.md and two figures."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.atomic import save_csv
from concept_align.evaluation.results import SUMMARIES
from concept_align.report.evaluation_figures import languages_figure, shots_figure
from concept_align.report.style import save

COLUMNS = [
    "model", "layer", "task", "source", "language", "shots", "draw",
    "learner", "metric", "value", "low", "high", "n",
]  # fmt: skip
OWN = "own-language probe"


def write(work: Path, folder: Path, settings: dict[str, Any]) -> None:
    targets = pd.read_parquet(work / "evaluate" / "results.parquet")
    english = pd.read_parquet(work / "evaluate-english" / "results.parquet")
    english = counted(english[english["learner"] != "majority"])
    english = english[~english["language"].isin(targets["language"])]  # the targets have those rows already
    own = pd.concat([pd.read_parquet(work / "probe" / f"probe-{task}.parquet") for task in settings["tasks"]])
    own = counted(own.replace({"learner": {"probe": OWN, "majority": "own-language majority"}}))
    for frame in (targets, english, own):
        frame["model"] = settings["model"]

    middle = str(settings["layers"][len(settings["layers"]) // 2])
    save(shots_figure(targets), folder / "shots")
    ceiling = own[(own["learner"] == OWN) & own["language"].isin(targets["language"])]
    # One source for all, for the figure puts what differs into facets.
    dots = pd.concat([targets[targets["shots"] == 0], ceiling.assign(shots=0, source=settings["source"])])
    save(languages_figure(dots[dots["layer"] == middle]), folder / "languages-0-shot")

    frame = pd.concat([targets, english, own], ignore_index=True)
    # Single draws are kept for accuracy only; their means and intervals for both metrics.
    kept = frame[(frame["draw"] == -1) | (frame["metric"] == "accuracy")]
    save_csv(kept[COLUMNS].round({"value": 5, "low": 5, "high": 5}), folder / "results.csv")
    for name in ("comparisons.csv", "summary.md"):
        text = (work / "evaluate" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(recipe(work)["model"], settings["model"]), encoding="utf-8")
    made = {"store": {**recipe(work), "model": settings["model"]}, "settings": settings}
    (folder / "provenance.json").write_text(json.dumps(made, indent=2, sort_keys=True) + "\n")


def recipe(work: Path) -> dict[str, Any]:
    """What the store was made from."""
    found: dict[str, Any] = json.loads((work / "store" / "store.json").read_text())["recipe"]
    return found


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its summaries named by the number of languages they are over."""
    summary = frame["language"].isin(SUMMARIES)
    languages = frame.loc[~summary, "language"].nunique()
    return frame.assign(language=frame["language"] + summary.map({True: f" of {languages}", False: ""}))
