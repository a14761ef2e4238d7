"""A folder of hidden states made by one recipe, and the only way to read it.

Nothing is believed for being there: every read asks the shard's completion marker, whether it belongs in this
place, whether the file still has the bytes that were written (a hash that is computed once and remembered:
``integrity.py``), and whether what it holds can be.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import atomic, provenance
from ..class_sums import Statistics
from ..errors import StoreError, UsageError
from ..hashing import digest
from ..integrity import Verified
from ..layers import name_layers
from ..lock import writing
from ..progress import Progress, Silent
from ..reading import read_json_object
from ..treebanks.corpus import Annotations
from ..treebanks.registry import prefix, select
from ..types import SPLITS, MwtPolicy, RootPolicy, Split
from . import manifest
from .keys import Recipe, layer_name, statistics_name, words_name
from .manifest import (
    NAME,
    Kind,
    Marker,
    fault,
    language_of,
    layers_with_file,
    marked,
    marker_or_none,
    marker_path,
    shards,
    sweep,
)
from .shards import (
    States,
    check_finite,
    damaged,
    expect,
    map_tensors,
    read_offsets,
    read_sentences,
    read_states,
    read_statistics,
    read_words,
    state_shapes,
)

RECIPE = "store.json"
DIGEST = "digest"  # of the recipe, in store.json

T = TypeVar("T")


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
    massive: int | None = None  # words of massive norm, where they were counted


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
        self._verified = Verified(folder)
        self._proof: dict[str, Path] = {}  # of each treebank, a shard that was whole: the first to be asked

    def __repr__(self) -> str:
        of, languages = self.recipe, len({one.language for one in self.contents() if one.complete})
        return f"<Store {self.folder}: {of.model}, {languages} languages, {of.summary}>"

    @classmethod
    def open(cls, folder: str | Path) -> "Store":
        """The store in ``folder``; StoreError where there is none."""
        path, remedy = Path(folder) / RECIPE, "extract into another folder"
        if not os.path.lexists(path):
            make = _extract_command("MODEL", Path(folder), "--layers LAYERS")
            raise StoreError("no store here", where=str(folder), remedy=f"make one: {make}")
        value = read_json_object(path, remedy=remedy)
        try:
            recipe = Recipe.from_json(value["recipe"], where=str(path))
        except (KeyError, TypeError) as error:
            raise StoreError(f"not a store's recipe: {error}", where=str(path), remedy=remedy) from error
        if value.get(DIGEST) not in (None, digest(recipe.to_json())):  # none: an earlier release wrote it
            what = "the recipe was changed after it was written"
            raise StoreError(what, where=str(path), remedy="undo the change, or extract into another folder")
        return cls(Path(folder), recipe)

    @classmethod
    def create(cls, folder: str | Path, recipe: Recipe, *, write: bool = True) -> "Store":
        """The store of ``recipe`` in ``folder``, new or as it stands; nothing is made unless ``write``.

        StoreError, naming what differs, where another recipe made states there already, and for a folder
        that holds something else.
        """
        folder = Path(folder)
        if (folder / RECIPE).exists():
            there = cls.open(folder)
            if there.fingerprint == recipe.fingerprint():
                there.check_recipe()
                return there
            # A marker that cannot be read may be that of anything.
            if any(marker_path(path).exists() and ".words" not in path.stem for path in shards(folder)):
                what = "made by another recipe: " + "; ".join(there.recipe.differences(recipe))
                remedy = "choose another out folder, or the options that made this one"
                raise StoreError(what, where=str(folder), remedy=remedy)
        elif foreign := _foreign(folder):
            what = f"no store, and not empty (it holds {foreign})"
            raise StoreError(what, where=str(folder), remedy="choose another out folder")
        if write:
            about = {"recipe": recipe.to_json(), "provenance": provenance.collect()}
            atomic.write_json(folder / RECIPE, about | {DIGEST: digest(recipe.to_json())})
        return cls(folder, recipe)

    def check_recipe(self) -> None:
        """StoreError where there are shards, and none of them was made by this store's recipe."""
        others = 0
        for path in shards(self.folder):
            if (marker := marker_or_none(path)) is not None:
                if marker.recipe == self.fingerprint:
                    return
                others += 1
        if others:
            raise StoreError(
                f"none of its {others} shards was made by the recipe in {RECIPE}",
                where=str(self.folder),
                remedy=f"undo what was changed in {RECIPE}, or put back the one that was there",
            )

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
            language=language_of(path, marker, believed=wrong is None),
            split=match["split"],  # type: ignore[arg-type]
            layer=int(layer) if layer else None,
            kind="words" if match["words"] else "states" if match["layer"] else "statistics",
            task=marker.task if marker else None,
            words=marker.words if marker else 0,
            sents=marker.sents if marker else 0,
            bytes=path.stat().st_size if path.exists() else 0,
            complete=wrong is None,
            fault=wrong,
            massive=marker.massive if marker else None,
        )

    def languages(self, split: Split | None = None, layer: int | None = None) -> tuple[str, ...]:
        """Languages that have whole shards (of ``split``, of states of ``layer``, if given), sorted.

        Where the store has several treebanks of one, these are named too: each can stand for a language.
        """
        stem = f"{split or '*'}." + ("*" if layer is None else f"layer-{layer:02d}")
        found = [self._info(path) for path in shards(self.folder, stem=stem)]
        whole = {(shard.language, shard.treebank) for shard in found if shard.complete}
        if not whole:
            self.check_recipe()
        of = Counter(self._languages().values())  # of all splits: each is a treebank that must be named
        codes = {language for language, _ in whole}
        return tuple(sorted(codes | {treebank for language, treebank in whole if of[language] > 1}))

    def unusable(self, split: Split, layer: int) -> dict[str, str]:
        """By language, why states that stand there cannot be used, where there are no others."""
        found = [self._info(path) for path in shards(self.folder, stem=f"{split}.layer-{layer:02d}")]
        whole = {shard.language for shard in found if shard.complete}
        return {
            shard.language: f"layer {layer} of {shard.treebank} {split} cannot be used: {shard.fault}"
            for shard in found
            if not shard.complete and shard.language not in whole
        }

    def layers(self, treebank: str, split: Split) -> tuple[int, ...]:
        """Layers whose states are whole."""
        there = layers_with_file(self.folder, treebank, split)
        return tuple(n for n in there if self.marker(treebank, layer_name(split, n)) is not None)

    def treebanks(self, language: str) -> tuple[str, ...]:
        """The treebanks of ``language`` that have a whole shard, sorted."""
        return tuple(name for name, own in self._languages().items() if own == language)

    def named(self, langs: str | Sequence[str]) -> list[str]:
        """``langs``, where a treebank that is the only one of its language is called by the language."""
        own = self._languages()
        alone = {name for name, language in own.items() if Counter(own.values())[language] == 1}
        codes = {called.casefold(): own[name] for name in alone for called in (name, prefix(name))}
        items = [
            item.strip()
            for part in ([langs] if isinstance(langs, str) else langs)
            for item in part.split(",")
        ]
        signs = ["-" if item.startswith("-") else "" for item in items]
        names = [item.removeprefix("-") for item in items]
        return [sign + codes.get(name.casefold(), name) for sign, name in zip(signs, names, strict=True)]

    def _languages(self) -> dict[str, str]:
        """The language of every treebank that has a whole shard. A treebank has one: any of them tells it."""
        found = {}
        for folder in manifest.folders(self.folder):
            known = self._proof.get(folder.name)
            for path in (*([known] if known else []), *marked(folder)):
                marker = marker_or_none(path)
                if marker is not None and fault(path, marker, self.fingerprint) is None:
                    found[folder.name], self._proof[folder.name] = marker.language, path
                    break
        return found

    def treebank_of(self, language: str) -> str:
        """The treebank of ``language``, which may be a treebank; StoreError where there is none, or more than
        one."""
        there = self._languages()
        if language in there:
            return language
        held = [name for name, own in there.items() if own == language]
        if len(held) == 1:
            return held[0]
        if held:
            what = f"more than one treebank of {language!r}: {', '.join(held)}"
            remedy = f"name the treebank: {held[0]} (with all others: all,-{language},{held[0]})"
        else:
            known = ", ".join(sorted({*there.values()})) or "none"
            what = f"nothing of language {language!r} (there are: {known})"
            options = f"--langs {language} --layers LAYERS"
            remedy = _extract_command(self.recipe.model, self.folder, options)
        raise StoreError(what, where=str(self.folder), remedy=remedy)

    def annotations(self, treebank: str, split: Split) -> Annotations:
        """Labels of the kept sentences, in the order of the states."""
        return self._read(treebank, split, words_name(split), "annotations", self._annotations)

    def columns(self, treebank: str, split: Split) -> tuple[str, ...]:
        """The columns of CoNLL-U (``XPOS``) kept beside the labels; none where there are no annotations."""
        whole = self.whole(treebank, words_name(split)) is not None
        return tuple(self.annotations(treebank, split).columns) if whole else ()

    def sentences(self, treebank: str, split: Split) -> tuple[list[int], list[str]]:
        """The kept sentences' places in the treebank's file, and their ``sent_id``."""
        kept, ids = self._read(
            treebank,
            split,
            words_name(split),
            "annotations",
            lambda path, of: read_sentences(path, of.sents, of.kept),
        )
        return kept.tolist(), ids

    def states(self, treebank: str, split: Split, layer: int) -> States:
        """The states of ``layer``, mapped from the disk. StoreError if missing, damaged or stale."""

        def bounds(path: Path, marker: Marker) -> NDArray[np.int64]:
            return read_offsets(path, marker.words, marker.sents)

        def read(path: Path, marker: Marker) -> States:
            offsets = self._read(treebank, split, words_name(split), "annotations", bounds)
            shapes = state_shapes(self.recipe, marker.words, marker.sents)
            return read_states(path, shapes, offsets, layer)

        return self._read(treebank, split, layer_name(split, layer), f"layer {layer}", read)

    def statistics(
        self, treebank: str, split: Split, layer: int, task: str, *, root: RootPolicy, mwt: MwtPolicy
    ) -> Statistics:
        """Class statistics of ``task``. StoreError where they were not extracted under these policies."""
        name = statistics_name(split, layer, task, root, mwt)
        return self._read(treebank, split, name, f"statistics of {task}, layer {layer}", self._statistics)

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

    def whole(self, treebank: str, name: str, *, alone: bool = False) -> Marker | None:
        """The same of a shard whose content, too, is what was written."""
        marker = self.marker(treebank, name, alone=alone)
        if marker is not None:
            with suppress(StoreError):
                self._check(self.folder / treebank / name, marker)
                return marker
        return None

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Read every shard again and compare its hash; what is wrong, and how to mend it."""
        problems, found = [], list[tuple[Path, int]]()
        for entry in sorted(self.folder.iterdir()):
            if not entry.is_dir():
                # A file, or a link to nothing, in the place of a treebank.
                if not entry.suffix and not entry.name.startswith("."):
                    what = "no folder, where a treebank's would be"
                    problems.append(Problem(str(entry), what, "move it away, or restore the folder"))
                continue
            try:
                paths = shards(self.folder, entry.name)
            except StoreError as error:
                problems.append(Problem(str(entry), error.message, str(error.remedy)))
                continue
            found += [(path, path.stat().st_size if path.is_file() else 0) for path in paths]
        bar = (progress or Silent()).bar("verify", sum(size for _, size in found), unit="bytes")
        for path, size in found:
            marker = marker_or_none(path)
            wrong = fault(path, marker, self.fingerprint)
            if wrong is None and marker is not None:
                try:
                    self._check(path, marker, again=True)
                except StoreError as error:
                    wrong = f"damaged: {error.message}"
            if wrong is not None:
                problems.append(Problem(str(path), wrong, self._mend(path, marker)))
            bar.advance(size)
        return problems

    def useless(self) -> dict[Path, str]:
        """The files that :meth:`gc` would remove, and why.

        StoreError where the store's recipe made none of its shards.
        """
        self.check_recipe()
        found: dict[Path, str] = {}
        for folder in manifest.folders(self.folder):
            found |= manifest.useless(folder, self.fingerprint)
        return found

    def foreign(self) -> dict[Path, str]:
        """The shards that cannot be used, and that :meth:`gc` leaves where they are; and why."""
        found = {}
        for path in shards(self.folder):
            if (why := manifest.foreign(path, marker_or_none(path), self.fingerprint)) is not None:
                found[path] = why
        return found

    def gc(self) -> list[Path]:
        """Remove partial files, shards without marker and stale ones; what was removed.

        Shards of another recipe, and those that were moved, stay: they may be good for something. StoreError
        where the store's recipe made none of its shards, and where a running extraction holds a folder.
        """
        removed = []
        self.check_recipe()
        for folder in manifest.folders(self.folder):
            with writing(folder):
                swept = sweep(folder, self.fingerprint)
            if swept and not any(folder.iterdir()):
                folder.rmdir()
            removed += swept
        return removed

    def remember(self, treebank: str, names: Sequence[str]) -> None:
        """Note that these shards, which were just written, need not be hashed to be believed."""
        for name in names:
            marker = manifest.read(self.folder / treebank / name)
            if marker is not None:
                self._verified.written(f"{treebank}/{name}", marker.sha256)

    def _annotations(self, path: Path, marker: Marker) -> Annotations:
        return read_words(path, marker.words, marker.sents)

    def _statistics(self, path: Path, marker: Marker) -> Statistics:
        return read_statistics(path, self.recipe.dim, marker.words, second=marker.second_moments)

    def _check(self, path: Path, marker: Marker, *, again: bool = False) -> None:
        """StoreError unless the file has the bytes that were written, and they can be what they stand for.

        A file that is known to have them is not read, unless ``again``.
        """

        def look() -> None:
            if marker.kind == "words":
                self._annotations(path, marker)
                read_sentences(path, marker.sents, marker.kept)
            elif marker.kind == "statistics":
                self._statistics(path, marker)
            else:
                shapes = state_shapes(self.recipe, marker.words, marker.sents)
                tensors, _ = map_tensors(path)
                expect(path, tensors, {name: ((dtype,), shape) for name, (dtype, shape) in shapes.items()})
                check_finite(path, tensors)

        name = path.relative_to(self.folder).as_posix()
        with manifest.told(path):
            if not self._verified.holds(name, marker.sha256, also=look, again=again):
                raise damaged(path, "its content is not what was written")

    def _read(
        self, treebank: str, split: Split, name: str, what: str, read: Callable[[Path, Marker], T]
    ) -> T:
        """What a shard holds, else StoreError with the command that makes it."""
        path, marker = self._usable(treebank, split, name, what)
        try:
            self._check(path, marker)
            return read(path, marker)
        except StoreError as error:
            if error.where != str(path):
                raise
            message = f"{what} of {treebank} {split}: {error.message}"
            raise StoreError(message, where=str(path), remedy=self._mend(path, marker)) from error

    def _usable(self, treebank: str, split: Split, name: str, what: str) -> tuple[Path, Marker]:
        """The path and marker of a shard that can be read, else StoreError with the command that makes it."""
        path = self.folder / treebank / name
        marker = marker_or_none(path)
        if marker is not None or any(os.path.lexists(one) for one in (path, marker_path(path))):
            wrong = fault(path, marker, self.fingerprint)
            if wrong is None and marker is not None:
                return path, marker
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
        if os.path.lexists(path):
            options.append("--force")
        return _extract_command(self.recipe.model, self.folder, " ".join(options))


def select_split(
    langs: str | Sequence[str], split: Split, stores: Sequence[Store]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The languages asked for that have ``split`` in every store, and which have not, as notices.

    UsageError where none has it, and for what is in no store.
    """
    held = [set(store.languages(split)) for store in stores]
    for store in stores:
        langs = store.named(langs)
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


def _foreign(folder: Path) -> str | None:
    """Something in a folder without a recipe that is no treebank's folder of shards."""
    if folder.is_file():
        return folder.name
    there = sorted(path for path in folder.glob("[!.]*") if not path.is_dir() or any(path.glob("[!.]*")))
    return next((path.name for path in there if not any(shards(folder, path.name))), None)
