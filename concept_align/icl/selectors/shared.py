"""A selector learned from gains: what is shown before a query, learned over languages and used in others.

With t what the teacher says (:mod:`.teachers`) and p what the selector says,

    p(c | q) = softmax_c s(q, c)
    L = mean over queries of KL(t || p) + lambda L_coh + beta (||A||^2 + ||B||^2 + ||u||^2)
    L_coh = mean over pairs of translations (s, s') of KL(p(. | s) || p(. | s'))

Learning to rank by what a demonstration does for the answer's probability is EPR (Rubin et al. 2022, arXiv
2112.08633); as a divergence of two distributions over candidates it is REPLUG's (Shi et al. 2024, arXiv
2301.12652). Coherence, that what says the same is shown the same, is ours: Rojas and Carranza 2024 (arXiv
2412.08955) ask for coherence of another kind, and their results are not reproduced here.

Too small a beta is worse than chance, so beta, rank and lambda are chosen, never fixed: each is fitted
without one of the queries' languages and a quarter of the candidates, and judged by KL(t || p) of that
language's queries over those candidates. A penalty of infinity, at which nothing is learned, is among them.

That is for candidates that were never tried (an ``open`` pool). Where the pool is ``fixed`` to those that
were, only languages are left out: a candidate may be good for reasons that no feature tells, and is then
known by what it did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any, get_args

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from ...errors import UsageError
from ...hashing import digest
from ...seeding import stream
from ..base import PromptSentence
from ..config import SelectorPool, Teacher
from .features import LIKENESSES, SIZES, Likeness, SelectionFeatures
from .helping import Gains
from .selection_loss import Learned, Strength, Table, divergence, learn
from .shared_head import STARTS, LearnedSelector, SelectionHead, raw_features
from .teachers import soft_targets, spread, teacher_scores

DIRECTIONS = 16  # of the states
QUARTERS = 4  # of the candidates: one is left out with a language
FEWEST = 8  # candidates: of fewer none is left out
PENALTIES = (0.001, 0.01, 0.1, np.inf)
Fold = tuple[list[Table], list[Table]]  # what is learned from, what was left out


@dataclass(frozen=True, eq=False)
class Translations:
    """Sentences that say the same: features as of queries, and places in them, in pairs."""

    features: SelectionFeatures
    pairs: Int64[np.ndarray, "pairs 2"]


def fit_selector(
    gains: Gains | Sequence[Gains],
    q: SelectionFeatures | Sequence[SelectionFeatures],
    c: SelectionFeatures | Sequence[SelectionFeatures],
    *,
    teacher: Teacher = "gain",
    pool: SelectorPool = "open",
    likeness: Likeness = "shares",
    pairs: Translations | Sequence[Translations] | None = None,
    ranks: Sequence[int] = (0, 4),
    penalties: Sequence[float] = PENALTIES,
    coherences: Sequence[float] = (0.0, 0.3, 1.0),
    shares_in_x: bool | None = None,
    seed: int = 0,
) -> LearnedSelector:
    """The selector that gives what ``teacher`` says of ``gains``; ``q`` and ``c`` are of its sentences.

    Several tasks are given as lists; they share all that is learned, and x is then without shares, whose
    concepts differ (``shares_in_x``: with them for one task, unless said otherwise). ``pairs`` are
    translations; without them nothing is said of coherence. Of ``ranks``, ``penalties`` and ``coherences``
    those are chosen that do best in languages left out, and the table of the choice is kept
    (:attr:`LearnedSelector.choice`): over candidates that are left out too, or, in a ``fixed`` ``pool``, over
    all. ``seed`` decides where A begins. In float64, and deterministic.

    UsageError where sentences and features do not belong together, and for impossible settings.
    """
    tasks = [gains] if isinstance(gains, Gains) else list(gains)
    queries = [q] if isinstance(q, SelectionFeatures) else list(q)
    candidates = [c] if isinstance(c, SelectionFeatures) else list(c)
    said: list[Translations | None] = [None] * len(tasks)
    if pairs is not None:
        said = [pairs] if isinstance(pairs, Translations) else [*pairs]
    with_shares = len(tasks) == 1 if shares_in_x is None else shares_in_x
    _check(tasks, queries, candidates, said, with_shares)
    _check_settings(likeness, pool, ranks, penalties, coherences)
    empty = untrained([*queries, *candidates], likeness=likeness, shares_in_x=with_shares)
    head = empty.head
    scores = [teacher_scores(one, teacher) for one in tasks]
    together = zip(tasks, scores, queries, candidates, said, strict=True)
    tables = [prepared(head, *one) for one in together]
    begin = start(head, max(ranks), seed)
    settings = _settings(ranks, penalties, coherences if any(said) else (0.0,))
    choice = _choice(list(_folds(tables, pool)), settings, begin)
    best = min(choice, key=lambda row: row["divergence"]) if choice else {}  # of equals the simpler
    chosen = Strength(best["rank"], best["coherence"], best["penalty"]) if best else settings[0]
    found = learn(tables, chosen, begin)
    about = {
        "teacher": teacher,
        "pool": pool,
        "tau": [spread(own) for own in scores],
        "langs": sorted({one.language for task in tasks for one in task.queries}),
        "demo_langs": sorted({one.language for task in tasks for one in task.candidates}),
        "treebanks": _treebanks(tasks),
        "queries": sum(len(task.queries) for task in tasks),
        "candidates": sum(len(task.candidates) for task in tasks),
        "translations": sum(len(one.pairs) for one in said if one is not None),
        "choice": [_plain({**row, "chosen": row is best}) for row in choice],
        "seed": seed,
    }
    return replace(empty, head=replace(head, **found._asdict()), about=about)


def untrained(
    features: SelectionFeatures | Sequence[SelectionFeatures],
    *,
    likeness: Likeness = "shares",
    shares_in_x: bool = False,
) -> LearnedSelector:
    """A selector that has learned nothing: by likeness alone. ``features`` say what x is scaled by."""
    parts = [features] if isinstance(features, SelectionFeatures) else list(features)
    states = np.concatenate([one.states for one in parts])
    _, _, directions = np.linalg.svd(states - states.mean(0), full_matrices=False)
    components = directions[:DIRECTIONS]
    components = components * np.where(_largest(components) < 0, -1.0, 1.0)[:, None]
    raw = np.concatenate([raw_features(one, components, shares=shares_in_x) for one in parts])
    return LearnedSelector(
        SelectionHead(
            likeness,
            shares_in_x,
            STARTS[likeness],
            np.zeros((raw.shape[1], 0)),
            np.zeros((raw.shape[1], 0)),
            np.zeros(raw.shape[1]),
            components,
            raw.mean(0),
            _scale(raw, len(components)),
        ),
    )


def _largest(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1)[:, 0]


def _scale(raw: NDArray[np.float64], directions: int) -> NDArray[np.float64]:
    """Sizes each by its own, directions of states by one scale, shares by one: what varies more says more."""
    variance = raw.var(0)
    bounds = [*range(SIZES + 1), SIZES + directions, raw.shape[1]]
    for first, last in pairwise(bounds):
        if last > first:
            variance[first:last] = variance[first:last].mean()
    return np.where(variance > 1e-12, np.sqrt(variance), 1.0)


def start(head: SelectionHead, rank: int, seed: int) -> Learned:
    """What learning begins with: a as it is before anything is learned, A random, B and u at 0."""
    dim = len(head.centre)
    A = stream(seed, "selector").normal(size=(dim, rank)) / np.sqrt(max(dim, 1))
    return Learned(head.a, A, np.zeros((dim, rank)), np.zeros(dim))


def _choice(folds: Sequence[Fold], settings: Sequence[Strength], begin: Learned) -> list[dict[str, Any]]:
    """For each setting, what it does in what was left out; nothing where nothing can be left out."""
    if len(settings) < 2 or not folds:
        return []
    rows = []
    for one in settings:
        divergences, gained = [], []
        for learned_from, left_out in folds:
            found = learn(learned_from, one, begin)
            for table in left_out:
                logits = table.logits(found)
                divergences += divergence(soft_targets(table.scores, 1.0), logits).tolist()
                gained += table.scores[np.arange(len(logits)), logits.argmax(1)].tolist()
        if divergences:
            told = {"divergence": float(np.mean(divergences)), "score": float(np.mean(gained))}
            rows.append({"rank": one.rank, "penalty": one.penalty, "coherence": one.coherence, **told})
    return rows


def _folds(tables: Sequence[Table], pool: SelectorPool) -> Iterator[Fold]:
    """A language is left out each time, and in an open pool a quarter of the candidates with it.

    Queries of one language alone are left out by fifths.
    """
    languages = sorted({code for table in tables for code in table.languages})
    fifths = len(languages) < 2
    for number, name in enumerate(range(5) if fifths else languages):
        learned_from, left_out = [], []
        for table in tables:
            own = np.arange(len(table.languages)) % 5 if fifths else np.array(table.languages, dtype=object)
            out = own == name
            known = pool == "fixed" or len(table.quarter) < FEWEST
            shown = np.full(len(table.quarter), True) if known else table.quarter == number % QUARTERS
            learned_from.append(table.part(~out, shown if known else ~shown))
            left_out.append(table.part(out, shown))
        if any(len(one.languages) for one in learned_from) and any(len(one.languages) for one in left_out):
            yield learned_from, left_out


def prepared(
    head: SelectionHead,
    gains: Gains,
    scores: NDArray[np.float64],
    q: SelectionFeatures,
    c: SelectionFeatures,
    said: Translations | None,
) -> Table:
    tau = spread(scores)
    said_features = q.rows([]) if said is None else said.features
    whole = Table(
        x_queries=head.x(q),
        x_candidates=head.x(c),
        alike=q.likeness(c, head.likeness),
        scores=scores / tau if tau > 0 else scores,
        languages=tuple(one.language for one in gains.queries),
        quarter=_quarters(gains.candidates),
        x_said=head.x(said_features),
        said_alike=said_features.likeness(c, head.likeness),
        pairs=np.zeros((0, 2), np.int64) if said is None else said.pairs,
    )
    return whole.part(np.full(len(q), True), np.full(len(c), True))


def _quarters(sentences: Sequence[PromptSentence]) -> NDArray[np.int64]:
    """A quarter for each sentence, by its words and not by its place."""
    order = sorted(range(len(sentences)), key=lambda place: digest(sentences[place].words))
    found = np.zeros(len(sentences), np.int64)
    found[order] = np.arange(len(sentences)) % QUARTERS
    return found


def _settings(
    ranks: Sequence[int], penalties: Sequence[float], coherences: Sequence[float]
) -> list[Strength]:
    """Every setting once, the simpler first; at a penalty of infinity all are one."""
    finite = sorted((one for one in penalties if np.isfinite(one)), reverse=True)
    found = [
        Strength(rank, more, beta) for rank, more, beta in product(sorted(ranks), sorted(coherences), finite)
    ]
    return [*([Strength(0, 0.0, np.inf)] if len(finite) < len(penalties) else []), *found]


def _check(
    tasks: Sequence[Gains],
    queries: Sequence[SelectionFeatures],
    candidates: Sequence[SelectionFeatures],
    said: Sequence[Translations | None],
    with_shares: bool,
) -> None:
    if not tasks or not len(tasks) == len(queries) == len(candidates) or len(said) != len(tasks):
        what = f"{len(tasks)} gains, {len(queries)} of queries' features, {len(candidates)} of candidates'"
        raise UsageError(what, option="gains", remedy="give features (and pairs) for each task's gains")
    for gains, q, c, one in zip(tasks, queries, candidates, said, strict=True):
        if (len(q), len(c)) != gains.gain.shape:
            what = f"features of {len(q)} queries and {len(c)} candidates for gains {list(gains.gain.shape)}"
            raise UsageError(what, option="gains", remedy="give features of the sentences of the gains")
        if (
            one is not None
            and one.pairs.size
            and not 0 <= one.pairs.min() <= one.pairs.max() < len(one.features)
        ):
            remedy = "give places among the sentences of the features"
            raise UsageError("pairs of sentences that are not there", option="pairs", remedy=remedy)
    if with_shares and len({one.shares.shape[1] for one in [*queries, *candidates]}) > 1:
        remedy = "let shares_in_x be false"
        raise UsageError(
            "tasks of different concepts have no shares in common", option="shares_in_x", remedy=remedy
        )


def _check_settings(
    likeness: str,
    pool: str,
    ranks: Sequence[int],
    penalties: Sequence[float],
    coherences: Sequence[float],
) -> None:
    for name, value, known in (("likeness", likeness, LIKENESSES), ("pool", pool, get_args(SelectorPool))):
        if value not in known:
            remedy = f"use {' or '.join(known)}"
            raise UsageError(f"no {name} is called {value!r}", option=name, remedy=remedy)
    for name, values, least in (
        ("ranks", ranks, 0),
        ("penalties", penalties, 0),
        ("coherences", coherences, 0),
    ):
        if not len(values) or any(not one >= least for one in values):
            raise UsageError(f"{list(values)}", option=name, remedy="give one or more, none below 0")


def _treebanks(tasks: Sequence[Gains]) -> dict[str, list[str]]:
    """By language, of queries and candidates: what a card and its licence name."""
    found: dict[str, set[str]] = {}
    for task in tasks:
        for one in (*task.queries, *task.candidates):
            found.setdefault(one.language, set()).add(one.treebank)
    return {code: sorted(found[code]) for code in sorted(found)}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON holds it: infinity is told in words."""
    return {
        key: str(value) if isinstance(value, float) and np.isinf(value) else value
        for key, value in row.items()
    }
