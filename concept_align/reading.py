"""The one door for files that are read: whatever is wrong with one becomes an error of ours.

The error names the file and the remedy; a file that is not there, not readable, not UTF-8, not JSON, or
nested too deeply is never a traceback.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .atomic import unguarded
from .errors import ConceptAlignError, StoreError

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Refusal = type[ConceptAlignError]
# Columns of results that are text.
NAMES = ("model", "revision", "layer", "task", "source", "language", "learner", "metric")
REMEDY = "check the path, or make the file again"


def _read(path: str | Path, read: Callable[[Path], T], kind: str, error: Refusal, remedy: str) -> T:
    try:
        return read(Path(path))
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise error(f"cannot read: {reason}", where=str(path), remedy=remedy) from fault
    except (ValueError, RecursionError) as fault:  # JSON, TOML and UTF-8 errors are ValueErrors
        raise error(f"not {kind}: {fault}", where=str(path), remedy=remedy) from fault


def read_text(path: str | Path, *, error: Refusal = StoreError, remedy: str = REMEDY) -> str:
    """The text of a UTF-8 file. Raises ``error`` for anything else."""
    return _read(path, lambda file: file.read_text(encoding="utf-8"), "UTF-8 text", error, remedy)


def read_json(path: str | Path, *, error: Refusal = StoreError, remedy: str = REMEDY) -> Any:
    """What a JSON file holds. Raises ``error`` for anything else."""
    return _read(path, lambda file: json.loads(file.read_text(encoding="utf-8")), "JSON", error, remedy)


def read_json_object(
    path: str | Path, *, error: Refusal = StoreError, remedy: str = REMEDY
) -> dict[str, Any]:
    """The mapping that a JSON file holds. Raises ``error`` for anything else."""
    found = read_json(path, error=error, remedy=remedy)
    if not isinstance(found, dict):
        raise error(f"a JSON object is expected, not {type(found).__name__}", where=str(path), remedy=remedy)
    return found


def read_toml(path: str | Path, *, error: Refusal = StoreError, remedy: str = REMEDY) -> dict[str, Any]:
    """What a TOML file holds. Raises ``error`` for anything else."""
    return _read(path, lambda file: tomllib.loads(file.read_text(encoding="utf-8")), "TOML", error, remedy)


def read_results(path: str | Path) -> "pd.DataFrame":
    """The table of results in a ``.csv`` or ``.parquet`` file, or in a folder that ``evaluate`` wrote.

    Raises ConceptAlignError where there is none.
    """
    import pandas as pd

    path = Path(path)
    path = path / "results.parquet" if path.is_dir() else path
    if not path.is_file():
        raise ConceptAlignError("no results here", where=str(path), remedy="run concept-align evaluate first")
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    # Codes such as "nan" are names, never missing values; numbers may be.
    missing = {name: [""] for name in ("value", "low", "high", "n")}
    frame = pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=missing)
    texts = [name for name in frame.columns if frame[name].dtype.kind == "O"]
    return frame.assign(**{name: frame[name].map(unguarded) for name in texts})
