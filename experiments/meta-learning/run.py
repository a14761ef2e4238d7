"""Every learner over 43 languages: extract, meta-train, evaluate, then the tables and figures of this folder.

    python experiments/meta-learning/run.py --treebanks UD_RELEASE [--work FOLDER] [--model NAME]

Everything is done by the commands a user has; the script only lists them. Each resumes what an earlier
run left, so the script may be stopped and started at will. States and aligners stay in the work folder.
"""

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterator
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
    sys.path.insert(0, str(HERE.parent))
    from gemma270m import packaged_model

    layers = ",".join(map(str, about["layers"]))
    name = packaged_model() if model.startswith("gemma") else model
    run("extract", "--model", name, "--treebanks", treebanks, "--langs", langs, "--layers", layers,
        "--pooling", about["pooling"], "--dtype", about["dtype"], "--batch-tokens", 512,
        "--out", store)  # fmt: skip


def trained(how: dict[str, Any], name: str, work: Path, task: str) -> Iterator[Path]:
    """The folder of each training seed's aligner."""
    for seed in range(how["seeds"]):
        yield work / "aligners" / task / f"{name}-{seed}"


def train(
    how: dict[str, Any], inputs: dict[str, str], task: str, seed: int, store: Path, folder: Path
) -> None:
    """One aligner."""
    context = ["--context-layers", inputs["context"]] if inputs["context"] else []
    run("meta-train", "--store", store, "--task", task, "--layers", inputs["layers"], *context,
        "--learner", how["learner"], "--preset", how["preset"], "--seed", seed, "--out", folder,
        *(word for one in how.get("settings", ()) for word in ("--set", one)))  # fmt: skip


def evaluate(aligners: dict[str, list[Path]], protocol: dict[str, Any], store: Path, out: Path) -> None:
    """All of ``aligners`` that ``protocol`` is about."""
    given = [
        word
        for name in protocol.get("learners", aligners)
        for folder in aligners.get(name, [])[: protocol.get("seeds")]
        for word in ("--aligner", f"{name}={folder}")
    ]
    shots, against = ",".join(map(str, protocol["shots"])), ",".join(protocol["against"])
    run("evaluate", *given, "--store", store, "--shots", shots, "--support-draws", protocol["draws"],
        "--across", "--against", against, "--out", out)  # fmt: skip


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
    parser.add_argument("--evaluation", action="append", choices=list(settings["evaluations"]))
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
            learners = options.learner or list(settings["learners"])
            aligners = {
                name: list(trained(settings["learners"][name], name, work, task)) for name in learners
            }
            if "train" in steps:
                for name in learners:
                    how = settings["learners"][name]
                    for seed, folder in enumerate(aligners[name]):
                        train(how, about[how["inputs"]], task, seed, store, folder)
            if "evaluate" in steps:
                for which, protocol in settings["evaluations"].items():
                    if which in (options.evaluation or settings["evaluations"]):
                        evaluate(aligners, protocol, store, work / "evaluate" / which / task)
    if "tables" in steps:
        from tables import write

        write(options.work, HERE, settings)


if __name__ == "__main__":
    main()
