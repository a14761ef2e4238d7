"""States that a user has as arrays, in the place of a store: every measure and learner takes them."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import ragged
from ..errors import UsageError
from ..store.keys import Recipe
from ..store.shards import States
from ..treebanks.concepts import Task, parse_task, relabel
from ..treebanks.corpus import Annotations
from ..types import SPLITS, UNLABELLED, Split
from .features import states_of

TASK = "column:MISC:Label"
TEST_EVERY = 5  # sentences, of which one is a test sentence where splits are not told


class ArrayStore:
    """Labelled states in memory, read like a :class:`~concept_align.store.Store`; see ``from_arrays``."""

    def __init__(
        self,
        x: ArrayLike | torch.Tensor | Mapping[int, ArrayLike | torch.Tensor],
        labels: Sequence[str],
        languages: Sequence[str],
        *,
        splits: Sequence[Split] | None,
        sentences: Sequence[int] | None,
        task: str,
        name: str,
    ) -> None:
        words = len(labels)
        self.task = Task(task, tuple(sorted({label for label in labels if label})))
        if task == "upos":
            self.task = parse_task(task)
        given = x if isinstance(x, Mapping) else {0: x}
        layers = {int(layer): states_of(one, words) for layer, one in given.items()}
        if len({one.shape[1] for one in layers.values()}) != 1:
            what = "layers differ in width" if layers else "no states"
            raise UsageError(what, option="x", remedy="give arrays [words, dim]")
        for option, column in (("languages", languages), ("splits", splits), ("sentences", sentences)):
            if column is not None and len(column) != words:
                raise UsageError(f"{len(column)} values for {words} words", option=option)
        if wrong := sorted({str(split) for split in splits or ()} - set(SPLITS)):
            what = f"unknown splits {', '.join(wrong)}"
            raise UsageError(what, option="splits", remedy="use train, dev, test")
        code = {concept: place for place, concept in enumerate(self.task.concepts)}
        if odd := sorted({label for label in labels if label} - set(code)):
            raise UsageError(f"labels {', '.join(odd)} are none of {task}", option="labels")
        codes = np.array([code.get(label, UNLABELLED) for label in labels], dtype=np.int32)
        sentence = np.arange(words) if sentences is None else np.asarray(sentences)
        split = np.asarray(splits) if splits is not None else _default_splits(sentence, languages)
        self._shards: dict[tuple[str, Split], tuple[Annotations, dict[int, States]]] = {}
        for language in sorted(set(languages)):
            of_language = np.asarray(languages) == language
            for part in SPLITS:
                rows = np.flatnonzero(of_language & (split == part))
                if len(rows):
                    self._shards[language, part] = self._shard(layers, rows, sentence[rows], codes[rows])
        self.layers = tuple(sorted(layers))
        digest = hashlib.sha256()
        for layer, states in sorted(layers.items()):
            digest.update(f"{layer} {tuple(states.shape)}".encode())
            digest.update(states.contiguous().numpy().data)
        self.recipe = Recipe(
            model=name, revision=f"sha256:{digest.hexdigest()}", architecture=name, kind="encoder",
            layers=max(layers), dim=int(next(iter(layers.values())).shape[1]), dtype="float32",
            save_dtype="float32", pooling="first", max_words=words, final_norm="none", has_start=False,
        )  # fmt: skip

    def _shard(
        self,
        layers: Mapping[int, torch.Tensor],
        rows: NDArray[np.int64],
        sentences: NDArray[np.int64],
        codes: NDArray[np.int32],
    ) -> tuple[Annotations, dict[int, States]]:
        _, sizes = np.unique(sentences, return_counts=True)
        order = np.argsort(sentences, kind="stable")
        rows, codes = rows[order], codes[order]
        offsets, words = ragged.offsets_of(sizes), len(rows)
        none = np.zeros(words, np.int16)
        blank = Annotations(
            offsets=offsets, upos=np.full(words, UNLABELLED, np.int8),
            relations=np.full(words, UNLABELLED, np.int8), subtypes=none,
            heads=np.full(words, UNLABELLED, np.int32), feats=np.zeros(words, np.int32), ranges=none,
            subtype_names=("",), feats_names=("",),
        )  # fmt: skip
        states = {n: States(x[torch.from_numpy(rows)], None, offsets, n) for n, x in layers.items()}
        return relabel(blank, self.task, codes), states

    def languages(self, split: Split | None = None, layer: int | None = None) -> tuple[str, ...]:
        """Languages with states of ``layer`` of ``split`` (of any), sorted."""
        held = {name for name, at in self._shards if split in (None, at)}
        return tuple(sorted(held)) if layer is None or layer in self.layers else ()

    def treebank_of(self, language: str) -> str:
        """What stands for a treebank's name."""
        return language

    def named(self, langs: str | Sequence[str]) -> list[str]:
        """``langs``, one by one: there are no treebanks' names to stand for them."""
        return [langs] if isinstance(langs, str) else list(langs)

    def annotations(self, treebank: str, split: Split) -> Annotations:
        return self._there(treebank, split)[0]

    def states(self, treebank: str, split: Split, layer: int) -> States:
        return self._there(treebank, split)[1][layer]

    def _there(self, language: str, split: Split) -> tuple[Annotations, dict[int, States]]:
        if (language, split) not in self._shards:
            raise UsageError(
                f"the arrays have no {split} words of {language}",
                option="splits",
                remedy="say which words are train, dev and test; validation languages need dev",
            )
        return self._shards[language, split]


def _default_splits(sentences: NDArray[np.int64], languages: Sequence[str]) -> NDArray[np.str_]:
    """One sentence in five of each language is a test sentence."""
    names = np.asarray(languages)
    found = np.full(len(sentences), "train")
    for language in np.unique(names):
        rows = np.flatnonzero(names == language)
        _, place = np.unique(sentences[rows], return_inverse=True)
        found[rows[place % TEST_EVERY == TEST_EVERY - 1]] = "test"
    return found
