"""A model before and after tuning: translation retrieval in every layer, and what its text costs.

Each way of searching is named by its learner, so that what needs no training stands beside what does:

    before   centring        standardising        csls           the model as it was
    tuned    tuned-centred   tuned-standardised   tuned-csls     the tuned one

*Centring* takes the mean vector of its language off each sentence, *standardising* divides every channel by
its scale as well; means and scales are measured on sentences that are not searched (those of training
documents, or the other half of a set that is not trained on), of the model they are used with. A gain of
``tuned`` over ``before`` may be no more than what ``standardising`` gives for nothing, which is why both are
told.

A language is searched against a pivot, English where it is there: the value is the mean of both ways. ``seen
mean`` is over the languages that were tuned on, ``unseen mean`` over the others, the pivot in neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd
import torch
from jaxtyping import Float

from ..errors import UsageError
from ..layers import resolve_layers
from ..seeding import stream
from .language import TextLoss, text_loss
from .outcomes import COLUMNS, Cells, cells_of, outcomes_of, summary
from .parallel import Parallel
from .retrieval import NEIGHBOURS, Ranked, retrieval, sentence_vectors
from .settings import SentencePooling
from .splits import Split
from .standard import Standard

if TYPE_CHECKING:
    from .model import TunableModel

RETRIEVAL, LANGUAGE = "retrieval", "language"
OUTPUT = "output"  # the layer of what the head says
BEFORE = ("before", "centring", "standardising", "csls")
TUNED = ("tuned", "tuned-centred", "tuned-standardised", "tuned-csls")
# What a learner is compared with: its like before, and what needs no training.
REFERENCES = (*zip(TUNED, BEFORE, strict=True), ("tuned", "standardising"))
NUMBERS = ("model", "revision", "layer", "task", "source", "language", "learner", "reference",
           "metric", "value", "low", "high", "n", "seed")  # fmt: skip
MOST = 500  # sentences of a language that are searched
MEASURED = 256  # sentences of a language that means and scales are measured on
MONOLINGUAL = 200  # sentences of a language whose loss is measured

Vectors = dict[int, dict[str, Float[torch.Tensor, "n dim"]]]


@dataclass(frozen=True, eq=False)
class RetrievalSet:
    """Translations that are searched.

    ``held_out`` are ids of those that are searched, ``statistics`` of those that means and scales are
    measured on; they share no document.
    """

    name: str
    parallel: Parallel
    statistics: tuple[str, ...]
    held_out: tuple[str, ...]

    @classmethod
    def of_split(cls, name: str, parallel: Parallel, split: Split) -> "RetrievalSet":
        """Held-out documents of what is trained on."""
        return cls(name, parallel, split.train, split.held_out)

    @classmethod
    def halves(cls, name: str, parallel: Parallel) -> "RetrievalSet":
        """Of translations that are not trained on: half of the documents to be measured, half searched."""
        documents = sorted(set(parallel.documents.values()))
        order = stream(0, "tune", "halves", len(documents)).permutation(len(documents))
        first = {documents[place] for place in order[: len(documents) // 2].tolist()}
        measured = tuple(one for one in parallel.ids if parallel.documents[one] in first)
        return cls(name, parallel, measured, tuple(one for one in parallel.ids if one not in set(measured)))


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found of one model: ``outcomes`` (:mod:`.outcomes`), and what they are of."""

    model: str
    revision: str
    seed: int
    seen: tuple[str, ...]
    outcomes: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    def frame(self) -> pd.DataFrame:
        """The tidy rows: a value with its interval for every layer, set, language, learner and metric."""
        return self._tidy(summary(self.cells, self.seen))

    @cached_property
    def cells(self) -> Cells:
        """The values of the outcomes with what resampling makes of them."""
        return cells_of(self.outcomes)

    def _tidy(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(model=self.model, revision=self.revision, seed=self.seed)[list(NUMBERS)]

    def gains(self, before: "Measured") -> pd.DataFrame:
        """Differences to the model ``before``: tidy rows whose ``reference`` is the learner compared with."""
        return self._tidy(summary(self.cells, self.seen, less=before.cells, pairs=REFERENCES))


def before_after(before: Measured, tuned: Measured) -> pd.DataFrame:
    """One tidy table: what was measured of both, then the differences (those with a ``reference``)."""
    return pd.concat([before.frame(), tuned.frame(), tuned.gains(before)], ignore_index=True)


def evaluate(
    model: "TunableModel",
    sets: Sequence[RetrievalSet],
    split: Split,
    *,
    texts: Mapping[str, Sequence[str]] | None = None,
    tuned: bool = False,
    layers: int | Sequence[int] | str = "all",
    pooling: SentencePooling = "mean",
    length: int | None = None,
    most: int = MOST,
    seed: int = 0,
) -> Measured:
    """Retrieval of ``sets`` and, of a decoder, the loss of plain ``texts`` by language.

    ``split`` says which languages were seen; ``tuned`` how learners are named; ``most`` bounds the sentences
    of a language that are searched, in whole documents; ``seed`` is that of training and changes no number
    here. Raises UsageError where nothing can be measured.
    """
    names = TUNED if tuned else BEFORE
    chosen, parts, notes = resolve_layers(layers, model.layers), [], []
    for one in sets:
        found = list(_searched(model, one, chosen, names, pooling, length, most))
        if not found:
            notes.append(f"{one.name}: no language has enough sentences to be searched")
        parts += found
    if texts and model.kind == "decoder":
        parts += _costs(text_loss(model, {code: own[:MONOLINGUAL] for code, own in texts.items()}), names[0])
    elif texts:
        notes.append(f"{model.name} is an encoder: the loss of its texts is not measured")
    if not parts:
        what = "nothing can be measured: " + ("; ".join(notes) or "no sets and no texts")
        raise UsageError(what, option="evaluate", remedy="name translations that have held-out documents")
    outcomes = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    return Measured(model.name, model.revision, seed, tuple(split.seen), outcomes, tuple(notes))


def _searched(
    model: "TunableModel",
    one: RetrievalSet,
    layers: tuple[int, ...],
    names: tuple[str, ...],
    pooling: SentencePooling,
    length: int | None,
    most: int,
) -> list[pd.DataFrame]:
    """Outcomes of every language of a set against its pivot."""
    parallel, found = one.parallel, []
    pivot = "en" if "en" in parallel.languages else parallel.languages[0]
    kept: tuple[tuple[str, ...], Vectors] = ((), {})
    for language in parallel.languages:
        both = set(parallel.pairs(language, pivot)) if language != pivot else set()
        measured = tuple(name for name in one.statistics if name in both)[:MEASURED]
        searched = _whole_documents(one, [name for name in one.held_out if name in both], most)
        if len(measured) < 2 or len(searched) < 2:
            continue
        ids = (*measured, *searched)
        own = sentence_vectors(
            model, {language: [parallel.texts[language][name] for name in ids]}, layers,
            pooling=pooling, length=length,
        )  # fmt: skip
        if kept[0] != ids:  # most languages have the same sentences in the pivot
            texts = [parallel.texts[pivot][name] for name in ids]
            kept = ids, sentence_vectors(model, {pivot: texts}, layers, pooling=pooling, length=length)
        units = [f"{one.name}:{parallel.documents[name]}" for name in searched]
        for layer in layers:
            ranked = _ways(own[layer][language], kept[1][layer][pivot], len(measured))
            for name, way in zip(names, ranked, strict=True):
                for metric, each in (("p1", way.first), ("mrr", way.reciprocal)):
                    keys = (str(layer), RETRIEVAL, one.name, name, metric, language)
                    value = each.mean(axis=0)
                    found.append(outcomes_of(keys, units, value, 0 * value + 1))
    return found


def _whole_documents(one: RetrievalSet, ids: Sequence[str], most: int) -> tuple[str, ...]:
    """The first of ``ids`` in the order of a draw of documents, until ``most`` are there."""
    documents = sorted({one.parallel.documents[name] for name in ids})
    if len(ids) <= most:
        return tuple(ids)
    order = stream(0, "tune", "searched", len(documents)).permutation(len(documents))
    place = {documents[at]: rank for rank, at in enumerate(order.tolist())}
    return tuple(sorted(ids, key=lambda name: (place[one.parallel.documents[name]], name))[:most])


def _ways(a: torch.Tensor, b: torch.Tensor, measured: int) -> tuple[Ranked, Ranked, Ranked, Ranked]:
    """Raw, centred, standardised, CSLS; the first ``measured`` rows give means and scales."""
    standard = Standard.measured({"a": a[:measured], "b": b[:measured]})
    a, b = a[measured:], b[measured:]
    centred = a - standard.means["a"], b - standard.means["b"]
    return (
        retrieval(a, b),
        retrieval(*centred),
        retrieval(standard.applied(a, ["a"] * len(a)), standard.applied(b, ["b"] * len(b))),
        retrieval(a, b, csls=NEIGHBOURS),
    )


def _costs(losses: Mapping[str, TextLoss], learner: str) -> list[pd.DataFrame]:
    """Outcomes of plain text: its unit is the sentence."""
    found = []
    for language, loss in losses.items():
        units = [f"{language}:{place}" for place in range(len(loss.nats))]
        for metric, counts in (("nats-per-token", loss.tokens), ("nats-per-byte", loss.bytes)):
            keys = (OUTPUT, LANGUAGE, "text", learner, metric, language)
            found.append(outcomes_of(keys, units, loss.nats, counts.astype(float)))
    return found
