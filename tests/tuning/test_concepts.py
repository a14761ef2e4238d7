"""The vectors of labelled words are those of the rest of the project, and one map reads all languages."""

from collections import Counter

import numpy as np
import pytest
import torch
from tiny_tunables import tiny_tunable

from concept_align.errors import LearningError
from concept_align.extraction.states import extract_in_memory
from concept_align.models.load import load_model
from concept_align.spaces.represent import represent, select_items
from concept_align.store.keys import Recipe
from concept_align.treebanks.concepts import Task, labels, parse_task
from concept_align.treebanks.conllu import read_conllu
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks, mini_treebanks
from concept_align.tuning.concept_rows import ConceptRow, ConceptSampler
from concept_align.tuning.concepts import ConceptHead, concept_loss, concept_vectors
from concept_align.tuning.model import TunableModel, open_tunable

TASKS = ["upos", "relation"]


@pytest.fixture(scope="module")
def corpora() -> list[Corpus]:
    files = find_treebanks(mini_treebanks(), ["de", "en", "tr"], splits="train")
    return [read_conllu(file.path, language=file.language) for file in files]


@pytest.fixture(scope="module")
def decoder() -> TunableModel:
    return open_tunable("mini-decoder", device="cpu")


def whole(sampler: ConceptSampler, corpus: int, sentences: int, model: TunableModel, **options):
    rows = [ConceptRow(corpus, at) for at in range(sentences)]
    return sampler.batch(rows, model.tokens, pad=model.pad, length=200, **options)


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("model_name", ["mini-decoder", "mini-encoder"])
def test_vectors_are_those_that_an_extraction_and_a_probe_would_have(corpora, name, pooling, model_name):
    task, model = parse_task(name), open_tunable(model_name, device="cpu")
    frozen = load_model(model_name, device="cpu")
    corpus = corpora[0].compact()
    same = ("revision", "architecture", "kind", "layers", "dim", "final_norm", "has_start")
    recipe = Recipe(
        model=model_name,
        dtype="float32",
        save_dtype="float32",
        pooling=pooling,
        max_words=200,
        **{key: getattr(frozen, key) for key in same},
    )
    found = extract_in_memory(frozen, corpus, recipe, [2])
    expected = represent(found.layers, found.annotations, task, root="start", mwt="share")
    batch = whole(ConceptSampler(corpora, task, 0), 0, corpus.sents, model, pooling=pooling)
    states = model.hidden(batch.ids, batch.mask, [2])[2]
    x = concept_vectors(states, batch)
    torch.testing.assert_close(x.detach(), expected.x, atol=1e-4, rtol=1e-4)
    assert torch.equal(batch.y, expected.y)
    assert batch.languages == (corpora[0].source.language,) * len(expected.y)
    assert x.requires_grad


def test_read_twice_the_first_word_knows_the_last(corpora, decoder):
    sampler = ConceptSampler(corpora, parse_task("upos"), 0)
    rows = [ConceptRow(1, 0)]
    text = corpora[1].texts[0]
    once, twice = (
        sampler.batch(rows, decoder.tokens, pad=decoder.pad, length=200, read=read)
        for read in ("once", "twice")
    )
    states = decoder.hidden(twice.ids, twice.mask, [3])[3]
    x = concept_vectors(states, twice)
    assert len(x) == len(once.y)
    assert torch.equal(once.y, twice.y)
    gradient = torch.autograd.grad(x[0].sum(), decoder.module.get_input_embeddings().weight)[0]
    assert decoder.tokens.ids(text)[-2] in gradient.abs().sum(1).nonzero()[:, 0].tolist()
    cut = decoder.tokens.cut(f"{text}\n{text}", corpora[1].spans[corpora[1].words_of(0)] + len(text) + 1)
    word = states[0, cut.begin[0] : cut.end[0]].mean(0)
    torch.testing.assert_close(x[0], word)


def test_roots_are_no_items_where_nothing_can_stand_for_their_head(corpora):
    model = tiny_tunable("qwen2")  # without a start token
    task = parse_task("relation")
    sampler = ConceptSampler(corpora, task, 0)
    batch = whole(sampler, 0, 6, model)
    items = select_items(corpora[0].select(np.arange(6)), task, root="exclude", mwt="share")
    assert torch.equal(batch.y, torch.from_numpy(items.y))
    assert bool((batch.heads >= 0).all())


def test_rows_depend_on_seed_and_step_and_languages_are_drawn_evenly(corpora):
    sampler, task = ConceptSampler(corpora, parse_task("upos"), 7), parse_task("upos")
    drawn = [sampler.rows(step, 8) for step in range(40)]
    assert drawn == [ConceptSampler(corpora, task, 7).rows(step, 8) for step in range(40)]
    assert drawn != [ConceptSampler(corpora, task, 8).rows(step, 8) for step in range(40)]
    assert len({tuple(rows) for rows in drawn}) == 40
    of = Counter(corpora[row.corpus].source.language for rows in drawn for row in rows)
    assert max(of.values()) - min(of.values()) <= 40  # 2 or 3 of each language in a step of 8
    assert all(len(set(rows)) == len(rows) for rows in drawn)


def test_shuffled_labels_are_as_many_of_each_and_elsewhere(corpora):
    task = parse_task("upos")
    plain, shuffled = (ConceptSampler(corpora, task, 0, control=one) for one in ("none", "shuffled"))
    for one, other in zip(plain._corpora, shuffled._corpora, strict=True):
        own, dealt = labels(one, task), labels(other, task)
        assert Counter(own.tolist()) == Counter(dealt.tolist())
        assert 0 < (own == dealt).mean() < 0.5


def test_sentences_that_are_held_out_and_sentences_that_do_not_fit_are_not_trained_on(corpora, decoder):
    task = parse_task("upos")
    held_out = {text.casefold() for text in corpora[0].texts}
    sampler = ConceptSampler(corpora, task, 0, without=held_out)
    assert corpora[0].source.language not in sampler.languages
    rows = [ConceptRow(1, at) for at in range(corpora[1].sents)]
    sizes = [len(decoder.tokens.ids(text)) for text in corpora[1].texts]
    short = sorted(sizes)[len(sizes) // 2]
    batch = sampler.batch(rows, decoder.tokens, pad=decoder.pad, length=short)
    assert len(batch.ids) == sum(size <= short for size in sizes)
    assert sampler.left_out["too long"] == sum(size > short for size in sizes)
    with pytest.raises(LearningError, match="fits into 2 tokens"):
        sampler.batch(rows, decoder.tokens, pad=decoder.pad, length=2)


def test_without_a_label_there_is_nothing_to_learn(corpora):
    with pytest.raises(LearningError, match="has a label"):
        ConceptSampler(corpora, Task("upos", ("A",)), 0, longest=0)


def test_the_loss_begins_at_log_k_and_a_head_alone_learns_planted_classes():
    generator = torch.Generator().manual_seed(0)
    means, y = torch.randn(5, 8, generator=generator) * 3, torch.arange(200) % 5
    x = means[y] + torch.randn(200, 8, generator=generator)
    head = ConceptHead(8, 5)
    first = concept_loss(head, x, y)
    assert first.loss.item() == pytest.approx(np.log(5), abs=1e-6)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        concept_loss(head, x, y).loss.backward()
        optimizer.step()
    last = concept_loss(head, x, y)
    assert last.accuracy.item() > 0.95
    assert last.loss.item() < 0.2
