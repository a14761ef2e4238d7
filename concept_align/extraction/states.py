"""The states of prepared sentences, in order: handed on batch by batch, or held in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from .. import ragged
from ..errors import ModelError
from ..models.protocol import LanguageModel, WordStates
from ..progress import Progress, Silent
from ..store.keys import SAVE_DTYPES, Recipe
from ..store.shards import States
from ..treebanks.corpus import Annotations, Corpus
from ..types import Pooling
from .config import BATCH_TOKENS
from .outliers import norms_of, tame
from .prepare import PreparedCorpus, prepare
from .sinks import cast


def run(
    model: LanguageModel, prepared: PreparedCorpus, layers: Sequence[int], pooling: Pooling, batch_tokens: int
) -> Iterator[WordStates]:
    """States of all kept sentences; ``sentences`` counts these. ModelError where the model loses some."""
    done, lengths = 0, prepared.lengths
    for before, pieces in prepared.blocks(model):
        for part in model.word_states(pieces, layers, pooling=pooling, batch_pieces=batch_tokens):
            states = WordStates(part.sentences + before, part.offsets, part.words, part.start)
            _in_order(states, done, lengths)
            done += len(states.sentences)
            yield states


def _in_order(states: WordStates, expected: int, lengths: np.ndarray) -> None:
    """ModelError unless ``states`` are those of the next sentences, whole."""
    count = len(states.sentences)
    same = np.array_equal(states.sentences, np.arange(expected, expected + count))
    words = lengths[expected : expected + count]
    if not same or not np.array_equal(np.diff(states.offsets), words):
        raise ModelError(
            "the model gave states of other sentences or words than were asked for",
            remedy="this is a fault of the model's wrapper; report it with the model's name",
        )
    for layer, values in states.words.items():
        if len(values) != int(words.sum()):
            raise ModelError(f"{len(values)} states of layer {layer} for {int(words.sum())} words")


@dataclass(frozen=True, eq=False)
class InMemoryStates:
    """The states of a corpus as a store would hold them, without one."""

    corpus: Corpus
    kept: NDArray[np.int64]  # [sents] places in the corpus
    left_out: dict[str, int]  # reason -> sentences
    examples: dict[str, str]  # reason -> id of the first one
    annotations: Annotations  # of the kept sentences
    layers: tuple[States, ...]  # in the order asked for


def extract_in_memory(
    model: LanguageModel,
    corpus: Corpus,
    recipe: Recipe,
    layers: Sequence[int],
    *,
    max_words: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
    name: str = "states",
) -> InMemoryStates:
    """The states of ``layers`` in memory, rounded to the recipe's save dtype as a store's are.

    ``max_words`` (of a sentence) is the recipe's unless given. Raises what an extraction raises.
    """
    most = recipe.max_words if max_words is None else max_words
    prepared = prepare(model, corpus, max_words=most, read=recipe.read)
    bar = (progress or Silent()).bar(name, prepared.words, unit="words")
    empty = partial(torch.empty, dtype=SAVE_DTYPES[recipe.save_dtype])
    tensors = {layer: empty(prepared.words, recipe.dim) for layer in layers}
    starts = {layer: empty(prepared.sents, recipe.dim) for layer in layers if recipe.has_start}
    begin = first = 0
    for part in run(model, prepared, tuple(tensors), recipe.pooling, batch_tokens):
        words = slice(begin, begin := begin + int(part.offsets[-1]))
        sents = slice(first, first := first + len(part.sentences))
        for layer, held in tensors.items():
            held[words] = cast(part.words[layer], recipe.save_dtype, layer, corpus.source.path)
        for layer, held in starts.items():
            held[sents] = cast(part.start[layer], recipe.save_dtype, layer, corpus.source.path)
        bar.advance(int(part.offsets[-1]))
    if recipe.outliers != "keep":
        for held in tensors.values():
            tame(held, norms_of(held), recipe.outliers)
    annotations = corpus.select(prepared.kept)
    states = tuple(States(tensors[n], starts.get(n), annotations.offsets, n) for n in layers)
    return InMemoryStates(corpus, prepared.kept, prepared.left_out, prepared.examples, annotations, states)


def joined(*found: InMemoryStates) -> InMemoryStates:
    """States of several models of one corpus, layer after layer: of the sentences that all of them read."""
    if len(found) == 1:
        return found[0]
    kept = found[0].kept
    for one in found[1:]:
        kept = np.intersect1d(kept, one.kept)
    layers, left, examples = list[States](), dict[str, int](), dict[str, str]()
    for one in found:
        places = np.searchsorted(one.kept, kept)
        rows = torch.from_numpy(ragged.take(one.annotations.offsets, places)[0])
        offsets = ragged.take(one.annotations.offsets, places)[1]
        for of in one.layers:
            start = None if of.start is None else of.start[torch.from_numpy(places)]
            layers.append(States(of.words[rows], start, offsets, of.layer))
        left |= {reason: max(number, left.get(reason, 0)) for reason, number in one.left_out.items()}
        examples |= one.examples
    return InMemoryStates(found[0].corpus, kept, left, examples, found[0].corpus.select(kept), tuple(layers))
