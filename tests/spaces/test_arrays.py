"""States that come as arrays go where a store's go."""

import numpy as np
import pytest
import torch

from concept_align.correspondence.pairs import alignability
from concept_align.errors import UsageError
from concept_align.meta.run import meta_train
from concept_align.spaces.source import FeatureSource


def arrays(words=600, dim=12, concepts=6, languages=("de", "en", "fr"), seed=0):
    """Words about prototypes that all languages share, each language turned its own way by a little."""
    random = np.random.default_rng(seed)
    centres = 4 * random.normal(size=(concepts, dim))
    y = random.integers(concepts, size=(len(languages), words))
    x = centres[y] + random.normal(size=(len(languages), words, dim))
    labels = [f"c{code}" for code in y.reshape(-1)]
    return x.reshape(-1, dim), labels, [code for code in languages for _ in range(words)]


def test_every_word_is_where_its_language_and_split_are():
    x, labels, languages = arrays(words=10)
    splits = ["train" if place % 2 else "test" for place in range(30)]
    source = FeatureSource.from_arrays(x, labels, languages, splits=splits, standardise="none")
    assert source.languages("train") == source.languages("test") == ("de", "en", "fr")
    found = source.load("en", "test")
    rows = [place for place in range(30) if languages[place] == "en" and splits[place] == "test"]
    assert torch.equal(found.x, torch.from_numpy(x[rows]).float())
    assert [found.concepts[code] for code in found.y] == [labels[place] for place in rows]


def test_words_of_a_sentence_stay_together_and_one_sentence_in_five_is_for_the_test():
    x, labels, languages = arrays(words=40)
    sentences = [place % 40 // 4 for place in range(120)]
    source = FeatureSource.from_arrays(x, labels, languages, sentences=sentences)
    train, test = source.load("de", "train"), source.load("de", "test")
    assert (train.sents, test.sents) == (8, 2) and np.diff(train.offsets).tolist() == [4] * 8


def test_unlabelled_words_have_no_item_but_count_for_mean_and_scale():
    x, labels, languages = arrays(words=20)
    some = ["" if place % 3 == 0 else label for place, label in enumerate(labels)]
    splits = ["train"] * 60
    whole = FeatureSource.from_arrays(x, labels, languages, splits=splits).load("en", "train")
    found = FeatureSource.from_arrays(x, some, languages, splits=splits).load("en", "train")
    kept = torch.tensor([place % 3 != 0 for place in range(20, 40)])
    assert torch.equal(found.x, whole.x[kept])


def test_several_layers_may_be_given():
    x, labels, languages = arrays(words=20)
    source = FeatureSource.from_arrays({3: x, 7: -x}, labels, languages, standardise="none")
    assert source.layers == (3, 7) and source.dim == 24
    assert torch.equal(
        source.with_layers((7,)).load("en", "test").x, -source.with_layers((3,)).load("en", "test").x
    )


def test_shared_prototypes_are_found_alike():
    scores = alignability(
        FeatureSource.from_arrays(*arrays()), measures=["cka"], permutations=100, bootstrap=10, halves=2
    )
    assert len(scores.frame()) == 3 and (scores.frame()["value"] > 0.95).all()


def test_a_learner_is_trained_on_arrays(tmp_path):
    source = FeatureSource.from_arrays(*arrays())
    aligner = meta_train(
        source, out=tmp_path / "run", learner="pooled", train_langs=["de", "en"], validation_langs=["none"],
        target_langs=["fr"], settings={"hidden": 0, "epochs": 30, "lr": 0.03},
    )  # fmt: skip
    test = source.load("fr", "test")
    assert (aligner.adapt().codes(test.x) == test.y).double().mean() > 0.9


@pytest.mark.parametrize(
    ("option", "change"),
    [
        ("x", {"x": np.zeros((5, 2))}),
        ("x", {"x": np.full((6, 2), np.nan)}),
        ("x", {"x": np.zeros(6)}),
        ("languages", {"languages": ["en"]}),
        ("splits", {"splits": ["learn"] * 6}),
        ("sentences", {"sentences": [0]}),
        ("labels", {"task": "upos"}),
    ],
)
def test_what_does_not_fit_names_the_argument(option, change):
    given = {"x": np.zeros((6, 2)), "labels": list("abcabc"), "languages": ["en"] * 6} | change
    with pytest.raises(UsageError) as raised:
        FeatureSource.from_arrays(**given)
    assert raised.value.option == option


def test_a_split_that_the_arrays_lack_is_named() -> None:
    source = FeatureSource.from_arrays([[0.0, 1.0], [1.0, 0.0]] * 10, ["A", "B"] * 10, ["en"] * 20)
    with pytest.raises(UsageError, match="no dev words of en"):
        source.load("en", "dev")
