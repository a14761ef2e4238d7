"""Damaged folders of aligners: refused, or every prediction is that of the undamaged folder."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from campaign import Campaign, Outcome, flipped
from fake_model import FakeModel
from fake_treebank import write
from mini_aligner import without_hashes

from concept_align.apply import TextAligner
from concept_align.extraction.run import extract_files
from concept_align.integrity import write_sums
from concept_align.meta.hub import SUMMED
from concept_align.meta.learners.base import Aligner
from concept_align.meta.run import run_meta_training
from concept_align.spaces.features import Features

SMALL = {"hidden": 8, "epochs": 1}
EPISODIC = {**SMALL, "rank": 4, "pooled_epochs": 1, "episodes": 2, "queries": 4}
LEARNERS: dict[str, dict[str, Any]] = {
    "self-train": {**SMALL, "rounds": 1, "round_words": 50, "adapt_steps": 5},
    "pooled": {**SMALL, "adapts": "head"},
    "shrink": EPISODIC,
    "tagger": {"epochs": 1, "rounds": 1, "round_words": 50, "adapt_steps": (0, 5), "hidden": 8, "reads": 4},
    "closed-form": EPISODIC,
    "maml": {**EPISODIC, "steps": 1, "adapt_steps": 1},
    "ridge": {"rank": 4, "preset": "fast"},
    "target-only": {"strengths": [1.0, 10.0], "validation_shots": [1]},
}
VALUES: tuple[Any, ...] = (
    None, True, 0, 1, -1, 3, 0.5, -0.5, 10**9, 10**400, float("nan"), float("inf"), "", "x", "3", "NOUN",
    "en", [], ["x"], [["x"]], [1, 2], {}, {"x": 1}, {"x": {"y": []}},
)  # fmt: skip
Damage = Callable[["Saved", Path, random.Random], None]


@dataclass(frozen=True)
class Saved:
    """Folders of aligners, what makes their states, and what each says undamaged."""

    folders: tuple[Path, ...]
    model: FakeModel
    words: Features
    text: list[list[str]]
    said: dict[str, list[torch.Tensor]]


def prepare(folder: Path) -> Saved:
    """An aligner of each learner, and one with a mean and scale of all languages."""
    lengths = [4, 7, 5, 3, 8, 6] * 6
    files = [
        write(folder / "ud", code, split, lengths)
        for code in ("en", "de", "et")
        for split in ("train", "dev")
    ]
    model = FakeModel(dim=6, layers=2)
    extract_files(model, files, folder / "store", layers=[1])
    options: dict[str, Any] = {
        "layers": 1,
        "validation_langs": "et",
        "target_langs": "none",
        "train_langs": "en,de",
    }
    places = []
    for name, settings in LEARNERS.items():
        places.append(folder / "aligners" / name)
        run_meta_training(folder / "store", places[-1], learner=name, settings=settings, **options)
    places.append(folder / "aligners" / "global")
    options |= {"learner": "pooled", "settings": {**SMALL, "adapts": "none"}, "standardise": "global"}
    run_meta_training(folder / "store", places[-1], **options)
    rng = np.random.default_rng(0)
    y = torch.from_numpy(rng.integers(0, 17, 24))
    x = torch.from_numpy(rng.normal(size=(24, 6)).astype(np.float32))
    words = Features("tr", tuple("c" * 17), x, y, np.array([0, 6, 12, 24]))
    text = [["abc", "def", "gehi"], ["xyz", "abcd"]]
    plain = Saved(tuple(places), model, words, text, {})
    said = {place.name: answers(plain, place, whole=True) for place in places}
    return Saved(tuple(places), model, words, text, said)


def answers(saved: Saved, folder: Path, *, whole: bool) -> list[torch.Tensor]:
    """Scores zero-shot and with labels; ``whole``: of text too."""
    aligner = Aligner.from_pretrained(folder)
    found = [
        aligner.adapt(support, unlabelled=saved.words.x, seed=1).scores(saved.words.x)
        for support in (None, saved.words.of_sentences(np.array([0, 1])))
    ]
    if whole:
        text = TextAligner.from_pretrained(folder, saved.model).adapt().classify(saved.text)
        assert text.task.concepts == aligner.concepts
        found.append(text.scores)
    return found


def case(saved: Saved, folder: Path, rng: random.Random) -> Outcome:
    """One damage to one file, and all that the folder is read for."""
    chosen = rng.choice(saved.folders)
    copy = folder / chosen.name
    shutil.copytree(chosen, copy)
    rng.choice(DAMAGES)(saved, copy, rng)
    found = answers(saved, copy, whole=True)
    for one, undamaged in zip(found, saved.said[chosen.name], strict=True):
        assert torch.equal(one, undamaged), "other predictions without a word"
    return "unchanged"


def some_file(folder: Path, rng: random.Random) -> Path:
    return rng.choice(sorted(path for path in folder.iterdir() if path.is_file()))


def bytes_changed(saved: Saved, folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.write_bytes(flipped(path.read_bytes(), rng))


def cut(saved: Saved, folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.write_bytes(path.read_bytes()[: rng.choice([0, 1, 8, path.stat().st_size // 2])])


def removed(saved: Saved, folder: Path, rng: random.Random) -> None:
    some_file(folder, rng).unlink()


def another_s(saved: Saved, folder: Path, rng: random.Random) -> None:
    path, other = some_file(folder, rng), rng.choice(saved.folders)
    if (other / path.name).exists():
        shutil.copyfile(other / path.name, path)


def no_file(saved: Saved, folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.unlink()
    match rng.randrange(3):
        case 0:
            path.mkdir()
        case 1:
            path.symlink_to(path.name)
        case _:
            path.symlink_to("nowhere")


def value_changed(saved: Saved, folder: Path, rng: random.Random) -> None:
    """Of JSON, without the hashes knowing."""
    change_value(folder / rng.choice(["config.json", "provenance.json", "summary.json"]), rng)


def change_value(path: Path, rng: random.Random) -> None:
    """Another value somewhere in a JSON file, or none."""
    value = json.loads(path.read_text("utf-8"))
    inner: Any = value
    while True:
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        key: Any = rng.choice(list(keys))
        if isinstance(inner[key], dict | list) and inner[key] and rng.random() < 0.8:
            inner = inner[key]
            continue
        if rng.random() < 0.2:
            del inner[key]
        else:
            inner[key] = rng.choice(VALUES)
        break
    path.write_text(json.dumps(value), "utf-8")


DAMAGES: tuple[Damage, ...] = (bytes_changed, bytes_changed, cut, removed, another_s, no_file, value_changed)


def made_by_hand(saved: Saved, folder: Path, rng: random.Random) -> Outcome:
    """A value that cannot be, under hashes that are right: refused, or used as it says; never a traceback."""
    chosen = rng.choice(saved.folders)
    copy = folder / chosen.name
    shutil.copytree(chosen, copy)
    path = copy / rng.choice(["config.json", "config.json", "provenance.json", "model.safetensors"])
    if path.suffix == ".json":
        change_value(path, rng)
    else:
        data = path.read_bytes()
        begin = 8 + int.from_bytes(data[:8], "little")
        path.write_bytes(data[:begin] + flipped(data[begin:], rng))
    if rng.random() < 0.5:
        write_sums(copy, SUMMED)
    else:
        without_hashes(copy)
    for one in answers(saved, copy, whole=True):
        assert not bool(one.isnan().all(1).any()), "no number"
    return "unchanged"


CAMPAIGNS = [
    Campaign(
        "aligners",
        "a file of an aligner's folder: bytes, values, another's, none; adapted, and put to text",
        prepare,
        case,
        full=3000,
    ),
    Campaign(
        "aligners-by-hand",
        "a value in an aligner's folder, with hashes that are right or none; adapted, and put to text",
        prepare,
        made_by_hand,
        default=100,
        full=3000,
    ),
]
