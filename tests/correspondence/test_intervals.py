import numpy as np
import pytest
from scipy.stats import norm

from concept_align.correspondence.intervals import interval

NORMAL = 1e9  # degrees of freedom


def test_without_bias_the_bounds_are_those_of_a_normal_on_fishers_scale():
    draws = np.tanh(0.5 + 0.1 * norm.ppf((np.arange(4000) + 0.5) / 4000))
    low, high = interval(np.tanh(0.5), draws, freedom=NORMAL)
    assert np.arctanh([low, high]) == pytest.approx([0.5 - 0.196, 0.5 + 0.196], abs=2e-3)


def test_a_draw_that_falls_short_of_the_sample_moves_the_interval_above_it():
    draws = np.tanh(np.arctanh(0.5) - 0.2 + 0.01 * np.array([-1.0, 1.0, -1.0, 1.0]))
    low, high = np.arctanh(interval(0.5, draws, freedom=NORMAL))
    assert (low + high) / 2 == pytest.approx(np.arctanh(0.5) + 0.2)


def test_the_interval_always_holds_the_value():
    random = np.random.default_rng(0)
    value = np.tanh(random.normal(0, 1, 500))
    low, high = interval(value, np.tanh(random.normal(0, 1, (30, 500)) - 0.5))
    assert (low <= value).all() and (value <= high).all()


def test_every_score_has_bounds_of_its_own():
    random = np.random.default_rng(1)
    value, draws = random.uniform(-0.5, 0.9, (3, 4)), random.uniform(-0.5, 0.9, (50, 3, 4))
    low, high = interval(value, draws)
    assert low.shape == high.shape == (3, 4)
    assert interval(value[1, 2], draws[:, 1, 2]) == (low[1, 2], high[1, 2])


def test_more_confidence_and_less_freedom_widen_it():
    draws = np.tanh(np.random.default_rng(2).normal(0.4, 0.1, 200))

    def width(**options: float) -> float:
        low, high = interval(0.4, draws, **options)
        return float(high - low)

    assert width(confidence=0.5) < width() < width(confidence=0.99)
    assert width(freedom=60) < width(freedom=10)


def test_draws_without_a_score_are_left_out():
    draws = np.array([[0.2, 0.2], [0.3, 0.3], [0.1, 0.1], [np.nan, 0.2]])
    low, high = interval([0.2, 0.2], draws)
    one, other = interval(0.2, draws[:3, 0])
    assert (low[0], high[0]) == (one, other)
    assert np.isfinite([low[1], high[1]]).all()


@pytest.mark.parametrize(
    ("value", "draws"), [(np.nan, [0.1, 0.2, 0.3]), (0.2, [0.1, np.nan]), (0.2, [np.nan, np.nan])]
)
def test_without_a_value_or_two_draws_there_is_no_interval(value: float, draws: list[float]):
    assert np.isnan(interval(value, draws)).all()


def test_bounds_stay_within_the_range_of_the_score():
    assert np.less_equal(np.abs(interval(0.999, [0.9, 0.99, 1.0, 1.0])), 1).all()
    low, high = interval(0.9, [1.0, 1.0, 0.8, 0.7], scale="share")
    assert low >= 0 and high == 1


def test_a_score_that_no_draw_changes_is_certain():
    assert interval(1.0, np.ones(20)) == pytest.approx((1, 1), abs=1e-5)
    assert interval(1.0, np.ones(20), scale="share") == (1, 1)
