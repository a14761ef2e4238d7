"""A saved aligner and its language model, put to text: words in, word classes (or relations) out.

    text -> states -> mean and scale of the language -> representations -> aligner.adapt -> labels

All of it as it was for training: the same functions, from the recipe that the aligner's folder keeps.
"""

import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import LearningError, ModelError, TreebankError, UsageError
from ..evaluation.aligners import SavedAligner, read_aligner
from ..extraction.config import BATCH_TOKENS
from ..extraction.prepare import BLOCK, cut
from ..extraction.states import InMemoryStates, extract_in_memory, joined
from ..meta.hub import HubUpload
from ..meta.learners.base import Aligner
from ..meta.learners.classifier import Classifier, numbers
from ..models.pieces import repeated
from ..models.protocol import LanguageModel
from ..progress import Progress
from ..spaces.features import Features, Sentences
from ..spaces.represent import represent, select_items
from ..spaces.standardise import Standardiser, fit_layers, shrunk
from ..treebanks.concepts import FIELDS, Task, field_of, parse_task
from ..treebanks.corpus import Annotations, Corpus
from ..types import Reading
from .classification import Classification, columns_of
from .doubts import of_entropy, of_labels, of_tokens
from .recorded import AnyModel, load_recorded
from .text import Document, Labelled, Text, asked, document, read, read_labelled, require_heads, undivided

# A language with fewer words is standardised by what is to be expected of it, too. (docs/methods.md has what
# was measured: of 50 words, mean and scale of their own are better than any mixture.)
ENOUGH_WORDS = 50
WITHOUT_LIMIT = 1 << 30


class TextAligner(HubUpload):
    """An aligner with the language model whose states it reads. Made by :meth:`from_pretrained`.

    Example:
        >>> tagger = TextAligner.from_pretrained("runs/self")                           # doctest: +SKIP
        >>> tagger.predict([["Yaşlı", "köpek", "uyuyor", "."]])                         # doctest: +SKIP
        [['ADJ', 'NOUN', 'VERB', 'PUNCT']]
        >>> tagger.adapt("labelled.conllu").predict("text.txt")                         # doctest: +SKIP
    """

    def __init__(
        self,
        aligner: Aligner,
        trained: SavedAligner,
        model: LanguageModel,
        expected: Standardiser | None,
        *,
        other: LanguageModel | None = None,
        batch_tokens: int = BATCH_TOKENS,
        progress: Progress | None = None,
    ) -> None:
        """``expected``: mean and scale that the aligner's folder keeps, if any; ``other``: the second model
        of an aligner of two."""
        self.aligner, self.trained, self.model, self.expected = aligner, trained, model, expected
        self.models = (model,) if other is None else (model, other)
        self.task, self.entropy = task_of(trained), trained.entropy()
        self.batch_tokens, self.progress = batch_tokens, progress
        if trained.features.standardise == "global" and expected is None:
            raise LearningError(
                "the folder does not hold the mean and scale that all languages are standardised by",
                where=str(trained.folder),
                remedy="run meta-train again, with force",
            )

    def __repr__(self) -> str:
        return f"TextAligner({self.trained.learner}, {self.task.name}, {self.model.name})"

    @classmethod
    def from_pretrained(
        cls,
        aligner: str | Path,
        model: AnyModel | None = None,
        *,
        with_model: AnyModel | None = None,
        revision: str | None = None,
        device: str = "auto",
        offline: bool = False,
        batch_tokens: int = BATCH_TOKENS,
        progress: Progress | None = None,
    ) -> "TextAligner":
        """The aligner in a folder that meta-train wrote, or on the hub, and the model it was trained on.

        ``aligner`` is a folder or a hub id, with its ``revision``. ``model`` says where the model is, if not
        where it was, or is the model: loaded, or a ``(model, tokenizer)`` pair of transformers; so does
        ``with_model`` of the second model of an aligner of two. Raises
        LearningError for a folder that holds no aligner, ModelError for a model that is not there or another
        one. Of a pair, whose files are not known, a warning says that its weights could not be compared.
        """
        trained = read_aligner(aligner, revision=revision, offline=offline)
        learned, expected = trained.load(), trained.expected()
        where: dict[str, Any] = {"device": device, "offline": offline}
        loaded = load_recorded(trained.recipe, trained.folder, model, **where)
        other = None
        if trained.other is not None:
            other = load_recorded(trained.other, trained.folder, with_model, option="with_model", **where)
        elif with_model is not None:
            what = f"the aligner reads the states of {trained.recipe.model} alone"
            raise UsageError(what, option="with_model", remedy="leave it out")
        how: dict[str, Any] = {"batch_tokens": batch_tokens, "progress": progress}
        return cls(learned, trained, loaded, expected, other=other, **how)

    @property
    def concepts(self) -> tuple[str, ...]:
        """What words are told apart as."""
        return self.task.concepts

    def predict(self, text: Text) -> list[list[str | None]]:
        """The label of every word, sentence by sentence, zero-shot: as ``adapt().predict(text)``."""
        return self.adapt()._warned(text).labels()

    def adapt(
        self,
        support: Labelled | None = None,
        unlabelled: Text | None = None,
        *,
        valid: Collection[str] | None = None,
        seed: int = 0,
    ) -> "TextClassifier":
        """A classifier for one language: of few labelled sentences, or of none.

        ``support`` is CoNLL-U, or ``[(words, labels), ...]`` for word classes. ``unlabelled`` is more text of
        the language: its mean and scale are taken from it, and transductive learners look at its words.
        Without it, both are done with the support and whatever is to be classified. ``valid`` restricts what
        may be predicted.
        """
        known = None
        if valid is not None:
            if odd := sorted(set(valid) - set(self.concepts)):
                raise UsageError(
                    f"unknown concepts {', '.join(odd)}", remedy=f"use {' '.join(self.concepts)}"
                )
            known = torch.tensor([concept in set(valid) for concept in self.concepts])
        held = more = None
        if support is not None:
            held = self.states(self.readable(read_labelled(support, self.task))[0], "support")
        if unlabelled is not None:
            more = self.states(self.readable(read(unlabelled))[0], "unlabelled text")
        return TextClassifier(self, held, more, known, seed)

    def readable(self, corpus: Corpus) -> tuple[Corpus, NDArray[np.int64]]:
        """``corpus`` without the words that get no token of the model's, and the places of those that are
        left.

        A sentence of such words alone stays, to be left out whole.
        """
        left = np.arange(corpus.words)
        for model, recipe in zip(self.models, self.trained.recipes, strict=True):
            kept = _covered(model, corpus, recipe.read)
            if not kept.all():
                corpus, left = corpus.of_words(kept), left[kept]
        return corpus, left

    def states(self, corpus: Corpus, name: str = "states") -> InMemoryStates:
        """States of ``corpus``, of the aligner's layers; of sentences as long as the model can read."""
        try:
            how = self.trained.features
            found = [
                extract_in_memory(
                    model,
                    corpus,
                    recipe,
                    layers,
                    max_words=WITHOUT_LIMIT,
                    batch_tokens=self.batch_tokens,
                    progress=self.progress,
                    name=name,
                )
                for model, recipe, layers in zip(
                    self.models, self.trained.recipes, (how.layers, how.other_layers), strict=False
                )
            ]
            return joined(*found)
        except TreebankError as error:
            raise TreebankError(
                error.message,
                where=error.where,
                remedy="divide long sentences, or check that the model's tokenizer knows the script",
            ) from error

    def features(
        self, held: InMemoryStates, annotations: Annotations, standardiser: Standardiser | None
    ) -> Features:
        """The items of ``annotations``, which are those of ``held`` or ask for more of its words."""
        how = self.trained.features
        found = represent(
            held.layers,
            annotations,
            self.task,
            root=how.root,
            mwt=how.mwt,
            standardiser=standardiser,
            context=[how.layers.index(layer) for layer in how.context_layers],
        )
        return Features(held.corpus.source.language, self.concepts, found.x, found.y, found.offsets)

    def standardiser(self, *texts: InMemoryStates) -> tuple[Standardiser | None, list[str]]:
        """Mean and scale of the language of ``texts``, and what is to be said about them."""
        kind = self.trained.features.standardise
        if kind != "language":
            return (None if kind == "none" else self.expected), []
        words = sum(held.annotations.words for held in texts)
        few = f"mean and scale of the language are from {words} words only"
        if words < 2 and self.expected is not None:
            return self.expected, [f"{few}: those of the training languages are taken"]
        parts = [[held.layers[place].words for held in texts] for place in range(len(texts[0].layers))]
        own = fit_layers(parts, {"kind": kind, "words": words})
        if words >= ENOUGH_WORDS:
            return own, []
        if self.expected is None:
            return own, [f"{few}, and the aligner's folder holds none to lean on: give unlabelled text"]
        lean = f"drawn towards those of the training languages: {ENOUGH_WORDS} words would do without"
        return shrunk(own, self.expected, ENOUGH_WORDS), [f"{few}, {lean}"]

    def _write(self, folder: Path) -> None:
        self.aligner._write(folder)


class TextClassifier:
    """Concepts of the words of one language. Made by :meth:`TextAligner.adapt`."""

    def __init__(
        self,
        aligner: TextAligner,
        support: InMemoryStates | None,
        unlabelled: InMemoryStates | None,
        valid: torch.Tensor | None,
        seed: int,
    ) -> None:
        self.aligner, self._support, self._unlabelled = aligner, support, unlabelled
        self._valid, self._seed = valid, seed
        self._kept: tuple[Classifier, Standardiser | None, list[str]] | None = None
        by_text = aligner.trained.features.standardise == "language" or aligner.aligner.transductive
        if unlabelled is not None or not by_text:
            self._kept = self._adapted(None)

    def classify(self, text: Text) -> Classification:
        """Every word of ``text`` with its concept: a file, sentences, or sentences in words."""
        task, given = self.aligner.task, document(text)
        corpus = given.corpus
        if task.relational:
            require_heads(corpus)
        legible, words = self.aligner.readable(corpus)
        held = self.aligner.states(legible, "text")
        classifier, standardiser, notes = self._kept or self._adapted(held)
        annotations, how = asked(held.annotations, task), self.aligner.trained.features
        rows = words[_places(held, select_items(annotations, task, root=how.root, mwt=how.mwt).rows)]
        codes = np.full(corpus.words, -1, np.int64)
        scores = torch.full((corpus.words, len(task.concepts)), torch.nan)
        items = self.aligner.features(held, annotations, standardiser)
        found = numbers(classifier.scores(items.sentences), "classify")
        codes[rows], scores[torch.from_numpy(rows)] = found.argmax(1).numpy(), found
        written, said = writable(given, task)
        lost = np.setdiff1d(np.arange(corpus.words), words)
        done = Classification(corpus, task, codes, scores, (), written)
        doubted = of_tokens(self.aligner.model, corpus, self.aligner.trained.train)
        if self._support is None and self._valid is None:
            doubted += of_entropy(found, self.aligner.entropy)
        if task.name == "upos" and self._valid is None:
            doubted += of_labels(corpus.forms, done.names())
        return replace(done, notes=(*notes, *_said(held, corpus, lost), *said, *doubted))

    def predict(self, text: Text) -> list[list[str | None]]:
        """The label of every word, sentence by sentence; None where there can be none. Notes are warnings."""
        return self._warned(text).labels()

    def predict_proba(self, text: Text) -> list[NDArray[np.float32]]:
        """float32 [words, concepts] of each sentence: probabilities, in the order of ``concepts``."""
        found = self._warned(text)
        whole = found.scores.exp().numpy()
        return [whole[found.corpus.words_of(place)] for place in range(found.corpus.sents)]

    def _warned(self, text: Text) -> Classification:
        found = self.classify(text)
        for note in found.notes:
            warnings.warn(note, UserWarning, stacklevel=3)
        return found

    def _adapted(self, text: InMemoryStates | None) -> tuple[Classifier, Standardiser | None, list[str]]:
        """The aligner adapted, with mean and scale, from unlabelled text, else from support and ``text``."""
        given = [self._unlabelled] if self._unlabelled is not None else [self._support, text]
        sources = [held for held in given if held is not None]
        standardiser, notes = self.aligner.standardiser(*sources)
        support = unlabelled = None
        if self._support is not None:
            support = self.aligner.features(self._support, self._support.annotations, standardiser)
        if self.aligner.aligner.transductive:
            seen = [
                self.aligner.features(
                    held, asked(held.annotations, self.aligner.task), standardiser
                ).sentences
                for held in sources
            ]
            unlabelled = Sentences.joined(seen) if any(one.words for one in seen) else None
        classifier = self.aligner.aligner.adapt(
            support, unlabelled=unlabelled, valid=self._valid, seed=self._seed
        )
        return classifier, standardiser, notes


def task_of(trained: SavedAligner) -> Task:
    """What an aligner tells apart."""
    name = trained.features.task
    return Task(name, trained.concepts) if trained.concepts is not None else parse_task(name)


def _covered(model: LanguageModel, corpus: Corpus, read: Reading) -> NDArray[np.bool_]:
    """[words] which get a token of the model's; all of those of a sentence where none does."""
    kept = np.ones(corpus.words, np.bool_)
    for first in range(0, corpus.sents, BLOCK):
        places = np.arange(first, min(first + BLOCK, corpus.sents))
        for place, pieces in zip(places.tolist(), cut(model, corpus, places, read), strict=True):
            if not isinstance(pieces, ModelError):
                continue
            words = corpus.words_of(place)
            alone = [span[None] for span in corpus.spans[words]]
            found = model.pieces_many(*repeated([corpus.texts[place]] * len(alone), alone, read))
            covered = [not isinstance(one, ModelError) for one in found]
            kept[words] = covered if any(covered) else True
    return kept


def _places(held: InMemoryStates, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Words of the kept sentences -> words of the corpus."""
    offsets, own = held.corpus.offsets[held.kept], held.annotations.offsets
    return rows + np.repeat(offsets - own[:-1], np.diff(own))[rows]


def writable(given: Document, task: Task) -> tuple[bytes | None, list[str]]:
    """The CoNLL-U to fill in, if that is what was given, and what is to be said of it."""
    if given.conllu is None:
        return None, []
    places, wanted = columns_of(given.conllu), (field_of(task.name)[0], "MISC")
    lacking = [name for name in wanted if places[FIELDS.index(name)] is None]
    if not lacking:
        return given.conllu, []
    what = f"CoNLL-U Plus without the column {' and '.join(lacking)}"
    return None, [f"{what} is written as CoNLL-U: of its columns only the ten are there"]


def _said(held: InMemoryStates, corpus: Corpus, lost: NDArray[np.int64]) -> list[str]:
    notes = []
    if len(lost):
        first = corpus.forms[int(lost[0])]
        points = " ".join(f"U+{ord(sign):04X}" for sign in first[:8])
        what = "words without labels, of which the model has no token"
        notes = [f"{what}: {len(lost)} (the first is {first!r}, {points})"]
    notes += [
        f"sentences without labels, {reason}: {number} (the first is {held.examples[reason]})"
        for reason, number in held.left_out.items()
    ]
    if long := undivided(corpus):
        notes.append(
            f"words that look undivided, in a script without spaces: {long} (give the text in words)"
        )
    return [*notes, *corpus.strange()]
