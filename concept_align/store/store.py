"""A folder of hidden states made by one recipe, and the only way to read it.

Nothing is believed for being there: every read asks the shard's completion marker.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import atomic, provenance
from ..errors import StoreError
from ..layers import name_layers
from ..progress import Progress, Silent
from ..treebanks.corpus import Annotations
from ..types import MwtPolicy, RootPolicy, Split
from . import manifest
from .keys import Recipe, layer_name, statistics_name, words_name
from .lock import writing
from .manifest import Kind, Marker
from .shards import States, file_sha256, map_tensors
from .statistics import Statistics, read_statistics
from .words import read_sentences, read_words

RECIPE = "store.json"
_NAME = re.compile(
    r"(?P<split>train|dev|test)\.(?:(?P<words>words)|layer-(?P<layer>\d+)|statistics\.layer-(?P<of>\d+)\..+)$"
)


@dataclass(frozen=True)
class ShardInfo:
    """What stands in the store under one name."""

    treebank: str
    language: str
    split: Split
    layer: int | None  # None: the annotations
    kind: Kind
    task: str | None  # of statistics
    words: int
    sents: int
    bytes: int
    complete: bool
    fault: str | None  # why it is not complete


@dataclass(frozen=True)
class Problem:
    """A file that is not what it should be."""

    path: str
    what: str
    remedy: str


class Store:
    """Made by :meth:`open` or :meth:`create`; holds no file open."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder, self.recipe = folder, recipe
        self.fingerprint = recipe.fingerprint()

    @classmethod
    def open(cls, folder: str | Path) -> "Store":
        """The store in ``folder``; StoreError where there is none."""
        path = Path(folder) / RECIPE
        try:
            value = json.loads(path.read_bytes())
            recipe = Recipe.from_json(value["recipe"], where=str(path))
        except FileNotFoundError as error:
            raise StoreError(
                "no store here",
                where=str(folder),
                remedy=f"make one: concept-align extract --model MODEL --treebanks DIR --layers LAYERS --out {folder}",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"not a store's recipe: {error}", where=str(path), remedy="extract into another folder"
            ) from error
        return cls(Path(folder), recipe)

    @classmethod
    def create(cls, folder: str | Path, recipe: Recipe, *, write: bool = True) -> "Store":
        """The store of ``recipe`` in ``folder``, new or as it stands; nothing is made unless ``write``.

        StoreError, naming what differs, where another recipe made shards there already.
        """
        folder = Path(folder)
        if (folder / RECIPE).exists():
            there = cls.open(folder)
            if there.fingerprint == recipe.fingerprint():
                return there
            if any(_shards(folder)):
                raise StoreError(
                    "made by another recipe: " + "; ".join(there.recipe.differences(recipe)),
                    where=str(folder),
                    remedy="choose another --out, or the options that made this one",
                )
        if not write:
            return cls(folder, recipe)
        facts = provenance.collect()
        atomic.write_json(folder / RECIPE, {"recipe": recipe.to_json(), "provenance": facts})
        return cls(folder, recipe)

    def contents(self, treebank: str = "*") -> list[ShardInfo]:
        """Every shard there is (of ``treebank``, if given), whole or not, in the order of their names."""
        found = []
        for path in _shards(self.folder, treebank):
            match = _NAME.match(path.stem)
            if match is None:
                continue
            marker = _marker_or_none(path)
            fault = self._fault(path, marker)
            layer = match["layer"] or match["of"]
            found.append(
                ShardInfo(
                    treebank=path.parent.name,
                    language=marker.language if marker else "?",
                    split=match["split"],  # type: ignore[arg-type]
                    layer=int(layer) if layer else None,
                    kind="words" if match["words"] else "states" if match["layer"] else "statistics",
                    task=marker.task if marker else None,
                    words=marker.words if marker else 0,
                    sents=marker.sents if marker else 0,
                    bytes=path.stat().st_size if path.exists() else 0,
                    complete=fault is None,
                    fault=fault,
                )
            )
        return found

    def languages(self, split: Split | None = None, layer: int | None = None) -> tuple[str, ...]:
        """Languages that have complete shards (of ``split``, of states of ``layer``, if given), sorted."""
        return tuple(
            sorted(
                {
                    shard.language
                    for shard in self.contents()
                    if shard.complete
                    and split in (None, shard.split)
                    and (layer is None or (shard.kind == "states" and shard.layer == layer))
                }
            )
        )

    def layers(self, treebank: str, split: Split) -> tuple[int, ...]:
        """Layers whose states are whole."""
        numbers = [
            int(_layer_of(path)) for path in self.folder.glob(f"{treebank}/{split}.layer-*.safetensors")
        ]
        whole = (n for n in numbers if self.marker(treebank, layer_name(split, n)) is not None)
        return tuple(sorted(whole))

    def treebanks(self, language: str) -> tuple[str, ...]:
        """The treebanks of ``language`` that have a complete shard, sorted."""
        held = {s.treebank for s in self.contents() if s.complete and s.language == language}
        return tuple(sorted(held))

    def treebank_of(self, language: str) -> str:
        """The treebank of ``language``; StoreError where there is none, or more than one."""
        held = self.treebanks(language)
        if len(held) == 1:
            return held[0]
        if not held:
            raise StoreError(
                f"nothing of language {language!r} (there are: {', '.join(self.languages()) or 'none'})",
                where=str(self.folder),
                remedy=self._extract(f"--langs {language} --layers LAYERS"),
            )
        raise StoreError(
            f"more than one treebank of {language!r}: {', '.join(held)}",
            where=str(self.folder),
            remedy="name the treebank instead of the language",
        )

    def annotations(self, treebank: str, split: Split) -> Annotations:
        """Labels of the kept sentences, in the order of the states."""
        path, _ = self._checked(treebank, split, words_name(split), "annotations")
        return read_words(path)

    def sentences(self, treebank: str, split: Split) -> tuple[list[int], list[str]]:
        """The kept sentences' places in the treebank's file, and their ``sent_id``."""
        path, _ = self._checked(treebank, split, words_name(split), "annotations")
        kept, ids = read_sentences(path)
        return kept.tolist(), ids

    def states(self, treebank: str, split: Split, layer: int) -> States:
        """The states of ``layer``, mapped from the disk. StoreError if missing, damaged or stale."""
        path, _ = self._checked(treebank, split, layer_name(split, layer), f"layer {layer}")
        words_path, _ = self._checked(treebank, split, words_name(split), "annotations")
        tensors, _ = map_tensors(path)
        offsets = map_tensors(words_path)[0]["offsets"].numpy()
        return States(tensors["words"], tensors.get("start"), offsets, layer)

    def statistics(
        self, treebank: str, split: Split, layer: int, task: str, *, root: RootPolicy, mwt: MwtPolicy
    ) -> Statistics:
        """Class statistics of ``task``. StoreError where they were not extracted under these policies."""
        name = statistics_name(split, layer, task, root, mwt)
        path, _ = self._checked(treebank, split, name, f"statistics of {task}, layer {layer}")
        return read_statistics(path)

    def marker(self, treebank: str, name: str, *, alone: bool = False) -> Marker | None:
        """The marker of a shard that can be used, else None; ``alone``: whatever the annotations are."""
        path = self.folder / treebank / name
        marker = _marker_or_none(path)
        return marker if self._fault(path, marker, alone=alone) is None else None

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Read every shard again and compare its hash; what is wrong, and how to mend it."""
        problems = []
        shards = list(_shards(self.folder))
        total = sum(path.stat().st_size for path in shards if path.exists())
        bar = (progress or Silent()).bar("verify", total, unit="bytes")
        for path in shards:
            marker = _marker_or_none(path)
            what = self._fault(path, marker)
            if what is None and marker is not None and file_sha256(path) != marker.sha256:
                what = "damaged: its content is not what was written"
            if what is not None:
                problems.append(Problem(str(path), what, self._mend(path, marker)))
            bar.advance(path.stat().st_size if path.exists() else 0)
        return problems

    def gc(self) -> list[Path]:
        """Remove what no read would use: partial files, shards without marker, stale ones. What was removed.

        StoreError where a running extraction holds a folder.
        """
        removed = []
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            with writing(folder):
                removed += self.sweep(folder)
            if not any(folder.iterdir()):
                folder.rmdir()
        return removed

    def sweep(self, folder: Path, *, alone: bool = False) -> list[Path]:
        """:meth:`gc` of one treebank's folder, which the caller holds for writing.

        ``alone``: states are kept though their annotations are lost, which can be written again.
        """
        useless = list(folder.glob(f".*{atomic.TEMPORARY}"))
        for path in _shards(folder.parent, folder.name):
            if self._fault(path, _marker_or_none(path), alone=alone) is not None:
                # The marker goes first: a shard must never look complete while it is being removed.
                useless += [p for p in (manifest.marker_path(path), path) if p.exists()]
        for path in useless:
            path.unlink()
        return useless

    def _fault(self, path: Path, marker: Marker | None, *, alone: bool = False) -> str | None:
        """Why a shard cannot be used, its neighbour of annotations considered."""
        fault = manifest.fault(path, marker)
        if fault is not None or marker is None:
            return fault
        if marker.recipe != self.fingerprint:
            return "stale: made by another recipe"
        if marker.kind == "states" and not alone:
            words = _marker_or_none(path.with_name(words_name(marker.split)))
            if words is None:
                return "its annotations are missing or damaged"
            if not marker.made_like(words):
                return "stale: made from another state of the treebank"
        return None

    def _checked(self, treebank: str, split: Split, name: str, what: str) -> tuple[Path, Marker]:
        path = self.folder / treebank / name
        marker = manifest.read(path)
        if marker is not None or path.exists():
            fault = self._fault(path, marker)
            if fault is not None or marker is None:
                raise self._unusable(path, fault or "incomplete", treebank, split)
            return path, marker
        there = ", ".join(str(layer) for layer in self.layers(treebank, split)) or "none"
        held = sorted({shard.treebank for shard in self.contents()})
        known = (
            f"layers there: {there}" if treebank in held else f"treebanks there: {', '.join(held) or 'none'}"
        )
        raise StoreError(
            f"no {what} of {treebank} {split} ({known})", where=str(path), remedy=self._mend(path, None)
        )

    def _unusable(self, path: Path, what: str, treebank: str, split: Split) -> StoreError:
        return StoreError(
            f"{treebank} {split}: {what}", where=str(path), remedy=self._mend(path, _marker_or_none(path))
        )

    def _mend(self, path: Path, marker: Marker | None) -> str:
        """The command that makes ``path`` again."""
        match = _NAME.match(path.stem)
        options = [f"--langs {marker.language if marker else path.parent.name}"]
        if match is not None:
            options.append(f"--splits {match['split']}")
            layer = match["layer"] or match["of"]
            there = self._states_there(path.parent.name, match["split"])
            options.append(f"--layers {int(layer) if layer else name_layers(there) or 'all'}")
            if match["of"]:
                options.append("--sink statistics")
        return self._extract(" ".join([*options, "--force"] if path.exists() else options))

    def _states_there(self, treebank: str, split: str) -> list[int]:
        """Layers that have a file of states, whole or not."""
        names = (
            _NAME.match(path.stem) for path in self.folder.glob(f"{treebank}/{split}.layer-*.safetensors")
        )
        return sorted(int(match["layer"]) for match in names if match)

    def _extract(self, options: str) -> str:
        model = self.recipe.model
        return f"concept-align extract --model {model} --treebanks DIR {options} --out {self.folder}"


def _shards(folder: Path, treebank: str = "*") -> Iterator[Path]:
    """Every shard that has a file or a marker."""
    names = {path for path in folder.glob(f"{treebank}/*.safetensors") if not path.name.startswith(".")}
    for path in folder.glob(f"{treebank}/*.json"):
        if not path.name.startswith("."):
            names.add(path.with_suffix(".safetensors"))
    yield from sorted(names)


def _marker_or_none(path: Path) -> Marker | None:
    """The marker, None where there is none or it cannot be read: then the shard counts as incomplete."""
    try:
        return manifest.read(path)
    except StoreError:
        return None
