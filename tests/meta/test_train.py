import json

import pytest
import torch

from concept_align.errors import LearningError
from concept_align.meta import train as training
from concept_align.meta.learners import registry
from concept_align.meta.maps import Dropout
from concept_align.meta.train import HISTORY, Optimisation, Stage


class Killed(BaseException):
    pass


def stage(epochs=4, loss=None, scores=None):
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), Dropout(0.5), torch.nn.Linear(2, 2))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.3)
    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))

    def default(epoch, step):
        return (module(x) - epoch - step).square().mean()

    taken = iter(scores or [])

    def validate():
        return {"accuracy": next(taken) if scores else -float(module(x).square().mean())}

    return Stage("s", module, 3, loss or default, validate, Optimisation(epochs, 1e-2, 1e-3))


def parameters(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_the_parameters_of_the_best_epoch_are_taken():
    seen = []
    made = stage(scores=[0.1, 0.5, 0.9, 0.2, 0.3])
    training.train(made, seed=0, identity="i")
    again = stage(epochs=4, scores=[0.1, 0.5, 0.9, 0.2, 0.3])
    original = again.validate

    def noting():
        seen.append(parameters(again.module))
        return original()

    object.__setattr__(again, "validate", noting)
    training.train(again, seed=0, identity="i")
    assert torch.equal(parameters(made.module), seen[2])


def test_training_that_only_harms_leaves_the_start():
    made = stage(scores=[0.9, 0.5, 0.4, 0.2, 0.3])
    before = parameters(made.module)
    training.train(made, seed=0, identity="i")
    assert torch.equal(parameters(made.module), before)


@pytest.mark.parametrize("killed_at", [(0, 1), (1, 0), (2, 2), (3, 1)])
def test_a_killed_training_goes_on_exactly(tmp_path, killed_at):
    whole = stage()
    history = training.train(whole, seed=0, identity="i", folder=tmp_path / "whole")
    broken = stage()
    original = broken.loss

    def dying(epoch, step):
        if (epoch, step) == killed_at:
            raise Killed
        return original(epoch, step)

    object.__setattr__(broken, "loss", dying)
    with pytest.raises(Killed):
        training.train(broken, seed=0, identity="i", folder=tmp_path / "cut")
    resumed = stage()
    again = training.train(resumed, seed=0, identity="i", folder=tmp_path / "cut")
    assert torch.equal(parameters(whole.module), parameters(resumed.module))
    assert json.dumps(history) == json.dumps(again)


def test_a_finished_training_is_not_run_again(tmp_path):
    training.train(stage(), seed=0, identity="i", folder=tmp_path)

    def fail(epoch, step):
        raise AssertionError

    training.train(stage(loss=fail), seed=0, identity="i", folder=tmp_path)


def test_the_checkpoint_of_another_run_is_refused(tmp_path):
    training.train(stage(), seed=0, identity="one", folder=tmp_path)
    with pytest.raises(LearningError, match="of another run"):
        training.train(stage(), seed=0, identity="two", folder=tmp_path)


def test_a_broken_checkpoint_is_refused_with_a_remedy(tmp_path):
    training.train(stage(), seed=0, identity="one", folder=tmp_path)
    path = tmp_path / "s.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LearningError, match="begin anew by force"):
        training.train(stage(), seed=0, identity="one", folder=tmp_path)


def test_a_loss_that_is_not_finite_stops_with_a_remedy():
    made = stage()
    original = made.loss
    object.__setattr__(made, "loss", lambda epoch, step: original(epoch, step) * float("nan"))
    with pytest.raises(LearningError, match="lower the learning rate"):
        training.train(made, seed=0, identity="i")


@pytest.mark.parametrize("rate", [(0, 1.0), (5, 0.5), (10, 0.0)])
def test_the_rate_falls_along_a_cosine(rate):
    epoch, expected = rate
    assert Optimisation(10, 1.0).rate(epoch) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["pooled", "proto", "shrink"])
def test_a_learner_that_is_killed_and_resumed_gives_the_same_files(name, planted, tmp_path, monkeypatch):
    options = {
        "pooled": {"hidden": 8, "epochs": 3},
        "proto": {"rank": 4, "hidden": 8, "probe_preset": "fast", "epochs": 2, "episodes": 4, "queries": 5},
        "shrink": {"rank": 4, "hidden": 8, "pooled_epochs": 2, "epochs": 2, "episodes": 4, "queries": 5},
    }[name]
    data = planted.Planted(sents=30).data()
    learner = registry.create(name, options=options)

    def finish(folder):
        learner.fit(data, seed=0, folder=folder).save_pretrained(folder / "out")
        kept = (folder / "out" / "config.json", folder / "out" / "model.safetensors", folder / HISTORY)
        return [path.read_bytes() for path in kept]

    whole = finish(tmp_path / "whole")
    write, epochs = training._write, []

    def dying(*given, **options):
        write(*given, **options)
        epochs.append(1)
        if len(epochs) in (1, 3):
            raise Killed

    monkeypatch.setattr(training, "_write", dying)
    for _ in range(2):
        with pytest.raises(Killed):
            learner.fit(data, seed=0, folder=tmp_path / "cut")
    assert finish(tmp_path / "cut") == whole
