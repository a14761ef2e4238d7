"""In-context learning over 12 targets, then the tables and figures of this folder.

    python experiments/icl/run.py --treebanks UD_RELEASE --gemma FOLDER_OR_ID [--work FOLDER] [--set all]

Everything is done by the command a user has; the script only lists the calls. Each resumes what an
earlier run left, so the script may be stopped and started at will. Finished tests stay in the work folder.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True)


def arguments(settings: dict[str, Any], chosen: dict[str, Any], about: dict[str, Any]) -> list[object]:
    """The options of ``concept-align icl`` for one model."""
    words: list[object] = ["--k", ",".join(map(str, settings["k"])), "--demo-draws", settings["draws"]]
    words += ["--seed", settings["seed"], "--layers", about["layers"], "--dtype", about["dtype"], "--effects"]
    for key, value in chosen.items():
        words += [f"--{key.replace('_', '-')}", value]
    return words


def main() -> None:
    settings = tomllib.loads((HERE / "config.toml").read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, help="a UD 2.10 release folder")
    parser.add_argument("--gemma", default="google/gemma-3-270m", help="where the larger model is")
    parser.add_argument("--alignability", type=Path, help="what concept-align alignability wrote for gemma")
    parser.add_argument("--work", type=Path, default=Path("runs/icl"), help="finished tests, aligners")
    parser.add_argument("--set", default="small", choices=["small", "all"])
    parser.add_argument("--model", action="append", choices=list(settings["models"]))
    parser.add_argument("--only", choices=["ask", "tables"], action="append")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, with the time")
    options = parser.parse_args()
    for model in options.model or settings["models"]:
        if "ask" not in (options.only or ["ask"]):
            continue
        if options.treebanks is None:
            parser.error("say with --treebanks where the treebanks are")
        name = options.gemma if model.startswith("gemma") else model
        words = arguments(settings, settings[options.set], settings["models"][model])
        if options.alignability is not None and model.startswith("gemma"):
            words += ["--alignability", options.alignability]
        words += ["--dry-run"] if options.dry_run else []
        out = options.work / options.set / model
        run("icl", "--model", name, "--treebanks", options.treebanks, *words, "--out", out)
    if "tables" in (options.only or ["tables"]) and not options.dry_run:
        from tables import write

        write(options.work / options.set, HERE, settings)


if __name__ == "__main__":
    main()
