from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from concept_align.correspondence.measures import parse_measures
from concept_align.correspondence.measures.base import Compared
from concept_align.correspondence.questions.concepts import COLUMNS, leave_one_out, rows
from concept_align.errors import UsageError


@dataclass(frozen=True)
class Overlap:
    """A plain measure: the correlation of the products of two spaces above the diagonal."""

    name: str = "overlap"
    symmetric: bool = True
    least: int = 4

    def refuse(self, concepts, dims):
        return "too few concepts" if concepts < self.least else None

    def compare(self, a, b, pairs, permutations):
        above = torch.triu_indices(a.shape[-1], a.shape[-1], 1)
        first, second = (
            torch.nn.functional.normalize(
                (v := g[:, at][..., above[0], above[1]]) - v.mean(-1, keepdim=True), dim=-1
            )
            for g, at in ((a, pairs[:, 0]), (b, pairs[:, 1]))
        )
        return Compared((first * second).sum(-1), torch.empty(0, *first.shape[:2]))


@pytest.fixture
def planted(random, turned, spaces):
    """Six languages with the same eight concepts, but that C3 stands somewhere else in each."""
    base = np.broadcast_to(random.normal(size=(8, 6)), (6, 8, 6)).copy()
    base[:, 3] = 1.5 * random.normal(size=(6, 6))
    other = np.stack([random.normal(size=(6, 8, 6)), turned(base, random)])
    return spaces(other)


def test_the_concept_that_moves_corresponds_worst(planted):
    found = rows(planted.restricted(layers=["1"]), permutations=199).set_index("concept")
    assert found["value"].idxmin() == "C3"
    others = found.drop("C3")
    assert (others["q"] < 0.05).all()
    assert found.loc["C3", "p"] > others["p"].max()
    assert (others["low"] > found.loc["C3", "low"]).all()
    assert (found["n"] == 6).all() and (found["pairs"] == 15).all()
    assert (found["null_mean"].abs() < 0.1).all()


def test_unrelated_spaces_have_no_concept_that_corresponds(planted):
    found = rows(planted, permutations=199)
    assert tuple(found.columns) == COLUMNS
    assert found["layer"].tolist() == ["0"] * 8 + ["1"] * 8
    assert (found[found["layer"] == "0"]["q"] > 0.05).all()


def test_row_correlations_are_those_of_a_plain_loop(planted):
    found = rows(planted, permutations=0).set_index(["layer", "concept"])
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
        rows(spaces(random.normal(size=(1, 4, 8, 5))), permutations=39, seed=i)["p"] for i in range(40)
    ])  # fmt: skip
    assert (p <= 0.05).mean() <= 0.09
    assert 0.4 <= (p <= 0.5).mean() <= 0.6


def test_rare_concepts_count_only_where_they_are_known(random, spaces):
    prototypes = np.broadcast_to(random.normal(size=(7, 5)), (1, 5, 7, 5)).copy()
    counts = np.full((5, 7), 100)
    counts[0, 2], counts[1, 2], counts[4, 6], counts[:, 5] = 0, 3, 0, 2
    found = rows(spaces(prototypes, counts), permutations=19).set_index("concept")
    assert found.loc["C2", ["n", "pairs"]].tolist() == [3, 3]
    assert found.loc["C6", ["n", "pairs"]].tolist() == [4, 6]
    assert np.isnan(found.loc["C5", "value"])
    assert found.loc["C5", "n"] == 0
    assert np.allclose(found.drop("C5")["value"], 1)
    assert np.isnan(found.loc["C2", "low"])  # three languages bound no interval


def test_leaving_out_the_concept_that_moves_raises_the_score(planted):
    found = leave_one_out(planted.restricted(layers=["1"]), Overlap(), permutations=39).set_index("concept")
    assert found["value"].idxmin() == "C3"
    assert found.loc["C3", "high"] < 0
    assert found.loc["C3", "p"] == 1 / 40
    assert (found["measure"] == "overlap").all()


def test_the_change_is_that_of_scoring_twice(planted):
    one = planted.restricted(layers=["1"], languages=["af", "ar"])
    found = leave_one_out(one, Overlap(), permutations=0).set_index("concept")
    pairs, nothing = torch.tensor([[0, 1]]), torch.empty((0, 8), dtype=torch.int64)

    def score(geometry):
        gram = torch.from_numpy(geometry.gram)
        return float(Overlap().compare(gram, gram, pairs, nothing).values)

    directed = leave_one_out(one, Overlap(symmetric=False), permutations=0).set_index("concept")
    assert np.allclose(directed["value"], found["value"])
    without = one.restricted(concepts=[name for name in one.concepts if name != "C4"])
    assert found.loc["C4", "value"] == pytest.approx(score(one) - score(without))
    assert found.loc["C4", "pairs"] == 1


@pytest.mark.parametrize("name", ["rsa", "procrustes"])
def test_concepts_can_be_left_out_of_any_measure(planted, name):
    one = planted.restricted(layers=["1"])
    (measure,) = parse_measures(name)
    found = leave_one_out(one, measure, permutations=9).set_index("concept")
    assert found["value"].idxmin() == "C3"
    assert (found["pairs"] == 15).all()
    assert np.isfinite(found[["value", "null_mean", "p"]].to_numpy(float)).all()


def test_too_few_shared_concepts_are_refused(planted):
    with pytest.raises(UsageError, match="share 5 concepts"):
        rows(planted.restricted(concepts=["C0", "C1", "C2", "C3"]))
    with pytest.raises(UsageError, match="at least 500 words"):
        rows(planted, min_count=500)
    with pytest.raises(UsageError, match="too few concepts"):
        leave_one_out(planted, Overlap(least=8))
