"""The contrastive loss is its equation, and does not look at what it should not."""

import math

import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.tuning.contrast import contrast


def drawn(rows: int = 6, dim: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


A, B = drawn(seed=1), drawn(seed=2)
EXCLUDED = torch.zeros(6, 6, dtype=torch.bool)
EXCLUDED[0, 3] = EXCLUDED[3, 0] = EXCLUDED[2, 5] = True


def by_hand(a, b, *, t, both, excluded=None, own=False, more=None) -> float:
    """One pair, one term at a time."""

    def cos(x: torch.Tensor, y: torch.Tensor) -> float:
        return float(x @ y / (x.norm() * y.norm()))

    total, n = 0.0, len(a)
    for anchors, others in ((a, b), (b, a))[: 2 if both else 1]:
        for i in range(n):
            terms = []
            for j in range(n):
                if j != i and excluded is not None and excluded[i, j]:
                    continue
                terms.append(cos(anchors[i], others[j]) / t)
                if own and j != i:
                    terms.append(cos(anchors[i], anchors[j]) / t)
            for k in range(0 if more is None else len(more)):
                if excluded is None or excluded.shape[1] == n or not excluded[i, n + k]:
                    terms.append(cos(anchors[i], more[k]) / t)
            total -= cos(anchors[i], others[i]) / t - math.log(sum(map(math.exp, terms)))
    return total / (n * (2 if both else 1))


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("excluded", [None, EXCLUDED], ids=["all", "excluded"])
@pytest.mark.parametrize("more", [None, drawn(3, seed=4)], ids=["batch", "more"])
def test_the_loss_is_its_equation(both, own, excluded, more):
    found = contrast(A, B, temperature=0.3, both=both, own=own, excluded=excluded, more=more).loss
    expected = by_hand(A, B, t=0.3, both=both, own=own, excluded=excluded, more=more)
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_further_texts_are_excluded_one_by_one():
    more = drawn(3, seed=4)
    wide = torch.cat([EXCLUDED, torch.tensor([[True, False, False]] * 6)], dim=1)
    found = contrast(A, B, temperature=0.3, excluded=wide, more=more).loss
    assert found.item() == pytest.approx(by_hand(A, B, t=0.3, both=True, excluded=wide, more=more), abs=1e-12)
    torch.testing.assert_close(found, contrast(A, B, temperature=0.3, excluded=EXCLUDED, more=more[1:]).loss)


@pytest.mark.parametrize("both, own", [(False, False), (True, False), (False, True)])
def test_loss_and_gradient_are_those_of_sentence_transformers(both, own):
    losses = pytest.importorskip("sentence_transformers.losses")

    class Passing(torch.nn.Module):
        """A model whose sentences are given as vectors."""

        def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"sentence_embedding": features["vectors"]}

    directions = ("query_to_doc", *["doc_to_query"] * both, *["query_to_query"] * own)
    mode = "per_direction" if both else "joint"
    theirs = losses.MultipleNegativesRankingLoss(
        Passing(), scale=20.0, directions=directions, partition_mode=mode
    )
    grads = []
    for ours in (True, False):
        a, b = A.float().requires_grad_(), B.float().requires_grad_()
        if ours:
            loss = contrast(a, b, temperature=0.05, both=both, own=own).loss
        else:
            loss = theirs([{"vectors": a}, {"vectors": b}], torch.zeros(6))
        loss.backward()
        grads.append((loss.detach(), a.grad, b.grad))
    for mine, other in zip(*grads, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


def test_equal_vectors_give_log_b_and_pairs_far_from_all_others_give_nothing():
    same = torch.ones(8, 4)
    assert contrast(same, same).loss.item() == pytest.approx(math.log(8))
    apart = torch.eye(8)
    found = contrast(apart, apart)
    assert found.loss.item() < 1e-6
    assert found.accuracy.item() == 1.0


def test_sides_order_and_scales_of_vectors_do_not_matter():
    expected = contrast(A, B, excluded=EXCLUDED, own=True).loss
    torch.testing.assert_close(contrast(B, A, excluded=EXCLUDED, own=True).loss, expected)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = contrast(A[order], B[order], excluded=EXCLUDED[order][:, order], own=True).loss
    torch.testing.assert_close(shuffled, expected)
    sizes = torch.rand(6, 1, dtype=torch.float64) + 0.1
    torch.testing.assert_close(contrast(A * sizes, 7 * B, excluded=EXCLUDED, own=True).loss, expected)


def test_a_text_that_is_there_twice_is_no_negative_of_itself():
    a, b = torch.cat([A, A[:1]]), torch.cat([B, B[:1]])
    twice = torch.zeros(7, 7, dtype=torch.bool)
    twice[0, 6] = twice[6, 0] = True
    rows = contrast(a, b, temperature=0.3, both=False, excluded=twice).loss * 7
    # The first and the last row see five others as before; rows between see the text twice.
    expected = 0.0
    for i in range(7):
        scores = torch.nn.functional.normalize(a, dim=1)[i] @ torch.nn.functional.normalize(b, dim=1).T / 0.3
        kept = [j for j in range(7) if not twice[i, j]]
        expected += float(scores[kept].logsumexp(0) - scores[i])
    assert rows.item() == pytest.approx(expected, abs=1e-12)


def test_what_is_excluded_gets_no_gradient_from_the_pair_it_is_excluded_from():
    excluded = torch.ones(3, 3, dtype=torch.bool)
    excluded[0, 1] = False
    a, b = A[:3].clone().requires_grad_(), B[:3].clone().requires_grad_()
    contrast(a, b, both=False, excluded=excluded).loss.backward()
    assert b.grad[1].norm() > 0  # a negative of the first
    assert not a.grad[1].any()  # has no negatives: its loss is 0
    assert not b.grad[2].any()


def test_accuracy_counts_translations_that_are_nearest():
    a = torch.eye(4)
    b = a[[0, 1, 3, 2]]
    assert contrast(a, b).accuracy.item() == 0.5


def test_one_pair_and_no_temperature_are_refused():
    with pytest.raises(LearningError, match="no negatives"):
        contrast(A[:1], B[:1])
    with pytest.raises(UsageError, match="temperature"):
        contrast(A, B, temperature=0.0)
    assert contrast(A[:1], B[:1], more=A[1:]).loss.isfinite()
