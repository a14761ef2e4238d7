"""Demonstrations that are chosen: gains measured, selectors fitted, prompts scored; then the tables here.

    python experiments/selection/run.py --treebanks UD --gemma FOLDER_OR_ID [--aligner FOLDER] [--work FOLDER]

Gains and prompts are kept a line each, so the script may be stopped and started at will.
"""

import argparse
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import choose
import numpy as np
import pandas as pd
import torch
from prompts import score_prompts
from sentences import Sentences

from concept_align.icl.causal import load_causal
from concept_align.icl.scoring import CausalScorer
from concept_align.icl.selectors.helping import Gains, measure_gains
from concept_align.icl.selectors.shared_head import LearnedSelector
from concept_align.icl.session import calibrated
from concept_align.progress import LogLines

HERE = Path(__file__).parent
STEPS = ("gains", "self", "single", "prompts", "transfer", "tables")


class Asked:
    """One task of one model, and what is kept of it."""

    def __init__(self, options: Any, settings: dict[str, Any], scorer: CausalScorer, model: str, task: str):
        self.settings, self.scorer = settings, scorer
        self.sentences = Sentences(settings, options.treebanks, task)
        self.work = options.work / model / task
        aligner = options.aligner if model.startswith("gemma") else None
        layer = settings["models"][model]["layer"]
        self.features = choose.Features(self.sentences, scorer.model, layer, aligner)

    def measure(self, side: str) -> None:
        """Every candidate alone before every query; of ``self``, with labels that were predicted."""
        queries = self.features.relabelled(side) if side == "self" else self.sentences.of(side)
        candidates, folder = self.sentences.of("candidates"), self.work / side
        labels, progress = self.sentences.labels, LogLines()
        found = measure_gains(self.scorer, labels, queries, candidates, folder=folder, progress=progress)
        found.save(folder)

    @cached_property
    def gains(self) -> dict[str, Gains]:
        """What was measured, by side."""
        sides = [side for side in ("train", "self", "test") if (self.work / side / "gains.json").exists()]
        return {side: Gains.load(self.work / side) for side in sides}

    @cached_property
    def selectors(self) -> dict[str, LearnedSelector]:
        return choose.trained(
            lambda: choose.learned(self.features, self.gains, self.settings), self.work / "selectors"
        )

    @cached_property
    def said(self) -> dict[str, choose.Scores]:
        return choose.scores(self.features, self.selectors, self.gains, "test")

    def single(self) -> None:
        """What single demonstrations do, which gains tell; do selectors rank candidates as gains do?"""
        found = choose.chosen(self.features, self.selectors, self.said, "test", 1, self.settings)
        rows = [
            row for (name, draw), places in found.items() for row in self._alone("test", name, draw, places)
        ]
        every = range(len(self.gains["test"].candidates))
        rows += [
            row
            for place in every
            for row in self._alone("test", "any", place, [(place,)] * len(self.said["oracle"]))
        ]
        pd.DataFrame(rows).to_parquet(self.work / "single.parquet")
        pd.DataFrame(self._ranked()).to_parquet(self.work / "ranks.parquet")

    def _alone(
        self, side: str, name: str, draw: int, places: list[tuple[int, ...]]
    ) -> Iterator[dict[str, Any]]:
        gains = self.gains[side]
        for n, (query, own) in enumerate(zip(gains.queries, places, strict=True)):
            about = {"selector": name, "k": 1, "draw": draw, "language": query.language, "query": n}
            told = {"gain": gains.gain[n, own[0]], "accuracy": gains.correct[n, own[0]]}
            yield about | {"items": len(query.items)} | told

    def _ranked(self) -> Iterator[dict[str, Any]]:
        gains = self.gains["test"]
        for name, values in self.said.items():
            for n, query in enumerate(gains.queries):
                both = pd.DataFrame({"said": values[n], "gain": gains.gain[n]}).dropna()
                r = both.rank().corr().iloc[0, 1] if both["said"].nunique() > 1 else float("nan")
                yield {
                    "selector": choose.drawn(name)[0],
                    "language": query.language,
                    "query": n,
                    "spearman": r,
                }

    def prompts(self) -> None:
        """Put what is chosen before each query, once, and tell what it did."""
        queries, candidates = self.sentences.of("test"), self.sentences.of("candidates")
        choices = [
            (name, int(k), draw, places)
            for k, names in self.settings["tasks"][self.sentences.name].items()
            for (name, draw), places in choose.chosen(
                self.features, self.selectors, self.said, "test", int(k), self.settings
            ).items()
            if name in names
        ]
        wanted = [((), n) for n in range(len(queries))]
        wanted += [(own, n) for *_, places in choices for n, own in enumerate(places)]
        path = self.work / "prompts.jsonl"
        known = score_prompts(self.scorer, self.sentences.labels, queries, candidates, wanted, path)
        rows = []
        for name, k, draw, places in [("none", 0, 0, [()] * len(queries)), *choices]:
            scores = [torch.from_numpy(known[own, n].copy()) for n, own in enumerate(places)]
            right = self._right(scores)
            for n, query in enumerate(queries):
                gold = torch.tensor([item.label for item in query.items])[:, None]
                said, before = (
                    float(one.double().log_softmax(1).gather(1, gold).mean())
                    for one in (scores[n], torch.from_numpy(known[(), n].copy()))
                )
                about = {"selector": name, "k": k, "draw": draw, "language": query.language, "query": n}
                rows.append(about | {"items": len(gold), "gain": said - before, **right[n]})
        pd.DataFrame(rows).to_parquet(self.work / "prompts.parquet")

    def _right(self, scores: list[torch.Tensor]) -> list[dict[str, float]]:
        """The share of each query that is right, plain and with labels' means in its language taken off."""
        queries = self.sentences.of("test")
        found: list[dict[str, float]] = [{} for _ in queries]
        for language in self.sentences.langs("test"):
            own = [n for n, query in enumerate(queries) if query.language == language]
            plain = torch.cat([scores[n] for n in own])
            sizes = [len(queries[n].items) for n in own]
            for name, values in (("accuracy", plain), ("calibrated", calibrated(plain))):
                for n, best in zip(own, values.argmax(1).split(sizes), strict=True):
                    gold = np.array([item.label for item in queries[n].items])
                    found[n][name] = float((best.numpy() == gold).mean())
        return found

    def transfer(self, other: "Asked") -> None:
        """What a selector that learned from the ``other`` task alone does in this one."""
        one, rows = other.selectors["learned:no-shares"], []
        for side in ("train", "test"):
            values = one.score(self.features.queries(side), self.features.candidates())
            own = self.features.queries(side).likeness(self.features.candidates(), "shares")
            worth = np.tile(np.nanmean(other.gains["train"].gain, axis=0), (len(values), 1))
            ways = {"learned:other-task": values, "nearest-concept": own, "best-on-train:other-task": worth}
            for name, numbers in ways.items():
                places = [(int(place),) for place in numbers.argmax(1)]
                rows += [{"side": side, **row} for row in self._alone(side, name, 0, places)]
            every = range(len(self.gains[side].candidates))
            rows += [
                {"side": side, **row}
                for place in every
                for row in self._alone(side, "any", place, [(place,)] * len(values))
            ]
        pd.DataFrame(rows).to_parquet(self.work / "transfer.parquet")


def main() -> None:
    settings = tomllib.loads((HERE / "config.toml").read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, help="a Universal Dependencies release folder")
    parser.add_argument("--gemma", default="google/gemma-3-270m", help="where the larger model is")
    parser.add_argument("--aligner", type=Path, help="word classes of the larger model, of meta-train")
    parser.add_argument("--work", type=Path, default=Path("runs/selection"), help="gains, selectors, prompts")
    parser.add_argument("--model", action="append", choices=list(settings["models"]))
    parser.add_argument("--task", action="append", choices=list(settings["tasks"]))
    parser.add_argument("--only", choices=STEPS, action="append")
    options = parser.parse_args()
    steps = options.only or STEPS
    for model in (options.model or settings["models"]) if set(steps) != {"tables"} else ():
        name, numbers = options.gemma if model.startswith("gemma") else model, settings["models"][model]
        scorer = CausalScorer(load_causal(name, dtype=numbers["dtype"]))
        tasks = [Asked(options, settings, scorer, model, task) for task in options.task or settings["tasks"]]
        for task in tasks:
            for side in ("train", "test"):
                if "gains" in steps:
                    task.measure(side)
            if "self" in steps and task.sentences.name in settings["self"]["tasks"]:
                task.measure("self")
            if "single" in steps:
                task.single()
            if "prompts" in steps and settings["tasks"][task.sentences.name]:
                task.prompts()
        if "transfer" in steps and len(tasks) == 2:
            tasks[0].transfer(tasks[1])
            tasks[1].transfer(tasks[0])
    if "tables" in steps:
        from tables import write

        write(options.work, HERE, settings)


if __name__ == "__main__":
    main()
