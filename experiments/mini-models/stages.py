"""The runs that made a model, one after the other: a run may start from what an earlier one trained."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One run of ``train.py``: its settings and its log."""

    settings: dict[str, Any]
    log: list[dict[str, Any]]

    @property
    def batch(self) -> int:
        """Pieces of a step."""
        return int(self.settings["rows"] * self.settings["length"])

    @property
    def pieces(self) -> int:
        return int(self.settings["steps"]) * self.batch

    @property
    def seconds(self) -> float:
        """Of computing, by the speeds in the log; what other work on the machine took is in it."""
        return sum(
            self.batch * (b["step"] - a["step"]) / b["pieces_per_second"] for a, b in pairwise(self.log)
        )


def stages(folder: Path) -> list[Stage]:
    """The runs behind the model in ``folder``, the first one first."""
    settings = json.loads((folder / "settings.json").read_text())
    # Steps that were done twice, after a stop, count once.
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    log = sorted({entry["step"]: entry for entry in entries}.values(), key=lambda entry: entry["step"])
    before = settings.get("init")
    return [*(stages(Path(before).parent) if before else []), Stage(settings, log)]
