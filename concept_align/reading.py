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
from .hashing import sha256_file

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Refusal = type[ConceptAlignError]
# Columns of results that are text.
NAMES = ("model", "revision", "layer", "task", "source", "language", "learner", "metric")
NUMBERS = ("value", "low", "high", "n")
RESULTS, ABOUT = "results", "evaluation.json"  # what ``evaluate`` calls them
REMEDY = "check the path, or make the file again"


def _read(path: str | Path, read: Callable[[Path], T], kind: str, error: Refusal, remedy: str) -> T:
    try:
        return read(Path(path))
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise error(f"cannot read: {reason}", where=str(path), remedy=remedy) from fault
    except (ValueError, RecursionError) as fault:  # JSON, TOML and UTF-8 errors are ValueErrors
        raise error(f"not {kind}: {fault}", where=str(path), remedy=remedy) from fault


def read_text(
    path: str | Path, *, error: Refusal = StoreError, remedy: str = REMEDY, as_it_is: bool = False
) -> str:
    """The text of a UTF-8 file, line ends as line feeds unless ``as_it_is``. Raises ``error`` for others."""

    def read(file: Path) -> str:
        return file.read_bytes().decode() if as_it_is else file.read_text(encoding="utf-8")

    return _read(path, read, "UTF-8 text", error, remedy)


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

    Raises ConceptAlignError where there is none, where the file in the folder is not what was written, and
    for columns of results that are of another type.
    """
    path, about = Path(path), Path(path) / ABOUT
    sha256: Any = None
    if path.is_dir():
        path = path / f"{RESULTS}.parquet"
        if about.exists():  # of an earlier release, without hashes
            sha256 = read_json_object(about, error=ConceptAlignError).get("sha256")
    if not path.is_file():
        raise ConceptAlignError("no results here", where=str(path), remedy="run concept-align evaluate first")
    # Codes such as "nan" are names, never missing values; numbers may be.
    missing = {name: [""] for name in NUMBERS}
    frame = read_table(
        path, sha256, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=missing
    )
    types = {**dict.fromkeys(NAMES, "OUT"), **dict.fromkeys(NUMBERS, "fiu"), "shots": "iu", "draw": "iu"}
    for name in frame.columns:
        if len(frame) and frame[name].dtype.kind not in types.get(name, frame[name].dtype.kind):
            what = f"column {name!r} is not of {'numbers' if name in NUMBERS else 'what it should be'}"
            raise ConceptAlignError(what, where=str(path), remedy=REMEDY)
    return frame


def read_table(path: Path, sha256: str | None = None, **options: Any) -> "pd.DataFrame":
    """The data frame in a ``.parquet`` or (with pandas' ``options``) a CSV file.

    ``sha256``: what its bytes must hash to. Raises ConceptAlignError for whatever is wrong with it.
    """
    import pandas as pd

    try:
        if sha256 is not None and sha256_file(path) != sha256:
            raise ConceptAlignError("its content is not what was written", where=str(path), remedy=REMEDY)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        frame = pd.read_csv(path, **options)
    except ConceptAlignError:
        raise
    except OSError as fault:
        raise ConceptAlignError(
            f"cannot read: {fault.strerror or fault}", where=str(path), remedy=REMEDY
        ) from fault
    except Exception as fault:  # whatever pandas and Arrow raise for a damaged file
        said = str(fault).strip().splitlines() or [type(fault).__name__]
        raise ConceptAlignError(f"not a table: {said[0]}", where=str(path), remedy=REMEDY) from fault
    texts = [name for name in frame.columns if frame[name].dtype.kind == "O"]
    return frame.assign(**{name: frame[name].map(unguarded) for name in texts})
