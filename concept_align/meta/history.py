"""The log of a training: one JSON line an epoch and stage, without times, so that equal runs are equal."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import atomic

NAME = "training.jsonl"


def save_history(folder: Path | None, histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write :data:`NAME` into ``folder`` (nowhere without one)."""
    if folder is None:
        return
    lines = [
        json.dumps({"stage": stage, **record}, sort_keys=True)
        for stage, records in histories.items()
        for record in records
    ]
    atomic.write_text(folder / NAME, "\n".join(lines) + "\n")


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The records of :func:`save_history`; none where there is no log."""
    path = folder / NAME
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
