"""Meta-steps of gradient-based learners: the project's engine against learn2learn.

Both take one step of Adam on the mean query loss of the same 8 tasks, each after 5 inner steps; 17 concepts,
f 768-256-32, as many query as support words. learn2learn gets its words split by task beforehand and,
as its documentation shows, clones, adapts and scores task by task; the engine gets them as training does.

- ``map``: the 32 x 32 map is adapted, 600 words a task. Points f(x) are given to both alike: f takes no inner
  step, so whoever trains computes them once, whatever computes the steps.
- ``f600``, ``f68``: all of f is adapted, with 600 words a task, or with 68, four of each concept.

Each way is timed with both settings of fp32 matrix products on the CPU (MKL; oneDNN where it is exact) and
counts with its better one. Losses and outer gradients are compared before anything is timed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from side_by_side import interleaved
from torch import nn
from torch.nn import functional

from concept_align.matmul import fast_matmul
from concept_align.meta.engines.base import InnerLoop, Order
from concept_align.meta.engines.fast import Fast, regression_losses
from concept_align.meta.engines.learn2learn import maml
from concept_align.meta.episodes import EpisodeBatch, Words
from concept_align.meta.maps import AlignmentModel, Encoder, distance_logits

TASKS, STEPS, RATE = 8, 5, 0.05
CONCEPTS, DIM, RANK, HIDDEN = 17, 768, 32, 256
TOLERANCE = 1e-4
# name -> (words a task, meta-steps of a turn)
CASES = {"map": (600, 10), "f600": (600, 1), "f68": (68, 4)}


@dataclass(frozen=True)
class Case:
    """One of ``CASES`` in one order, on a device."""

    name: str
    order: Order
    device: str

    @property
    def words(self) -> int:
        """Support words of a task, and query words."""
        return CASES[self.name][0]

    def task_words(self, seed: int) -> Words:
        """Random words with the labels 0 .. 16 in turn."""
        total = TASKS * self.words
        x = torch.randn(total, DIM, generator=torch.Generator().manual_seed(seed))
        places = torch.arange(self.words).repeat(TASKS)
        task = torch.arange(TASKS).repeat_interleave(self.words)
        x, y, task, places = (part.to(self.device) for part in (x, places % CONCEPTS, task, places))
        return Words(x, y, task, places, TASKS)

    def model(self) -> AlignmentModel:
        generator = torch.Generator().manual_seed(0)
        encoder = Encoder(DIM, RANK, hidden=HIDDEN, dropout=0.0, generator=generator)
        return AlignmentModel(encoder, RANK, CONCEPTS, generator).to(self.device)


class Ours:
    """Meta-steps by the engine."""

    def __init__(self, case: Case, episodes: EpisodeBatch) -> None:
        self.model, self.episodes, self.of_map = case.model(), episodes, case.name == "map"
        self.inner = InnerLoop("map" if self.of_map else "all of f", STEPS, case.order)
        if self.of_map:
            self.model.f.requires_grad_(False)
            self.support, self.query = self.model.f(episodes.support.x), self.model.f(episodes.query.x)

    def loss(self) -> torch.Tensor:
        """The mean over tasks."""
        if self.of_map:
            found = regression_losses(self.model, self.episodes, self.support, self.query, self.inner, RATE)
        else:
            found = Fast().losses(self.model, self.episodes, self.inner, RATE)
        return found.mean()

    def parameters(self) -> list[nn.Parameter]:
        """What is meta-learned, in the same order in both ways."""
        outer = [self.model.weight, self.model.bias, self.model.prototypes]
        return outer if self.of_map else [*outer, *self.model.f.parameters()]


class Theirs:
    """Meta-steps by learn2learn."""

    def __init__(self, case: Case, episodes: EpisodeBatch) -> None:
        model, self.of_map = case.model(), case.name == "map"
        xs = [words.x for words in (episodes.support, episodes.query)]
        self.map = nn.utils.skip_init(nn.Linear, RANK, RANK, device=case.device)
        self.map.load_state_dict({"weight": model.weight, "bias": model.bias})
        first, second = model.f.linears
        self.f = nn.Sequential(first, nn.LeakyReLU(0.2), second)
        self.prototypes = model.prototypes
        if self.of_map:
            with torch.no_grad():
                xs = [self.f(x) for x in xs]
        module = self.map if self.of_map else self.f
        self.maml = maml()(module, lr=RATE, first_order=case.order == 1)
        self.support, self.query = (
            list(zip(x.split(case.words), words.y.split(case.words), strict=True))
            for x, words in zip(xs, (episodes.support, episodes.query), strict=True)
        )

    def loss(self) -> torch.Tensor:
        """The mean over tasks."""
        total = torch.zeros((), device=self.prototypes.device)
        for support, query in zip(self.support, self.query, strict=True):
            learner = self.maml.clone()
            for _ in range(STEPS):
                learner.adapt(self.task_loss(learner, *support))
            total = total + self.task_loss(learner, *query)
        return total / TASKS

    def task_loss(self, learner: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The mean over words."""
        points = learner(x) if self.of_map else self.map(learner(x))
        return functional.cross_entropy(distance_logits(points, self.prototypes), y)

    def parameters(self) -> list[nn.Parameter]:
        """What is meta-learned, in the same order in both ways."""
        outer = [self.map.weight, self.map.bias, self.prototypes]
        return outer if self.of_map else [*outer, *self.f.parameters()]


def difference(ours: Ours, theirs: Theirs) -> float:
    """Of losses or of outer gradients, whichever is larger; relative."""
    (mine, my_gradient), (other, other_gradient) = outer(ours), outer(theirs)
    gradients = float((my_gradient - other_gradient).norm() / other_gradient.norm())
    return max(gradients, abs(mine / other - 1))


def outer(way: Ours | Theirs) -> tuple[float, torch.Tensor]:
    """The loss, and its gradient by all that is meta-learned in one row."""
    loss = way.loss()
    gradients = torch.autograd.grad(loss, way.parameters())
    return float(loss.detach()), torch.cat([part.flatten() for part in gradients])


def meta_steps(way: Ours | Theirs, number: int, enabled: bool) -> Callable[[], None]:
    """A function that takes so many meta-steps, with or without oneDNN's matrix products."""
    parameters = way.parameters()
    optimiser = torch.optim.Adam(parameters, lr=1e-6, fused=True)

    def run() -> None:
        with fast_matmul(enabled):
            for _ in range(number):
                optimiser.zero_grad(set_to_none=True)
                way.loss().backward()
                optimiser.step()
        if parameters[0].is_cuda:
            torch.cuda.synchronize()

    return run


def compare(case: Case, rounds: int) -> tuple[float, float, float]:
    """Milliseconds of one meta-step in our way and in learn2learn's, and how far their results differ.

    Raises SystemExit where the results differ by more than ``TOLERANCE``.
    """
    episodes = EpisodeBatch(tuple(map(str, range(TASKS))), case.task_words(1), case.task_words(2))
    mine, other = Ours(case, episodes), Theirs(case, episodes)
    ways: dict[str, Ours | Theirs] = {"ours": mine, "learn2learn": other}
    differ = difference(mine, other)
    if not differ <= TOLERANCE:
        raise SystemExit(f"{case}: the two ways differ by {differ:.1e}: nothing to compare")
    number = CASES[case.name][1]
    # The setting would lower the precision of a GPU's products; there is one way to multiply there.
    settings = (True, False) if case.device == "cpu" else (False,)
    timed = {
        f"{name} {enabled}": meta_steps(way, number, enabled)
        for enabled in settings
        for name, way in ways.items()
    }
    seconds = interleaved(timed, rounds)
    ours, theirs = (min(seconds[f"{name} {enabled}"] for enabled in settings) for name in ways)
    return 1e3 * ours / number, 1e3 * theirs / number, differ


def measured(device: str, rounds: int) -> tuple[dict[str, str], dict[str, float | str]]:
    """Rows for people and figures: for each case and order, how many times as fast as learn2learn."""
    rows: dict[str, str] = {}
    figures: dict[str, float | str] = {}
    worst = 0.0
    orders: tuple[tuple[Order, str], ...] = ((1, "fo"), (2, "so"))
    for name in CASES:
        for order, short in orders:
            ours, theirs, differ = compare(Case(name, order, device), rounds)
            worst = max(worst, differ)
            figures[f"{name}_{short}_vs_l2l"] = theirs / ours
            rows[f"{name}, order {order}"] = f"{ours:8.2f} ms, learn2learn {theirs:8.2f} ms"
    figures["inner_loops_largest_relative_difference"] = f"{worst:.1e}"
    return rows, figures
