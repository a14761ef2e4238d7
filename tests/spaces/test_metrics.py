import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, f1_score

from concept_align.errors import LearningError
from concept_align.spaces.metrics import (
    accuracy,
    confusion,
    counts,
    macro_f1,
    sentence_counts,
)

# Concept 3 has no gold words but is predicted once; concept 2 has gold words and is never predicted.
GOLD = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 3, 0])


def test_accuracy_is_the_share_of_words_that_are_right():
    assert accuracy(PREDICTED, GOLD) == 0.5
    assert accuracy(torch.tensor(PREDICTED), torch.tensor(GOLD)) == 0.5
    assert np.isnan(accuracy([], []))


def test_macro_f1_is_over_the_concepts_with_gold_words():
    # F1: 2*2/(3+3), 2*1/(2+2), 0; the fourth concept does not count.
    assert macro_f1(PREDICTED, GOLD, 5) == pytest.approx((2 / 3 + 0.5 + 0) / 3)


def test_scores_of_concepts_agree_with_scikit_learn():
    draws = np.random.default_rng(0)
    gold, predicted = draws.integers(0, 6, 500), draws.integers(0, 6, 500)
    np.testing.assert_allclose(counts(predicted, gold, 6).f1(), f1_score(gold, predicted, average=None))
    assert macro_f1(predicted, gold, 6) == pytest.approx(f1_score(gold, predicted, average="macro"))
    np.testing.assert_array_equal(confusion(predicted, gold, 6), confusion_matrix(gold, predicted))


def test_a_concept_with_no_word_to_speak_of_has_no_score():
    found = counts(PREDICTED, GOLD, 5)
    assert found.gold.tolist() == [3, 2, 1, 0, 0]
    assert np.isnan(found.f1()[3:]).all() and found.f1()[2] == 0


def test_rows_of_the_confusion_matrix_are_gold():
    matrix = confusion(PREDICTED, GOLD, 4)
    assert matrix[2, 0] == 1 and matrix[0, 2] == 0 and matrix.sum() == 6
    assert np.trace(matrix) / matrix.sum() == accuracy(PREDICTED, GOLD)


def test_counts_of_sentences_add_up_to_those_of_all_words():
    draws = np.random.default_rng(0)
    gold, predicted = draws.integers(0, 4, 90), draws.integers(0, 4, 90)
    offsets = np.array([0, 0, 30, 31, 31, 90, 90])  # with sentences without items
    table = sentence_counts(predicted, gold, 4, offsets)
    assert table.gold.shape == (6, 4) and table.gold.sum(1).tolist() == [0, 30, 1, 0, 59, 0]
    whole = counts(predicted, gold, 4)
    assert table.total().accuracy() == whole.accuracy() == pytest.approx(accuracy(predicted, gold))
    assert table.total().macro_f1() == whole.macro_f1()
    assert np.isnan(table.accuracy()[[0, 3, 5]]).all() and np.isnan(table.macro_f1()[0])


def test_labels_in_another_order_change_nothing():
    draws = np.random.default_rng(0)
    gold, predicted, turn = draws.integers(0, 4, 90), draws.integers(0, 4, 90), draws.permutation(4)
    assert macro_f1(turn[predicted], turn[gold], 4) == pytest.approx(macro_f1(predicted, gold, 4))


def test_another_number_of_predictions_than_labels_is_refused():
    with pytest.raises(LearningError, match="5 predictions for 6"):
        accuracy(PREDICTED[:5], GOLD)
