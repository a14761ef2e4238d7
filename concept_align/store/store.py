"""A folder of hidden states made by one recipe, and the only way to read it.

Nothing is believed for being there: every read asks the shard's completion marker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import atomic, provenance
from ..class_sums import Statistics
from ..errors import StoreError, UsageError
from ..hashing import sha256_file
from ..layers import name_layers
from ..lock import writing
from ..progress import Progress, Silent
from ..reading import read_json_object
from ..treebanks.corpus import Annotations
from ..treebanks.registry import select
from ..types import SPLITS, MwtPolicy, RootPolicy, Split
from . import manifest
from .keys import Recipe, layer_name, statistics_name, words_name
from .manifest import NAME, Kind, Marker, fault, layers_with_file, marked, marker_or_none, shards, sweep
from .shards import States, map_tensors, read_sentences, read_statistics, read_words

RECIPE = "store.json"


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

    def __repr__(self) -> str:
        of, languages = self.recipe, len(self.languages())
        return (
            f"<Store {self.folder}: {of.model}, {languages} languages, {of.pooling} pooling, {of.save_dtype}>"
        )

    @classmethod
    def open(cls, folder: str | Path) -> "Store":
        """The store in ``folder``; StoreError where there is none."""
        path, remedy = Path(folder) / RECIPE, "extract into another folder"
        if not path.is_file():
            make = _extract_command("MODEL", Path(folder), "--layers LAYERS")
            raise StoreError("no store here", where=str(folder), remedy=f"make one: {make}")
        value = read_json_object(path, remedy=remedy)
        try:
            return cls(Path(folder), Recipe.from_json(value["recipe"], where=str(path)))
        except (KeyError, TypeError) as error:
            raise StoreError(f"not a store's recipe: {error}", where=str(path), remedy=remedy) from error

    @classmethod
    def create(cls, folder: str | Path, recipe: Recipe, *, write: bool = True) -> "Store":
        """The store of ``recipe`` in ``folder``, new or as it stands; nothing is made unless ``write``.

        StoreError, naming what differs, where another recipe made states there already.
        """
        folder = Path(folder)
        if (folder / RECIPE).exists():
            there = cls.open(folder)
            if there.fingerprint == recipe.fingerprint():
                return there
            markers = (marker_or_none(path) for path in shards(folder))
            if any(marker is not None and marker.kind != "words" for marker in markers):
                what = "made by another recipe: " + "; ".join(there.recipe.differences(recipe))
                remedy = "choose another out folder, or the options that made this one"
                raise StoreError(what, where=str(folder), remedy=remedy)
        if write:
            facts = provenance.collect()
            atomic.write_json(folder / RECIPE, {"recipe": recipe.to_json(), "provenance": facts})
        return cls(folder, recipe)

    def contents(self, treebank: str = "*") -> list[ShardInfo]:
        """Every shard there is (of ``treebank``, if given), whole or not, in the order of their names."""
        return [self._info(path) for path in shards(self.folder, treebank)]

    def _info(self, path: Path) -> ShardInfo:
        match = NAME.match(path.stem)
        assert match is not None  # the listing gives no other names
        marker = marker_or_none(path)
        wrong = fault(path, marker, self.fingerprint)
        layer = match["layer"] or match["of"]
        return ShardInfo(
            treebank=path.parent.name,
            language=marker.language if marker else _language_beside(path),
            split=match["split"],  # type: ignore[arg-type]
            layer=int(layer) if layer else None,
            kind="words" if match["words"] else "states" if match["layer"] else "statistics",
            task=marker.task if marker else None,
            words=marker.words if marker else 0,
            sents=marker.sents if marker else 0,
            bytes=path.stat().st_size if path.exists() else 0,
            complete=wrong is None,
            fault=wrong,
        )

    def languages(self, split: Split | None = None, layer: int | None = None) -> tuple[str, ...]:
        """Languages that have whole shards (of ``split``, of states of ``layer``, if given), sorted."""
        stem = f"{split or '*'}." + ("*" if layer is None else f"layer-{layer:02d}")
        found = (self._info(path) for path in shards(self.folder, stem=stem))
        return tuple(sorted({shard.language for shard in found if shard.complete}))

    def layers(self, treebank: str, split: Split) -> tuple[int, ...]:
        """Layers whose states are whole."""
        there = layers_with_file(self.folder, treebank, split)
        return tuple(n for n in there if self.marker(treebank, layer_name(split, n)) is not None)

    def treebanks(self, language: str) -> tuple[str, ...]:
        """The treebanks of ``language`` that have a whole shard, sorted."""
        held = []
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            found = (self._info(path) for path in marked(folder))
            # A treebank has one language: any whole shard tells it.
            first = next((shard for shard in found if shard.complete), None)
            if first is not None and first.language == language:
                held.append(folder.name)
        return tuple(held)

    def treebank_of(self, language: str) -> str:
        """The treebank of ``language``; StoreError where there is none, or more than one."""
        held = self.treebanks(language)
        if len(held) == 1:
            return held[0]
        if held:
            what, remedy = f"more than one treebank of {language!r}: {', '.join(held)}", "name the treebank"
        else:
            there, options = ", ".join(self.languages()) or "none", f"--langs {language} --layers LAYERS"
            what = f"nothing of language {language!r} (there are: {there})"
            remedy = _extract_command(self.recipe.model, self.folder, options)
        raise StoreError(what, where=str(self.folder), remedy=remedy)

    def annotations(self, treebank: str, split: Split) -> Annotations:
        """Labels of the kept sentences, in the order of the states."""
        return read_words(self._usable(treebank, split, words_name(split), "annotations"))

    def columns(self, treebank: str, split: Split) -> tuple[str, ...]:
        """The columns of CoNLL-U (``XPOS``) kept beside the labels; none where there are no annotations."""
        whole = self.marker(treebank, words_name(split)) is not None
        return tuple(self.annotations(treebank, split).columns) if whole else ()

    def sentences(self, treebank: str, split: Split) -> tuple[list[int], list[str]]:
        """The kept sentences' places in the treebank's file, and their ``sent_id``."""
        kept, ids = read_sentences(self._usable(treebank, split, words_name(split), "annotations"))
        return kept.tolist(), ids

    def states(self, treebank: str, split: Split, layer: int) -> States:
        """The states of ``layer``, mapped from the disk. StoreError if missing, damaged or stale."""
        path = self._usable(treebank, split, layer_name(split, layer), f"layer {layer}")
        tensors, _ = map_tensors(path)
        offsets = map_tensors(path.with_name(words_name(split)))[0]["offsets"].numpy()
        return States(tensors["words"], tensors.get("start"), offsets, layer)

    def statistics(
        self, treebank: str, split: Split, layer: int, task: str, *, root: RootPolicy, mwt: MwtPolicy
    ) -> Statistics:
        """Class statistics of ``task``. StoreError where they were not extracted under these policies."""
        name = statistics_name(split, layer, task, root, mwt)
        return read_statistics(self._usable(treebank, split, name, f"statistics of {task}, layer {layer}"))

    def layers_with_states(self, layers: Sequence[int] | None = None) -> tuple[int, ...]:
        """``layers``, or all that there are whole states of. UsageError where there are none of one."""
        shards = [shard for shard in self.contents() if shard.complete and shard.kind == "states"]
        held = sorted({shard.layer for shard in shards if shard.layer is not None})
        chosen = held if layers is None else layers
        if not held or (missing := set(chosen) - set(held)):
            what = f"layer {', '.join(map(str, sorted(missing)))}" if held else "any layer"
            remedy = f"layers there: {', '.join(map(str, held)) or 'none'}; extract makes more"
            raise UsageError(f"the store has no states of {what}", where=str(self.folder), remedy=remedy)
        return tuple(chosen)

    def marker(self, treebank: str, name: str, *, alone: bool = False) -> Marker | None:
        """The marker of a shard that can be used, else None; ``alone``: whatever the annotations are."""
        path = self.folder / treebank / name
        marker = marker_or_none(path)
        return marker if fault(path, marker, self.fingerprint, alone=alone) is None else None

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Read every shard again and compare its hash; what is wrong, and how to mend it."""
        problems = []
        found = [(path, path.stat().st_size if path.exists() else 0) for path in shards(self.folder)]
        bar = (progress or Silent()).bar("verify", sum(size for _, size in found), unit="bytes")
        for path, size in found:
            marker = marker_or_none(path)
            what = fault(path, marker, self.fingerprint)
            if what is None and marker is not None and sha256_file(path) != marker.sha256:
                what = "damaged: its content is not what was written"
            if what is not None:
                problems.append(Problem(str(path), what, self._mend(path, marker)))
            bar.advance(size)
        return problems

    def gc(self) -> list[Path]:
        """Remove partial files, shards without marker and stale ones; what was removed.

        StoreError where a running extraction holds a folder.
        """
        removed = []
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            with writing(folder):
                removed += sweep(folder, self.fingerprint)
            if not any(folder.iterdir()):
                folder.rmdir()
        return removed

    def _usable(self, treebank: str, split: Split, name: str, what: str) -> Path:
        """The path of a shard that can be read, else StoreError with the command that makes it."""
        path = self.folder / treebank / name
        marker = manifest.read(path)
        if marker is not None or path.exists():
            wrong = fault(path, marker, self.fingerprint)
            if wrong is None:
                return path
            message = f"{what} of {treebank} {split}: {wrong}"
        else:
            held = sorted({shard.treebank for shard in self.contents()})
            there = ", ".join(str(layer) for layer in self.layers(treebank, split))
            known = f"layers there: {there or 'none'}"
            if treebank not in held:
                known = f"treebanks there: {', '.join(held) or 'none'}"
            message = f"no {what} of {treebank} {split} ({known})"
        raise StoreError(message, where=str(path), remedy=self._mend(path, marker))

    def _mend(self, path: Path, marker: Marker | None) -> str:
        """The command that makes the shard at ``path`` again."""
        treebank = path.parent.name
        options = [f"--langs {treebank}"]
        if match := NAME.match(path.stem):
            layer = match["layer"] or match["of"]
            there = name_layers(layers_with_file(self.folder, treebank, match["split"]))
            options += [f"--splits {match['split']}", f"--layers {int(layer) if layer else there or 'all'}"]
            if match["of"]:
                options.append("--sink statistics" + (f" --tasks {marker.task}" if marker else ""))
        if path.exists():
            options.append("--force")
        return _extract_command(self.recipe.model, self.folder, " ".join(options))


def select_split(
    langs: str | Sequence[str], split: Split, stores: Sequence[Store]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The languages asked for that have ``split`` in every store, and which have not, as notices.

    UsageError where none has it, and for what is in no store.
    """
    held = [set(store.languages(split)) for store in stores]
    asked = select(langs, sorted({name for store in stores for name in store.languages()}))
    names = tuple(name for name in asked if all(name in one for one in held))
    if not (missing := [name for name in asked if name not in names]):
        return names, ()
    others = [one for one in SPLITS if all({*missing} <= {*store.languages(one)} for store in stores)]
    remedy = f"split {others[-1]} compares them too" if others else "extract it"
    where = "in every store" if len(stores) > 1 else "in the store"
    what = f"no {split} split of {', '.join(missing)} is {where}"
    if not names:
        raise UsageError(what, option="langs", remedy=remedy)
    return names, (f"left out: {what}; {remedy}",)


def _extract_command(model: str, folder: Path, options: str) -> str:
    return f"concept-align extract --model {model} --treebanks DIR {options} --out {folder}"


def _language_beside(path: Path) -> str:
    """The language that another shard of the treebank names, for a shard without marker."""
    found = (marker_or_none(other) for other in shards(path.parent.parent, path.parent.name))
    return next((marker.language for marker in found if marker is not None), "?")
