"""Episodes per second of ``proto``: this project against the published way of computing the same episode.

Both take one optimiser step an episode of 30 query sentences (about 600 words) of dimension 768, with the
same f (768-256-32), g and Adam, and see the same sentences: their losses are compared before anything is
timed. The *published* way, written anew after its description, keeps a list of one tensor a sentence, stacks
the sampled ones in each episode, maps labels to the episode's classes by a dictionary, word by word, and
expands words and prototypes to [words, concepts, rank] to take squared distances.

Then meta-steps of gradient-based learners against learn2learn (``inner_loops.py``), on the CPU or on a GPU.
"""

import random
import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from inner_loops import measured
from side_by_side import arguments, interleaved, report
from torch import nn
from torch.nn import functional

from concept_align.errors import LearningError
from concept_align.matmul import fast_matmul
from concept_align.meta.engines.learn2learn import maml
from concept_align.meta.episodes import schedule
from concept_align.meta.learners.base import TrainingData
from concept_align.meta.learners.proto import Proto, ProtoFit, ZeroShot
from concept_align.seeding import stream
from concept_align.spaces.features import Features
from concept_align.types import Split

CONCEPTS = 17
DIM, RANK, HIDDEN = 768, 32, 256
LANGUAGES = ("en", "de", "fr", "ru")
STAGE = "zero-shot"


def language(code: str, split: Split) -> Features:
    """Random words in sentences of 20 on average."""
    rng = stream(0, code, split)
    lengths = rng.integers(5, 36, size=300)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    x = rng.standard_normal((int(offsets[-1]), DIM), dtype=np.float32)
    y = torch.from_numpy(rng.integers(0, CONCEPTS, size=len(x)))
    return Features(code, tuple(map(str, range(CONCEPTS))), torch.from_numpy(x), y, offsets)


class Published:
    """The published computation of an episode."""

    def __init__(self, fit: ProtoFit, model: ZeroShot) -> None:
        self.fit = fit
        self.sentences: dict[str, list[torch.Tensor]] = {}
        self.labels: dict[str, list[list[int]]] = {}
        for code, pool in fit.pools.items():
            bounds = pool.features.offsets.tolist()
            pairs = list(pairwise(bounds))
            self.sentences[code] = [pool.features.x[low:high].clone() for low, high in pairs]
            self.labels[code] = [pool.features.y[low:high].tolist() for low, high in pairs]
        first, second = (nn.Linear(one.in_features, one.out_features) for one in model.f.linears)
        self.f = nn.Sequential(first, nn.LeakyReLU(0.2), nn.Dropout(fit.config.dropout), second)
        self.g = nn.Linear(RANK, RANK, bias=False)
        for mine, theirs in zip((first, second), model.f.linears, strict=True):
            mine.load_state_dict(theirs.state_dict())
        nn.init.eye_(self.g.weight)
        parameters = [*self.f.parameters(), *self.g.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=5e-5, weight_decay=1e-4)
        self.random = random.Random(0)

    def loss(self, code: str, chosen: list[int]) -> torch.Tensor:
        valid = self.fit.valid[code].nonzero().flatten().tolist()
        place_of = {concept: place for place, concept in enumerate(valid)}
        x = torch.cat([self.sentences[code][sentence] for sentence in chosen])
        labels = [label for sentence in chosen for label in self.labels[code][sentence]]
        kept = [place for place, label in enumerate(labels) if label in place_of]
        targets = torch.tensor([place_of[labels[place]] for place in kept])
        points = self.f(x[kept])
        prototypes = self.g(self.fit.model.prototypes[valid])
        words, concepts = len(points), len(prototypes)
        distances = torch.pow(
            points.unsqueeze(1).expand(words, concepts, -1)
            - prototypes.unsqueeze(0).expand(words, concepts, -1),
            2,
        ).sum(2)
        return functional.nll_loss(functional.log_softmax(-distances, dim=1), targets)

    def step(self, code: str, chosen: list[int]) -> float:
        loss = self.loss(code, chosen)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def run(self, episodes: int) -> None:
        for number in range(episodes):
            code = LANGUAGES[number % len(LANGUAGES)]
            self.step(code, self.random.sample(range(len(self.sentences[code])), 30))


class Ours:
    """One step as the training loop of the project takes it."""

    def __init__(self, fit: ProtoFit, fast: bool = True) -> None:
        self.fit, self.number, self.fast = fit, 0, fast
        self.optimiser = torch.optim.Adam(fit.zero.parameters(), lr=5e-5, weight_decay=1e-4, fused=True)

    def step(self, epoch: int, step: int) -> torch.Tensor:
        loss = self.fit.loss(STAGE, epoch, step)
        assert loss is not None
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def run(self, episodes: int) -> None:
        an_epoch = self.fit.config.episodes * len(LANGUAGES)
        total = torch.zeros(())
        with fast_matmul(self.fast):
            for _ in range(episodes):
                total += self.step(*divmod(self.number, an_epoch))
                self.number += 1


def make(dropout: float) -> tuple[ProtoFit, ZeroShot]:
    """A fit, and a second zero-shot model with the same start."""
    cache = {code: language(code, "train") for code in LANGUAGES}
    data = TrainingData("en", LANGUAGES, (), cache["en"].concepts, lambda code, split: cache[code])
    config = Proto(rank=RANK, hidden=HIDDEN, dropout=dropout)
    prototypes = torch.randn(CONCEPTS, RANK, generator=torch.Generator().manual_seed(0))
    fit = ProtoFit(config, data, prototypes, torch.ones(CONCEPTS, dtype=torch.bool), 0)
    other = ZeroShot(config.encoder(DIM, 0, STAGE), RANK)
    return fit, other


def largest_difference(steps: int) -> float:
    """Of the losses of both ways over ``steps`` steps of training on the same episodes, relative."""
    fit, other = make(0.0)
    ours, published = Ours(fit), Published(fit, other)
    worst = 0.0
    for step in range(steps):
        with fast_matmul():
            mine = float(ours.step(0, step))
        code, number = schedule(0, STAGE, 0, LANGUAGES, fit.config.episodes)[step]
        chosen = fit.pools[code].episode(0, STAGE, number, shots=0, queries=30).query.tolist()
        worst = max(worst, abs(published.step(code, chosen) / mine - 1))
    return worst


def of_inner_loops(device: str, rounds: int) -> tuple[dict[str, str], dict[str, float | str]]:
    """Meta-steps against learn2learn; nothing where it is not installed."""
    try:
        maml()
    except LearningError:
        print("learn2learn is not installed: skipped", file=sys.stderr)
        return {}, {}
    return measured(device, rounds)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--device", default="cpu", help="where inner loops are compared: cpu or cuda")
    options = parser.parse_args()
    episodes, rounds = (40, 5) if options.quick else (200, 9)
    difference = largest_difference(20)
    if difference > 1e-5:
        raise SystemExit(f"the losses of the two ways differ by {difference:.1e}: nothing to compare")
    fit, other = make(0.33)
    ours, published = Ours(fit), Published(fit, other)
    slow = Ours(make(0.33)[0], fast=False)
    ways: dict[str, Callable[[], None]] = {
        "published": lambda: published.run(episodes),
        "ours": lambda: ours.run(episodes),
        "ours, default matmul": lambda: slow.run(episodes),
    }
    seconds = interleaved(ways, rounds)
    steps, figures = of_inner_loops(options.device, rounds)
    report(
        f"episodes per second, {DIM}-{HIDDEN}-{RANK}, {CONCEPTS} concepts, one step an episode",
        {name: f"{episodes / value:9,.0f}" for name, value in seconds.items()} | steps,
        {
            "proto_vs_published": seconds["published"] / seconds["ours"],
            "proto_default_matmul_vs_published": seconds["published"] / seconds["ours, default matmul"],
            "episodes_per_s": episodes / seconds["ours"],
            "largest_relative_difference": f"{difference:.1e}",
            **figures,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if options.device == "cuda" else options.device,
        },
        only_json=options.json,
    )


if __name__ == "__main__":
    main()
