"""A linear tagger of the words of one language, on the states that a store holds of a treebank.

Multinomial logistic regression on states standardised by the mean and scale of the treebank's train words,
several layers side by side. A word's class is asked of its own states and of those of the word after it (a
decoder has not read that one yet); a relation of the states of head less word (as in the package) and of
the word's own. Both know the word's place in its multiword token, whose words share one state; relations
also know on which side the head stands, and how near.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from concept_align.errors import StoreError
from concept_align.spaces.represent import START, select_items
from concept_align.spaces.standardise import Standardiser, StandardiserFitter
from concept_align.store import Store
from concept_align.store.keys import words_name
from concept_align.tensors import load_tensors, save_tensors
from concept_align.treebanks.concepts import Task
from concept_align.types import Split

PLACES, NEAR = 3, 3  # places in a multiword token, distances to the head, that are told apart
TEMPERATURES = (0.7, 0.85, 1.0, 1.2, 1.45, 1.75, 2.1, 2.5)
NEVER = -30.0  # where the bias of a concept without training words begins


@dataclass(frozen=True)
class Settings:
    layers: tuple[int, ...] = (6, 10, 13)
    beside: int | None = 10  # the layer of the word after (classes), of the word itself (relations)
    words: int = 20_000  # of the train split at most, whole sentences
    dev_words: int = 4_000
    epochs: int = 5
    batch: int = 256
    lr: float = 2e-3
    weight_decay: float = 1.0
    seed: int = 0

    @property
    def all_layers(self) -> tuple[int, ...]:
        return tuple(sorted({*self.layers, *([] if self.beside is None else [self.beside])}))

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"layers": list(self.layers)}


@dataclass(frozen=True, eq=False)
class Words:
    x: torch.Tensor  # [words, dim]
    y: torch.Tensor  # [words]
    rows: NDArray[np.int64]  # [words]: which words of the split they are


@dataclass(frozen=True, eq=False)
class Classifier:
    weight: torch.Tensor  # [dim, concepts]
    bias: torch.Tensor  # [concepts]
    temperature: float = 1.0  # of the probabilities, from the development words
    dev_accuracy: float | None = None

    def probabilities(self, x: torch.Tensor) -> torch.Tensor:
        """[words, concepts], as sure as the development words bear out."""
        return torch.softmax((x @ self.weight + self.bias) / self.temperature, dim=1)

    def accuracy(self, words: Words) -> float:
        return float(((words.x @ self.weight + self.bias).argmax(1) == words.y).double().mean())


@dataclass(frozen=True, eq=False)
class Tagger:
    classifier: Classifier
    standardisers: dict[int, Standardiser]  # by layer
    accuracy: float  # on the test split of the treebank
    test_words: int
    facts: dict[str, Any]  # what it was made from


class Treebank:
    """The states of one treebank of a store, standardised by ``standardisers`` (by layer)."""

    def __init__(self, store: Store, name: str, standardisers: dict[int, Standardiser]) -> None:
        self.store, self.name, self.standardisers = store, name, standardisers

    def words(self, split: Split, task: Task, settings: Settings, limit: int | None = None) -> Words:
        """The words with a label of ``task``, of at most about ``limit`` words in random sentences."""
        annotations = self.store.annotations(self.name, split)
        items = select_items(annotations, task, root="start", mwt="share")
        chosen = np.ones(len(items.rows), dtype=bool)
        if limit is not None and len(items.rows) > limit:
            order = np.random.default_rng(settings.seed).permutation(annotations.sents)
            taken = np.cumsum(np.diff(items.offsets)[order]) <= limit
            chosen = np.isin(items.sentences, order[taken])
        rows, sentences = items.rows[chosen], items.sentences[chosen]
        parts = [_one_hot(annotations.ranges[rows], PLACES)]
        if task.relational:
            heads = items.heads[chosen]
            distance = np.where(heads == START, 0, heads - rows)
            parts += [_one_hot(distance, NEAR), _one_hot(-distance, NEAR)]
            parts += [
                self._states(split, n, heads, sentences) - self._states(split, n, rows, sentences)
                for n in settings.layers
            ]
            if settings.beside is not None:
                parts.append(self._states(split, settings.beside, rows, sentences))
        else:
            parts += [self._states(split, n, rows, sentences) for n in settings.layers]
            if settings.beside is not None:
                surfaces = np.append(np.flatnonzero(annotations.ranges <= 1), annotations.words)
                after = surfaces[np.searchsorted(surfaces, rows, "right")]
                last = after >= annotations.offsets[sentences + 1]
                states = self._states(split, settings.beside, np.where(last, 0, after), sentences)
                states[torch.from_numpy(last)] = 0
                parts.append(states)
        return Words(torch.cat(parts, dim=1), torch.from_numpy(items.y[chosen]), rows)

    def _states(
        self, split: Split, layer: int, rows: NDArray[np.int64], sentences: NDArray[np.int64]
    ) -> torch.Tensor:
        states, standardiser = self.store.states(self.name, split, layer), self.standardisers[layer]
        x = states.words[torch.from_numpy(np.maximum(rows, 0))].float()
        if (at_start := rows == START).any():
            assert states.start is not None  # select_items kept roots
            x[torch.from_numpy(at_start)] = states.start[torch.from_numpy(sentences[at_start])].float()
        return x.sub_(standardiser.mean).div_(standardiser.scale)


def standardisers(store: Store, treebank: str, layers: tuple[int, ...]) -> dict[int, Standardiser]:
    """Mean and scale of the states of the treebank's train words, by layer."""
    return {
        layer: StandardiserFitter(store.recipe.dim)
        .update(store.states(treebank, "train", layer).words, chunk=512)
        .finish()
        for layer in layers
    }


def _one_hot(numbers: NDArray[np.integer], most: int) -> torch.Tensor:
    """[words, most]: the column of a number from 1 to ``most`` or above; none for 0 and below."""
    x = np.zeros((len(numbers), most + 1), dtype=np.float32)
    x[np.arange(len(numbers)), np.clip(numbers, 0, most)] = 1
    return torch.from_numpy(x[:, 1:])


def fit(train: Words, dev: Words | None, concepts: int, settings: Settings) -> Classifier:
    """Train on ``train`` (Adam, cosine); with ``dev`` take the best epoch and temperature."""
    generator = torch.Generator().manual_seed(settings.seed)
    weight = torch.zeros(train.x.shape[1], concepts, requires_grad=True)
    missing = torch.bincount(train.y, minlength=concepts) == 0
    bias = torch.zeros(concepts).masked_fill_(missing, NEVER).requires_grad_()
    decay: list[dict[str, Any]] = [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    adam = torch.optim.AdamW(decay, lr=settings.lr, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(train.y) // settings.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    best, highest = Classifier(weight.detach(), bias.detach()), -1.0
    for _ in range(settings.epochs):
        for piece in torch.randperm(len(train.y), generator=generator).split(settings.batch):
            adam.zero_grad()
            loss = torch.nn.functional.cross_entropy(train.x[piece] @ weight + bias, train.y[piece])
            loss.backward()
            adam.step()
            schedule.step()
        if dev is not None and len(dev.y):
            now = Classifier(weight.detach().clone(), bias.detach().clone())
            if (accuracy := now.accuracy(dev)) > highest:
                best, highest = now, accuracy
    if dev is None or not len(dev.y):
        return best
    logits = dev.x @ best.weight + best.bias
    losses = [float(torch.nn.functional.cross_entropy(logits / t, dev.y)) for t in TEMPERATURES]
    return replace(best, temperature=TEMPERATURES[int(np.argmin(losses))], dev_accuracy=highest)


def trained(store: Store, treebank: str, task: Task, settings: Settings) -> Tagger:
    """The tagger of ``treebank``: trained on train, chosen on dev where there is one, measured on test."""
    bank = Treebank(store, treebank, standardisers(store, treebank, settings.all_layers))
    train = bank.words("train", task, settings, settings.words)
    dev = None
    if store.marker(treebank, words_name("dev")) is not None:
        dev = bank.words("dev", task, settings, settings.dev_words)
    classifier = fit(train, dev, len(task.concepts), settings)
    del train, dev
    test = bank.words("test", task, settings)
    facts = {
        "treebank": treebank,
        "task": task.name,
        "store": store.fingerprint,
        "settings": settings.to_json(),
    }
    return Tagger(classifier, bank.standardisers, classifier.accuracy(test), len(test.y), facts)


def tagger(folder: Path, store: Store, treebank: str, task: Task, settings: Settings) -> Tagger:
    """The tagger kept in ``folder`` if it is of this store and these settings, else a new one, kept there."""
    name = f"{treebank}-{task.name}"
    facts = {
        "treebank": treebank,
        "task": task.name,
        "store": store.fingerprint,
        "settings": settings.to_json(),
    }
    try:
        tensors, about = load_tensors(folder, name)
    except StoreError:
        about = {}
    if about.get("facts") == facts:
        kept = {
            layer: Standardiser(tensors["mean"][place], tensors["scale"][place], about["train_words"])
            for place, layer in enumerate(settings.all_layers)
        }
        classifier = Classifier(
            tensors["weight"], tensors["bias"], about["temperature"], about["dev_accuracy"]
        )
        return Tagger(classifier, kept, about["accuracy"], about["test_words"], facts)
    new = trained(store, treebank, task, settings)
    scalers = [new.standardisers[layer] for layer in settings.all_layers]
    tensors = {
        "weight": new.classifier.weight,
        "bias": new.classifier.bias,
        "mean": torch.stack([one.mean for one in scalers]),
        "scale": torch.stack([one.scale for one in scalers]),
    }
    about = {
        "facts": facts,
        "temperature": new.classifier.temperature,
        "dev_accuracy": new.classifier.dev_accuracy,
        "accuracy": new.accuracy,
        "test_words": new.test_words,
        "train_words": scalers[0].words,
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder, name, tensors, about)
    return new
