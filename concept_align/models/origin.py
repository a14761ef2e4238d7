"""Where a model comes from, pinned: a commit of a hub repository, or a hash of a local folder's files.

An adapter (peft) is refused: transformers would read it or not, depending on what else is installed.

The hash of local files is a sha256 over name, size and sha256 of each file that decides an answer
(configuration, tokenizer, weights), all of it read once: weights that were tuned on and saved under the
same name and size are another revision.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.utils import cached_file
from transformers.utils.hub import extract_commit_hash

from ..errors import ModelError, UsageError
from ..hashing import sha256_file
from ..registration import nearest
from .shipped import NAMES, shipped_model

_SMALL = ("config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json",
          "*.model", "*.tiktoken")  # fmt: skip
WEIGHTS_FILES = (("*.safetensors", "*.safetensors.index.json"), ("pytorch_model*.bin*",))

LONGEST = 255  # bytes of a name on most file systems
ADAPTER = "adapter_config.json"
WEIGHTS = "weights:"  # what the revision of a model that was loaded in memory begins with


@dataclass(frozen=True)
class Origin:
    path: str  # hub id or local folder
    gguf: str | None  # the file in that folder, where the model is one
    commit: str | None  # of the hub repository
    revision: str  # the commit, or the hash of the local files
    offline: bool


def locate(name: str, revision: str | None, offline: bool) -> Origin:
    """Find ``name`` (one of ``NAMES``, a path or a hub id) and pin it.

    Raises ModelError, UsageError for a revision of a local folder.
    """
    path = shipped_model(name) if name in NAMES else Path(name).expanduser()
    if len(path.name) > LONGEST:
        raise ModelError("no file has so long a name", where=f"{name[:60]}…", remedy="check the model's path")
    if not path.exists():
        if name.startswith(("/", "./", "../", "~")) or name.endswith(".gguf") or "\\" in name:
            raise ModelError("there is no such file or folder", where=name, remedy="check the model's path")
        if near := nearest(name, NAMES, cutoff=0.8):
            raise ModelError("there is no such model", where=name, remedy=f"did you mean {near[0]!r}?")
        refuse_adapter(name, revision=revision, local_files_only=offline)
        # The commit behind a branch or tag, so that every file comes from the same one.
        file = cached_file(name, "config.json", revision=revision, local_files_only=offline)
        if (commit := extract_commit_hash(file, None)) is None:
            remedy = "name a revision, or give a folder that holds it"
            raise ModelError("its commit cannot be told", where=name, remedy=remedy)
        return Origin(name, None, commit, commit, offline)
    if revision is not None:
        remedy = "leave revision out: its files are hashed"
        raise UsageError("a local model has no revisions", where=name, remedy=remedy)
    if path.is_file():
        if path.suffix != ".gguf":
            remedy = "give the folder that holds it"
            raise ModelError("a model is a folder or a .gguf file", where=name, remedy=remedy)
        refuse_adapter(str(path.parent))
        return Origin(str(path.parent), path.name, None, fingerprint([path]), True)
    refuse_adapter(str(path))
    if (path / "config.json").is_file():
        return Origin(str(path), None, None, fingerprint(_deciding(path)), True)
    files = sorted(path.glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(
            f"the folder holds no config.json and {len(files)} .gguf files",
            where=name,
            remedy="give a folder saved by save_pretrained, or the path of one .gguf file",
        )
    return Origin(str(path), files[0].name, None, fingerprint(files), True)


def refuse_adapter(model: str, **options: Any) -> None:
    """ModelError where the folder or repository ``model`` holds a configuration of an adapter."""
    passing = ("missing_entries", "connection_errors", "gated_repo")  # what is said of config.json is better
    options |= {f"_raise_exceptions_for_{kind}": False for kind in passing}
    if cached_file(model, ADAPTER, **options) is None:
        return
    raise ModelError(
        f"it holds an adapter ({ADAPTER}), which is read or not depending on whether peft is installed",
        where=model,
        remedy="give the model with the adapter merged into it: PeftModel.from_pretrained(model, adapter)"
        ".merge_and_unload().save_pretrained(folder); or the model without it",
    )


def _deciding(folder: Path) -> list[Path]:
    """The files of a model's folder that decide its answers."""
    files = {file for pattern in _SMALL for file in folder.glob(pattern)}
    for patterns in WEIGHTS_FILES:  # transformers takes safetensors where there are both
        weights = {file for pattern in patterns for file in folder.glob(pattern)}
        if weights:
            files |= weights
            break
    return sorted(file for file in files if file.is_file())


def fingerprint(files: list[Path]) -> str:
    """``sha256:`` and the hash over name, size and content of ``files``; about 1 GB/s."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}\0{file.stat().st_size}\0{sha256_file(file)}\n".encode())
    return f"sha256:{total.hexdigest()}"


def weights_fingerprint(module: nn.Module) -> str:
    """``weights:`` and the SHA-256 over names, shapes, types and values of a loaded model's weights."""
    total = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        total.update(f"{name}\0{tuple(tensor.shape)}\0{tensor.dtype}\n".encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return f"{WEIGHTS}{total.hexdigest()}"
