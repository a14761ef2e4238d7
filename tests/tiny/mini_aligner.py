"""A small aligner over the mini encoder and the mini treebanks, as meta-train leaves it."""

import json
from pathlib import Path
from typing import Any

from concept_align.extraction.run import extract_files
from concept_align.meta.run import run_meta_training
from concept_align.models.load import load_model
from concept_align.treebanks.discover import find_treebanks, mini_treebanks

LANGUAGES = "en,de,fr,et,tr"
LAYER = 3


def write_store(folder: Path) -> Path:
    """States of one layer in five languages."""
    extract_files(
        load_model("mini-encoder"), find_treebanks(mini_treebanks(), LANGUAGES), folder, layers=(LAYER,)
    )
    return folder


def train(store: Path, out: Path, **values: Any) -> Path:
    """An aligner from English, German and French, chosen by Estonian; Turkish is not seen."""
    options: dict[str, Any] = {"hidden": 0, "epochs": 4, "lr": 3e-3, "batch": 64, "adapts": "none"}
    config = {"learner": "pooled", "train_langs": "en,de,fr", "validation_langs": "et", "target_langs": "tr"}
    run_meta_training(store, out, **{"layers": LAYER, "options": options, **config, **values})
    return out


def treebank(language: str, split: str) -> Path:
    """The CoNLL-U file of a mini treebank."""
    return find_treebanks(mini_treebanks(), language, [split])[0].path


def without_hashes(folder: Path) -> Path:
    """The aligner as earlier releases left it."""
    (folder / "SHA256SUMS").unlink()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config.pop("hashes", None)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder
