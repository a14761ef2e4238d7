"""Every way of choosing: what it says of each candidate, and what it puts before each query."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentences import Sentences

from concept_align.icl.base import PromptSentence
from concept_align.icl.causal import CausalModel, word_states
from concept_align.icl.classified import classifier, selecting_aligner
from concept_align.icl.selectors import SelectorInputs
from concept_align.icl.selectors.features import SelectionFeatures, SentenceFeatures, gold_shares
from concept_align.icl.selectors.helping import Gains
from concept_align.icl.selectors.nearest import SentenceStates, best_last
from concept_align.icl.selectors.shared import Translations, fit_selector
from concept_align.icl.selectors.shared_head import STARTS, LearnedSelector
from concept_align.icl.selectors.simple import CoverageSelector, FixedSelector, RandomSelector
from concept_align.icl.selectors.teachers import relabelled, spread, teacher_scores
from concept_align.seeding import derive, stream

Scores = NDArray[np.float64]  # [queries, candidates]
Chosen = dict[tuple[str, int], list[tuple[int, ...]]]  # (selector, draw) -> of every query, best last
ORACLE = "oracle"
LEARNED = "learned:"
SHUFFLED = "learned:shuffled"  # a control: gains of the wrong candidates, of every draw others


@dataclass(frozen=True)
class Features:
    """Features of a task's sentences, of the model's own states and what words are taken for."""

    sentences: Sentences
    model: CausalModel
    layer: int
    aligner: Path | None

    @cached_property
    def inputs(self) -> SelectorInputs:
        task = self.sentences.task
        classify = None
        if self.aligner is not None and not task.relational:
            classify = classifier(selecting_aligner(self.aligner, task, None), self.model)
        concepts, states = task.concepts, word_states(self.model, self.layer)
        return SelectorInputs(concepts, self.sentences.context, states, self.layer, classify=classify)

    @cached_property
    def made(self) -> SentenceFeatures:
        return SentenceFeatures.from_inputs(self.inputs)

    def queries(self, side: str) -> SelectionFeatures:
        return self.made.of_queries(self.sentences.of(side), self.sentences.langs("candidates"))

    def candidates(self) -> SelectionFeatures:
        return self.made.of_candidates(self.sentences.of("candidates"))

    def relabelled(self, side: str) -> list[PromptSentence]:
        """With what the words are taken for in place of their labels."""
        found, languages = [], self.sentences.langs("candidates")
        for one in self.sentences.of(side):
            best = self.made.labels.of(one, languages).argmax(1).tolist()
            found.append([best[item.word] for item in one.items])
        return relabelled(self.sentences.of(side), found)

    def translations(self) -> Translations:
        by_language = list(self.sentences.translations.values())
        sentences = [one for own in by_language for one in own]
        each, numbers = len(by_language[0]), range(len(by_language))
        pairs = [(a * each + n, b * each + n) for a, b in permutations(numbers, 2) for n in range(each)]
        features = self.made.of_queries(sentences, self.sentences.langs("candidates"))
        return Translations(features, np.array(pairs))

    def raw_likeness(self, side: str) -> Scores:
        """Cosines of states as they are."""
        raw = SentenceStates(self.inputs, "raw")

        def of(sentences: list[PromptSentence]) -> SelectionFeatures:
            states = np.stack([raw.of(one).double().mean(0).numpy() for one in sentences])
            return SelectionFeatures(np.ones((len(states), 1)), states, np.ones((len(states), 2)))

        queries, candidates = of(self.sentences.of(side)), of(self.sentences.of("candidates"))
        return queries.likeness(candidates, "states")


def learned(
    features: Features, gains: dict[str, Gains], settings: dict[str, Any]
) -> dict[str, LearnedSelector]:
    """A selector of each teacher; of ``gains`` that were shuffled within queries; and without shares in x,
    which is what can be taken to other tasks."""
    candidates, pairs = features.candidates(), features.translations()
    seed = settings["seed"]

    def fit(side: str, given: Gains, teacher: str, **options: Any) -> LearnedSelector:
        return fit_selector(
            given,
            features.queries(side),
            candidates,
            teacher=teacher,
            pairs=pairs,
            seed=seed,
            **options,  # type: ignore[arg-type]
        )

    train = gains["train"]
    found = {"learned:gain": fit("train", train, "gain")}
    found |= {f"learned:{name}": fit("train", train, name) for name in ("influence", "published")}
    if "self" in gains:
        found["learned:self"] = fit("self", gains["self"], "self")
    for draw in range(settings["draws"]):
        order = stream(seed, "shuffled gains", draw)
        mixed = replace(train, gain=np.stack([order.permutation(row) for row in train.gain]))
        found[f"{SHUFFLED}-{draw}"] = fit("train", mixed, "gain", coherences=(0.0,))
    for name, side in (("gain", "train"), ("influence", "train"), ("self", "self")):
        if side in gains:
            given: dict[str, Any] = {
                "pool": "fixed",
                "penalties": settings["penalties"],
                "coherences": (0.0,),
            }
            found[f"learned:pool-{name}"] = fit(side, gains[side], name, **given)
    found["learned:no-shares"] = fit("train", train, "gain", shares_in_x=False)
    return found


def scores(
    features: Features, selectors: dict[str, LearnedSelector], gains: dict[str, Gains], side: str
) -> dict[str, Scores]:
    """[queries, candidates] of every way of choosing that gives each candidate a number."""
    sentences, candidates = features.sentences, features.candidates()
    queries, own = features.queries(side), gains[side]
    shares = np.stack([gold_shares(one, len(sentences.task.concepts)) for one in sentences.of(side)])
    worth = np.nanmean(gains["train"].gain, axis=0)
    tau = spread(teacher_scores(gains["train"], "gain"))
    return {
        "best-on-train": np.tile(worth, (len(own.queries), 1)),
        "best-on-train+concept": worth / tau + STARTS["shares"] * queries.likeness(candidates, "shares"),
        "nearest-state:raw": features.raw_likeness(side),
        "nearest-state": queries.likeness(candidates, "states"),
        "nearest-concept": queries.likeness(candidates, "shares"),
        "nearest-concept-gold": replace(queries, shares=shares).likeness(candidates, "shares"),
        **best_on_self(gains, len(own.queries)),
        **{name: one.score(queries, candidates) for name, one in selectors.items()},
        ORACLE: own.gain,
    }


def best_on_self(gains: dict[str, Gains], queries: int) -> dict[str, Scores]:
    """The best on average for predicted labels of the target languages: what ``self`` has to beat."""
    if "self" not in gains:
        return {}
    return {"best-on-self": np.tile(np.nanmean(gains["self"].gain, axis=0), (queries, 1))}


def chosen(
    features: Features,
    selectors: dict[str, LearnedSelector],
    said: dict[str, Scores],
    side: str,
    k: int,
    settings: dict[str, Any],
) -> Chosen:
    """What each way of choosing puts before every query."""
    candidates, queries = features.sentences.of("candidates"), features.queries(side)
    asked, everything = features.candidates(), range(len(candidates))
    found: Chosen = {}
    without: tuple[tuple[str, Any, int], ...] = (
        ("random", RandomSelector(), settings["draws"]),
        ("fixed", FixedSelector(), 1),
        ("coverage", CoverageSelector(), 1),
    )
    for name, selector, draws in without:
        for draw in range(draws):
            seed = derive(settings["seed"], "demonstrations", "any", draw)
            places = tuple(selector.select(None, candidates, k, seed=seed))
            found[name, draw] = [places] * len(queries)
    for name, values in said.items():
        if name in selectors:
            one, (kind, draw) = selectors[name], drawn(name)
            found[kind, draw] = [tuple(one.chosen(queries.rows([n]), asked, k)) for n in range(len(queries))]
        else:
            found[name, 0] = [tuple(best_last(row, everything, k)) for row in values]
    return found


def drawn(name: str) -> tuple[str, int]:
    """The way of choosing, and the draw of it."""
    kind, _, draw = name.partition(f"{SHUFFLED}-")
    return (SHUFFLED, int(draw)) if draw else (kind, 0)


def trained(make: Callable[[], dict[str, LearnedSelector]], folder: Path) -> dict[str, LearnedSelector]:
    """The selectors in ``folder``; where it is not there, they are made and saved."""
    if not folder.exists():
        for name, one in make().items():
            one.save_pretrained(folder / name.removeprefix(LEARNED))
    return {LEARNED + path.name: LearnedSelector.from_pretrained(path) for path in sorted(folder.iterdir())}
