"""Features of any language and split, from a store: what probes, learners and evaluation load.

States are standardised (from unlabelled words) before they are represented; several layers stand side by
side along the dimension, after them those of a second store, which must hold the same words.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import ArrayLike

from ..errors import LearningError, StoreError, UsageError
from ..store.keys import Recipe, words_name
from ..store.shards import States
from ..store.store import Store
from ..treebanks.concepts import Task, is_open_ended, parse_task, unseen
from ..treebanks.corpus import Annotations
from ..types import SPLITS, Split, Standardisation
from .arrays import TASK, ArrayStore
from .features import Features
from .represent import context_parts, represent, select_items
from .spec import FeatureSpec
from .standardise import Standardiser, fit_layers

CACHE_BYTES = 8 << 30
TINY, TINY_SHARE = 1000, 4  # words of a train split; how many times as many the test split has
WIDE = 2048  # wider standardised representations are kept in 16 bits, which fill half the memory


def is_tiny(train: int, test: int) -> bool:
    """Whether a train split of so many words is too small to tell the mean and scale of a language, and its
    test split, whose words may be looked at without labels, is much larger: that of many a small treebank."""
    return train < TINY and train * TINY_SHARE < test


def check_words(first: "StateStore", other: "StateStore", treebank: str, split: Split) -> None:
    """StoreError, naming the file, unless both stores hold states of the same words: of the same sentences of
    the same file, with the same labels."""
    if not (isinstance(first, Store) and isinstance(other, Store)):
        return
    name = words_name(split)
    one, two = (store.marker(treebank, name) for store in (first, other))
    if one is None or two is None:
        return  # reading says what is missing
    differs = [
        field
        for field in ("source_sha256", "kept", "words", "sents")
        if getattr(one, field) != getattr(two, field)
    ]
    if not differs:
        return
    files = "another file of the treebank" if "source_sha256" in differs else "other sentences of it"
    raise StoreError(
        f"of {treebank} {split} the two stores hold other words ({files})",
        where=f"{other.folder / treebank / name}, {first.folder / treebank / name}",
        remedy="extract both from the same files, with one limit and a max_words that both models can read",
    )


class StateStore(Protocol):
    """What is read of :class:`concept_align.store.Store`, or of states in memory."""

    @property
    def recipe(self) -> Recipe: ...

    def languages(self, split: Split | None = None, layer: int | None = None) -> tuple[str, ...]: ...

    def treebank_of(self, language: str) -> str: ...

    def named(self, langs: str | Sequence[str]) -> list[str]: ...

    def annotations(self, treebank: str, split: Split) -> Annotations: ...

    def states(self, treebank: str, split: Split, layer: int) -> States: ...


class FeatureSource:
    """Loads :class:`Features`; keeps what was loaded lately, within ``cache_bytes``.

    ``store`` holds the states; of two, the second those of the specification's ``other_layers``.

    Standardised by ``language``, states take mean and scale from all words of the language's train split;
    without one, from its test words, and from those of all its splits where the train split :func:`is_tiny`
    (``notes`` says so). ``global``: from those of the reference languages together. ``none`` leaves states as
    they are.
    """

    def __init__(
        self,
        store: StateStore | Sequence[StateStore],
        spec: FeatureSpec,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.stores = (*store,) if isinstance(store, Sequence) else (store,)
        if len(self.stores) != (2 if spec.other_layers else 1):
            told = f"{len(self.stores)} stores for layers of {2 if spec.other_layers else 1} models"
            remedy = "give two stores where the specification has other_layers, else one"
            raise UsageError(told, option="store", remedy=remedy)
        self.store, self.spec, self.cache_bytes = self.stores[0], spec, cache_bytes
        self._columns = [(self.store, layer) for layer in spec.layers]
        self._columns += [(self.stores[-1], layer) for layer in spec.other_layers]
        self.notes: dict[str, str] = {}  # language -> what was done otherwise than asked
        self._present = {
            split: frozenset.intersection(*(frozenset(of.languages(split, n)) for of, n in self._columns))
            for split in SPLITS
        }
        self._unusable: dict[Split, dict[str, str]] = {split: {} for split in SPLITS}
        for split in SPLITS:
            for of, layer in self._columns:
                self._unusable[split] |= of.unusable(split, layer) if isinstance(of, Store) else {}
            self.notes |= {name: f"left out: {why}" for name, why in self._unusable[split].items()}
        self._treebanks: dict[str, str] = {}
        self._annotations: dict[tuple[str, Split], Annotations] = {}
        self._standardisers: dict[str, Standardiser] = {}
        self._cache: OrderedDict[tuple[str, Split], Features] = OrderedDict()
        self._reference = spec.reference if spec.reference is not None else self.languages("train")
        self.task = self._task(spec.task)
        started = all(of.recipe.has_start for of in self.stores)
        if self.task.relational and spec.root == "start" and not started:
            what = "the model has no sentence-start token to stand for the head of roots"
            raise UsageError(what, option="root", remedy="let root be exclude")

    @classmethod
    def from_arrays(
        cls,
        x: ArrayLike | torch.Tensor | Mapping[int, ArrayLike | torch.Tensor],
        labels: Sequence[str],
        languages: Sequence[str],
        *,
        splits: Sequence[Split] | None = None,
        sentences: Sequence[int] | None = None,
        task: str = TASK,
        standardise: Standardisation = "language",
        name: str = "arrays",
    ) -> "FeatureSource":
        """Features of states that a user has as arrays, in the place of a store.

        Args:
            x: states [words, dim], or of several layers, by number.
            labels: the concept of each word; "" for none.
            languages: the language of each word.
            splits: train, dev or test of each word; by default, one sentence in five is a test sentence.
            sentences: the sentence of each word, a number; by default, each word is one.
            task: what the labels are; ``"upos"`` gives them the inventory of Universal Dependencies.
            standardise: by ``"language"``, ``"global"`` or ``"none"``.
            name: what results call the model.

        Raises UsageError, naming the argument, for what does not fit.

        Example:
            >>> import concept_align as ca
            >>> states, labels = [[0.0, 1.0], [1.0, 0.0]] * 10, ["NOUN", "VERB"] * 10
            >>> source = ca.FeatureSource.from_arrays(states, labels, ["en"] * 10 + ["de"] * 10)
            >>> source.languages("test"), source.concepts
            (('de', 'en'), ('NOUN', 'VERB'))
        """
        store = ArrayStore(x, labels, languages, splits=splits, sentences=sentences, task=task, name=name)
        spec = FeatureSpec(task, tuple(store.layers), standardise=standardise)
        source = cls(store, spec)
        source.task = store.task
        return source

    def __repr__(self) -> str:
        count = len(self.languages())
        return f"FeatureSource({self.spec.task}, layers {self.layer_name}, {count} languages)"

    def with_layers(self, layers: tuple[int, ...]) -> "FeatureSource":
        """The same features of other layers; what is known of the treebanks is not read again."""
        other = FeatureSource(self.stores, self.spec.with_layers(layers), cache_bytes=self.cache_bytes)
        other._treebanks, other._annotations = self._treebanks, self._annotations
        return other

    @property
    def concepts(self) -> tuple[str, ...]:
        return self.task.concepts

    @property
    def dim(self) -> int:
        context = context_parts(self.task) * len(self.spec.context_layers) * self.store.recipe.dim
        return sum(of.recipe.dim for of, _ in self._columns) + context

    @property
    def layers(self) -> tuple[int, ...]:
        return self.spec.layers

    @property
    def layer_name(self) -> str:
        """The layers as results name them: see :class:`FeatureSpec`."""
        return self.spec.layer_name

    def languages(self, split: Split | None = None) -> tuple[str, ...]:
        """Languages with all the layers of ``split`` (of any split), sorted."""
        held = self._present[split] if split else frozenset().union(*self._present.values())
        return tuple(sorted(held))

    def describe(self) -> dict[str, Any]:
        """What decides the features, for provenance."""
        facts = self.spec.describe()
        if self.task.open_ended:  # its concepts are those that the store's treebanks have
            facts["concepts"] = list(self.concepts)
        if self.spec.standardise == "global":
            facts["reference"] = list(self._reference)
        return facts

    def load(self, language: str, split: Split) -> Features:
        """The features of a split, standardised; kept for the next call. Do not write to them."""
        key = (language, split)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        features = self._represented(language, split)
        self._cache[key] = features
        while len(self._cache) > 1 and sum(kept.bytes for kept in self._cache.values()) > self.cache_bytes:
            self._cache.popitem(last=False)
        return features

    def gold(
        self, language: str, split: Split
    ) -> tuple[Int64[np.ndarray, " words"], Int64[np.ndarray, " bounds"]]:
        """Labels ``y`` [words] and ``offsets`` [sents + 1] as ``load`` has them, without reading states."""
        annotations = self._annotated(language, split)
        items = select_items(annotations, self.task, root=self.spec.root, mwt=self.spec.mwt)
        return items.y, items.offsets

    def standardiser(self, language: str) -> Standardiser | None:
        """Mean and scale [dim] that the states of ``language`` are standardised by; None for ``none``."""
        if self.spec.standardise == "none":
            return None
        key = "" if self.spec.standardise == "global" else language
        if key not in self._standardisers:
            self._standardisers[key] = self._fit_standardiser(language)
        return self._standardisers[key]

    def standardised_by(self, language: str) -> tuple[Split, ...]:
        """The splits whose words give the mean and scale of ``language``."""
        if self.spec.standardise == "global":
            return ("train",)
        there = tuple(split for split in SPLITS if language in self._present[split])
        if "train" not in there:
            return ("test",)
        if "test" not in there or not self._is_small(language):
            return ("train",)
        words = [self._annotated(language, split).words for split in ("train", "test")]
        return there if is_tiny(*words) else ("train",)

    def _is_small(self, language: str) -> bool:
        """Whether other splits may have a part in the mean and scale of ``language``."""
        own = self.spec.standardise == "language" and language in self._present["train"]
        return own and self._annotated(language, "train").words < TINY

    def _task(self, name: str) -> Task:
        if not is_open_ended(name):
            return parse_task(name)
        values: set[str] = set()
        for split in SPLITS:
            for language in self.languages(split):
                try:
                    values |= set(parse_task(name, self._annotated(language, split)).concepts)
                except UsageError as error:  # a column that was not kept: of which words?
                    where = f"{self.treebank(language)} {split}"
                    raise UsageError(error.message, where=where, remedy=error.remedy) from error
        if not values:
            raise unseen(name, self._annotations.values())
        return Task(name, tuple(sorted(values)))

    def treebank(self, language: str) -> str:
        """The store's treebank of ``language``."""
        if language not in self._treebanks:
            self._treebanks[language] = self.store.treebank_of(language)
        return self._treebanks[language]

    def _annotated(self, language: str, split: Split) -> Annotations:
        key = (language, split)
        if key not in self._annotations:
            treebank = self.treebank(language)
            for other in self.stores[1:]:
                check_words(self.store, other, treebank, split)
            self._annotations[key] = self.store.annotations(treebank, split)
        return self._annotations[key]

    def _represented(self, language: str, split: Split) -> Features:
        annotations, standardiser = self._annotated(language, split), self.standardiser(language)
        found = represent(
            [of.states(self.treebank(language), split, layer) for of, layer in self._columns],
            annotations,
            self.task,
            root=self.spec.root,
            mwt=self.spec.mwt,
            standardiser=standardiser,
            context=[self.layers.index(layer) for layer in self.spec.context_layers],
        )
        # Standardised numbers of 16-bit states lose nothing worth keeping, and wide ones fill the memory.
        wide = found.x.shape[1] > WIDE and self.spec.standardise != "none"
        stored = found.x.half() if wide else found.x
        return Features(language, self.concepts, stored, found.y, found.offsets)

    def _fit_standardiser(self, language: str) -> Standardiser:
        of = self._reference if self.spec.standardise == "global" else (language,)
        splits = self.standardised_by(language)
        needed = [language] if self.spec.standardise == "language" else self.spec.reference
        for name, why in self._unusable["train"].items():
            if needed is None or name in needed:  # other words would give another mean and scale
                raise StoreError(why, where=f"language {name}", remedy="run concept-align store verify")
        if splits != ("train",):
            said = "standardised by its own unlabelled test words: it has no train split"
            if "train" in splits:
                words = f"{self._annotated(language, 'train').words:,}"
                said = f"standardised by the unlabelled words of all its splits: its train split has {words}"
            known = self.notes.get(language)
            self.notes[language] = f"{known}; {said}" if known else said
        about = {"kind": self.spec.standardise, "languages": list(of), "split": "+".join(splits)}
        states = [
            [store.states(self.treebank(name), split, layer).words for name in of for split in splits]
            for store, layer in self._columns
        ]
        try:
            return fit_layers(states, about | {"layers": list(self.layers)})
        except LearningError as error:
            where = f"{', '.join(of)}, {about['split']} split"
            raise LearningError(error.message, where=where, remedy=error.remedy) from error
