"""What demonstrations do for queries: every candidate alone before every query, measured once and kept.

The gain of candidate c for query q with items y_1..y_n, whose gold labels are fed back,

    g(q, c) = (1/n) sum_i [ log p(y_i | c, q_<i) - log p(y_i | q_<i) ]   in nats,

with p the model's scores normalised over the label set, so that to expect any label at all is no gain. The
mean log-probability of the label's tokens, over the whole vocabulary, is what EPR ranks candidates by (Rubin
et al. 2022, arXiv 2112.08633). What a demonstration changes, whether for good or ill, is its influence,
(1/n) sum_i KL(p(. | c, q_<i) || p(. | q_<i)): it needs no gold label but those that are fed back.

A candidate's prompt is read once, and all queries follow it in batches. A finished candidate is a line of
``gains.jsonl``.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from ...cache import KeptLines
from ...checkpoint import ANEW, same_run
from ...errors import LearningError, StoreError, UsageError
from ...evaluation.predictions import packed, unpacked
from ...hashing import as_json, digest
from ...progress import Progress, Silent
from ...tensors import load_tensors, save_tensors
from ..base import Item, LabelScores, PromptSentence
from ..prompting import PromptScorer
from ..wording import LabelSet

SCHEMA = 1
GAINS = "gains"
LINES = f"{GAINS}.jsonl"
QUANTITIES = ("gain", "gain_pieces", "influence", "correct")
WITHOUT = ""  # the key of the queries without a demonstration, among those of candidates
Known = torch.Tensor | NDArray[np.float64]  # scores [items, labels] of all queries; quantities [4, queries]


@dataclass(frozen=True, eq=False)
class Gains:
    """What each candidate does for each query, alone before it, the gold labels fed back.

    ``gain`` and ``gain_pieces`` are in nats an item: of scores normalised over the label set, and of the mean
    log-probability of the label's tokens. ``influence``: the divergence of what is said with the candidate
    from what is said without, nats. ``correct``: the share of items that are right. ``without`` is the mean
    log-probability of the gold labels without a demonstration, over the label set. NaN where a query has the
    candidate's own words, and where both do not fit the model's context (:attr:`misfits` counts these).
    """

    queries: tuple[PromptSentence, ...]
    candidates: tuple[PromptSentence, ...]
    gain: Float64[np.ndarray, "queries candidates"]
    gain_pieces: Float64[np.ndarray, "queries candidates"]
    influence: Float64[np.ndarray, "queries candidates"]
    correct: Float64[np.ndarray, "queries candidates"]
    without: Float64[np.ndarray, " queries"]

    @property
    def misfits(self) -> int:
        """Pairs that the model's context does not hold."""
        own = [[query.words == one.words for one in self.candidates] for query in self.queries]
        return int((np.isnan(self.gain) & ~np.array(own, dtype=bool)).sum())

    def frame(self) -> pd.DataFrame:
        """A row a pair: places of query and candidate, their languages, and what was measured."""
        rows, columns = np.divmod(np.arange(self.gain.size), len(self.candidates))
        return pd.DataFrame(
            {
                "query": rows,
                "candidate": columns,
                "query_language": [self.queries[row].language for row in rows],
                "candidate_language": [self.candidates[column].language for column in columns],
                **{name: getattr(self, name).ravel() for name in QUANTITIES},
                "without": self.without[rows],
            }
        )

    def save(self, folder: str | Path) -> None:
        """Write ``gains.safetensors`` and ``gains.json`` to ``folder``."""
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in (*QUANTITIES, "without")}
        about = {side: [asdict(one) for one in getattr(self, side)] for side in ("queries", "candidates")}
        save_tensors(folder, GAINS, arrays, about)

    @classmethod
    def load(cls, folder: str | Path) -> "Gains":
        """What :meth:`save` wrote. StoreError where that is absent or damaged."""
        tensors, about = load_tensors(folder, GAINS)
        where = str(Path(folder) / f"{GAINS}.json")
        try:
            queries, candidates = (
                tuple(_sentence(one) for one in about[side]) for side in ("queries", "candidates")
            )
            arrays = {name: tensors[name].numpy() for name in (*QUANTITIES, "without")}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError("not a table of gains", where=where, remedy="save it again") from error
        shape = len(queries), len(candidates)
        if any(arrays[name].shape != (shape if name in QUANTITIES else shape[:1]) for name in arrays):
            raise StoreError("another number of sentences than of gains", where=where, remedy="save it again")
        return cls(queries, candidates, **arrays)


def _sentence(fields: Mapping[str, Any]) -> PromptSentence:
    items = tuple(Item(**item) for item in fields["items"])
    return PromptSentence(**{**fields, "words": tuple(fields["words"]), "items": items})


def measure_gains(
    scorer: PromptScorer,
    labels: LabelSet,
    queries: Sequence[PromptSentence],
    candidates: Sequence[PromptSentence],
    *,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Gains:
    """Put every candidate alone before every query, and score the gold labels, which are fed back.

    With ``folder``, a finished candidate is a line of ``gains.jsonl`` there, and a stopped run resumes; the
    file serves other candidates of the same queries as well. Neither the order of queries nor how they are
    batched changes a gain by more than rounding. Raises LearningError for a folder of another model,
    template, label set or other queries, UsageError for a query that is too long without a demonstration.
    """
    queries, candidates = tuple(queries), tuple(candidates)
    if not queries or not candidates:
        what = f"{len(queries)} queries and {len(candidates)} candidates"
        raise UsageError(what, where="gains of demonstrations", remedy="give one of each at least")
    for query in queries:
        if not query.items:
            where = f"{query.treebank}, sentence {query.number} (from 0)"
            raise UsageError("a query of which nothing is asked", where=where, remedy="leave it out")
    lines = _lines(scorer, labels, queries, folder)
    keys = [_key(candidate) for candidate in candidates]
    todo = sum(key not in lines.done for key in keys)
    about = f"gains, {scorer.name}"
    bar = (progress or Silent()).bar(about, len(keys), done=len(keys) - todo, unit="candidates")
    if WITHOUT not in lines.done:
        prompt = scorer.prompt([], labels, room=0)
        scores = torch.cat([one.scores for one in scorer.score(prompt, queries, feedback="gold")])
        lines.add(WITHOUT, scores, {"candidate": WITHOUT, "scores": packed(scores.numpy().astype("<f4"))})
    plain = lines.done[WITHOUT].split([len(query.items) for query in queries])
    for key, candidate in zip(keys, candidates, strict=True):
        if key in lines.done:  # perhaps from this run: treebanks repeat sentences
            continue
        bar.note(candidate.language)
        found = _measured(scorer, labels, queries, candidate, plain)
        lines.add(key, found, {"candidate": key, "found": packed(found.astype("<f8"))})
        bar.advance()
    table = np.stack([lines.done[key] for key in keys], axis=2)
    own = np.array([[query.words == one.words for one in candidates] for query in queries])
    table[:, own] = np.nan
    without = [
        gold_mean(one.double().log_softmax(1), query) for one, query in zip(plain, queries, strict=True)
    ]
    arrays = dict(zip(QUANTITIES, table, strict=True))
    return Gains(queries, candidates, **arrays, without=np.array(without))


def _measured(
    scorer: PromptScorer,
    labels: LabelSet,
    queries: Sequence[PromptSentence],
    candidate: PromptSentence,
    plain: Sequence[torch.Tensor],
) -> Float64[np.ndarray, "quantities queries"]:
    """The quantities of ``candidate``; ``plain`` are the queries' scores [items, labels] without it."""
    found = np.full((len(QUANTITIES), len(queries)), np.nan)
    rooms = [scorer.room(query, labels) for query in queries]
    prompt = scorer.prompt([candidate], labels, room=min(rooms))
    left = scorer.context_length - len(prompt.ids)
    places = [
        place
        for place, query in enumerate(queries)
        if not prompt.dropped and rooms[place] <= left and query.words != candidate.words
    ]
    answers = scorer.score(prompt, [queries[place] for place in places], feedback="gold") if places else []
    for place, answer in zip(places, answers, strict=True):
        found[:, place] = _compared(answer, plain[place], queries[place])
    return found


def _compared(
    answer: LabelScores, plain: torch.Tensor, query: PromptSentence
) -> tuple[float, float, float, float]:
    """Gain, that of tokens, influence, and the share that is right, of one query after one candidate."""
    gold = [item.label for item in query.items]
    raw, before = answer.scores.double(), plain.double()
    said, said_before = raw.log_softmax(1), before.log_softmax(1)
    gain = gold_mean(said, query) - gold_mean(said_before, query)
    pieces = gold_mean(raw, query) - gold_mean(before, query)
    influence = float((said.exp() * (said - said_before)).sum(1).mean())
    return gain, pieces, influence, float((answer.predicted == np.array(gold)).mean())


def gold_mean(scores: Float[torch.Tensor, "items labels"], query: PromptSentence) -> float:
    """The mean of the gold labels' ``scores`` [items, labels]."""
    gold = torch.tensor([item.label for item in query.items])
    return float(scores.gather(1, gold[:, None]).mean())


def _key(sentence: PromptSentence) -> str:
    """What a prompt is made of: words and labels."""
    return digest([sentence.words, [astuple(item) for item in sentence.items]])


def _lines(
    scorer: PromptScorer,
    labels: LabelSet,
    queries: Sequence[PromptSentence],
    folder: str | Path | None,
) -> KeptLines:
    """What is known of ``queries``: their scores alone, and the quantities of candidates, by key."""
    items = sum(len(query.items) for query in queries)
    made_from = {
        "schema": SCHEMA,
        "model": scorer.name,
        "revision": scorer.revision,
        "dtype": scorer.dtype,
        "context_length": scorer.context_length,
        "template": asdict(scorer.template),
        "labels": dict(zip(labels.concepts, labels.names, strict=True)),
        "queries": digest([_key(query) for query in queries]),
    }

    def read(line: Mapping[str, Any]) -> tuple[str, Known] | None:
        try:
            if line["candidate"] == WITHOUT:
                scores = unpacked(line["scores"], "<f4", items * len(labels.names)).astype(np.float32)
                return WITHOUT, torch.from_numpy(scores.reshape(items, -1))
            found = unpacked(line["found"], "<f8", len(QUANTITIES) * len(queries)).astype(np.float64)
            return str(line["candidate"]), found.reshape(len(QUANTITIES), -1)
        except zlib.error:
            return None

    path = None if folder is None else Path(folder) / LINES
    if path is not None and path.exists():
        _refuse_others(path, as_json(made_from))
    return KeptLines(path, made_from, read)


def _refuse_others(path: Path, made_from: Mapping[str, Any]) -> None:
    """LearningError where ``path`` holds gains that were made from something else, or something else."""
    try:
        with path.open("rb") as file:
            there = json.loads(file.readline())
    except OSError as error:
        what = f"cannot read: {error.strerror or error}"
        raise LearningError(what, where=str(path), remedy=ANEW) from error
    except (ValueError, RecursionError) as error:
        what = "its first line does not say what its gains were made from"
        raise LearningError(what, where=str(path), remedy="choose another folder, or remove it") from error
    same_run(path, there, made_from)
