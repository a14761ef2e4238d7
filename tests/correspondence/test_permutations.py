import numpy as np
import pytest
import torch

from concept_align.correspondence.scoring import p_values, permutations


def test_each_relabelling_is_an_order_of_all_concepts():
    drawn = permutations(9, 200)
    assert drawn.dtype == torch.int64
    assert (drawn.sort(-1).values == torch.arange(9)).all()
    assert len({tuple(row) for row in drawn.tolist()}) > 195


def test_all_orders_are_as_likely():
    drawn = permutations(3, 6000)
    _, counts = drawn.unique(dim=0, return_counts=True)
    assert len(counts) == 6 and counts.min() > 900


def test_more_relabellings_begin_with_the_same_ones():
    assert torch.equal(permutations(7, 50, 1)[:20], permutations(7, 20, 1))
    assert not torch.equal(permutations(7, 20, 1), permutations(7, 20, 2))
    assert permutations(7, 0).shape == (0, 7)


def test_p_counts_the_identity_and_ties():
    values = torch.tensor([[3.0, 10.0, -1.0]], dtype=torch.float64)
    null = torch.tensor([1.0, 2, 3, 4]).reshape(4, 1, 1).expand(4, 1, 3)
    found = p_values(values, null)
    assert found.p.tolist() == [[3 / 5, 1 / 5, 1.0]]
    assert found.mean.tolist() == [[2.5] * 3]
    sd = np.std([1, 2, 3, 4], ddof=1)
    assert found.sd[0, 0].item() == pytest.approx(sd)
    assert found.z[0].tolist() == pytest.approx([0.5 / sd, 7.5 / sd, -3.5 / sd])


def test_scores_equal_but_for_rounding_tie():
    values = torch.tensor([1 / 3], dtype=torch.float64)
    null = values.float().expand(9, 1) - 1e-7
    assert p_values(values, null).p.item() == 1


def test_without_a_value_or_without_relabellings_nothing_is_said():
    nothing = torch.tensor([torch.nan], dtype=torch.float64)
    found = p_values(nothing, torch.full((5, 1), torch.nan))
    assert all(part.isnan().all() for part in (found.p, found.mean, found.sd, found.z))
    found = p_values(torch.zeros(1, dtype=torch.float64), torch.empty(0, 1))
    assert all(part.isnan().all() for part in (found.p, found.mean, found.sd, found.z))


def test_a_constant_null_has_no_z():
    found = p_values(torch.ones(1, dtype=torch.float64), torch.ones(5, 1))
    assert found.p.item() == 1 and found.sd.item() == 0 and found.z.isnan().all()
