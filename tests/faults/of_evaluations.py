"""Damaged folders of evaluations and probes: units are made again with the numbers of an undamaged run, or
refused; tables are refused, or what was written."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from campaign import Campaign, Outcome, flipped
from planted import Planted, write_store

from concept_align.evaluation.evaluate import evaluate
from concept_align.evaluation.probing import probe
from concept_align.evaluation.results import read
from concept_align.evaluation.tidy import Evaluation
from concept_align.meta.run import run_meta_training

SMALL = {"hidden": 8, "epochs": 1, "adapts": "none"}
LANGUAGES = ("en", "de", "et", "he")


@dataclass(frozen=True)
class Finished:
    """A folder that ``again`` left, and goes on in; what it found there."""

    folder: Path
    again: Callable[[Path], Any]
    found: pd.DataFrame
    parts: dict[Path, bytes]


def finished(folder: Path, again: Callable[[Path], Any]) -> Finished:
    found = frame_of(again(folder))
    parts = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return Finished(folder, again, found, parts)


def frame_of(result: Any) -> pd.DataFrame:
    frame = result.frame() if isinstance(result, Evaluation) else result.results
    return frame.reset_index(drop=True)


def prepare_evaluation(folder: Path) -> Finished:
    store = write_store(folder / "store", Planted(dim=6, sents=8, length=3), LANGUAGES)
    for seed in (0, 1):
        run_meta_training(
            store, folder / f"aligner-{seed}", layers=1, learner="pooled", settings=SMALL, seed=seed,
            train_langs="en,de", validation_langs="none", target_langs="none",
        )  # fmt: skip
    aligners = [folder / "aligner-0", folder / "aligner-1"]
    options: dict[str, Any] = {"langs": ["et", "he"], "shots": [0, 2], "support_draws": 2, "bootstrap": 100}

    def again(out: Path) -> Evaluation:
        found = evaluate({"pooled": aligners}, store, out=out, **options)
        found.save(out)
        return found

    return finished(folder / "out", again)


def prepare_probe(folder: Path) -> Finished:
    store = write_store(folder / "store", Planted(dim=6, sents=8, length=3), LANGUAGES[:2])
    return finished(
        folder / "out", lambda out: probe(store, layers=1, epochs=1, bootstrap=100, rank=2, out=out)
    )


def case(prepared: Finished, folder: Path, rng: random.Random) -> Outcome:
    """One file of the folder damaged; its table read, then the run done again there."""
    out = folder / "out"
    shutil.copytree(prepared.folder, out)
    name = rng.choice(sorted(prepared.parts))
    damage(out / name, prepared, rng)
    if name.name == "results.parquet" or rng.random() < 0.1:
        pd.testing.assert_frame_equal(read(out), prepared.found, check_dtype=False)
        return "unchanged"
    again = frame_of(prepared.again(out))
    pd.testing.assert_frame_equal(again, prepared.found, check_exact=True)
    return (
        "recovered"
        if (out / name).is_file() and (out / name).read_bytes() == prepared.parts[name]
        else "unchanged"
    )


def damage(path: Path, prepared: Finished, rng: random.Random) -> None:
    data = path.read_bytes()
    match rng.randrange(8):
        case 0 | 1 | 2:
            path.write_bytes(flipped(data, rng))
        case 3:
            path.write_bytes(_digit_changed(data, rng))
        case 4:
            others = [name for name in prepared.parts if name.suffix == path.suffix]
            path.write_bytes(prepared.parts[rng.choice(others)])
        case 5:
            path.write_bytes(data[: rng.choice([0, 1, len(data) // 2])])
        case 6:
            lines = data.splitlines(keepends=True)
            path.write_bytes(b"".join(rng.sample(lines, rng.randrange(len(lines) + 1))))
        case _:
            path.unlink()
            if rng.random() < 0.3:
                path.symlink_to(path.name)
            elif rng.random() < 0.5:
                path.mkdir()


def _digit_changed(data: bytes, rng: random.Random) -> bytes:
    """Another digit somewhere: what still reads as what it is."""
    places = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return flipped(data, rng)
    place = rng.choice(places)
    return data[:place] + str((data[place] - 48 + rng.randrange(1, 10)) % 10).encode() + data[place + 1 :]


CAMPAIGNS = [
    Campaign(
        "evaluations",
        "a file of an evaluation's folder: units, tables, list; read, and done again",
        prepare_evaluation,
        case,
        default=24,
        full=2000,
    ),
]
