"""The closed forms against plain autograd, and that every form of computing them is taken."""

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional

from concept_align.meta.engines import fast, rows
from concept_align.meta.engines.base import InnerLoop
from concept_align.meta.engines.fast import Fast
from concept_align.meta.episodes import EpisodeBatch
from concept_align.meta.maps import ADAPTS, adapted_names

# Words of support and query: few (inner products of both), many (weights), nobody's, and somebody's alone.
SIZES = [((3, 4, 2), (2, 3, 3)), ((3, 0, 60, 4), (30, 2, 40, 1)), ((0, 0), (4, 2)), ((5,), (5,))]


def by_autograd(model, episodes, inner, rates):
    """[tasks] losses, as a loop over tasks and steps that leaves every derivative to autograd."""
    named, losses = dict(model.named_parameters()), []

    def loss(theta, words, task):
        mine = words.task == task
        logits = functional_call(model, {**named, **theta}, (words.x[: len(mine)][mine],))
        return functional.cross_entropy(logits, words.y[mine])

    for task in range(episodes.tasks):
        theta = {name: named[name] for name in adapted_names(model, inner.adapts)}
        for _ in range(inner.steps if bool((episodes.support.task == task).any()) else 0):
            gradients = torch.autograd.grad(
                loss(theta, episodes.support, task), list(theta.values()), create_graph=inner.order == 2
            )
            theta = {
                name: value - (rates[name] if isinstance(rates, dict) else rates) * gradient
                for (name, value), gradient in zip(theta.items(), gradients, strict=True)
            }
        losses.append(loss(theta, episodes.query, task))
    return torch.stack(losses)


class Autograd:
    """The same as an engine."""

    losses = staticmethod(by_autograd)


@pytest.mark.parametrize("adapts", ADAPTS)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("hidden", [0, 6])
def test_losses_and_meta_gradients_are_those_of_autograd(loops, adapts, order, each, hidden):
    model, inner = loops.model(hidden=hidden), InnerLoop(adapts, 4, order)
    rates = loops.rates(model, adapts, each=each)
    for support, query in SIZES:
        episodes = EpisodeBatch(
            tuple(map(str, range(len(query)))), loops.words(support, seed=1), loops.words(query, seed=2)
        )
        expected_losses, expected = loops.meta(Autograd, model, episodes, inner, rates)
        losses, found = loops.meta(Fast(), model, episodes, inner, rates)
        assert loops.norm_of_difference(losses, expected_losses) <= 1e-10
        assert loops.norm_of_difference(found, expected) <= 1e-10


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("order", [1, 2])
def test_any_number_of_steps(loops, steps, order):
    model, inner = loops.model(), InnerLoop("all of f", steps, order)
    _, expected = loops.meta(Autograd, model, loops.ragged(), inner, 0.1)
    assert (
        loops.norm_of_difference(loops.meta(Fast(), model, loops.ragged(), inner, 0.1)[1], expected) <= 1e-10
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("waste", [0.0, 1.0])
def test_how_tasks_are_grouped_does_not_matter(loops, monkeypatch, order, waste):
    model, inner = loops.model(), InnerLoop("all of f", 3, order)
    _, expected = loops.meta(Fast(), model, loops.ragged(), inner, 0.1)
    monkeypatch.setattr(fast, "groups", lambda sizes, most: rows.groups(sizes, most=10**6, waste=waste))
    assert (
        loops.norm_of_difference(loops.meta(Fast(), model, loops.ragged(), inner, 0.1)[1], expected) <= 1e-12
    )


def test_groups_are_of_similar_length_and_hold_each_task_once():
    sizes = [600, 70, 0, 68, 590, 66, 64, 2000]
    found = rows.groups(sizes, most=1300, waste=0.1)
    assert sorted(task for group in found for task in group) == list(range(len(sizes)))
    for group in found:
        longest, words = max(sizes[task] for task in group), sum(sizes[task] for task in group)
        assert len(group) == 1 or (len(group) * longest <= 1300 and words >= 0.9 * len(group) * longest)
    assert [0, 4] in [sorted(group) for group in found]


def test_the_form_of_the_first_layer_is_the_one_with_fewer_multiplications(loops):
    f = loops.model().f  # 7 -> 6
    few, many = (torch.zeros(1, words, 7, dtype=torch.float64) for words in (9, 40))
    assert fast.FirstLayer(f, few, 0.1, 4).rate == 0.1
    assert fast.FirstLayer(f, many, 0.1, 4).rate is None
    each = {name: torch.ones(1) for name in fast.NAMES}
    assert fast.FirstLayer(f, few, each, 4).rate is None


def test_inner_loops_run_without_dropout(loops):
    model, episodes, inner = loops.model(dropout=0.5), loops.ragged(), InnerLoop("all of f", 2, 2)
    still = Fast().losses(model.eval(), episodes, inner, 0.1)
    assert torch.equal(Fast().losses(model.train(), episodes, inner, 0.1), still)


@pytest.mark.parametrize("words", [5, 160, 161, 500])
def test_inner_products_by_blocks_are_those_at_once(words):
    x = torch.randn(2, words, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fast.inner_products(x), x @ x.mT + 1, rtol=1e-13, atol=1e-13)


def test_order_1_leaves_no_graph_of_the_support_words(loops):
    """Nothing that the inner steps computed is kept for the outer gradient."""
    model, episodes = loops.model(), loops.ragged()
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda value: kept.append(value.numel()) or value, lambda v: v
    ):
        Fast().losses(model, episodes, InnerLoop("map", 50, 1), 0.1)
        first = len(kept)
        kept.clear()
        Fast().losses(model, episodes, InnerLoop("map", 1, 1), 0.1)
    assert first == len(kept)
