"""Finished pieces of a build, kept with what they were made from: a stopped build goes on from them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import StoreError, UsageError
from ..spaces.source import FeatureSource
from ..store.keys import layer_name
from ..store.store import Store
from ..tensors import load_tensors, save_tensors
from ..types import Split
from .clouds import Cloud

SCHEMA = 1


def described(source: FeatureSource, language: str, splits: Iterable[Split]) -> dict[str, Any]:
    """What decides the features of ``language``: the recipe, the treebank, the files of states, the task."""
    store = source.store
    if not isinstance(store, Store):
        raise UsageError(
            "only what is made from a store on disk can be kept",
            remedy="leave folder= and probes= out, or give a Store",
        )
    treebank = source.treebank(language)
    markers = {
        split: [store.marker(treebank, layer_name(split, layer)) for layer in source.layers]
        for split in splits
    }
    states, annotations = {}, {}
    for split, found in markers.items():
        there = [marker for marker in found if marker is not None]
        if len(there) == len(found):
            states[split] = "+".join(marker.sha256 for marker in there)
            annotations[split] = there[0].source_sha256
    return {
        "schema": SCHEMA,
        "model": store.recipe.model,
        "recipe": store.fingerprint,
        "treebank": treebank,
        "states": states,
        "annotations": annotations,
        "features": source.describe(),
        "concepts": list(source.concepts),
    }


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as JSON gives it back, for comparing with what was read."""
    loaded: dict[str, Any] = json.loads(json.dumps(value, sort_keys=True))
    return loaded


class KeptClouds:
    """Clouds in a folder, a small file for each layer and language."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def _name(self, layer: str, language: str, made_from: Mapping[str, Any]) -> str:
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return f"layer-{layer}.{language}.{digest[:16]}"

    def read(self, layer: str, language: str, made_from: Mapping[str, Any]) -> Cloud | None:
        """The cloud made from exactly this; None where there is none, or a damaged one."""
        try:
            tensors, about = load_tensors(self.folder, self._name(layer, language, made_from))
        except StoreError:
            return None  # made again: it is only a kept computation
        if about["made_from"] != plain(made_from):
            return None
        arrays: dict[str, Any] = {key: tensor.numpy() for key, tensor in tensors.items()}
        return Cloud(**{"halves": None, "replicates": None, **arrays})

    def write(self, layer: str, language: str, made_from: Mapping[str, Any], found: Cloud) -> None:
        tensors = {
            key: torch.from_numpy(array.copy()) for key, array in vars(found).items() if array is not None
        }
        name = self._name(layer, language, made_from)
        save_tensors(self.folder, name, tensors, {"made_from": plain(made_from)})
