"""The loop: rates, steps in turn, stops; a run that is stopped anywhere goes on as it was, to the bit."""

import itertools
import math
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import pytest
import torch

from concept_align.errors import LearningError
from concept_align.seeding import derive
from concept_align.tuning.checkpoint import NAME, Checkpoints
from concept_align.tuning.settings import TuneConfig
from concept_align.tuning.train import Training, rate, train

STEPS = 9
CONFIG = TuneConfig(
    model="none", pairs="none", steps=STEPS, lr=0.1, schedule="cosine", save_every=1, alternate=False
)
IDENTITY = {"seed": 0, "pairs": "a"}


class ToyLearning:
    """Two numbers that learn, in the place of a model."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.model, self.weight = self, torch.nn.Parameter(torch.tensor([1.0, -2.0]))

    def parameters(self):
        return [("weight", self.weight)]

    def load_state(self, state):
        self.weight.data.copy_(state["weight"])

    @contextmanager
    def dropping(self, step):
        yield

    def running(self):
        return nullcontext()


@dataclass
class ToyLoss:
    """|w - target|^2 for a target drawn of the step; what is not finite from ``breaks`` on."""

    learning: ToyLearning
    name: str
    breaks: int = STEPS
    asked: list = field(default_factory=list)

    def backward(self, step, weight):
        self.asked.append(step)
        generator = torch.Generator().manual_seed(derive(0, self.name, step))
        loss = (self.learning.weight - torch.randn(2, generator=generator)).square().sum()
        if step >= self.breaks:
            loss = loss * math.nan
        (weight * loss).backward()
        return {self.name: float(loss.detach())}


def training(names=("contrast",), config=CONFIG, identity=IDENTITY, **options) -> Training:
    learning = ToyLearning()
    return Training(learning, [(ToyLoss(learning, name, **options), 1.0) for name in names], config, identity)


@pytest.mark.parametrize("schedule", ["cosine", "inverse-sqrt", "constant"])
def test_the_rate_rises_over_the_warm_up_and_never_after_it(schedule):
    config = replace(CONFIG, steps=200, warmup=0.1, schedule=schedule)
    rates = [rate(step, config) for step in range(200)]
    assert rates[:20] == pytest.approx([0.1 * (step + 1) / 20 for step in range(20)])
    assert all(b <= a for a, b in itertools.pairwise(rates[19:]))
    last = {"cosine": 0.1 * 0.5 * (1 + math.cos(math.pi * 179 / 180)), "constant": 0.1}
    assert rates[-1] == pytest.approx(last.get(schedule, 0.1 * math.sqrt(20 / 200)))


def test_steps_are_those_of_adamw_without_decay():
    made = training()
    history = train(made)
    twin = ToyLearning()
    optimiser = torch.optim.AdamW([twin.weight], weight_decay=0.0)
    loss = ToyLoss(twin, "contrast")
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = rate(step, CONFIG)
        optimiser.zero_grad()
        loss.backward(step, 1.0)
        torch.nn.utils.clip_grad_norm_([twin.weight], 1.0)
        optimiser.step()
    assert torch.equal(made.learning.weight, twin.weight)
    assert [row["step"] for row in history] == list(range(1, STEPS + 1))


def test_the_loss_told_is_the_weighted_sum():
    made = training(("contrast", "answers"))
    made = replace(
        made, losses=[(one, weight) for (one, _), weight in zip(made.losses, (2, 0.5), strict=True)]
    )
    for row in train(made):
        assert row["loss"] == pytest.approx(2 * row["contrast"] + 0.5 * row["answers"])


def test_contrast_and_the_other_losses_may_be_taken_in_turn():
    made = training(("contrast", "answers", "retention"), replace(CONFIG, alternate=True))
    train(made)
    asked = {loss.name: loss.asked for loss, _ in made.losses}
    assert asked["contrast"] == [0, 2, 4, 6, 8] and asked["answers"] == asked["retention"] == [1, 3, 5, 7]


@pytest.mark.parametrize("stop", range(1, STEPS))
def test_a_run_stopped_after_any_step_ends_with_the_same_bits(tmp_path, stop):
    whole = training(("contrast", "answers"))
    expected = train(whole)

    class Stopped(Exception):
        pass

    class Stopping(Checkpoints):
        def write(self, identity, history, learners, optimiser):
            super().write(identity, history, learners, optimiser)
            if len(history) == stop:
                raise Stopped

    with pytest.raises(Stopped):
        train(training(("contrast", "answers")), Stopping(tmp_path))
    again = training(("contrast", "answers"))
    assert train(again, Checkpoints(tmp_path)) == expected
    assert torch.equal(again.learning.weight, whole.learning.weight)
    assert all(loss.asked == list(range(stop, STEPS)) for loss, _ in again.losses)


def test_a_head_learns_and_comes_back_too(tmp_path):
    torch.manual_seed(0)
    head = torch.nn.Linear(2, 1)
    start = head.weight.detach().clone()

    class Scored(ToyLoss):
        def backward(self, step, weight):
            loss = head(self.learning.weight).square().sum()
            (weight * loss).backward()
            return {self.name: float(loss.detach())}

    made = training()
    made = replace(made, losses=[(Scored(made.learning, "concepts"), 1.0)], head=head)
    train(made, Checkpoints(tmp_path))
    end = head.weight.detach().clone()
    assert not torch.equal(start, end)
    head.weight.data.zero_()
    assert (
        len(train(made, Checkpoints(tmp_path))) == STEPS
    )  # no step is left: what was learned is put in place
    assert torch.equal(head.weight, end)


@pytest.mark.parametrize("change", [{"seed": 1}, {"pairs": "b"}, {"more": 2}])
def test_a_checkpoint_of_another_run_is_refused_with_the_difference(tmp_path, change):
    train(training(), Checkpoints(tmp_path))
    with pytest.raises(LearningError, match="of another run") as caught:
        train(training(identity={**IDENTITY, **change}), Checkpoints(tmp_path))
    ((key, value),) = change.items()
    assert f"{key} is {IDENTITY.get(key)!r}, not {value!r}" in str(caught.value)


def test_a_checkpoint_that_is_cut_short_or_not_finite_is_refused(tmp_path):
    made = training()
    train(made, Checkpoints(tmp_path))
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[:-3])
    with pytest.raises(LearningError, match="not a safetensors file"):
        train(training(), Checkpoints(tmp_path))
    value = made.learning.weight.detach().numpy().tobytes()
    assert value in data
    (tmp_path / NAME).write_bytes(data.replace(value, torch.full((2,), math.nan).numpy().tobytes()))
    with pytest.raises(LearningError, match="not finite"):
        train(training(), Checkpoints(tmp_path))


def test_a_loss_that_is_not_finite_stops_and_what_was_done_is_kept(tmp_path):
    with pytest.raises(LearningError, match="contrast") as caught:
        train(training(breaks=4), Checkpoints(tmp_path))
    assert "step 5" in str(caught.value) and "lr" in str(caught.value)
    assert len(train(training(), Checkpoints(tmp_path))) == STEPS
    assert torch.equal(_weight(tmp_path), _weight_of_a_whole_run())


def _weight(folder):
    made = training()
    train(made, Checkpoints(folder))
    return made.learning.weight


def _weight_of_a_whole_run():
    made = training()
    train(made)
    return made.learning.weight


def test_the_gradient_is_clipped_by_its_norm():
    free, bound = training(config=replace(CONFIG, clip=0)), training(config=replace(CONFIG, clip=1e-6))
    assert train(free)[0]["norm"] == pytest.approx(train(bound)[0]["norm"])
    assert not torch.equal(free.learning.weight, bound.learning.weight)


def test_what_is_looked_at_stands_in_the_history_and_changes_nothing():
    plain = train(training())
    looked = train(replace(training(config=replace(CONFIG, eval_every=4)), looking=lambda: {"p1": 0.5}))
    assert [row.get("p1") for row in looked] == [None] * 3 + [0.5] + [None] * 3 + [0.5, None]
    assert [{key: value for key, value in row.items() if key != "p1"} for row in looked] == plain
