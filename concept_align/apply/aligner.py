"""A saved aligner and its language model, put to text: words in, word classes (or relations) out.

    text -> states -> mean and scale of the language -> representations -> aligner.adapt -> labels

All of it as it was for training: the same functions, from the recipe that the aligner's folder keeps.
"""

from collections.abc import Collection
from pathlib import Path

import torch

from ..errors import LearningError, TreebankError, UsageError
from ..evaluation.aligners import SavedAligner, read_aligner
from ..extraction.config import BATCH_TOKENS
from ..extraction.states import InMemoryStates, extract_in_memory
from ..meta.learners.base import Aligner
from ..meta.reference import read_reference
from ..models.protocol import LanguageModel
from ..progress import Progress
from ..spaces.features import Features
from ..spaces.represent import represent_layers
from ..spaces.standardise import Standardiser, fit_layers, shrunk
from ..treebanks.concepts import Task, parse_task
from ..treebanks.corpus import Annotations, Corpus
from .classifier import TextClassifier
from .model import check_recorded, load_recorded
from .text import Labelled, Text, read, read_labelled

# A language with fewer words is standardised by what is to be expected of it, too.
ENOUGH_WORDS = 200
WITHOUT_LIMIT = 1 << 30


class TextAligner:
    """An aligner with the language model whose states it reads. Made by :meth:`from_pretrained`."""

    def __init__(
        self,
        aligner: Aligner,
        trained: SavedAligner,
        model: LanguageModel,
        expected: Standardiser | None,
        *,
        batch_tokens: int = BATCH_TOKENS,
        progress: Progress | None = None,
    ) -> None:
        """``expected``: mean and scale that the aligner's folder keeps, if any."""
        self.aligner, self.trained, self.model, self.expected = aligner, trained, model, expected
        self.task = task_of(trained)
        self.batch_tokens, self.progress = batch_tokens, progress
        if trained.features.standardise == "global" and expected is None:
            raise LearningError(
                "the folder does not hold the mean and scale that all languages are standardised by",
                where=str(trained.folder),
                remedy="run meta-train again, with force",
            )

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        model: str | Path | LanguageModel | None = None,
        *,
        device: str = "auto",
        offline: bool = False,
        batch_tokens: int = BATCH_TOKENS,
        progress: Progress | None = None,
    ) -> "TextAligner":
        """The aligner in a folder that meta-train wrote, and the model it was trained on.

        ``model`` says where that model is, if not where it was, or is the model, loaded. Raises LearningError
        for a folder that holds no aligner, ModelError for a model that is not there or another one.
        """
        trained = read_aligner(folder)
        aligner, expected = trained.load(), read_reference(folder)
        if model is None or isinstance(model, str | Path):
            model = load_recorded(trained, model, device=device, offline=offline)
        else:
            check_recorded(trained, model)
        return cls(aligner, trained, model, expected, batch_tokens=batch_tokens, progress=progress)

    @property
    def concepts(self) -> tuple[str, ...]:
        """What words are told apart as."""
        return self.task.concepts

    def adapt(
        self,
        support: Labelled | None = None,
        unlabelled: Text | None = None,
        *,
        valid: Collection[str] | None = None,
        seed: int = 0,
    ) -> TextClassifier:
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
        held = None if support is None else self.states(read_labelled(support, self.task), "support")
        more = None if unlabelled is None else self.states(read(unlabelled), "unlabelled text")
        return TextClassifier(self, held, more, known, seed)

    def states(self, corpus: Corpus, name: str = "states") -> InMemoryStates:
        """States of ``corpus``, of the aligner's layers; of sentences as long as the model can read."""
        try:
            return extract_in_memory(
                self.model,
                corpus,
                self.trained.recipe,
                self.trained.features.layers,
                max_words=WITHOUT_LIMIT,
                batch_tokens=self.batch_tokens,
                progress=self.progress,
                name=name,
            )
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
        found = represent_layers(
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


def task_of(trained: SavedAligner) -> Task:
    """What an aligner tells apart."""
    name = trained.features.task
    return Task(name, trained.concepts) if trained.concepts is not None else parse_task(name)
