"""Word classes of a larger model: learned by tuning it, or from its frozen states, from the same sentences.

    python experiments/tuning/labelled.py --treebanks UD [--gemma FOLDER_OR_ID] [--task upos] [--work FOLDER]

400 labelled sentences in each of the 22 training languages. *Tuned*: the preset ``concepts`` (LoRA, a linear
head on layer 13, each sentence seen once), then ``pooled`` on 100 sentences of each language for a classifier
of the tuned states. *Frozen*: ``pooled`` and ``self-train`` on all 400, of layer 13 alone, and of layers 10
and 13 with the neighbours' states. All are tested zero-shot in 17 languages, 200 sentences each. Commands
resume; ``labelled.csv`` is the table.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.append(str(Path(__file__).parent.parent))

from run import HERE, run

from concept_align.atomic import save_csv, write_text
from concept_align.evaluation.results import SUMMARIES
from concept_align.statistics import mean_over_languages
from concept_align.treebanks.conllu import read_conllu
from concept_align.treebanks.discover import find_treebanks

SENTENCES, TESTED = 400, 200
STEPS, BATCH, LAYER = 550, 16, 13  # 22 * 400 / 16: each sentence once
WIDE = ["--layers", f"10,{LAYER}", "--context-layers", 10]
FROZEN = {
    f"{learner}, {name}": (learner, inputs)
    for name, inputs in (("wide", WIDE), ("layer 13", ["--layers", LAYER]))
    for learner in ("self-train", "pooled")
}
# The defaults of when it was run.
AS_RUN = {"self-train": ["--set", "mass=free"], "pooled": ["--preset", "single"]}


def cut(treebanks: Path, folder: Path) -> None:
    """The first training sentences of each training language, as treebanks of their own."""
    for file in find_treebanks(treebanks, "train"):
        if file.split != "train":
            continue
        corpus = read_conllu(file.path, language=file.language, treebank=file.treebank, split="train")
        text = corpus.to_conllu().rstrip("\n").split("\n\n")[:SENTENCES]
        name = file.path.name.removesuffix(".xz").removesuffix(".gz")
        write_text(folder / file.treebank / name, "\n\n".join(text) + "\n\n")


def states(model: object, treebanks: Path, layers: str, train: int, store: Path) -> None:
    """What the learners read: of targets the train split too, where unlabelled words may be learned from."""
    line = ["extract", "--model", model, "--treebanks", treebanks, "--layers", layers, "--dtype", "bfloat16",
            "--out", store]  # fmt: skip
    run(*line, "--langs", "train", "--splits", "train", "--limit", train)
    run(*line, "--langs", "validation", "--splits", "train,dev", "--limit", 100)
    run(*line, "--langs", "targets", "--splits", "train,test" if "," in layers else "test",
        "--limit", TESTED)  # fmt: skip


def accuracies(folder: Path) -> pd.DataFrame:
    """Zero-shot accuracy [languages, learners]."""
    rows = pd.read_csv(folder / "results.csv", keep_default_na=False, na_values=[""])
    rows = rows[(rows["metric"] == "accuracy") & (rows["shots"] == 0) & ~rows["language"].isin(SUMMARIES)]
    return rows.pivot_table(index="language", columns="learner", values="value")


def table(work: Path, task: str) -> pd.DataFrame:
    """Every learner's accuracy by language and over languages, and what tuning is above it by."""
    tuned = accuracies(work / f"tuned-{task}")["pooled"]
    frozen = accuracies(work / f"frozen-{task}")
    rows = []
    for name, own in {"tuned": tuned, **{name: frozen[name] for name in [*FROZEN, "majority"]}}.items():
        rows += [{"task": task, "learner": name, "language": code, "value": own[code]} for code in own.index]
        less = (tuned - own).to_numpy()
        whole = {"task": task, "learner": name, "language": "mean"}
        rows.append({**whole, **mean_over_languages(own.to_numpy()), "p": None})  # of 0 %: nobody asks
        if name != "tuned":
            rows.append({**whole, "language": "tuned less this", **mean_over_languages(less)})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, required=True)
    parser.add_argument("--gemma", default=None, help="by default Gemma 3 270M out of its package of parts")
    parser.add_argument("--task", default="upos", choices=["upos", "relation"])
    parser.add_argument("--work", type=Path, default=Path("runs/tuning-labelled"))
    parser.add_argument("--only", choices=["frozen", "tuned", "table"], action="append")
    options = parser.parse_args()
    work, task, steps = options.work, options.task, options.only or ["frozen", "tuned", "table"]
    gemma = options.gemma
    if gemma is None and {"frozen", "tuned"} & {*steps}:
        from gemma270m import packaged_model

        gemma = packaged_model()
    if "frozen" in steps:
        states(gemma, options.treebanks, f"10,{LAYER}", SENTENCES, work / "frozen")
        named = []
        for name, (learner, inputs) in FROZEN.items():
            out = work / f"{task}-{name.replace(', ', '-').replace(' ', '-')}"
            run("meta-train", "--store", work / "frozen", "--task", task, *inputs, "--learner", learner,
                *AS_RUN[learner], "--train-langs", "train", "--out", out)  # fmt: skip
            named += ["--aligner", f"{name}={out}"]
        run("evaluate", "--store", work / "frozen", *named, "--across", "--shots", 0, "--bootstrap", 200,
            "--no-figures", "--out", work / f"frozen-{task}")  # fmt: skip
    if "tuned" in steps:
        cut(options.treebanks, work / "cut")
        model, store = work / f"model-{task}", work / f"states-{task}"
        run("tune", "--model", gemma, "--preset", "concepts", "--treebanks", work / "cut", "--task", task,
            "--layer", LAYER, "--weights", "0,0,0,1", "--steps", STEPS, "--batch", BATCH, "--length", 96,
            "--dtype", "bfloat16", "--evaluate", "none", "--out", model)  # fmt: skip
        states(model / "model", options.treebanks, str(LAYER), 100, store)
        run("meta-train", "--store", store, "--task", task, "--layers", LAYER, "--learner", "pooled",
            *AS_RUN["pooled"], "--train-langs", "train", "--out", work / f"{task}-of-tuned")  # fmt: skip
        run("evaluate", "--store", store, "--aligner", f"pooled={work / f'{task}-of-tuned'}", "--shots", 0,
            "--bootstrap", 200, "--no-figures", "--out", work / f"tuned-{task}")  # fmt: skip
    if "table" in steps:
        there = [one for one in ("upos", "relation") if (work / f"tuned-{one}" / "results.csv").exists()]
        save_csv(pd.concat([table(work, one) for one in there]).round(5), HERE / "labelled.csv")


if __name__ == "__main__":
    main()
