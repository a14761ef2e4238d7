"""From a work folder to what is committed: results.csv, comparisons.csv, summary.md and two figures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.evaluation.results import save_csv
from concept_align.evaluation.summary import SUMMARIES
from concept_align.report.figures import languages_figure, shots_figure

COLUMNS = [
    "model", "layer", "task", "source", "language", "shots", "draw", "learner", "metric", "value", "low", "high", "n",
]  # fmt: skip
OWN = "own-language probe"


def write(work: Path, folder: Path, settings: dict[str, Any]) -> None:
    targets = pd.read_parquet(work / "evaluate" / "results.parquet")
    english = everywhere(pd.read_parquet(work / "evaluate-english" / "results.parquet"), targets)
    own = pd.concat([pd.read_parquet(work / "probe" / f"probe-{task}.parquet") for task in settings["tasks"]])
    own["learner"] = own["learner"].replace({"probe": OWN, "majority": "own-language majority"})
    own["source"] = settings["source"]  # nothing is transferred; one value keeps the figures' facets together
    frame = pd.concat([targets, english, own], ignore_index=True)
    frame["model"] = settings["model"]

    middle = str(settings["layers"][len(settings["layers"]) // 2])
    shots_figure(frame[frame["shots"] >= 0].loc[lambda rows: ~rows["language"].isin(english["language"])],
                 folder / "shots")  # fmt: skip
    chosen = frame[(frame["layer"] == middle) & frame["language"].isin(targets["language"])]
    ceiling = chosen[chosen["learner"] == OWN].assign(shots=0)
    languages_figure(pd.concat([chosen[chosen["shots"] == 0], ceiling]), folder / "languages")

    # Single draws are kept for accuracy only; their means and intervals for both metrics.
    kept = frame[(frame["draw"] == -1) | (frame["metric"] == "accuracy")]
    rounded = kept[COLUMNS].round({"value": 5, "low": 5, "high": 5})
    save_csv(rounded, folder / "results.csv")
    shutil.copy(work / "evaluate" / "comparisons.csv", folder / "comparisons.csv")
    shutil.copy(work / "evaluate" / "summary.md", folder / "summary.md")
    provenance = json.loads((work / "store" / "store.json").read_text())
    provenance["recipe"]["model"] = settings["model"]
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")


def everywhere(english: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """The English probe's rows that the run over the targets lacks; summaries named by their n."""
    english = english[english["learner"] != "majority"].copy()
    languages = english.loc[~english["language"].isin(SUMMARIES), "language"].nunique()
    summary = english["language"].isin(SUMMARIES)
    english.loc[summary, "language"] += f" of {languages}"
    return english[~english["language"].isin(targets["language"])]
