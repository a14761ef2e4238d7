"""Gemma 3 270M over 43 languages: extract, probe, meta-train and evaluate, then the tables of this folder.

    python experiments/43-languages/run.py --treebanks UD_RELEASE [--work FOLDER]

Everything is done by the commands a user has; the script only lists them. Each resumes what an earlier
run left, so the script may be stopped and started at will. States and aligners stay in the work folder; of
what it makes, results.csv, comparisons.csv and the figures are kept here.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, required=True, help="a UD 2.10 release folder")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/43-languages"), help="states, aligners, units"
    )
    parser.add_argument(
        "--only", choices=["extract", "probe", "train", "evaluate", "tables"], action="append"
    )
    parser.add_argument("--task", action="append", help="only this task; two runs can train side by side")
    options = parser.parse_args()
    settings = tomllib.loads((HERE / "config.toml").read_text())
    work, steps = options.work, options.only or ["extract", "probe", "train", "evaluate", "tables"]
    store = work / "store"
    if "extract" in steps:
        sys.path.insert(0, str(HERE.parent))
        from gemma270m import packaged_model

        layers = ",".join(map(str, settings["layers"]))
        run("extract", "--model", packaged_model(), "--treebanks", options.treebanks,
            "--langs", settings["langs"], "--layers", layers, "--pooling", settings["pooling"],
            "--dtype", settings["dtype"], "--batch-tokens", 512, "--out", store)  # fmt: skip
    aligners: list[str] = []
    for task in options.task or settings["tasks"]:
        if "probe" in steps:
            run(
                "probe", "--store", store, "--task", task, "--seed", settings["seed"], "--out", work / "probe"
            )
        for layer in settings["layers"]:
            for name, (learner, preset) in settings["learners"].items():
                folder = work / "aligners" / f"{task}-{layer}" / name
                aligners.append(f"{name}={folder}")
                if "train" in steps:
                    # The source's probe needs no other language, and so can be tested in all the others.
                    langs = settings["source"], "none", "none"
                    options_of = ("--train-langs", "--validation-langs", "--target-langs")
                    alone = [word for pair in zip(options_of, langs, strict=True) for word in pair]
                    run("meta-train", "--store", store, "--task", task, "--layers", layer,
                        "--learner", learner, "--preset", preset, "--seed", settings["seed"],
                        *(alone if name == "source-probe" else []), "--out", folder)  # fmt: skip
    if "evaluate" in steps:
        given = [word for aligner in aligners for word in ("--aligner", aligner)]
        run("evaluate", *given, "--store", store, "--shots", ",".join(map(str, settings["shots"])),
            "--support-draws", settings["draws"], "--seed", settings["seed"],
            "--out", work / "evaluate")  # fmt: skip
        given = [
            word
            for aligner in aligners
            if aligner.startswith("source-probe")
            for word in ("--aligner", aligner)
        ]
        run("evaluate", *given, "--store", store, "--shots", 0, "--langs", f"all,-{settings['source']}",
            "--seed", settings["seed"], "--out", work / "evaluate-english")  # fmt: skip
    if "tables" in steps:
        from tables import write

        write(work, HERE, settings)


if __name__ == "__main__":
    main()
