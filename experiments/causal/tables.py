"""From the runs of a work folder to what is committed: interventions.csv, by-language.csv, by-concept.csv,
pairs.csv, predicted.csv and the figures.

Rows are those of ``effects.csv`` and ``matrix.csv`` of ``concept-align intervene`` (docs/tables.md), with the
name of the run and its seed.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.atomic import save_csv
from concept_align.evaluation.results import MAJORITY

MATCHED, UNTOUCHED, POOLED = "matched", "untouched", "pooled"
FIGURES = {
    "sweep-mini-decoder-0/layers-probe.png": "mini-decoder-layers.png",
    "matrix-mini-decoder-0/matrix-probe-2-remove-4.png": "mini-decoder-pairs.png",
}
DIGITS = 5
LANGUAGES = ("sweep", "gemma")  # runs whose single languages are kept
DROPPED = ["revision", "task", "unit", "source"]


def read(path: Path) -> pd.DataFrame:
    texts = {name: "" for name in ("concept", "control", "against")}
    return pd.read_csv(path, keep_default_na=False, na_values=[""]).fillna(texts)


def write(runs: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    """Collect what is finished."""
    means, languages, concepts = [], [], []
    for path in sorted(runs.glob("*/effects.csv")):
        name, _, seed = path.parent.name.rpartition("-")
        frame = read(path)
        (model,) = [one for one in settings["models"] if name.endswith(f"-{one}")]
        called = name.removesuffix(f"-{model}")
        frame = frame[frame["source"] == POOLED].drop(columns=DROPPED).assign(model=model)
        frame.insert(0, "run", called)
        frame.insert(1, "seed", int(seed))
        mean, whole = frame["language"] == "mean", frame["concept"] == ""
        means.append(frame[mean & whole].drop(columns=["language", "concept"]))
        against = frame["against"] == MATCHED
        own = against | ((frame["against"] == "") & frame["intervention"].isin([UNTOUCHED, MAJORITY]))
        if called in LANGUAGES:
            languages.append(frame[~mean & whole & own].drop(columns=["concept", "p", "p_holm"]))
        if called in (*LANGUAGES, "single"):
            concepts.append(frame[mean & ~whole & against].drop(columns=["language"]))
    if not means:
        raise SystemExit(f"{runs}: nothing is finished")
    for name, parts in (("interventions", means), ("by-language", languages), ("by-concept", concepts)):
        save_csv(pd.concat(parts, ignore_index=True).round(DIGITS), folder / f"{name}.csv")
    for path, name in FIGURES.items():
        if (runs / path).exists():
            shutil.copyfile(runs / path, folder / name)
    for path in runs.glob("matrix-*/matrix.csv"):
        pairs = read(path)[["source", "language", "value", "low", "high", "n"]]
        save_csv(pairs.round(DIGITS), folder / "pairs.csv")
    for path in runs.glob("matrix-*/matrix-alignability.csv"):
        save_csv(read(path).round(DIGITS), folder / "predicted.csv")
