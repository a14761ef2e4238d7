"""Is correspondence used? Stores of states, then every run of config.toml, then the tables of this folder.

    python experiments/causal/run.py --treebanks UD --gemma FOLDER_OR_ID [--work FOLDER] [--only RUN]

Each run is a command that a user has, and resumes. States and runs stay in the work folder.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")
UNTRAINED = "-untrained"
LIMIT = 300  # sentences of a language in the store
ABOUT = ("models", "seeds")  # of a run, that are no options of the command
OF_MODELS = {"gemma-3-270m": ["--layers", "5,9,13,17,18"]}  # to be stored; all of the others


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True)


def untrained(name: str, folder: Path) -> Path:
    """A model of the shape of the shipped model ``name`` with weights as they are before training."""
    if not (folder / "tokenizer.json").is_file():
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

        from concept_align.models.shipped import shipped_model

        source = shipped_model(name)
        kind = AutoModelForCausalLM if "decoder" in name else AutoModelForMaskedLM
        torch.manual_seed(0)
        kind.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def place_of(options: Any, name: str) -> Any:
    """What the model ``name`` is called in commands."""
    if name.endswith(UNTRAINED):
        return untrained(name.removesuffix(UNTRAINED), options.work / "models" / name)
    return options.gemma if name.startswith("gemma") else name


def extract(options: Any, settings: dict[str, Any], name: str) -> Path:
    """The store of a model: all its languages' training words."""
    store, where = options.work / "stores" / name, place_of(options, name)
    own = settings["models"][name]
    langs = f"{own['source_langs']},{own['langs']}" if "langs" in own else "all"
    run("extract", "--model", where, "--treebanks", options.treebanks, "--langs", langs, "--splits", "train",
        *OF_MODELS.get(name, ["--layers", "all"]), "--limit", LIMIT, "--device", options.device,
        "--out", store)  # fmt: skip
    return store


def intervene(options: Any, settings: dict[str, Any], called: str, model: str, store: Path) -> None:
    """Every seed of the run ``called`` with one model."""
    defaults = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    of_model, of_run = settings["models"][model], settings["runs"][called]
    values = {**defaults, **of_model, **of_run}
    values.setdefault("layers", values["layer"])
    words: list[object] = [
        "--store",
        store,
        "--model",
        place_of(options, model),
        "--treebanks",
        options.treebanks,
    ]
    for name, value in values.items():
        if name not in (*ABOUT, "layer"):
            flag = "--" + name.replace("_", "-")
            words += [flag] if value is True else [flag, value]
    if values.get("matrix"):  # is it predicted by how far the languages' spaces correspond?
        scores = options.work / "alignability" / model
        run("alignability", "--store", store, "--task", "upos", "--layers", values["layer"],
            "--measures", "cka", "--permutations", 99, "--bootstrap", 50, "--out", scores)  # fmt: skip
        words += ["--alignability", scores]
    for seed in of_run.get("seeds", [0]):
        run("intervene", *words, "--seed", seed, "--device", options.device,
            "--out", options.work / "runs" / f"{called}-{model}-{seed}")  # fmt: skip


def main() -> None:
    settings = tomllib.loads((HERE / "config.toml").read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, required=True, help="Universal Dependencies")
    parser.add_argument("--gemma", default="google/gemma-3-270m", help="where the larger model is")
    parser.add_argument("--work", type=Path, default=Path("runs/causal"), help="states and runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", choices=list(settings["runs"]), action="append")
    parser.add_argument("--model", choices=list(settings["models"]), action="append")
    options = parser.parse_args()
    for called in options.only or settings["runs"]:
        for model in settings["runs"][called]["models"]:
            if options.model is None or model in options.model:
                intervene(options, settings, called, model, extract(options, settings, model))
    from tables import write

    write(options.work / "runs", HERE, settings)


if __name__ == "__main__":
    main()
