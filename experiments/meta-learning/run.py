"""Every learner over 43 languages: extract, meta-train, evaluate, then the tables and figures of this folder.

    python experiments/meta-learning/run.py --treebanks UD_RELEASE [--work FOLDER] [--model NAME]

Everything is done by the commands a user has; the script only lists them. Each goes on where an earlier run
stopped, so the script may be stopped and started at will. States and aligners stay in the work folder.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")
STEPS = ("extract", "train", "evaluate", "tables")


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True)


def extract(model: str, about: dict[str, Any], treebanks: Path, langs: str, store: Path) -> None:
    """The states of ``model`` over all languages."""
    from concept_align.models.gguf import packaged_model

    layers = ",".join(map(str, about["layers"]))
    name = packaged_model() if model.startswith("gemma") else model
    run("extract", "--model", name, "--treebanks", treebanks, "--langs", langs, "--layers", layers,
        "--pooling", about["pooling"], "--dtype", about["dtype"], "--batch-pieces", 512,
        "--out", store)  # fmt: skip


def main() -> None:
    settings = tomllib.loads((HERE / "config.toml").read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, help="a UD 2.10 release folder (to extract)")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/meta-learning"), help="states, aligners, units"
    )
    parser.add_argument("--model", action="append", choices=list(settings["models"]))
    parser.add_argument("--task", action="append", choices=settings["tasks"])
    parser.add_argument("--learner", action="append", choices=list(settings["learners"]))
    parser.add_argument("--only", choices=STEPS, action="append")
    options = parser.parse_args()
    steps = options.only or STEPS
    for model in options.model or settings["models"]:
        about, work = settings["models"][model], options.work / model
        store = work / "store"
        if "extract" in steps:
            if options.treebanks is None:
                parser.error("say with --treebanks where the treebanks are")
            extract(model, about, options.treebanks, settings["langs"], store)
        for task in options.task or settings["tasks"]:
            aligners: list[str] = []
            for name in options.learner or settings["learners"]:
                how = settings["learners"][name]
                inputs = about[how["inputs"]]
                beside = ["--beside", inputs["beside"]] if inputs["beside"] else []
                for seed in range(how["seeds"]):
                    folder = work / "aligners" / task / f"{name}-{seed}"
                    aligners += ["--aligner", f"{name}={folder}"]
                    if "train" in steps:
                        run("meta-train", "--store", store, "--task", task, "--layers", inputs["layers"],
                            *beside, "--learner", how["learner"], "--preset", how["preset"],
                            "--seed", seed, "--out", folder)  # fmt: skip
            if "evaluate" in steps:
                run("evaluate", *aligners, "--store", store, "--shots", ",".join(map(str, settings["shots"])),
                    "--draws", settings["draws"], "--across", "--against", ",".join(settings["against"]),
                    "--out", work / "evaluate" / task)  # fmt: skip
    if "tables" in steps:
        from tables import write

        write(options.work, HERE, settings)


if __name__ == "__main__":
    main()
