import pytest
import torch

from concept_align.errors import LearningError
from concept_align.spaces.classify import NearestPrototype, similarities
from concept_align.spaces.prototypes import ConceptSpace, fit_prototypes


def space_of(prototypes, counts=None):
    counts = torch.tensor(counts or [10] * len(prototypes))
    return ConceptSpace(tuple(f"c{k}" for k in range(len(prototypes))), counts, prototypes)


@pytest.fixture
def drawn():
    draws = torch.Generator().manual_seed(0)
    return torch.randn(500, 6, generator=draws), torch.randn(4, 6, generator=draws)


def test_scores_are_the_softmax_of_minus_squared_distances(drawn):
    x, prototypes = drawn
    expected = torch.log_softmax(-torch.cdist(x, prototypes).square(), 1)
    assert torch.allclose(NearestPrototype.of(space_of(prototypes)).scores(x), expected, atol=1e-5)


def test_the_prediction_is_the_nearest_prototype_however_far_everything_lies(drawn):
    x, prototypes = drawn
    expected = torch.cdist(x, prototypes).argmin(1)
    for offset in (0.0, 1e4):
        shifted = NearestPrototype.of(space_of(prototypes + offset)).predict(x + offset)
        assert (shifted == expected).float().mean() > 0.995


def test_rotation_changes_no_prediction(drawn):
    x, prototypes = drawn
    q, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))
    turned = NearestPrototype.of(space_of(prototypes @ q)).predict(x @ q)
    assert torch.equal(turned, NearestPrototype.of(space_of(prototypes)).predict(x))


def test_concepts_that_may_not_be_predicted_never_are(drawn):
    x, prototypes = drawn
    prototypes = prototypes.clone()
    prototypes[1] = torch.nan
    classifier = NearestPrototype.of(
        space_of(prototypes, [10, 0, 9, 10]), min_count=5, valid=torch.tensor([True, True, False, True])
    )
    assert set(classifier.predict(x).tolist()) == {0, 3}
    scores = classifier.scores(x)
    assert (scores[:, [1, 2]] == -torch.inf).all()
    assert torch.allclose(scores.exp().sum(1), torch.ones(len(x)))


def test_gradients_do_not_see_an_absent_prototype(drawn):
    x, prototypes = drawn
    prototypes = prototypes.clone()
    prototypes[1] = torch.nan
    moving = x.clone().requires_grad_()
    scores = similarities(moving, prototypes, torch.tensor([True, False, True, True]))
    scores[:, 0].sum().backward()
    assert moving.grad.isfinite().all()


def test_no_concept_to_predict_is_an_error(drawn):
    x, prototypes = drawn
    with pytest.raises(LearningError, match="no concept"):
        NearestPrototype.of(space_of(prototypes, [0, 0, 0, 0])).predict(x)


def test_no_words_give_no_predictions(drawn):
    assert NearestPrototype.of(space_of(drawn[1])).predict(torch.zeros(0, 6)).shape == (0,)


def test_planted_prototypes_classify_nearly_all_words(tools):
    features, _ = tools.planted(0, noise=0.5)
    classifier = NearestPrototype.of(fit_prototypes(features.x, features.y, features.concepts))
    assert (classifier.predict(features.x) == features.y).float().mean() > 0.99
