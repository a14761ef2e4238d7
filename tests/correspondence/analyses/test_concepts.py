import numpy as np
import pytest
from scipy.stats import spearmanr

from concept_align.correspondence.analyses.concepts import COLUMNS, concept_scores
from concept_align.errors import UsageError


@pytest.fixture
def planted(random, turned, spaces):
    """Six languages with the same eight concepts, but that C3 stands somewhere else in each."""
    base = np.broadcast_to(random.normal(size=(8, 6)), (6, 8, 6)).copy()
    base[:, 3] = 1.5 * random.normal(size=(6, 6))
    other = np.stack([random.normal(size=(6, 8, 6)), turned(base, random)])
    return spaces(other)


def test_the_concept_that_moves_corresponds_worst(planted):
    found = concept_scores(planted.restricted(layers=["1"]), permutations=199).set_index("concept")
    assert found["value"].idxmin() == "C3"
    others = found.drop("C3")
    assert (others["q"] < 0.05).all()
    assert found.loc["C3", "p"] > others["p"].max()
    assert (others["low"] > found.loc["C3", "low"]).all()
    assert (found["n"] == 6).all() and (found["pairs"] == 15).all()
    assert (found["null_mean"].abs() < 0.1).all()


def test_unrelated_spaces_have_no_concept_that_corresponds(planted):
    found = concept_scores(planted, permutations=199)
    assert tuple(found.columns) == COLUMNS
    assert found["layer"].tolist() == ["0"] * 8 + ["1"] * 8
    assert (found[found["layer"] == "0"]["q"] > 0.05).all()


def test_row_correlations_are_those_of_a_plain_loop(planted):
    found = concept_scores(planted, permutations=0).set_index(["layer", "concept"])
    gram = planted.gram[0]
    length = np.diagonal(gram, axis1=1, axis2=2)
    apart = length[:, :, None] + length[:, None, :] - 2 * gram
    values = [
        spearmanr(np.delete(apart[a, 2], 2), np.delete(apart[b, 2], 2))[0] for a in range(6) for b in range(a)
    ]
    assert found.loc[("0", "C2"), "value"] == pytest.approx(np.mean(values))
    assert np.isnan(found.loc[("0", "C2"), ["p", "q", "null_mean"]].astype(float)).all()


def test_p_is_uniform_where_nothing_corresponds(random, spaces):
    p = np.concatenate([
        concept_scores(spaces(random.normal(size=(1, 4, 8, 5))), permutations=39, seed=i)["p"]
        for i in range(40)
    ])  # fmt: skip
    assert (p <= 0.05).mean() <= 0.09
    assert 0.4 <= (p <= 0.5).mean() <= 0.6


def test_rare_concepts_count_only_where_they_are_known(random, spaces):
    prototypes = np.broadcast_to(random.normal(size=(7, 5)), (1, 5, 7, 5)).copy()
    counts = np.full((5, 7), 100)
    counts[0, 2], counts[1, 2], counts[4, 6], counts[:, 5] = 0, 3, 0, 2
    found = concept_scores(spaces(prototypes, counts), permutations=19).set_index("concept")
    assert found.loc["C2", ["n", "pairs"]].tolist() == [3, 3]
    assert found.loc["C6", ["n", "pairs"]].tolist() == [4, 6]
    assert np.isnan(found.loc["C5", "value"])
    assert found.loc["C5", "n"] == 0
    assert np.allclose(found.drop("C5")["value"], 1)
    assert np.isnan(found.loc["C2", "low"])  # three languages bound no interval


def test_too_few_shared_concepts_are_refused(planted):
    with pytest.raises(UsageError, match="share 5 concepts"):
        concept_scores(planted.restricted(concepts=["C0", "C1", "C2", "C3"]))
    with pytest.raises(UsageError, match="at least 500 words"):
        concept_scores(planted, min_count=500)
