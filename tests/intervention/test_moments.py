"""What directions are made of is what the stored words say, language by language."""

import numpy as np
import pytest
import torch
from planted import CONCEPTS, Planted, write_store

import concept_align as ca
from concept_align.errors import UsageError
from concept_align.intervention.moments import StateMoments, state_moments
from concept_align.intervention.spans import concept_span, leace_span
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store

LANGUAGES = ("en", "de", "fr")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> FeatureSource:
    folder = write_store(tmp_path_factory.mktemp("planted") / "store", Planted(shift=1.0), LANGUAGES)
    return FeatureSource(Store.open(folder), FeatureSpec("upos", (1,), standardise="none"))


@pytest.fixture(scope="module")
def moments(source) -> StateMoments:
    return state_moments(source, LANGUAGES)


def test_sums_are_those_of_all_words_where_all_are_asked_for(source, moments):
    assert moments.layer == 1 and moments.concepts == source.concepts
    for language in LANGUAGES:
        features, one = source.load(language, "train"), moments.languages[language]
        x, y = features.x.double().numpy(), features.y.numpy()
        assert one.words == features.words and np.array_equal(one.counts, features.counts().numpy())
        assert np.allclose(one.mean, x.mean(0)) and np.allclose(one.covariance, np.cov(x.T, bias=True))
        z = np.eye(len(source.concepts))[y]
        assert np.allclose(one.cross, (x - x.mean(0)).T @ (z - z.mean(0)) / len(x))
        means = one.means()
        for place, count in enumerate(one.counts):
            mean = x[y == place].mean(0) if count >= 10 else np.full(x.shape[1], np.nan)
            assert np.allclose(means[place], mean, equal_nan=True)


def test_shuffled_sums_hold_the_same_words_and_nothing_of_concepts(moments):
    one = moments.languages["en"]
    assert np.allclose(one.shuffled.sum(0), one.sums.sum(0))
    right, wrong = (np.nanvar(one.means(shuffled=shuffled), axis=0).sum() for shuffled in (False, True))
    assert wrong < 0.1 * right


def test_fewer_words_are_whole_sentences_drawn_by_the_seed(source):
    few = state_moments(source, ["en"], words=100)
    again = state_moments(source, ["en", "de"], words=100)
    other = state_moments(source, ["en"], words=100, seed=1)
    one = few.languages["en"]
    assert 80 <= one.words <= 100 and one.counts.sum() == one.words
    assert np.array_equal(one.sums, again.languages["en"].sums)
    assert not np.array_equal(one.sums, other.languages["en"].sums)
    assert state_moments(source, ["en"], words=1).languages["en"].words >= 1


def test_pooled_moments_are_means_over_languages_of_what_is_within_them(moments):
    some = moments.of(["en", "fr"])
    assert np.allclose(some.centre, (some.languages["en"].mean + some.languages["fr"].mean) / 2)
    own = [moments.languages[name].covariance for name in ("en", "fr")]
    assert np.allclose(some.covariance, sum(own) / 2)
    assert list(some.language_means) == ["en", "fr"] and list(some.means()) == ["en", "fr"]
    with pytest.raises(UsageError, match="no moments of xx"):
        moments.of(["xx"])


def test_leace_of_pooled_moments_leaves_no_cross_covariance_within_languages(source, moments):
    span = leace_span(moments.covariance, moments.cross, centre=moments.centre)
    left, total = np.zeros_like(moments.cross), np.abs(moments.cross).max()
    for language in LANGUAGES:
        features = source.load(language, "train")
        states = span.removal()(features.x[None])[0].double()
        z = torch.eye(len(source.concepts), dtype=torch.float64)[features.y]
        left += ((states - states.mean(0)).T @ (z - z.mean(0)) / len(z)).numpy() / len(LANGUAGES)
    assert np.abs(left).max() < 1e-5 * total


def test_the_span_of_the_planted_means_is_found(source):
    same = Planted(shift=0.0, noise=0.01, sents=400)
    means = same.means()
    span = concept_span(
        {"en": np.stack([same("en", "train").x[same("en", "train").y == k].mean(0) for k in range(6)])}, 5
    )
    centred = means - means.mean(0)
    assert np.square(centred @ span.read).sum() == pytest.approx(np.square(centred).sum(), rel=1e-3)
    assert len(CONCEPTS) == 6


def test_what_is_no_state_of_the_model_is_refused(source):
    with pytest.raises(UsageError, match="are no states"):
        state_moments(FeatureSource(source.store, FeatureSpec("upos", (1,))), ["en"])
    relations = FeatureSource(source.store, FeatureSpec("relation", (1,), root="exclude", standardise="none"))
    with pytest.raises(UsageError, match="a word and its head"):
        state_moments(relations, ["en"])
    with pytest.raises(UsageError, match="no language"):
        state_moments(source, [])


def test_features_of_words_are_learned_from_those_that_have_them(tmp_path):
    store = ca.extract("mini-decoder", "mini", tmp_path / "store", langs=["es", "en"], layers=[2])
    source = FeatureSource(store, FeatureSpec("feature:Number", (2,), standardise="none"))
    one = state_moments(source, ["es"]).languages["es"]
    assert 0 < one.counts.sum() < one.words
    assert one.counts.sum() == source.load("es", "train").words
