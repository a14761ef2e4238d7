"""A GGUF file as a folder that loads in seconds: weights dequantised once, saved as safetensors.

Reading a GGUF file goes through every token and tensor in Python each time it is loaded (a minute or more
for a vocabulary of 262k tokens); the folder written here holds the same float32 values.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
import transformers

from .. import atomic
from ..errors import ModelError
from ..hashing import sha256_file
from ..lock import writing
from ..reading import read_json_object
from .faults import explained, quiet, unwatched

NOTE = "converted_from.json"
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
    sha256 = sha256_file(source)
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
    path = Path(folder) / NOTE
    if not path.is_file():
        return None
    return str(read_json_object(path, error=ModelError, remedy="remove the folder").get("sha256"))


def _there(folder: Path, source: Path, sha256: str) -> bool:
    """Whether ``folder`` was made from that file; ModelError if it holds anything else."""
    if not folder.exists():
        return False
    if made_from(folder) == sha256:
        return True
    what = f"the folder holds something else than the model of {source.name}"
    raise ModelError(what, where=str(folder), remedy="remove it, or choose another folder")


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
        remedy = "use the GGUF file itself as the model"
        raise ModelError("the tokenizer does not survive being saved", where=str(source), remedy=remedy)
