"""The real library, built by the project's own set-up: its MAML must adapt and give meta-gradients."""

from importlib.metadata import PackageNotFoundError, version

import pytest
import torch

from concept_align.meta.engines import learn2learn

try:
    version("learn2learn")
except PackageNotFoundError:
    pytest.skip("learn2learn is not installed: make env builds it", allow_module_level=True)


def quadratic(model: torch.nn.Module, target: float) -> torch.Tensor:
    return (model(torch.ones(1, 1, dtype=torch.float64)) - target).square().sum()


@pytest.mark.parametrize(("first_order", "factor"), [(True, 1.0), (False, 1 - 2 * 0.1)])
def test_maml_gives_the_meta_gradient_of_a_quadratic(first_order, factor):
    inner = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    torch.nn.init.constant_(inner.weight, 3.0)
    learner = learn2learn.maml()(inner, lr=0.1, first_order=first_order).clone()
    learner.adapt(quadratic(learner, 1.0))
    adapted = 3.0 - 0.1 * 2 * (3.0 - 1.0)
    quadratic(learner, 2.0).backward()
    assert inner.weight.grad.item() == pytest.approx(2 * (adapted - 2.0) * factor, rel=1e-12)


def test_meta_sgd_learns_its_rates():
    model = learn2learn.meta_sgd()(torch.nn.Linear(1, 1, bias=False, dtype=torch.float64), lr=0.1)
    clone = model.clone()
    clone.adapt(quadratic(clone, 1.0))
    quadratic(clone, 2.0).backward()
    assert all(rate.grad is not None and rate.grad.abs().sum() > 0 for rate in model.lrs)
