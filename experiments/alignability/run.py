"""How far concepts correspond in Gemma 3 270M and the mini models: extract, compare, keep the tables here.

    python experiments/alignability/run.py --treebanks UD_RELEASE [--work FOLDER] [--results FOLDER]

The script lists commands that a user has; each resumes where an earlier run stopped. States stay in the work
folder; tables and figures are kept here. --results is what ``evaluate`` wrote for zero-shot transfer from
English (``experiments/43-languages``).
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from cut import cut

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")
SENTENCES = 400  # of each language's train part
KEPT_FIGURES = (("gemma", "upos"), ("gemma", "relation"))
OTHERS = ("figures/concepts-*.png", "figures/map-*.png", "figures/transfer-*.png")
STEPS = ("extract", "compare", "keep")
KEPT = ("means.csv", "controls.csv", "concepts.csv", "families.csv", "predictors.csv", "transfer.csv",
        "models.csv", "summary.md")  # fmt: skip


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True)


def untrained(model: str | Path, folder: Path) -> Path:
    """A model of the same shape with weights as they are before training, written to ``folder``."""
    if not (folder / "config.json").is_file():
        import torch
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.from_pretrained(model)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def extract(work: Path, treebanks: Path) -> None:
    """All layers of every model and of its untrained control, over the train sentences."""
    sys.path.insert(0, str(HERE.parent))
    from gemma270m import packaged_model

    from concept_align.models.shipped import shipped_model

    cut(treebanks, work / "treebanks", SENTENCES)
    models = {
        "gemma270m": packaged_model(),
        "mini-encoder": shipped_model("mini-encoder"),
        "mini-decoder": shipped_model("mini-decoder"),
    }
    for name, model in models.items():
        for called, folder in ((name, model), (f"{name}-untrained", work / "models" / f"{name}-untrained")):
            if called != name:
                untrained(model, folder)
            # Shipped models are asked for by name, so that results name them so.
            asked = called if called.startswith("mini") and called == name else folder
            run("extract", "--model", asked, "--treebanks", work / "treebanks", "--layers", "all",
                "--splits", "train", "--dtype", "bfloat16" if name == "gemma270m" else "float32",
                "--out", work / "stores" / called)  # fmt: skip


# Debiased CKA first: it decides which layer is looked at closely, and has most power (calibration.png).
WORDS = ["--measures", "cka,rsa,procrustes,retrieval-p1"]
# Retrieval of up to 30 concepts by every relabelling takes hours; 200 relabellings give p down to 0.005.
FEWER = ["--measures", "cka,rsa,procrustes", "--permutations", 200, "--bootstrap", 100]


def compare(work: Path, results: Path | None) -> None:
    stores = work / "stores"
    asked = ["--results", results] if results is not None else []
    for task in ("upos", "relation"):
        run("alignability", "--store", stores / "gemma270m", "--task", task,
            "--control", f"untrained model={stores / 'gemma270m-untrained'}", *asked,
            *(WORDS if task == "upos" else FEWER), "--out", work / "gemma" / task)  # fmt: skip
        run("alignability", "--store", stores / "mini-encoder", "--store", stores / "mini-decoder",
            "--control", f"untrained encoder={stores / 'mini-encoder-untrained'}",
            "--control", f"untrained decoder={stores / 'mini-decoder-untrained'}",
            "--task", task, *FEWER, "--out", work / "mini" / task)  # fmt: skip
    # The head of a root is the sentence-start state, which is like no word: how much hangs on it?
    run("alignability", "--store", stores / "gemma270m", "--task", "relation", "--root", "exclude",
        "--control", f"untrained model={stores / 'gemma270m-untrained'}", "--layers", "0,9,18", *FEWER,
        "--out", work / "gemma" / "relation-no-root")  # fmt: skip
    # As it is without taking the prototypes' errors out: for the means alone.
    run("alignability", "--store", stores / "gemma270m", "--task", "upos", "--no-debias", *FEWER[:4],
        "--bootstrap", 0, "--halves", 0, "--out", work / "gemma" / "upos-plain")  # fmt: skip


def keep(work: Path) -> None:
    """Copy the small tables here, and the figures of Gemma's two tasks."""
    for place in sorted((work / "gemma").iterdir()) + sorted((work / "mini").iterdir()):
        to = HERE / place.parent.name / place.name
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        for name in KEPT:
            if (place / name).is_file():
                shutil.copy(place / name, to / name)
        text = (to / "summary.md").read_text()
        shown = (
            re.findall(r"!\[.*?\]\((.*?)\)", text) if (place.parent.name, place.name) in KEPT_FIGURES else []
        )
        others = [*OTHERS] if shown else []
        for picture in shown + [str(path.relative_to(place)) for one in others for path in place.glob(one)]:
            (to / "figures").mkdir(exist_ok=True)
            shutil.copy(place / picture, to / picture)
        if not shown:
            (to / "summary.md").write_text(re.sub(r"!\[.*?\]\(.*?\)\n\n", "", text))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, required=True, help="a UD 2.10 release folder")
    parser.add_argument("--work", type=Path, default=Path("runs/alignability"))
    parser.add_argument("--results", type=Path, help="what evaluate wrote, zero-shot from English")
    parser.add_argument("--only", choices=STEPS, action="append")
    options = parser.parse_args()
    steps = options.only or STEPS
    if "extract" in steps:
        extract(options.work, options.treebanks)
    if "compare" in steps:
        compare(options.work, options.results)
    if "keep" in steps:
        keep(options.work)


if __name__ == "__main__":
    main()
