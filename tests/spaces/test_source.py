import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.treebanks.concepts import RELATIONS, UPOS


@pytest.fixture
def store(tools):
    """German without a train split; layers 1 and 2; an unlabelled word counts in the statistics alone."""
    w = tools.Word
    store = tools.MemoryStore(tools.MemoryRecipe(dim=3))
    draws = torch.Generator().manual_seed(0)
    for number, (language, split) in enumerate(
        [("en", "train"), ("en", "dev"), ("en", "test"), ("fr", "train"), ("fr", "test"), ("de", "test")]
    ):
        sentences = [
            [
                w("NOUN", "root", 0, feats="Case=Nom"),
                w(None, None, 1),
                w("VERB", "acl", 1, feats=f"Case={language}"),
            ]
        ] * 10
        annotations = tools.annotate(*sentences)
        scale = torch.tensor([1.0, 100.0, 1.0]) * (number + 1)
        layers = {
            layer: (
                (torch.randn(30, 3, generator=draws) * scale + number).half(),
                torch.randn(10, 3, generator=draws).half(),
            )
            for layer in (1, 2)
        }
        store.shards[language, split] = annotations, layers
    return store


def test_states_are_standardised_by_all_words_of_the_train_split(store):
    source = FeatureSource(store, FeatureSpec("upos", (1,)))
    words = store.states("UD_en", "train", 1).words.double()
    mean, scale = words.mean(0), words.std(0, correction=0)
    for split in ("train", "test"):
        raw = store.states("UD_en", split, 1).words.double()
        found = source.load("en", split)
        expected = ((raw - mean) / scale)[torch.arange(30) % 3 != 1]
        assert torch.allclose(found.x, expected.float(), atol=1e-4)
    assert [UPOS[k] for k in found.y[:2]] == ["NOUN", "VERB"]
    assert found.language == "en" and found.offsets.tolist() == list(range(0, 21, 2))
    assert source.notes == {}


def test_relations_are_differences_of_standardised_states(store):
    source = FeatureSource(store, FeatureSpec("relation", (2,), root="start"))
    states = store.states("UD_en", "train", 2)
    standardiser = source.standardiser("en")
    words, start = (standardiser.states(part.float()) for part in (states.words, states.start))
    found = source.load("en", "train")
    assert torch.allclose(found.x[0::2], start - words[0::3], atol=1e-4)
    assert torch.allclose(found.x[1::2], words[0::3] - words[2::3], atol=1e-4)
    assert [RELATIONS[k] for k in found.y[:2]] == ["root", "acl"]


def test_a_language_without_a_train_split_is_standardised_by_its_test_words_and_says_so(store):
    source = FeatureSource(store, FeatureSpec("upos", (1,)))
    source.load("de", "test")
    assert "test words" in source.notes["de"]
    assert source.standardiser("de").provenance["split"] == "test"
    assert source.standardiser("de").words == 30


def test_none_leaves_states_as_they_are(store):
    source = FeatureSource(store, FeatureSpec("upos", (1,), standardise="none"))
    raw = store.states("UD_en", "test", 1).words.float()
    assert torch.equal(source.load("en", "test").x, raw[torch.arange(30) % 3 != 1])
    assert source.standardiser("en") is None


def test_global_is_one_scale_for_all_languages(store):
    pooled = FeatureSource(store, FeatureSpec("upos", (1,), standardise="global"))
    both = torch.cat([store.states(f"UD_{code}", "train", 1).words.double() for code in ("en", "fr")])
    assert torch.allclose(pooled.standardiser("de").mean, both.mean(0).float())
    assert pooled.standardiser("en") is pooled.standardiser("de")
    english = FeatureSource(store, FeatureSpec("upos", (1,), standardise="global", reference=["en"]))
    own = FeatureSource(store, FeatureSpec("upos", (1,)))
    assert torch.equal(english.standardiser("fr").scale, own.standardiser("en").scale)
    assert english.describe()["reference"] == ["en"] and pooled.notes == {}


def test_several_layers_stand_side_by_side(store):
    both = FeatureSource(store, FeatureSpec("upos", (2, 1)))
    assert both.dim == 6 and both.layer_name == "2+1"
    found = both.load("fr", "test").x
    for place, layer in enumerate((2, 1)):
        alone = FeatureSource(store, FeatureSpec("upos", (layer,))).load("fr", "test").x
        assert torch.equal(found[:, 3 * place : 3 * place + 3], alone)


def test_what_was_loaded_lately_is_kept_within_the_limit(store):
    one = 20 * 3 * 4  # bytes of a split
    source = FeatureSource(store, FeatureSpec("upos", (1,), standardise="none"), cache_bytes=2 * one)
    first = source.load("en", "train")
    source.load("en", "test")
    assert source.load("en", "train") is first  # now the one used last
    source.load("fr", "test")  # takes the place of en test
    before = store.reads
    assert source.load("en", "train") is first and store.reads == before
    source.load("en", "test")
    assert store.reads == before + 1


def test_gold_is_what_load_has_without_reading_states(store):
    source = FeatureSource(store, FeatureSpec("relation", (1,), root="exclude"))
    before = store.reads
    y, offsets = source.gold("en", "test")
    assert store.reads == before
    loaded = source.load("en", "test")
    assert np.array_equal(y, loaded.y.numpy()) and np.array_equal(offsets, loaded.offsets)


def test_a_features_values_are_those_of_all_languages(store):
    source = FeatureSource(store, FeatureSpec("feature:Case", (1,)))
    assert source.concepts == ("Nom", "de", "en", "fr")
    assert source.load("fr", "test").counts().tolist() == [10, 0, 0, 10]
    with pytest.raises(UsageError, match="Gender"):
        FeatureSource(store, FeatureSpec("feature:Gender", (1,)))


def test_languages_are_those_with_every_layer(store):
    del store.shards["fr", "test"][1][2]
    assert FeatureSource(store, FeatureSpec("upos", (1, 2))).languages("test") == ("de", "en")
    assert FeatureSource(store, FeatureSpec("upos", (1, 2))).languages() == ("de", "en", "fr")
    assert FeatureSource(store, FeatureSpec("upos", (1,))).languages("train") == ("en", "fr")


def test_other_layers_of_the_same_source_are_what_a_new_source_gives(store):
    moved = FeatureSource(store, FeatureSpec("upos", (1,), mwt="skip")).with_layers((2,))
    fresh = FeatureSource(store, FeatureSpec("upos", (2,), mwt="skip"))
    assert torch.equal(moved.load("en", "test").x, fresh.load("en", "test").x)
    assert moved.describe() == fresh.describe()


def test_roots_of_a_model_without_a_start_piece_are_refused_before_anything_is_read(store):
    store.recipe.has_start = False
    with pytest.raises(UsageError, match="root be exclude"):
        FeatureSource(store, FeatureSpec("relation", (1,), root="start"))
    assert store.reads == 0
    FeatureSource(store, FeatureSpec("upos", (1,), root="start"))


@pytest.mark.parametrize(
    ("name", "remedy"), [("feature:Cas", "did you mean 'feature:Case'?"), ("feature:Foo", "use feature:Case")]
)
def test_features_that_no_word_has_are_compared_by_their_own_names(store, name, remedy):
    with pytest.raises(UsageError, match="no word has") as caught:
        FeatureSource(store, FeatureSpec(name, (1,)))
    assert caught.value.remedy == remedy


def test_impossible_choices_are_refused(store):
    assert repr(FeatureSource(store, FeatureSpec("upos", (1, 2)))) == (
        "FeatureSource(upos, layers 1+2, 3 languages)"
    )
    with pytest.raises(UsageError, match="standardise: unknown value 'both'"):
        FeatureSource(store, FeatureSpec("upos", (1,), standardise="both"))
    with pytest.raises(UsageError, match="layer"):
        FeatureSource(store, FeatureSpec("upos", ()))


@pytest.mark.parametrize(("train", "test", "tiny"), [(30, 130, True), (40, 130, False), (1100, 5000, False)])
def test_a_tiny_train_split_is_standardised_by_all_words_there_are(tools, train, test, tiny):
    store = tools.MemoryStore(tools.MemoryRecipe(dim=3))
    for number, (split, words) in enumerate([("train", train), ("dev", 20), ("test", test)]):
        sentences = [[tools.Word("NOUN", "root", 0), *[tools.Word("VERB", "acl", 1)] * 9]] * (words // 10)
        draws = torch.randn(words, 3, generator=torch.Generator().manual_seed(number)) + number
        store.shards["xx", split] = tools.annotate(*sentences), {1: (draws, None)}
    source = FeatureSource(store, FeatureSpec("upos", (1,)))
    expected = [store.states("xx", split, 1).words for split in ("train", "dev", "test")][: 3 if tiny else 1]
    mean = torch.cat(expected).double().mean(0).float()
    torch.testing.assert_close(source.standardiser("xx").mean, mean)
    assert source.standardised_by("xx") == (("train", "dev", "test") if tiny else ("train",))
    assert ("all its splits" in source.notes.get("xx", "")) == tiny


def test_a_tiny_train_split_of_one_kind_does_not_spoil_what_its_absence_would_leave_right(tools):
    """Thirty words, all nouns, give no mean of a language: words are as well told apart as without them."""
    noun, verb = tools.Word("NOUN", "root", 0), tools.Word("VERB", "acl", 1)
    centres = torch.tensor([[-4.0, 0, 0], [4.0, 0, 0]])

    def told_apart(*, train):
        store = tools.MemoryStore(tools.MemoryRecipe(dim=3))
        parts = {"test": [[noun, verb]] * 100} | ({"train": [[noun]] * 30} if train else {})
        for number, (split, sentences) in enumerate(parts.items()):
            kinds = torch.tensor([int(word.upos == "VERB") for one in sentences for word in one])
            noise = torch.randn(len(kinds), 3, generator=torch.Generator().manual_seed(number))
            states = centres[kinds] + noise + torch.tensor([7.0, 0, 0])  # all languages lie elsewhere
            store.shards["xx", split] = tools.annotate(*sentences), {1: (states, None)}
        test = FeatureSource(store, FeatureSpec("upos", (1,))).load("xx", "test")
        nearest = torch.cdist(test.x, centres / 4).argmin(1)
        gold = torch.from_numpy(test.y) if isinstance(test.y, np.ndarray) else test.y
        return float((nearest == (gold == UPOS.index("VERB"))).double().mean())

    assert told_apart(train=True) >= told_apart(train=False) - 0.01 > 0.98
