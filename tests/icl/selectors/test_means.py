from types import SimpleNamespace

import numpy as np
import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.icl.selectors import means
from concept_align.icl.selectors.vectors import merge
from concept_align.spaces.features import Features


@pytest.fixture
def features():
    x = torch.arange(12.0).reshape(6, 2)
    return Features("en", ("a", "b"), x, torch.tensor([0, 1, 0, 0, 1, 1]), np.array([0, 2, 2, 6]))


def test_means_are_over_the_words_of_each_sentence_whatever_the_chunk(features, monkeypatch, sentence):
    found = means.sentence_means(features, "UD_Planted-EN")
    assert found.of([sentence(2, (0,)), sentence(0, (0,))]).tolist() == [[7, 8], [1, 2]]
    monkeypatch.setattr(means, "CHUNK", 3)
    assert (means.sentence_means(features, "UD_Planted-EN").vectors == found.vectors).all()


def test_a_sentence_without_words_has_no_vector(features, sentence):
    with pytest.raises(UsageError, match="1 of 1 sentences have no vector, first sentence number 1"):
        means.sentence_means(features, "UD_Planted-EN").of([sentence(1, (0,))])


def test_numbers_are_places_in_the_treebank_not_in_the_store(features, sentence):
    found = means.sentence_means(features, "UD_Planted-EN", numbers=[3, 4, 9])
    assert found.of([sentence(9, (0,))]).tolist() == [[7, 8]]
    with pytest.raises(LearningError, match="do not fit"):
        means.sentence_means(features, "UD_Planted-EN", numbers=[3, 4])


def test_the_projection_of_a_mean_is_the_mean_of_projections(features):
    projection = torch.tensor([[1.0, 0.5], [2.0, -1.0]])
    plain = means.sentence_means(features, "UD_Planted-EN")
    found = means.sentence_means(features, "UD_Planted-EN", projection=projection)
    assert np.allclose(found.vectors, plain.vectors @ projection.numpy())


def test_shares_are_mean_probabilities_of_concepts(features):
    scores = lambda x: torch.log_softmax(torch.stack([x[:, 0], x[:, 0] + 1], dim=1), dim=1)  # noqa: E731
    found = means.concept_shares(features, "UD_Planted-EN", SimpleNamespace(scores=scores))
    assert np.allclose(found.vectors, torch.softmax(torch.tensor([0.0, 1.0]), 0).numpy())


def test_treebanks_stand_in_one_table(features, sentence):
    parts = [means.sentence_means(features, f"UD_Planted-{code}") for code in ("EN", "DE", "FR")]
    found = merge(parts)
    assert found.of([sentence(2, (0,), language="fr"), sentence(0, (0,))]).tolist() == [[7, 8], [1, 2]]
    assert repr(found) == "<SentenceVectors of 6 sentences, 2 dimensions>"
