"""Tuning on translations against its controls: tune, measure, then the tables and the figure of this folder.

    python experiments/tuning/run.py --treebanks UD --text TEXT --tatoeba TATOEBA [--work FOLDER]

A unit is (model, condition, seed); those that are finished are not run again, so the script may be stopped
and started at will. Training is the command that a user has. The tuned models, and what was found of each
sentence, stay in the work folder.
"""

import argparse
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd

from concept_align.atomic import write_json
from concept_align.tuning.model import open_tunable
from concept_align.tuning.plan import HELD_OUT, TunePlan
from concept_align.tuning.settings import TuneConfig
from concept_align.tuning.study import RetrievalSet, evaluate

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")
BEFORE = "before"


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True)


def tune(options: Any, settings: dict[str, Any], model: str, condition: str, seed: int, out: Path) -> None:
    """One run of ``concept-align tune``, with its time beside it."""
    numbers = settings["models"][model]
    began = time.monotonic()
    run(
        "tune", "--model", options.gemma if model.startswith("gemma") else model,
        "--pairs", f"treebanks:{options.treebanks}", "--treebanks", options.treebanks,
        "--langs", settings["tuned"], "--held-out", settings["held_out"], "--retain", options.text,
        "--steps", numbers["steps"], "--batch", numbers["batch"], "--answers", numbers["answers"],
        "--seed", seed, "--evaluate", "none", "--device", options.device,
        *settings["conditions"][condition], "--out", out,
    )  # fmt: skip
    write_json(out.with_suffix(".time.json"), {"seconds": round(time.monotonic() - began, 1)})


def measure(options: Any, settings: dict[str, Any], name: str, seed: int, *, tuned: bool) -> pd.DataFrame:
    """What is found of every sentence of the model ``name`` (an id or a folder)."""
    config = TuneConfig(
        model=name, pairs=f"treebanks:{options.treebanks}", langs=tuple(settings["tuned"].split(",")),
        retain=options.text, held_out=settings["held_out"], eval_pairs=(f"tatoeba:{options.tatoeba}",),
        seed=seed, device=options.device,
    )  # fmt: skip
    plan = TunePlan.of(config)
    chosen = settings["languages"].split(",")
    held = plan.parallel.only(chosen)
    sets = [RetrievalSet.of_split(HELD_OUT, held, plan.split)]
    for parallel in plan.further.values():
        sets.append(RetrievalSet.halves("tatoeba", parallel.only(settings["tatoeba"]["langs"].split(","))))
    texts = {code: plan.measured[code][: settings["plain"]] for code in chosen if code in plan.measured}
    model = open_tunable(name, device=options.device)
    return evaluate(
        model, sets, plan.split, texts=texts, tuned=tuned, seed=seed, most=settings["searched"]
    ).outcomes


def words(options: Any, settings: dict[str, Any], layer: int, name: str, out: Path) -> None:
    """Word classes: learned from the tuned languages, told in others; how alike their prototypes are."""
    tuned, targets = settings["tuned"], settings["words"]["targets"]
    store = out / "store"
    run("extract", "--model", name, "--treebanks", options.treebanks, "--langs", f"{tuned},{targets}",
        "--splits", "train,test", "--layers", layer, "--limit", settings["words"]["limit"],
        "--device", options.device, "--out", store)  # fmt: skip
    run("meta-train", "--store", store, "--layers", layer, "--learner", "pooled", "--preset", "single",
        "--train-langs", tuned, "--validation-langs", "none", "--target-langs", targets,
        "--out", out / "pooled")  # fmt: skip
    run("evaluate", "--store", store, "--aligner", f"pooled={out / 'pooled'}", "--langs", targets,
        "--shots", 0, "--out", out / "evaluate")  # fmt: skip
    run("alignability", "--store", store, "--task", "upos", "--layers", layer, "--split", "test",
        "--measures", "cka", "--permutations", 99, "--bootstrap", 50,
        "--out", out / "alignability")  # fmt: skip


def main() -> None:
    settings = tomllib.loads((HERE / "config.toml").read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, help="Universal Dependencies with PUD treebanks")
    parser.add_argument("--text", type=Path, help="a folder of monolingual text, de.txt and so on")
    parser.add_argument("--tatoeba", type=Path, help="a folder of the Tatoeba test set")
    parser.add_argument("--gemma", default="google/gemma-3-270m", help="where the larger model is")
    parser.add_argument("--work", type=Path, default=Path("runs/tuning"), help="tuned models, outcomes")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", action="append", choices=list(settings["models"]))
    parser.add_argument("--condition", action="append", choices=list(settings["conditions"]))
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--only", choices=["tune", "measure", "words", "tables"], action="append")
    options = parser.parse_args()
    steps = options.only or ["tune", "measure", "words", "tables"]
    if {"tune", "measure", "words"} & {*steps} and None in (options.treebanks, options.text, options.tatoeba):
        parser.error("say with --treebanks, --text and --tatoeba where the data are")
    for model in options.model or ["mini-decoder"]:
        name = options.gemma if model.startswith("gemma") else model
        for seed in options.seed or settings["seeds"]:
            chosen = options.condition or settings["models"][model]["conditions"]
            for condition in [BEFORE, *chosen]:
                folder = options.work / model / f"{condition}-{seed}"
                found = folder.with_suffix(".outcomes.parquet")
                done = condition == BEFORE or folder.with_suffix(".time.json").exists()
                if "tune" in steps and not done:
                    tune(options, settings, model, condition, seed, folder)
                own = name if condition == BEFORE else str(folder / "model")
                if "words" in steps and (condition != BEFORE or seed == settings["seeds"][0]):
                    words(
                        options,
                        settings,
                        settings["models"][model]["layer"],
                        own,
                        folder.with_suffix(".words"),
                    )
                if "measure" in steps and not found.exists():
                    outcomes = measure(options, settings, own, seed, tuned=condition != BEFORE)
                    found.parent.mkdir(parents=True, exist_ok=True)
                    outcomes.to_parquet(found)
    if "tables" in steps:
        from tables import write

        write(options.work, HERE, settings)


if __name__ == "__main__":
    main()
