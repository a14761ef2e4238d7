"""What is true of every engine: the same losses, the same outer gradients, whatever computes them."""

import copy
from importlib.metadata import PackageNotFoundError, version

import pytest
import torch
from torch.nn import functional

from concept_align.errors import UsageError
from concept_align.meta.engines.base import ENGINES, InnerLoop
from concept_align.meta.episodes import EpisodeBatch
from concept_align.meta.maps import ADAPTS, adapted_names

try:
    version("learn2learn")
    MISSING: tuple[str, ...] = ()
except PackageNotFoundError:
    MISSING = ("learn2learn",)

LOOPS = [(adapts, order, each) for adapts in ADAPTS for order in (1, 2) for each in (False, True)]


def engine(name):
    return ENGINES.get(name)()


@pytest.fixture(params=ENGINES.names())
def made(request):
    if request.param in MISSING:
        pytest.skip(f"{request.param} is not installed: make env builds it")
    return engine(request.param)


@pytest.mark.parametrize(("adapts", "order", "each"), LOOPS)
@pytest.mark.parametrize("hidden", [0, 6])
def test_losses_and_meta_gradients_are_those_of_the_reference(made, loops, adapts, order, each, hidden):
    model, episodes = loops.model(hidden=hidden), loops.ragged()
    rates, inner = loops.rates(model, adapts, each=each), InnerLoop(adapts, 4, order)
    expected_losses, expected = loops.meta(engine("functional"), model, episodes, inner, rates)
    losses, found = loops.meta(made, model, episodes, inner, rates)
    assert loops.norm_of_difference(losses, expected_losses) <= 1e-10
    assert loops.norm_of_difference(found, expected) <= 1e-10


@pytest.mark.parametrize("adapts", ADAPTS)
@pytest.mark.parametrize("each", [False, True])
def test_order_2_is_the_derivative_of_the_loss_after_the_steps(made, loops, adapts, each):
    model, episodes, inner = loops.model(), loops.ragged(), InnerLoop(adapts, 3, 2)
    rates = loops.rates(model, adapts, each=each)
    _, gradient = loops.meta(made, model, episodes, inner, rates)
    moved = [*model.parameters(), *(rates.values() if each else ())]
    generator = torch.Generator().manual_seed(4)
    direction = [torch.randn(value.shape, dtype=torch.float64, generator=generator) for value in moved]
    step, values = 1e-5, []
    for sign in (1, -1):
        with torch.no_grad():
            for value, way in zip(moved, direction, strict=True):
                value += sign * step * way
            losses = made.losses(model, episodes, inner, rates).detach()
            values.append(float(losses @ torch.arange(1, len(losses) + 1, dtype=torch.float64)))
            for value, way in zip(moved, direction, strict=True):
                value -= sign * step * way
    slope = float(gradient @ torch.cat([way.flatten() for way in direction]))
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


def steps_by_hand(model, x, y, inner, rates):
    """Plain gradient descent on a copy: the copy after it, and the sum of each parameter's gradients."""
    copied = copy.deepcopy(model)
    sums = {name: 0.0 for name in adapted_names(model, inner.adapts)}
    for _ in range(inner.steps if len(y) else 0):
        own = [copied.get_parameter(name) for name in sums]
        gradients = torch.autograd.grad(functional.cross_entropy(copied(x), y), own)
        with torch.no_grad():
            for name, value, gradient in zip(sums, own, gradients, strict=True):
                value -= (rates[name] if isinstance(rates, dict) else rates) * gradient
                sums[name] = sums[name] + gradient
    return copied, sums


@pytest.mark.parametrize("adapts", ADAPTS)
def test_adapting_is_gradient_descent(made, loops, adapts):
    model, support, inner = loops.model(), loops.ragged().support, InnerLoop(adapts, 3, 2)
    rates = loops.rates(model, adapts, each=True)
    with torch.no_grad():  # as it is called to classify
        found = made.adapt(copy.deepcopy(model).requires_grad_(False), support, inner, rates)
    assert set(found) == set(adapted_names(model, adapts))
    for task in range(support.tasks):
        mine = support.task == task
        by_hand, _ = steps_by_hand(model, support.x[: len(mine)][mine], support.y[mine], inner, rates)
        for name, values in found.items():
            assert not values.requires_grad
            torch.testing.assert_close(values[task], by_hand.get_parameter(name).data, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("adapts", ADAPTS)
def test_order_1_is_the_gradient_at_the_adapted_parameters(made, loops, adapts):
    """By the start as by the adapted; by a rate as by a step that goes that much further."""
    model, episodes, inner = loops.model(), loops.ragged(), InnerLoop(adapts, 3, 1)
    rates = loops.rates(model, adapts, each=True)
    _, found = loops.meta(made, model, episodes, inner, rates)
    support, query = episodes.support, episodes.query
    expected = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    by_rate = {name: torch.zeros_like(value) for name, value in rates.items()}
    for task in range(support.tasks):
        mine, asked = support.task == task, query.task == task
        adapted, sums = steps_by_hand(model, support.x[: len(mine)][mine], support.y[mine], inner, rates)
        loss = functional.cross_entropy(adapted(query.x[: len(asked)][asked]), query.y[asked])
        gradients = torch.autograd.grad((task + 1) * loss, list(adapted.parameters()))
        for name, gradient in zip(expected, gradients, strict=True):
            expected[name] += gradient
            if name in by_rate:
                by_rate[name] -= sums[name] * gradient
    by_hand = torch.cat([part.flatten() for part in (*expected.values(), *by_rate.values())])
    assert loops.norm_of_difference(found, by_hand) <= 1e-10


def test_orders_agree_where_no_step_is_taken_and_nowhere_else(made, loops):
    model, episodes = loops.model(), loops.ragged()
    for steps, same in ((0, True), (2, False)):
        first, second = (
            loops.meta(made, model, episodes, InnerLoop("map", steps, order), 0.1)[1] for order in (1, 2)
        )
        assert (loops.norm_of_difference(first, second) < 1e-12) is same


def test_a_task_without_support_keeps_its_start(made, loops):
    model, inner = loops.model(), InnerLoop("map", 3, 2)
    found = made.adapt(model, loops.words([4, 0], seed=1), inner, 0.1)
    assert torch.equal(found["weight"][1], model.weight)
    assert not torch.equal(found["weight"][0], model.weight)
    nobody = loops.words([0, 0], seed=1)
    assert torch.equal(made.adapt(model, nobody, inner, 0.1)["bias"], model.bias.expand(2, -1))
    episodes = EpisodeBatch(("a", "b"), nobody, loops.words([5, 2], seed=2))
    losses, _ = loops.meta(made, model, episodes, inner, 0.1)
    query = episodes.query
    for task in range(2):
        mine = query.task == task
        loss = functional.cross_entropy(model(query.x[: len(mine)][mine]), query.y[mine])
        torch.testing.assert_close(losses[task], loss, rtol=1e-12, atol=0)


def test_tasks_do_not_touch_each_other(made, loops):
    model, inner = loops.model(), InnerLoop("all of f", 3, 1)
    together = made.losses(model, loops.ragged(), inner, 0.1)
    alone = EpisodeBatch(("a",), loops.words([9], seed=1), loops.words([5], seed=2))
    whole = loops.ragged()
    alone.support.x[:9], alone.support.y[:] = whole.support.x[:9], whole.support.y[:9]
    alone.query.x[:5], alone.query.y[:] = whole.query.x[:5], whole.query.y[:5]
    torch.testing.assert_close(made.losses(model, alone, inner, 0.1)[0], together[0], rtol=1e-10, atol=0)


def test_the_model_is_left_as_it_was(made, loops):
    model, episodes = loops.model(), loops.ragged()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made.losses(model, episodes, InnerLoop("all of f", 2, 2), 0.1).sum().backward()
    made.adapt(model, episodes.support, InnerLoop("all of f", 2, 2), 0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.requires_grad for value in model.parameters())


@pytest.mark.parametrize("name", [name for name in ("functional", "learn2learn") if name not in MISSING])
def test_inner_loops_run_without_dropout_and_the_mode_stays(name, loops):
    model, episodes, inner = loops.model(dropout=0.5), loops.ragged(), InnerLoop("head", 2, 2)
    still = engine(name).losses(model.eval(), episodes, inner, 0.1)
    assert torch.equal(engine(name).losses(model.train(), episodes, inner, 0.1), still)
    assert model.f.dropout.training


def test_an_unknown_engine_is_refused():
    with pytest.raises(UsageError, match="unknown engine 'higher'"):
        engine("higher")
