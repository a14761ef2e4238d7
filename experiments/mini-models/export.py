"""A trained model as it is shipped: half-precision weights, tokenizer, no heads but the language model's."""

import argparse
import json
from pathlib import Path

import torch
from networks import KINDS, Trainee, Weights, network
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, PreTrainedModel

LIMIT = 16_000_000  # bytes of weights


def trained(work: Path, kind: str) -> tuple[PreTrainedModel, int]:
    """The model of the newest checkpoint, and the steps it has behind it."""
    held = torch.load(work / kind / "checkpoint.pt", weights_only=False, map_location="cpu")
    pieces = len(AutoTokenizer.from_pretrained(work / "tokenizer"))
    counts = json.loads((work / "classes" / "classes.json").read_text())
    trainee = Trainee(kind, network(kind, pieces), counts, Weights())
    with torch.no_grad():
        for mine, kept in zip(trainee.parameters(), held["fine"], strict=True):
            mine.copy_(kept)
    return trainee.model, int(held["step"])


def export(model: PreTrainedModel, work: Path, folder: Path) -> int:
    """Write ``model`` to ``folder``; the size of its weights in bytes.

    float16 on disk; the configuration says float32, which is what it is to be computed in on a CPU.
    """
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(work / "tokenizer").save_pretrained(folder)
    file = folder / "model.safetensors"
    save_file({name: held.half() for name, held in load_file(file).items()}, file, metadata={"format": "pt"})
    file.chmod(0o644)  # it is written for its owner alone
    config = json.loads((folder / "config.json").read_text())
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return file.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    args = parser.parse_args()
    model, steps = trained(args.work, args.kind)
    size = export(model, args.work, args.folder)
    print(f"{args.folder}: {size:,} bytes of weights after {steps:,} steps")
    if size > LIMIT:
        raise SystemExit(f"more than {LIMIT:,} bytes: take fewer pieces or layers")


if __name__ == "__main__":
    main()
