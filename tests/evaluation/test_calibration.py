import numpy as np
import pytest

from concept_align.evaluation.evidence import BINS, ece, reliability
from concept_align.evaluation.predictions import LEVELS, Predictions


def planted(rng, sure, right):
    """Predictions with confidences ``sure`` whose chance to be right is ``right``; and the gold labels."""
    gold = np.zeros(len(sure), np.int64)
    codes = (rng.random(len(sure)) >= right).astype(np.int64)
    return Predictions(codes, np.rint(sure * LEVELS).astype(np.uint8)), gold


def test_calibrated_predictions_have_hardly_any_error():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.2, 1, size=60_000)
    assert ece(reliability(*planted(rng, sure, sure))) < 0.01


@pytest.mark.parametrize("by", [0.1, 0.25])
def test_overconfidence_is_the_error_and_lies_under_the_diagonal(by):
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.4, 1, size=60_000)
    bins = reliability(*planted(rng, sure, sure - by))
    assert ece(bins) == pytest.approx(by, abs=0.01)
    full = bins[:, 0] > 0.01
    assert (bins[full, 2] < bins[full, 1]).all()


def test_bins_hold_every_word_once_and_are_closed_above():
    levels = np.arange(LEVELS + 1)
    bins = reliability(
        Predictions(np.zeros(len(levels), np.int64), levels.astype(np.uint8)), np.zeros(len(levels), np.int64)
    )
    assert bins.shape == (BINS, 3)
    assert bins[:, 0].sum() == pytest.approx(1)
    words = np.rint(bins[:, 0] * len(levels))
    assert words.tolist() == [18] + [17] * 14  # 0 falls into the first
    upper = np.arange(1, BINS + 1) / BINS
    means = bins[:, 1] / bins[:, 0]
    assert (means <= upper).all()
    assert (means > upper - 1 / BINS).all()


def test_a_single_bin_is_the_distance_of_mean_and_accuracy():
    predicted = Predictions(np.array([1, 1, 1, 0]), np.full(4, LEVELS, np.uint8))
    assert ece(reliability(predicted, np.ones(4, np.int64))) == pytest.approx(0.25)


def test_without_confidences_or_words_there_is_no_calibration():
    assert reliability(Predictions(np.array([1]), None), np.array([1])) is None
    empty = Predictions(np.zeros(0, np.int64), np.zeros(0, np.uint8))
    assert reliability(empty, np.zeros(0, np.int64)) is None
