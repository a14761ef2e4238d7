"""What shards hold besides states: the annotations of the kept sentences, and class statistics.

Statistics are for a big model a thousandth of the states' bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..class_sums import Statistics
from ..treebanks.annotations import Annotations, TextColumn
from .shards import map_tensors

_COLUMNS = ("offsets", "upos", "relations", "subtypes", "heads", "feats", "ranges")
_FURTHER = "column."  # before the name of a column that a task asked for


def kept_digest(kept: NDArray[np.int64]) -> str:
    """A hash of the places (in the treebank's file) of the kept sentences."""
    return hashlib.sha256(np.ascontiguousarray(kept, dtype="<i8").tobytes()).hexdigest()


Tensors = tuple[dict[str, torch.Tensor], dict[str, str]]  # by name; and the file's metadata


def words_tensors(annotations: Annotations, kept: NDArray[np.int64], sent_ids: list[str]) -> Tensors:
    """What the shard holds: columns, places and ids of the kept sentences; and the names that codes index."""
    tensors = {name: torch.from_numpy(np.array(getattr(annotations, name))) for name in _COLUMNS}
    tensors |= {_FURTHER + name: torch.from_numpy(of.codes) for name, of in annotations.columns.items()}
    tensors["kept"] = torch.from_numpy(np.array(kept, dtype=np.int64))
    text = "\n".join(sent_ids).encode()
    tensors["sent_ids"] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    names = {
        "subtype_names": json.dumps(annotations.subtype_names, ensure_ascii=False),
        "feats_names": json.dumps(annotations.feats_names, ensure_ascii=False),
    }
    for name, column in annotations.columns.items():
        names[_FURTHER + name] = json.dumps(column.names, ensure_ascii=False)
    return tensors, names


def read_words(path: Path) -> Annotations:
    tensors, names = map_tensors(path)
    columns: dict[str, Any] = {name: tensors[name].numpy() for name in _COLUMNS}
    further = {name.removeprefix(_FURTHER): name for name in tensors if name.startswith(_FURTHER)}
    return Annotations(
        **columns,
        subtype_names=tuple(json.loads(names["subtype_names"])),
        feats_names=tuple(json.loads(names["feats_names"])),
        columns={
            name: TextColumn(tensors[stored].numpy(), tuple(json.loads(names[stored])))
            for name, stored in further.items()
        },
    )


def read_columns(path: Path) -> tuple[str, ...]:
    """The columns of CoNLL-U that were kept because tasks asked for them (``XPOS``)."""
    _, names = map_tensors(path)
    return tuple(name.removeprefix(_FURTHER) for name in names if name.startswith(_FURTHER))


def read_sentences(path: Path) -> tuple[NDArray[np.int64], list[str]]:
    """[sents] places of the kept sentences in the treebank's file, and their ids."""
    tensors, _ = map_tensors(path)
    text = tensors["sent_ids"].numpy().tobytes().decode()
    kept = tensors["kept"].numpy()
    return kept, text.split("\n") if len(kept) else []


def statistics_tensors(statistics: Statistics) -> Tensors:
    """What the shard holds."""
    tensors = {"counts": statistics.counts, "sums": statistics.sums}
    if statistics.second is not None:
        tensors["second"] = statistics.second
    return tensors, {"concepts": json.dumps(statistics.concepts, ensure_ascii=False)}


def read_statistics(path: Path) -> Statistics:
    tensors, names = map_tensors(path)
    return Statistics(
        tuple(json.loads(names["concepts"])), tensors["counts"], tensors["sums"], tensors.get("second")
    )
