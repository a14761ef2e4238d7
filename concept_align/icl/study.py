"""A plan carried out: the model, the treebanks, labels and selectors that it names."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..layers import parse_layers
from ..progress import Progress
from ..treebanks import conllu
from .asking import SCORES, Ask
from .base import LabelSet, Selector, Sentence
from .causal import load_causal
from .labels import label_set
from .plan import OWN, Plan
from .run import Studied, run
from .scoring import CausalScorer
from .selectors import registry
from .templates import template

# Selectors that need nothing but sentences; others are made of states, and given to ``ask`` by who has them.
SELECTORS = ("random", "fixed", "coverage")


def ask(
    plan: Plan, *, selectors: Mapping[str, Selector] | None = None, progress: Progress | None = None
) -> Ask:
    """The model loaded, and what its prompts are made of. ``selectors`` by the name that the plan gives."""
    config, given = plan.config, dict(selectors or {})
    templates = {name: template(name) for name in config.templates}  # before the model: cheap to get wrong
    for kind in config.labels:
        for language in plan.targets if kind == "language" else plan.targets[:1]:
            label_set(kind, plan.task.concepts, language=language)
    for name in config.selectors:
        if name not in given:
            given[name] = _selector(name)
    model = load_causal(
        config.model,
        revision=config.revision,
        dtype=config.dtype,
        device=config.device,
        offline=config.offline,
    )

    @cache
    def read(language: str, split: str) -> list[Sentence]:
        from .sentences import tagged_sentences

        if (language, split) not in plan.files:
            raise UsageError(f"there is no {split} split of {language}", where=config.treebanks)
        file = plan.files[language, split]
        corpus = conllu.read(
            file.path, language=file.language, treebank=file.treebank, split=file.split, progress=progress
        )
        return tagged_sentences(corpus, plan.task, longest=config.max_words)

    def labels(kind: str, language: str, seed: int) -> LabelSet:
        return label_set(kind, plan.task.concepts, language=language, seed=seed)

    scorers = {name: CausalScorer(model, one) for name, one in templates.items()}
    made = Ask(plan, scorers, labels, given, read)
    for scorer in scorers.values():
        for note in scorer.notes:
            made.notices[note] = None
    return made


def _selector(name: str) -> Selector:
    if name in registry.NAMES and name not in SELECTORS:
        raise UsageError(
            f"the selector {name} needs states of sentences",
            where="--selector",
            remedy=f"use {', '.join(SELECTORS)}, or give it to concept_align.icl.study.study from Python",
        )
    return registry.create(name, **({"per_query": False} if name == "random" else {}))


def layers_of(plan: Plan, last: int) -> tuple[int, ...]:
    """The layers of aligned in-context learning; ``scores`` are the scores of the labels themselves."""
    parts = [part.strip() for part in plan.config.layers.split(",") if part.strip()]
    numbers = [part for part in parts if part != "scores"]
    found = parse_layers(",".join(numbers), last) if numbers else ()
    return (*found, *((SCORES,) if "scores" in parts else ()))


def study(
    plan: Plan,
    out: str | Path,
    *,
    selectors: Mapping[str, Selector] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Studied:
    """Load the model of ``plan`` and run it in the folder ``out``; see :func:`.run.run`."""
    made = ask(plan, selectors=selectors, progress=progress)
    scorer = made.scorers[plan.config.templates[0]]
    return run(plan, made, out, layers=layers_of(plan, scorer.layers), force=force, progress=progress)


@dataclass(frozen=True)
class Estimate:
    """What a study would take."""

    tests: int
    training: int  # prompts of aligned in-context learning: sentences of training languages
    queries: int
    seconds: float
    notices: tuple[str, ...]

    def about(self, plan: Plan) -> dict[str, Any]:
        """For people and machines."""
        return {
            "model": plan.config.model,
            "task": plan.task.name,
            "targets": list(plan.targets),
            "demonstrations": list(plan.sources),
            "train": list(plan.train),
            "validation": list(plan.validation),
            "variants": [variant.name for variant in plan.variants],
            "k": list(plan.config.k),
            "draws": plan.config.draws,
            "tests": self.tests,
            "queries": self.queries,
            "seconds": round(self.seconds),
            "notices": list(self.notices),
        }


def estimate(plan: Plan, made: Ask, *, few: int = 2) -> Estimate:
    """Time ``few`` queries of the first target for every number of demonstrations, and multiply.

    What fitting learners takes is not in it.
    """
    tests = plan.all_tests()
    language = plan.targets[0]
    queries = made.queries(language)
    each: dict[int, tuple[float, float]] = {}  # k -> seconds of a prompt, of a query
    for k in plan.config.k:
        test = next(test for test in tests if test.k == k and test.language == language)
        taken = []
        for count in (1, 1 + few):
            began = time.monotonic()
            made.answers(test, queries[:count])
            taken.append(time.monotonic() - began)
        own = max(taken[1] - taken[0], 0.0) / few
        each[k] = (max(taken[0] - own, 0.0), own)
    asked = {code: len(made.queries(code)) for code in plan.targets}
    seconds = sum(each[test.k][1] * asked[test.language] for test in tests)
    # Targets share a prompt, unless it is in their own language or chosen for a query.
    prompts: dict[tuple[str, ...], tuple[int, int]] = {}
    for test in tests:
        alone = test.language if test.source == OWN or made.by_query(test.variant) else ""
        many = asked[test.language] if test.k and made.by_query(test.variant) else 1
        prompts[test.source, test.variant.name, str(test.k), str(test.draw), alone] = (test.k, many)
    seconds += sum(each[k][0] * many for k, many in prompts.values())
    training = 0
    sources = [source for source in plan.sources if source != OWN]
    for k in plan.align_k if plan.aligns else ():
        for source in sources if k else sources[:1]:
            languages = len({*plan.trained_on(source), *plan.validation})
            sentences = languages * plan.config.align_sentences
            training += sentences
            seconds += each[k][1] * sentences + each[k][0] * languages * plan.config.draws
    queries_asked = sum(asked[test.language] for test in tests)
    return Estimate(len(tests), training, queries_asked, seconds, tuple(made.notices))
