"""Of scikit-learn's own checks those of construction, parameters and unfitted estimators hold.

Those that fit on data of their own making do not: the dimension and the labels are the aligner's.
"""

import copy

import numpy as np
import planted
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from concept_align.apply.sklearn import ConceptClassifier, MetaLearner, features_of
from concept_align.errors import UsageError
from concept_align.meta.learners.base import Aligner
from concept_align.meta.learners.tagger import Tagger, TaggerAligner
from concept_align.treebanks.concepts import UPOS

WORLD = planted.Planted(sents=60, shift=0.3)
OPTIONS = {"hidden": 0, "epochs": 3, "lr": 3e-3, "batch": 64, "adapt_lr": 0.02}


def arrays(language, split="train"):
    """x, names of concepts, sentences."""
    found = WORLD(language, split)
    names = np.array(planted.CONCEPTS)[found.y.numpy()]
    return found.x.numpy(), names, np.repeat(np.arange(found.sents), np.diff(found.offsets))


@pytest.fixture(scope="module")
def learned():
    parts = {language: arrays(language) for language in ("en", "de", "et")}
    x, y, sentences = (np.concatenate([part[n] for part in parts.values()]) for n in range(3))
    languages = np.concatenate([np.full(len(part[0]), language) for language, part in parts.items()])
    meta = MetaLearner("pooled", validation=("et",), options=OPTIONS)
    return meta.fit(x, y, languages=languages, sentences=sentences)


def test_arrays_of_languages_train_an_aligner_that_serves_a_new_one(learned):
    x, y, sentences = arrays("tr")
    test = arrays("tr", "test")
    assert learned.classes_.tolist() == sorted(planted.CONCEPTS)
    zero = learned.adapt(x).score(test[0], test[1])
    few = learned.adapt(x[:200], y[:200], groups=sentences[:200]).score(test[0], test[1])
    assert zero > 0.6
    assert few >= zero


def test_predictions_are_those_of_the_aligner(learned):
    x, y, sentences = arrays("tr")
    concepts = learned.classes_.tolist()
    classifier = learned.adapt(x, y, groups=sentences)
    plain = learned.aligner_.adapt(features_of(x, y, sentences, concepts, "tr"))
    np.testing.assert_array_equal(
        classifier.predict(x), learned.classes_[plain.codes(features_of(x, y, sentences, concepts, "").x)]
    )
    probabilities = classifier.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(classifier.classes_[probabilities.argmax(1)], classifier.predict(x))
    np.testing.assert_allclose(np.log(probabilities), classifier.predict_log_proba(x), atol=1e-4)


def test_cross_validation_and_pipelines_take_it_as_any_classifier(learned):
    x, y, sentences = arrays("tr")
    plain = ConceptClassifier(learned.aligner_, learned.classes_)
    pipeline = make_pipeline(FunctionTransformer(), plain)
    for estimator in (plain, pipeline):
        scores = cross_val_score(estimator, x, y, groups=sentences, cv=GroupKFold(3), error_score="raise")
        assert scores.shape == (3,)
        assert scores.min() > 0.5
    loss = cross_val_score(plain, x, y, cv=3, scoring="neg_log_loss", error_score="raise")
    assert (loss < 0).all()


def test_a_clone_has_the_same_parameters_and_is_not_fitted(learned):
    fitted = learned.adapt(*arrays("tr")[:2], valid=["noun", "verb"])
    assert fitted.classes_.tolist() == ["noun", "verb"]
    again = clone(fitted)
    assert again.get_params().keys() == {"aligner", "concepts", "valid", "seed"}
    assert again.valid == ["noun", "verb"]
    assert isinstance(again.aligner, Aligner)
    with pytest.raises(NotFittedError):
        again.predict(arrays("tr")[0])
    with pytest.raises(NotFittedError):
        clone(learned).adapt(arrays("tr")[0])
    assert clone(learned).get_params() == learned.get_params()


@pytest.mark.parametrize(
    "estimator", [ConceptClassifier(), MetaLearner()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_set_params",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
    ],
)
def test_checks_of_scikit_learn_that_hold(estimator, check):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_labels_may_be_codes(learned):
    x, y, _ = arrays("tr")
    codes = np.searchsorted(learned.classes_, y)
    classifier = ConceptClassifier(learned.aligner_, learned.classes_.tolist()).fit(x, codes)
    assert classifier.classes_.tolist() == list(range(6))
    assert classifier.score(x, codes) > 0.6


def test_an_aligner_in_a_folder_knows_its_concepts(mini):
    x = np.random.default_rng(0).normal(size=(30, 256))
    classifier = ConceptClassifier(mini.upos).fit(x)
    assert {"NOUN", "VERB"} <= set(classifier.classes_) <= set(UPOS)
    assert classifier.predict(x).shape == (30,)


def test_words_of_a_sentence_are_brought_together():
    x = np.arange(5, dtype=np.float32)[:, None]
    found = features_of(x, ["a", "b", "a", "b", "b"], [7, 3, 7, 3, 9], ["a", "b"], "xx")
    assert found.x[:, 0].tolist() == [0, 2, 1, 3, 4]
    assert found.y.tolist() == [0, 0, 1, 1, 1]
    assert found.offsets.tolist() == [0, 2, 4, 5]
    assert features_of(np.zeros((31, 2)), None, None, ["a"], "xx").sents == 3


def test_an_aligner_in_memory_knows_its_concepts(learned):
    x, y, _ = arrays("tr")
    assert set(ConceptClassifier(learned.aligner_).fit(x, y).predict(x)) <= set(planted.CONCEPTS)


def nameless(learned):
    aligner = copy.copy(learned.aligner_)
    aligner.concepts = None
    return aligner


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda c: ConceptClassifier().fit(*arrays("tr")[:2]), "no aligner"),
        (lambda c: ConceptClassifier(nameless(c)).fit(*arrays("tr")[:2]), "names of the aligner's concepts"),
        (lambda c: c.adapt(np.zeros((3, 24)), ["noun", "nuon", "verb"]), "unknown label 'nuon'"),
        (lambda c: c.adapt(np.zeros((3, 24)), ["noun"]), "1 labels for 3 words"),
        (lambda c: c.adapt(np.zeros((3, 5))), "5 dimensions for an aligner of 24"),
        (lambda c: c.adapt(np.full((3, 24), np.nan)), "not finite"),
        (lambda c: MetaLearner(source="xx").fit([[1.0]], ["a"], languages=["en"]), "no words of xx"),
    ],
)
def test_what_cannot_be_fitted_is_named(learned, fit, message):
    with pytest.raises(UsageError, match=message):
        fit(learned)


def test_words_of_another_dimension_are_refused(learned):
    with pytest.raises(ValueError, match="X has 5 features, but ConceptClassifier is expecting 24"):
        learned.adapt(np.zeros((3, 24))).predict(np.zeros((2, 5)))


def test_groups_name_the_sentences_of_words_in_any_order_where_neighbours_matter():
    words = WORLD("tr", "train")
    config = Tagger(hidden=8, reads=4, members=1, rounds=0)
    aligner = TaggerAligner(config, config.model(words.dim, 6, 0), torch.ones(6, dtype=torch.bool))
    aligner.concepts = planted.CONCEPTS
    x, _, sentences = arrays("tr")
    classifier = ConceptClassifier(aligner).fit(x)
    expected = aligner.adapt().scores(words.sentences).numpy()
    # Sentences word by word in turns: the first word of each, then the second.
    turns = np.argsort(np.concatenate([np.arange(n) for n in np.diff(words.offsets)]), kind="stable")
    told = classifier.predict_log_proba(x[turns], groups=sentences[turns])
    np.testing.assert_allclose(told, expected[turns][:, classifier.columns_], atol=1e-5)
    alone = aligner.adapt().scores(words.x).numpy()
    np.testing.assert_allclose(classifier.predict_log_proba(x), alone[:, classifier.columns_], atol=1e-5)
    assert not np.allclose(alone, expected, atol=0.01)
