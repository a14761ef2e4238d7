"""The folder of a saved aligner: what must be in it, and what damages look like."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import checked
from ...errors import LearningError, UsageError
from ...integrity import SUMS, check_sums
from ...reading import read_json_object
from ...treebanks.concepts import parse_task
from .. import hub

if TYPE_CHECKING:
    from .base import LearnerConfig

SCHEMA = 1
AGAIN = "copy or download it again, or run meta-train again"
MOST_STEPS = 100_000  # of adapting: more are not to be waited for


def read_config(folder: str | Path) -> dict[str, Any]:
    """``config.json`` of a saved aligner; LearningError where there is none that can be read."""
    path, remedy = Path(folder) / "config.json", "name a folder that meta-train wrote"
    try:
        config = read_json_object(path, error=LearningError, remedy=remedy)
        for name, kind in (("schema", int), ("learner", str), ("settings", dict)):
            checked(kind, config[name], name)
    except (LearningError, UsageError, KeyError) as error:
        raise LearningError(
            f"no aligner here: {getattr(error, 'message', error)}", where=str(path), remedy=remedy
        ) from error
    if config["schema"] != SCHEMA:
        raise LearningError(f"schema {config['schema']} is not {SCHEMA}", where=str(path), remedy=AGAIN)
    listed = check_sums(folder, error=LearningError, remedy=AGAIN)
    if listed is None:
        if "hashes" in config:  # which earlier releases did not write
            raise LearningError(
                "the hashes of its files are gone", where=str(path.with_name(SUMS)), remedy=AGAIN
            )
        return config
    if missing := [one for one in hub.SUMMED if one not in listed and os.path.lexists(path.with_name(one))]:
        what = "its hash is not among those that were written"
        raise LearningError(what, where=str(path.with_name(missing[0])), remedy=AGAIN)
    return config


def is_finished(folder: Path) -> bool:
    """Whether an aligner was saved there: hashes are written last; by earlier releases, config.json."""
    path = folder / "config.json"
    if (folder / SUMS).exists() or not path.exists():
        return path.exists()
    return "hashes" not in read_json_object(path, error=LearningError, remedy="begin anew by force")


def names_of(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names that a saved aligner's configuration holds; of one saved by 0.1, those of the task that its
    provenance names; None where neither tells."""
    if "concepts" in config:
        names = tuple(checked(tuple[str, ...], config["concepts"], "concepts"))
        if len(set(names)) < len(names) or not names:
            raise ValueError("the names of its concepts are none, or not different")
        return names
    try:
        features = read_json_object(folder / "provenance.json", error=LearningError, remedy="")["features"]
        return tuple(features.get("concepts") or parse_task(features["task"]).concepts)
    except (LearningError, UsageError, KeyError, TypeError, AttributeError):
        return None


def check_numbers(config: "LearnerConfig") -> None:
    """ValueError for numbers in a saved configuration that no run can have had."""
    if (found := config.impossible()) is not None:
        raise ValueError(found[0])
    for name, value in config.config().items():
        for one in value if isinstance(value, list) else [value]:
            repeats = name.endswith(("epochs", "steps", "rounds", "members"))
            if isinstance(one, int) and repeats and not 0 <= one <= MOST_STEPS:
                raise ValueError(f"{name} is {str(one)[:20]}")


def check_size(config: Any, dim: int, saved: int) -> None:
    """ValueError where a model of the configuration would not be of the size of what was ``saved``: it would
    be made only to be refused, whatever memory that takes."""
    hidden, members = getattr(config, "hidden", 0), getattr(config, "members", 1)
    rank, reads = getattr(config, "rank", 1), getattr(config, "reads", 0)
    if (
        dim < 1
        or members < 1
        or hidden < 0
        or not members * max(dim * max(hidden, 1), 8 * reads**2) <= saved >= rank
    ):
        raise ValueError("its sizes are not those of the tensors")
