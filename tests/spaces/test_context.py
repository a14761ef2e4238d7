import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.spaces.source import WIDE, FeatureSource
from concept_align.spaces.spec import FeatureSpec


@pytest.fixture
def store(tools):
    """English, two sentences of three and one words; the second word has no label. Layers 1 and 2."""
    w = tools.Word
    store = tools.MemoryStore(tools.MemoryRecipe(dim=2))
    annotations = tools.annotate(
        [w("NOUN", "root", 0), w(None, None, 1), w("VERB", "acl", 1)], [w("NOUN", "root", 0)]
    )
    draws = torch.Generator().manual_seed(0)
    layers = {
        layer: (torch.randn(4, 2, generator=draws), torch.randn(2, 2, generator=draws)) for layer in (1, 2)
    }
    store.shards["en", "train"] = annotations, layers
    return store


def standardised(store, source, layer, place):
    states = store.states("UD_en", "train", layer).words.float()
    found = source.standardiser("en")
    dims = slice(2 * place, 2 * place + 2)
    return (states - found.mean[dims]) / found.scale[dims]


def test_words_before_and_after_stand_beside_a_word_also_unlabelled_ones(store):
    source = FeatureSource(store, FeatureSpec("upos", (1, 2), context_layers=(2,)))
    x, words, none = source.load("en", "train").x, standardised(store, source, 2, 1), torch.zeros(2)
    assert x.shape == (3, source.dim) == (3, 4 + 2 * 2)
    before = torch.stack([none, words[1], none])  # none past the ends of the sentence
    after = torch.stack([words[1], none, none])
    torch.testing.assert_close(x[:, 4:6], before)
    torch.testing.assert_close(x[:, 6:8], after)
    assert torch.equal(x[:, :4], FeatureSource(store, FeatureSpec("upos", (1, 2))).load("en", "train").x)


def test_the_dependent_stands_beside_a_relation(store):
    source = FeatureSource(store, FeatureSpec("relation", (1, 2), context_layers=(1, 2)))
    x = source.load("en", "train").x
    assert x.shape == (3, source.dim) == (3, 4 + 4)
    for place, layer in enumerate((1, 2)):
        words = standardised(store, source, layer, place)
        torch.testing.assert_close(x[:, 4 + 2 * place : 6 + 2 * place], words[[0, 2, 3]])


def test_states_stand_beside_as_they_are_where_nothing_is_standardised(store):
    source = FeatureSource(store, FeatureSpec("relation", (1,), context_layers=(1,), standardise="none"))
    states = store.states("UD_en", "train", 1).words.float()
    assert torch.equal(source.load("en", "train").x[:, 2:], states[[0, 2, 3]])


def test_provenance_and_results_name_what_stands_beside(store):
    source = FeatureSource(store, FeatureSpec("upos", (1, 2), context_layers=(2,)))
    assert source.describe()["context_layers"] == [2] and source.layer_name == "1+2~2"
    assert source.with_layers((1,)).spec.context_layers == ()
    assert "context_layers" not in FeatureSource(store, FeatureSpec("upos", (1, 2))).describe()


def test_a_layer_that_is_not_loaded_cannot_stand_beside(store):
    with pytest.raises(UsageError, match="context_layers: layers 2"):
        FeatureSource(store, FeatureSpec("upos", (1,), context_layers=(2,)))


def test_wide_representations_are_kept_in_half_the_memory(tools):
    w = tools.Word
    store = tools.MemoryStore(tools.MemoryRecipe(dim=WIDE // 2 + 1))
    annotations = tools.annotate(*[[w("NOUN", "root", 0)]] * 5)
    states = torch.from_numpy(np.random.default_rng(0).standard_normal((5, WIDE // 2 + 1))).half()
    store.shards["en", "train"] = annotations, {1: (states, None), 2: (states, None)}
    for layers, kept in (((1, 2), torch.float16), ((1,), torch.float32)):
        found = FeatureSource(store, FeatureSpec("upos", layers)).load("en", "train")
        assert found.stored.dtype == kept and found.x.dtype == torch.float32
