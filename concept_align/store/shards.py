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
from ..treebanks.annotations import Annotations, TextColumn, impossible_head
from ..treebanks.concepts import RELATIONS, UPOS
from .keys import SAVE_DTYPES, Recipe

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
}  # fmt: skip
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
_ALIGNMENT = 64  # of the data's beginning, so that a mapped tensor is aligned for every dtype
_BLOCK = 1 << 22
_ROWS = 8192  # rows looked at at once
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8)
_NONE = torch.empty(0)

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


def state_shapes(recipe: Recipe, words: int, sents: int) -> Shapes:
    """What a file of states holds."""
    dtype = SAVE_DTYPES[recipe.save_dtype]
    shapes: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {"words": (dtype, (words, recipe.dim))}
    if recipe.has_start:
        shapes["start"] = (dtype, (sents, recipe.dim))
    return shapes


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
        self._shapes = dict(tensors)
        self._next = {name: low for name, (low, _) in places.items()}
        self._end = {name: high for name, (_, high) in places.items()}
        self._hash = hashlib.sha256()
        self._hashed = self._position = 0
        self.size = max([len(header), *self._end.values()])
        self._put(0, memoryview(header))

    def append(self, name: str, rows: torch.Tensor) -> None:
        """Add rows (on any device, of the tensor's dtype) to tensor ``name``."""
        if rows.dtype != (dtype := self._shapes[name][0]):
            raise ValueError(f"rows of {name} are {rows.dtype}, not {dtype}")
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

    def rows(self, name: str, path: str | Path) -> torch.Tensor:
        """Tensor ``name``, whose rows have all been added, in the file at ``path``: what is written into it
        is in the file."""
        self._file.flush()
        self._hash, self._hashed = hashlib.sha256(), 0  # the file is hashed anew
        whole = torch.from_file(str(path), shared=True, size=self.size, dtype=torch.uint8)
        dtype, shape = self._shapes[name]
        return (
            whole[self._end[name] - math.prod(shape) * dtype.itemsize : self._end[name]]
            .view(dtype)
            .view(shape)
        )

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
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("its metadata are not text")
    except OSError as error:
        raise damaged(path, f"cannot read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:  # too deep, too
        raise damaged(path, f"cannot be read as safetensors: {error}") from error
    return tensors, metadata


def damaged(path: Path, what: str) -> StoreError:
    """The error of a shard whose content is not what it should be."""
    remedy = "it is damaged: `concept-align store verify` names every damaged file"
    return StoreError(what, where=str(path), remedy=remedy)


Wanted = tuple[tuple[torch.dtype, ...], tuple[int, ...]]  # the dtypes it may have, and its shape


def expect(path: Path, tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, Wanted]) -> None:
    """StoreError unless the tensors of a file are what is ``wanted`` of them."""
    for name, (dtypes, shape) in wanted.items():
        if name not in tensors:
            raise damaged(path, f"there is no tensor {name} in it")
        found = tensors[name]
        if found.dtype not in dtypes or tuple(found.shape) != shape:
            what = f"its tensor {name} is {_NAMES.get(found.dtype)} {list(found.shape)}"
            raise damaged(path, f"{what}, where {list(shape)} is described")


def check_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """StoreError for a number that is NaN or infinite."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            continue
        for rows in tensor.split(_ROWS):
            if not bool(torch.isfinite(rows).all()):
                raise damaged(path, f"its tensor {name} holds numbers that are not finite (NaN or infinite)")


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


def read_words(path: Path, words: int, sents: int) -> Annotations:
    """The annotations of so many words and sentences. StoreError where the file does not hold them."""
    tensors, metadata = map_tensors(path)
    further = [name for name in tensors if name.startswith(_FURTHER)]
    expect(path, tensors, {name: (_INTEGERS, (words,)) for name in (*_COLUMNS[1:], *further)})
    offsets = _offsets(path, tensors, words, sents)
    listed = ("subtype_names", "feats_names", *further)
    names: dict[str, Any] = {name: _texts(path, metadata, name) for name in listed}
    last = {"upos": len(UPOS), "relations": len(RELATIONS), "heads": words + 1, "ranges": words + 1}
    last |= {"subtypes": len(names["subtype_names"]), "feats": len(names["feats_names"])}
    for name, end in (last | {name: len(names[name]) for name in further}).items():
        _within(path, name, tensors[name], -1, end)
    found: dict[str, Any] = {name: tensors[name].numpy() for name in _COLUMNS[1:]}
    if wrong := impossible_head(found["heads"], offsets):
        raise damaged(path, wrong)
    columns = {
        name.removeprefix(_FURTHER): TextColumn(tensors[name].numpy(), names.pop(name)) for name in further
    }
    return Annotations(offsets=offsets, **found, **names, columns=columns)


def read_offsets(path: Path, words: int, sents: int) -> NDArray[np.int64]:
    """[sents + 1] where the sentences of a file of annotations begin. StoreError as in :func:`read_words`."""
    return _offsets(path, map_tensors(path)[0], words, sents)


def read_sentences(path: Path, sents: int, digest: str) -> tuple[NDArray[np.int64], list[str]]:
    """[sents] places of the kept sentences in the treebank's file, whose hash is known, and their ids."""
    tensors, _ = map_tensors(path)
    expect(path, tensors, {"kept": ((torch.int64,), (sents,))})
    expect(path, tensors, {"sent_ids": ((torch.uint8,), tuple(tensors.get("sent_ids", _NONE).shape[:1]))})
    kept = tensors["kept"].numpy()
    try:
        ids = tensors["sent_ids"].numpy().tobytes().decode().split("\n") if sents else []
    except UnicodeDecodeError as error:
        raise damaged(path, f"the ids of its sentences are not text: {error}") from error
    if len(ids) != sents or kept_digest(kept) != digest:
        raise damaged(path, "it is of other sentences, or they have no id each")
    return kept, ids


def read_states(path: Path, wanted: Shapes, offsets: NDArray[np.int64], layer: int) -> States:
    """The states of a layer. StoreError where the file does not hold what is ``wanted``."""
    tensors, _ = map_tensors(path)
    expect(path, tensors, {name: ((dtype,), shape) for name, (dtype, shape) in wanted.items()})
    return States(tensors["words"], tensors["start"] if "start" in wanted else None, offsets, layer)


def statistics_tensors(statistics: Statistics) -> Tensors:
    """What the shard holds."""
    tensors = {"counts": statistics.counts, "sums": statistics.sums}
    if statistics.second is not None:
        tensors["second"] = statistics.second
    return tensors, {"concepts": json.dumps(statistics.concepts, ensure_ascii=False)}


def read_statistics(path: Path, dim: int, words: int, *, second: bool) -> Statistics:
    """Class statistics of so many words at most, with second moments or without. StoreError where the file
    does not hold them."""
    tensors, metadata = map_tensors(path)
    concepts = _texts(path, metadata, "concepts")
    wanted: dict[str, Wanted] = {"counts": ((torch.int64,), (len(concepts),))}
    wanted |= {"sums": ((torch.float64,), (len(concepts), dim))}
    wanted |= {"second": ((torch.float64,), (dim, dim))} if second else {}
    expect(path, tensors, wanted)
    _within(path, "counts", tensors["counts"].cumsum(0), 0, words + 1)
    _within(path, "counts", tensors["counts"], 0, words + 1)
    check_finite(path, {name: tensors[name] for name in wanted})
    if len(set(concepts)) < len(concepts) or ("second" in tensors) != second:
        raise damaged(path, "it names a concept twice, or has other moments than are described")
    return Statistics(concepts, tensors["counts"], tensors["sums"], tensors["second"] if second else None)


def _offsets(path: Path, tensors: Mapping[str, torch.Tensor], words: int, sents: int) -> NDArray[np.int64]:
    expect(path, tensors, {"offsets": ((torch.int64,), (sents + 1,))})
    offsets = tensors["offsets"].numpy()
    if offsets[0] != 0 or offsets[-1] != words or (np.diff(offsets) < 1).any():
        raise damaged(path, f"its sentences do not divide its {words} words, one or more each")
    return offsets


def _within(path: Path, name: str, codes: torch.Tensor, first: int, end: int) -> None:
    if len(codes) and not first <= int(codes.min()) <= int(codes.max()) < end:
        what = f"codes {int(codes.min())} to {int(codes.max())} of {name}, of which there are {end}"
        raise damaged(path, what)


def _texts(path: Path, metadata: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The names that codes index."""
    try:
        found = json.loads(metadata[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise damaged(path, f"its list of {name} cannot be read: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise damaged(path, f"its {name} are not a list of names")
    return tuple(found)
