"""Two planted languages: the tokens of one are those of the other under a bijection that nothing tells.

Words have one of six classes, ten words each, and classes follow one another by chance of their own, so that
sentences of both languages have the same structure. A tiny random decoder is tuned on pairs of sentences;
what it has learned is asked of pairs that it never saw.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
import transformers
from tiny_models import TOKENIZERS

from concept_align.correspondence.measures.kernels import u_centred
from concept_align.tuning.adapters import learn
from concept_align.tuning.concepts import ConceptHead, concept_loss
from concept_align.tuning.contrast import contrast
from concept_align.tuning.model import TunableModel, tunable
from concept_align.tuning.pooling import pooled
from concept_align.tuning.retrieval import retrieval
from concept_align.tuning.standard import Standard

CLASSES, EACH, FIRST = 6, 10, 10
WORDS = CLASSES * EACH
TRAIN, HELD_OUT, LENGTH, PAIRS, STEPS, LAYER = 200, 100, 10, 32, 80, 2


@dataclass(frozen=True)
class Sentences:
    """Words [sents, length] of both languages, from 0, and the place of each language's words in the ids."""

    words: torch.Tensor
    of_a: torch.Tensor  # [WORDS]: the token of each word
    of_b: torch.Tensor

    def a(self, rows: torch.Tensor) -> torch.Tensor:
        return self.of_a[self.words[rows]]

    def b(self, rows: torch.Tensor) -> torch.Tensor:
        return self.of_b[self.words[rows]]


@cache
def planted(seed: int) -> Sentences:
    rng = np.random.default_rng(seed)
    follows = rng.dirichlet(np.full(CLASSES, 0.4), size=CLASSES)
    classes = np.zeros((TRAIN + HELD_OUT, LENGTH), np.int64)
    classes[:, 0] = rng.integers(CLASSES, size=len(classes))
    for place in range(1, LENGTH):
        for row in range(len(classes)):
            classes[row, place] = rng.choice(CLASSES, p=follows[classes[row, place - 1]])
    words = classes * EACH + rng.integers(EACH, size=classes.shape)
    tokens = FIRST + torch.from_numpy(rng.permutation(2 * WORDS))
    return Sentences(torch.from_numpy(words), tokens[:WORDS], tokens[WORDS:])


def decoder(seed: int) -> TunableModel:
    """A Llama of 3 blocks of 32 channels, as random as it begins."""
    config = transformers.LlamaConfig(
        vocab_size=600, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = transformers.AutoModelForCausalLM.from_config(config)
    return tunable(module, TOKENIZERS["byte_fallback"](), name="planted")


def vectors(model: TunableModel, ids: torch.Tensor) -> torch.Tensor:
    states = model.hidden(ids, torch.ones_like(ids), [LAYER])[LAYER]
    return pooled(states, torch.ones_like(ids, dtype=torch.bool))


@cache
def tuned(
    kind: str, seed: int, *, steps: int = STEPS, shift: float = 0.0, standard: bool = False
) -> tuple[TunableModel, list[float]]:
    """The model after ``steps`` steps on pairs of a ``kind``, and the losses.

    ``shift`` is added to three channels of the states before training.
    """
    data, model, rng = planted(seed), decoder(seed), np.random.default_rng([seed, 1])
    with torch.no_grad():
        model.module.get_input_embeddings().weight[:, :3] += shift
        train = torch.arange(TRAIN)
        measured = Standard.measured({"a": vectors(model, data.a(train)), "b": vectors(model, data.b(train))})
    learning = learn(model, "full", upto=LAYER, keep=False)
    optimizer = torch.optim.AdamW([one for _, one in learning.parameters()], lr=3e-3, weight_decay=0.0)
    partner = torch.arange(TRAIN).roll(1) if kind == "shuffled" else torch.arange(TRAIN)
    losses = []
    for _ in range(steps):
        rows = torch.from_numpy(rng.permutation(TRAIN)[:PAIRS])
        a, b = data.a(rows), data.b(partner[rows])
        if kind == "reversed":
            b = b.flip(1)
        if kind == "same language":  # its two halves
            a, b = a[:, : LENGTH // 2], a[:, LENGTH // 2 :]
        sides = [vectors(model, a), vectors(model, b)]
        if standard:
            sides = [measured.applied(own, [name] * PAIRS) for own, name in zip(sides, "ab", strict=True)]
        loss = contrast(*sides).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


@torch.no_grad()
def found(model: TunableModel, seed: int, *, centred: bool = False) -> float:
    """P@1 of held-out sentences, both ways."""
    rows = torch.arange(TRAIN, TRAIN + HELD_OUT)
    a, b = vectors(model, planted(seed).a(rows)), vectors(model, planted(seed).b(rows))
    if centred:
        train = torch.arange(TRAIN)
        a = a - vectors(model, planted(seed).a(train)).mean(0)
        b = b - vectors(model, planted(seed).b(train)).mean(0)
    return retrieval(a, b).p1


@torch.no_grad()
def likeness_of_concepts(model: TunableModel, seed: int) -> float:
    """Debiased CKA of the class means of both languages, at held-out words."""
    data, rows = planted(seed), torch.arange(TRAIN, TRAIN + HELD_OUT)
    classes = (data.words[rows] // EACH).flatten()
    grams = []
    for ids in (data.a(rows), data.b(rows)):
        states = model.hidden(ids, torch.ones_like(ids), [LAYER])[LAYER].flatten(0, 1).double()
        means = torch.stack([states[classes == one].mean(0) for one in range(CLASSES)])
        grams.append(u_centred(means @ means.T))
    a, b = grams
    return float((a * b).sum() / (a.norm() * b.norm()))


@pytest.mark.parametrize("seed", [0, 1])
def test_pairs_align_held_out_sentences(seed):
    assert found(decoder(seed), seed) <= 0.05
    model, losses = tuned("true", seed)
    assert losses[-1] < 0.1 < np.log(PAIRS) < losses[0]
    assert found(model, seed) >= 0.95
    assert found(model, seed, centred=True) >= 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_words_need_not_be_the_same(seed):
    assert found(tuned("reversed", seed)[0], seed) >= 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_pairs_are_learned_by_heart_and_align_nothing(seed):
    model, losses = tuned("shuffled", seed)
    assert losses[-1] < 1.5
    assert found(model, seed) <= 0.05
    assert found(model, seed, centred=True) <= 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_pairs_within_a_language_align_no_other(seed):
    model, _ = tuned("same language", seed)
    assert max(found(model, seed), found(model, seed, centred=True)) <= 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_concepts_come_to_correspond_though_only_sentences_were_paired(seed):
    aligned, apart = (likeness_of_concepts(tuned(kind, seed)[0], seed) for kind in ("true", "shuffled"))
    assert likeness_of_concepts(decoder(seed), seed) < 0.2
    assert aligned >= 0.8
    assert aligned - apart >= 0.3


@pytest.mark.parametrize("seed", [0, 1])
def test_labelled_words_of_both_languages_bring_their_concepts_together(seed):
    data, model, rng = planted(seed), decoder(seed), np.random.default_rng([seed, 2])
    learning, head = learn(model, "full", upto=LAYER, keep=False), ConceptHead(32, CLASSES)
    weights = [*(one for _, one in learning.parameters()), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=3e-3, weight_decay=0.0)
    for _ in range(STEPS):
        rows = torch.from_numpy(rng.permutation(TRAIN)[:PAIRS])
        ids = torch.cat([data.a(rows[::2]), data.b(rows[1::2])])  # no sentence in both languages
        classes = torch.cat([data.words[rows[::2]], data.words[rows[1::2]]]).flatten() // EACH
        states = model.hidden(ids, torch.ones_like(ids), [LAYER])[LAYER].flatten(0, 1)
        loss = concept_loss(head, states, classes)
        optimizer.zero_grad()
        loss.loss.backward()
        optimizer.step()
    assert loss.accuracy.item() > 0.95
    assert likeness_of_concepts(model, seed) >= 0.9


def test_huge_channels_hide_everything_from_cosines_and_nothing_from_standardised_ones():
    _, plain = tuned("true", 0, steps=30, shift=600.0)
    assert min(plain) > 0.98 * np.log(PAIRS)
    _, standardised = tuned("true", 0, steps=30, shift=600.0, standard=True)
    assert standardised[-1] < 0.5 * np.log(PAIRS)
