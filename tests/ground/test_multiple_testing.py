import numpy as np
import pytest

from concept_align.statistics import benjamini_hochberg, holm


def test_corrections_of_a_known_example():
    p = np.array([0.04, 0.01, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.04, 0.02, 0.04, 0.02])


def test_corrections_of_nothing_are_nothing():
    assert holm(np.array([])).size == benjamini_hochberg(np.array([])).size == 0


def test_corrected_p_values_keep_the_order_and_are_never_smaller():
    p = np.random.default_rng(4).random(30) ** 3
    for corrected in (holm(p), benjamini_hochberg(p)):
        assert (corrected >= p).all()
        assert (corrected <= 1).all()
        assert (np.diff(corrected[np.argsort(p)]) >= 0).all()
    assert (benjamini_hochberg(p) <= holm(p)).all()


def test_holm_seldom_finds_anything_where_there_is_nothing():
    rng = np.random.default_rng(5)
    found = np.mean([(holm(rng.random(15)) <= 0.05).any() for _ in range(2000)])
    assert found == pytest.approx(0.05, abs=0.02)
