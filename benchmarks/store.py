"""Reading the sentences of an episode from the store: against a plain memory map, and against HDF5.

The states are random, 768 wide, float16, in sentences of UD English-EWT's lengths. An episode is 30 random
sentences; all ways read the same ones and must give the same numbers. Pages are warm.

*np.memmap* and *torch map* gather the rows of one flat file, which they find from the sentences by NumPy, as
the store does; *rows given* is the torch map told the rows, the floor. *HDF5 per sentence* is the layout of
the released code of Xu et al. (2023), written anew: a group a sentence, the file opened again for each.

Then the features of 43 languages are loaded, as ``meta-train`` loads them, with what a store checks of a
shard before it believes it (its place, its bytes, its values) and without. The bytes are hashed at the first
reading; after it, they are known by size, times and inode.
"""

import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from side_by_side import EWT_DECILES, arguments, interleaved, report

from concept_align.extraction.sinks import states_sink
from concept_align.models.protocol import WordStates
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Recipe, States, Store, manifest
from concept_align.store.keys import words_name
from concept_align.store.manifest import Marker
from concept_align.store.shards import kept_digest, words_tensors, write_tensors
from concept_align.treebanks.corpus import Annotations

DIM, SENTENCES, LANGUAGES = 768, 30, 43


def make_store(folder: Path, words: int, language: str = "en") -> States:
    """A store of one layer with a treebank of about ``words`` random words; its states."""
    rng = np.random.default_rng(0)
    quantiles = np.linspace(0, 1, len(EWT_DECILES))
    lengths = np.interp(rng.random(words // 15), quantiles, EWT_DECILES).round().astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    total, sents = int(offsets[-1]), len(lengths)
    recipe = Recipe(
        "random", "0", "Random", "encoder", 1, DIM, "float32", "float16", "mean", 128, "none", True
    )
    store = Store.create(folder, recipe)
    zeros = np.zeros(total, np.int64)
    small, middle, wide = zeros.astype(np.int8), zeros.astype(np.int16), zeros.astype(np.int32)
    annotations = Annotations(offsets, small, small, middle, wide, wide, middle, ("",), ("",))
    kept = np.arange(sents)
    about = (store.fingerprint, f"UD_Random-{language}", language, "train")
    marker = Marker(0, "", "words", *about, "", kept_digest(kept), total, sents)
    path = folder / marker.treebank / words_name("train")
    size, digest = write_tensors(path, *words_tensors(annotations, kept, [str(number) for number in kept]))
    manifest.write(path, replace(marker, size=size, sha256=digest))
    generator = torch.Generator().manual_seed(0)
    with states_sink(path.parent, recipe, [0], marker) as sink:
        for low in range(0, sents, 1000):
            some = np.arange(low, min(low + 1000, sents))
            own = offsets[low : some[-1] + 2] - offsets[low]
            rows = torch.randn(int(own[-1]), DIM, generator=generator)
            start = torch.randn(len(some), DIM, generator=generator)
            sink(WordStates(some, own, {0: rows}, {0: start}))
    return store.states(marker.treebank, "train", 0)


def loading(folder: Path, rounds: int, words: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds that the features of 43 languages take, by way; and what the first reading costs."""
    for number in range(LANGUAGES):
        make_store(folder, words, f"l{number}")
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))

    def load() -> None:
        source = FeatureSource(Store.open(folder), FeatureSpec("upos", (0,)), cache_bytes=0)
        for language in source.languages("train"):
            source.load(language, "train")

    def unchecked() -> None:
        with mock.patch.object(Store, "_check"), mock.patch.object(manifest, "foreign", return_value=None):
            load()

    unchecked()
    begun = time.perf_counter()
    load()
    first = time.perf_counter() - begun
    times = interleaved({"features, checked": load, "features, unchecked": unchecked}, rounds)
    times["features, checked for the first time"] = first
    lost = first - times["features, checked"]
    return times, {"checked_first_lost_s": lost, "checked_first_gb_per_s": size / lost / 1e9}


def each(read: Callable[[Any], Any], episodes: list[Any]) -> None:
    """Read one episode after the other, none kept, as training does."""
    for episode in episodes:
        read(episode)


def rows_of(states: States, sentences: np.ndarray) -> np.ndarray:
    return np.concatenate([np.arange(states.offsets[s], states.offsets[s + 1]) for s in sentences])


def write_hdf5(path: Path, states: States) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for place in range(states.sents):
            rows = states.words[states.offsets[place] : states.offsets[place + 1]]
            file.create_group(str(place)).create_dataset("states", data=rows.numpy())


def read_hdf5(path: Path, sentences: np.ndarray) -> np.ndarray:
    import h5py

    parts = []
    for place in sentences:
        with h5py.File(path, "r") as file:
            parts.append(file[str(place)]["states"][()])
    return np.concatenate(parts)


def main() -> None:
    options = arguments(__doc__).parse_args()
    words, episodes = (50_000, 30) if options.quick else (200_000, 50)
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CONCEPT_ALIGN_CACHE"] = str(Path(folder) / "cache")
        states = make_store(Path(folder) / "store", words)
        plain = Path(folder) / "plain.bin"
        states.words.numpy().tofile(plain)
        shape = tuple(states.words.shape)
        mapped = np.memmap(plain, np.float16, "r", shape=shape)
        flat = torch.from_file(str(plain), size=shape[0] * DIM, dtype=torch.float16).view(shape)
        chosen = [rng.choice(states.sents, SENTENCES, replace=False) for _ in range(episodes)]
        rows = [rows_of(states, own) for own in chosen]
        index = [torch.from_numpy(own) for own in rows]
        ways: dict[str, Callable[[], Any]] = {
            "store": lambda: each(states.sentences, chosen),
            "np.memmap": lambda: each(lambda own: mapped[rows_of(states, own)], chosen),
            "torch map": lambda: each(
                lambda own: flat.index_select(0, torch.from_numpy(rows_of(states, own))), chosen
            ),
            "rows given": lambda: each(lambda own: flat.index_select(0, own), index),
        }
        assert all(
            np.array_equal(states.sentences(s).numpy(), mapped[r]) for s, r in zip(chosen, rows, strict=True)
        )
        times = interleaved(ways, rounds=31 if options.quick else 61)
        fastest = min(times["np.memmap"], times["torch map"])
        figures: dict[str, Any] = {
            "episode_vs_mmap": times["store"] / fastest,
            "episode_vs_rows_given": times["store"] / times["rows given"],
            "episode_ms": times["store"] / episodes * 1e3,
            "words": shape[0],
            "threads": torch.get_num_threads(),
        }
        if importlib.util.find_spec("h5py"):
            grouped = Path(folder) / "states.h5"
            write_hdf5(grouped, states)
            few = chosen[: episodes // 5]
            assert np.array_equal(read_hdf5(grouped, few[0]), states.sentences(few[0]).numpy())
            pair = interleaved(
                {
                    "store": lambda: each(states.sentences, few),
                    "HDF5 per sentence": lambda: each(lambda own: read_hdf5(grouped, own), few),
                },
                rounds=5 if options.quick else 11,
            )
            times["HDF5 per sentence"] = pair["HDF5 per sentence"] * episodes / len(few)
            figures["vs_hdf5_per_sentence"] = pair["HDF5 per sentence"] / pair["store"]
        else:
            figures["vs_hdf5_per_sentence"] = "h5py is not installed"
        features, first = loading(Path(folder) / "languages", 5, words // 20)
        figures["checked_vs_unchecked"] = features["features, checked"] / features["features, unchecked"]
        figures |= first
        if not options.json:
            for name, seconds in features.items():
                print(f"{LANGUAGES} languages, {name}: {seconds:.3f} s", file=sys.stderr)
    report(
        f"milliseconds for {SENTENCES} random sentences of {shape[0]:,} words x {DIM} float16",
        {name: f"{seconds / episodes * 1e3:8.3f}" for name, seconds in times.items()},
        figures,
        only_json=options.json,
    )


if __name__ == "__main__":
    main()
