"""One file of tensors: written row by row without knowing the rows beforehand, read by mapping it.

The format is safetensors: 8 bytes of header length, a JSON header, the data. Sizes are known before
the first row comes, so the header goes first, and memory does not grow with the number of rows.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from .. import atomic, ragged
from ..class_sums import Statistics
from ..errors import StoreError
from ..treebanks.annotations import Annotations, TextColumn

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
}  # fmt: skip
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
_ALIGNMENT = 64  # of the data's beginning, so that a mapped tensor is aligned for every dtype
_BLOCK = 1 << 22

Shapes = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]  # what a file will hold, in the file's order


@dataclass(frozen=True, eq=False)
class States:
    """Hidden states of one (treebank, split, layer), mapped from the disk, as they were saved."""

    words: Float[torch.Tensor, "words dim"]
    start: Float[torch.Tensor, "sents dim"] | None  # of the sentence-start token, where the model has one
    offsets: Int64[np.ndarray, " bounds"]  # [sents + 1]: sentence i is words offsets[i]:offsets[i + 1]
    layer: int

    @property
    def sents(self) -> int:
        return len(self.offsets) - 1

    def sentences(self, indices: NDArray[np.int64] | list[int]) -> Float[torch.Tensor, "chosen dim"]:
        """The words of the given sentences, in the order given."""
        places = np.asarray(indices, np.int64)
        if torch.get_num_threads() > 1:  # rows are shared among the threads
            return self.words.index_select(0, torch.from_numpy(ragged.take(self.offsets, places)[0]))
        begin, end = self.offsets[places].tolist(), self.offsets[places + 1].tolist()
        # Whole runs of bytes: a slice of a NumPy array costs a tenth of a slice of a tensor, and a run is
        # copied faster than its rows one by one.
        raw = self.words.view(torch.uint8).numpy()
        found = self.words.new_empty(sum(end) - sum(begin), self.words.shape[1])
        if begin:
            parts = [raw[low:high] for low, high in zip(begin, end, strict=True)]
            np.concatenate(parts, out=found.view(torch.uint8).numpy())
        return found


def _layout(shapes: Shapes, metadata: Mapping[str, str] | None) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """The bytes before the data, and where in the file each tensor begins and ends."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    places: dict[str, tuple[int, int]] = {}
    place = 0
    for name, (dtype, shape) in shapes.items():
        end = place + dtype.itemsize * math.prod(shape)
        places[name] = (place, end)
        header[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    begin = 8 + len(text)
    moved = {name: (begin + low, begin + high) for name, (low, high) in places.items()}
    return len(text).to_bytes(8, "little") + text, moved


def file_size(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> int:
    """Bytes of a file that holds ``shapes``, exactly."""
    header, places = _layout(shapes, metadata)
    return max([len(header), *(end for _, end in places.values())])


class ShardWriter:
    """Fills a file with tensors whose dtypes and shapes are known, rows of each in order.

    What is written in the file's own order is hashed on the way; the rest is read back at the end.
    """

    def __init__(self, file: IO[bytes], tensors: Shapes, metadata: Mapping[str, str] | None = None) -> None:
        header, places = _layout(tensors, metadata)
        self._file = file
        self._dtypes = {name: dtype for name, (dtype, _) in tensors.items()}
        self._next = {name: low for name, (low, _) in places.items()}
        self._end = {name: high for name, (_, high) in places.items()}
        self._hash = hashlib.sha256()
        self._hashed = self._position = 0
        self.size = max([len(header), *self._end.values()])
        self._put(0, memoryview(header))

    def append(self, name: str, rows: torch.Tensor) -> None:
        """Add rows (on any device, of the tensor's dtype) to tensor ``name``."""
        if rows.dtype != self._dtypes[name]:
            raise ValueError(f"rows of {name} are {rows.dtype}, not {self._dtypes[name]}")
        if not rows.numel():
            return
        data = rows.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
        if self._next[name] + len(data) > self._end[name]:
            raise ValueError(f"more rows of {name} than announced")
        self._put(self._next[name], data)
        self._next[name] += len(data)

    def _put(self, place: int, data: memoryview) -> None:
        if place != self._position:
            self._file.seek(place)
        self._file.write(data)
        self._position = place + len(data)
        if place == self._hashed:
            self._hash.update(data)
            self._hashed = self._position

    def finish(self, path: str | Path) -> str:
        """The SHA-256 of the whole file, which can be read at ``path``; ValueError if rows are missing."""
        if short := [name for name, place in self._next.items() if place != self._end[name]]:
            raise ValueError(f"fewer rows than announced of {', '.join(short)}")
        self._file.flush()
        with Path(path).open("rb") as written:
            written.seek(self._hashed)
            while block := written.read(_BLOCK):
                self._hash.update(block)
        return self._hash.hexdigest()


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> Shapes:
    """Ordered by falling width of the dtype, as the format wants it for alignment."""
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in ordered}


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Write small tensors at once, whole or not at all; size and SHA-256 of the file."""
    shapes = shapes_of(tensors)
    with atomic.replacing(path) as file:
        writer = ShardWriter(file, shapes, metadata)
        for name in shapes:
            writer.append(name, tensors[name])
        digest = writer.finish(file.name)
    return writer.size, digest


def map_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a file, mapped without copying (writes to them stay private), and its metadata."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= size - 8:
                raise ValueError("its header is cut off")
            header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        begin = 8 + length
        whole = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
        tensors = {}
        for name, entry in header.items():
            low, high = entry["data_offsets"]
            if not 0 <= low <= high <= size - begin:
                raise ValueError(f"tensor {name} is cut off")
            data = whole[begin + low : begin + high].view(_DTYPES[entry["dtype"]])
            tensors[name] = data.view(entry["shape"])
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        what = f"cannot be read as safetensors: {error}"
        remedy = "it is damaged: `concept-align store verify` names every damaged file"
        raise StoreError(what, where=str(path), remedy=remedy) from error
    return tensors, metadata


# --- what shards hold besides states: annotations of the kept sentences, and class statistics ---

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
    names = {"subtype_names": annotations.subtype_names, "feats_names": annotations.feats_names}
    names |= {_FURTHER + name: of.names for name, of in annotations.columns.items()}
    return tensors, {name: json.dumps(of, ensure_ascii=False) for name, of in names.items()}


def read_words(path: Path) -> Annotations:
    tensors, metadata = map_tensors(path)
    found: dict[str, Any] = {name: tuple(json.loads(text)) for name, text in metadata.items()}
    found |= {name: tensors[name].numpy() for name in _COLUMNS}
    further = [name for name in tensors if name.startswith(_FURTHER)]
    columns = {
        name.removeprefix(_FURTHER): TextColumn(tensors[name].numpy(), found.pop(name)) for name in further
    }
    return Annotations(**found, columns=columns)


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
