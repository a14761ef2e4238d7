"""Stores that were damaged: loaded, verified, tidied, and extracted again."""

import hashlib
import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from campaign import Campaign, Outcome, flipped
from fake_model import FakeModel
from fake_treebank import write
from kills import contents

from concept_align.class_sums import Statistics
from concept_align.errors import ConceptAlignError
from concept_align.extraction.run import extract_files
from concept_align.spaces.features import Features
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.treebanks.discover import TreebankFile

LAYERS = (0, 1)
ODD = (None, True, -1, 0, 1, 7, 10**30, 0.5, "", "x", "de", "train", [], ["x"], {}, {"x": -1})


@dataclass(frozen=True)
class Whole:
    """A store of three files with nothing wrong, and what it gives."""

    folder: Path
    files: list[TreebankFile]
    contents: dict[Path, bytes]
    features: dict[tuple[str, Any], Features]
    statistics: dict[int, Statistics]


def extract(files: list[TreebankFile], folder: Path) -> None:
    extract_files(FakeModel(), files, folder, layers=LAYERS)
    extract_files(
        FakeModel(), files[:1], folder, layers=LAYERS, sink="statistics", tasks=["upos"], second_moments=True
    )


def prepare(folder: Path) -> Whole:
    files = [
        write(folder, "en", "train", [5, 3, 9]),
        write(folder, "en", "test", [4, 2]),
        write(folder, "de", "train", [6, 3]),
    ]
    extract(files, folder / "store")
    store = Store.open(folder / "store")
    source = FeatureSource(store, FeatureSpec("upos", LAYERS))
    features = {(one.language, one.split): source.load(one.language, one.split) for one in files}
    return Whole(store.folder, files, contents(store.folder), features, statistics(store))


def statistics(store: Store) -> dict[int, Statistics]:
    policies: Any = {"root": "start", "mwt": "share"}
    return {layer: store.statistics("UD_EN-Fake", "train", layer, "upos", **policies) for layer in LAYERS}


# --- damage ---


def one_file(folder: Path, rng: random.Random, *, ending: str = "") -> Path:
    return rng.choice(sorted(path for path in folder.rglob(f"*{ending}") if path.is_file()))


def bytes_flipped(folder: Path, rng: random.Random) -> None:
    path = one_file(folder, rng)
    path.write_bytes(flipped(path.read_bytes(), rng))


def bit_flipped(folder: Path, rng: random.Random) -> None:
    """At equal size."""
    path = one_file(folder, rng)
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def removed(folder: Path, rng: random.Random) -> None:
    one_file(folder, rng).unlink()


def folder_for_file(folder: Path, rng: random.Random) -> None:
    path = one_file(folder, rng)
    path.unlink()
    path.mkdir()


def swapped(folder: Path, rng: random.Random) -> None:
    """Two shards of whatever languages, layers, splits and kinds, with their markers or without."""
    paths = sorted(folder.rglob("*.safetensors"))
    first, second = rng.sample(paths, 2)
    exchange(first, second)
    if rng.random() < 0.7:
        exchange(first.with_suffix(".json"), second.with_suffix(".json"))


def folders_swapped(folder: Path, rng: random.Random) -> None:
    first, second = sorted(path for path in folder.iterdir() if path.is_dir())
    match rng.randrange(3):
        case 0:
            exchange(first, second)
        case 1:
            rng.choice([first, second]).rename(folder / "UD_FR-Fake")
        case _:
            splits = ["train", "test"]
            for path in sorted(first.iterdir()) if rng.random() < 0.5 else sorted(second.iterdir()):
                split, rest = path.name.split(".", 1)
                other = path.with_name(f"{splits[split == 'train']}.{rest}")
                if split in splits and other.exists() and split == "train":
                    exchange(path, other)


def exchange(first: Path, second: Path) -> None:
    between = first.with_name("between")
    first.rename(between)
    second.rename(first)
    between.rename(second)


def other_value(folder: Path, rng: random.Random) -> None:
    """A value of another type or range, a key that is lost or new; in store.json as of an old release."""
    path = one_file(folder, rng, ending=".json")
    value = json.loads(path.read_text())
    if path.name == "store.json" and rng.random() < 0.5:
        del value["digest"]
    holder = value["recipe"] if path.name == "store.json" and rng.random() < 0.8 else value
    key = rng.choice(sorted(holder))
    match rng.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder["new"] = 1
        case _:
            holder[key] = rng.choice(ODD)
    path.write_text(json.dumps(value))


def made_so(folder: Path, rng: random.Random) -> None:
    """Tensors that cannot be, under a marker that describes the file: a writer at fault."""
    from safetensors import safe_open
    from safetensors.torch import save

    path = one_file(folder, rng, ending=".safetensors")
    with safe_open(path, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    name = rng.choice(sorted({*tensors} - {"sent_ids"}))  # any text is good for an id
    tensor = tensors[name]
    match rng.randrange(6 if metadata else 5):
        case 0:
            del tensors[name]
        case 1:
            tensors[name] = torch.cat([tensor, tensor[:1]])
        case 2:
            tensors[name] = tensor.double() if tensor.dtype != torch.float64 else tensor.float()
        case 3:
            tensors[name] = tensor.reshape(-1)[: max(0, tensor.numel() - 1)]
        case 4 if tensor.is_floating_point():
            tensor.view(-1)[rng.randrange(tensor.numel())] = rng.choice([float("nan"), float("inf")])
        case 4:
            tensor.view(-1)[rng.randrange(tensor.numel())] = rng.choice([-2, 100])
        case _:
            metadata[rng.choice(sorted(metadata))] = rng.choice(["", "[", "1", "[1]", "{}"])
    path.write_bytes(save({name: one.contiguous() for name, one in tensors.items()}, metadata))
    about = json.loads(path.with_suffix(".json").read_text())
    about |= {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(about))


DAMAGES = (
    bytes_flipped, bit_flipped, removed, folder_for_file, swapped, folders_swapped, other_value, made_so,
)  # fmt: skip


# --- use ---


def load(whole: Whole, folder: Path) -> Outcome:
    """Each language and split is as it was, refused by name, or told to be left out."""
    source, refused = FeatureSource(Store.open(folder), FeatureSpec("upos", LAYERS)), False
    for (language, split), expected in whole.features.items():
        if language not in source.languages(split):
            held = sorted((folder / f"UD_{language.upper()}-Fake").glob(f"{split}.layer*"))
            assert language in source.notes or not held, f"{language} {split} is lost without a word"
            refused = True
            continue
        try:
            found = source.load(language, split)
        except ConceptAlignError:
            refused = True
            continue
        same = found.stored.equal(expected.stored) and found.y.equal(expected.y)
        assert same and found.offsets.tolist() == expected.offsets.tolist(), f"{language} {split} is another"
    return "refused" if refused else "unchanged"


def sums(whole: Whole, folder: Path) -> Outcome:
    for layer, found in statistics(Store.open(folder)).items():
        expected = whole.statistics[layer]
        assert found.concepts == expected.concepts and found.counts.equal(expected.counts)
        assert found.sums.equal(expected.sums) and found.second.equal(expected.second)
    return "unchanged"


def verify(whole: Whole, folder: Path) -> Outcome:
    if Store.open(folder).verify():
        return "refused"
    assert load(whole, folder) == sums(whole, folder) == "unchanged", "verify found nothing"
    return "unchanged"


def gc(whole: Whole, folder: Path) -> Outcome:
    """What would be removed is told, and no more is; whole shards stay."""
    before, store = contents(folder), Store.open(folder)
    useless = {path.relative_to(folder) for path in store.useless()}
    assert contents(folder) == before, "something is removed before it is told"
    store.gc()
    assert before.keys() - contents(folder).keys() <= useless, "more is removed than was told"
    lost = [path for path in useless if path.suffix == ".safetensors" and is_whole(whole, before, path)]
    # States do not fit annotations that seem to be of another state of the treebank.
    lost = [path for path in lost if ".layer" not in path.name or is_whole(whole, before, words_of(path))]
    assert not lost, f"good for something: {lost}"
    return "refused" if useless else load(whole, folder)


def is_whole(whole: Whole, before: dict[Path, bytes], path: Path) -> bool:
    return all(before.get(one) == whole.contents.get(one, 0) for one in (path, path.with_suffix(".json")))


def words_of(path: Path) -> Path:
    return path.with_name(f"{path.name.split('.')[0]}.words.safetensors")


def again(whole: Whole, folder: Path) -> Outcome:
    """What was damaged is made again, to the same bytes."""
    before = contents(folder)
    extract(whole.files, folder)
    after = contents(folder)
    for path, data in whole.contents.items():
        if path.suffix == ".safetensors":
            assert after.get(path) == data, f"{path} is another than that of an undamaged run"
    found = load(whole, folder), sums(whole, folder)
    assert found == ("unchanged", "unchanged"), f"not usable afterwards: {found}"
    return "unchanged" if after == before else "recovered"


USES = (load, sums, verify, gc, again)


def case(whole: Whole, folder: Path, rng: random.Random) -> Outcome:
    store = folder / "store"
    shutil.copytree(whole.folder, store)
    rng.choice(DAMAGES)(store, rng)
    return rng.choice(USES)(whole, store)


CAMPAIGNS = [
    Campaign(
        "stores",
        "stores: any file flipped, cut, swapped, moved, removed or made wrong; loaded, verified, tidied, "
        "extracted again",
        prepare,
        case,
        full=3000,
    )
]
