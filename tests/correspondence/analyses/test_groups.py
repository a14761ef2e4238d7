import numpy as np
import pytest

from concept_align.correspondence.analyses.groups import contrast
from concept_align.errors import UsageError


@pytest.fixture
def grouped(between, random):
    """Scores of 15 languages in three groups that are far apart."""
    group = np.arange(15) % 3
    places = 3 * np.eye(3)[group] + 0.3 * random.normal(size=(15, 3))
    scores = 1 - between(places)
    return scores, dict(zip(scores.index, map(str, group), strict=True))


def test_planted_groups_have_higher_scores_within(grouped):
    scores, labels = grouped
    found = contrast(scores, labels, permutations=499)
    values, names = scores.to_numpy(), np.array([labels[code] for code in scores.index])
    same = (names[:, None] == names) & ~np.eye(15, dtype=bool)
    assert found.within == pytest.approx(values[same].mean())
    assert found.between == pytest.approx(values[names[:, None] != names].mean())
    assert found.low < found.difference < found.high
    assert found.p == 1 / 500
    assert abs(found.null_mean) < found.null_sd
    assert (found.pairs_within, found.pairs_between) == (30, 75)


def test_labels_at_random_make_no_contrast(grouped, random, between):
    scores = 1 - between(random.normal(size=(12, 2)))
    p = np.array([
        contrast(scores, dict(zip(scores.index, random.permutation(list("aabbccddeeff")), strict=True)),
                 permutations=99, seed=i).p
        for i in range(100)
    ])  # fmt: skip
    assert (p <= 0.05).mean() <= 0.13
    assert 0.35 <= (p <= 0.5).mean() <= 0.65


def test_languages_without_label_or_score_are_left_out(grouped):
    scores, labels = grouped
    del labels["af"]
    scores.loc["ar", "bg"] = scores.loc["bg", "ar"] = np.nan
    found = contrast(scores, labels, permutations=9)
    assert len(found.left_out) == 2
    assert "af" in found.left_out
    assert found.n == 13


def test_one_label_for_all_has_no_contrast(grouped):
    scores, _ = grouped
    found = contrast(scores, dict.fromkeys(scores.index, "a"), permutations=9)
    assert np.isnan([found.difference, found.p, found.between]).all()
    with pytest.raises(UsageError, match="3 languages"):
        contrast(scores.iloc[:3, :3], dict.fromkeys(scores.index, "a"))
    with pytest.raises(UsageError, match="2 languages"):
        contrast(scores, {"af": "a", "ar": "a"})
