"""Questions answered by likelihood: of several continuations, a decoder takes the one it finds likeliest.

    score(c) = 1/|c| sum_t log p(c_t | demonstrations, beginning, c_<t)

over the tokens of the continuation: means, so that a longer choice does not lose by its length, of the
continuation alone, so that what all choices share cannot blur them. Log-probabilities are log-softmax of
logits, never the logarithm of a probability: no score is infinite.

Demonstrations are solved questions of the same language's dev split, drawn for each question anew from (seed,
question), so that no accuracy hangs on one lucky draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from torch.nn.utils.rnn import pad_sequence

from ..errors import ModelError, UsageError
from ..evaluation.results import COLUMNS, MAJORITY
from ..models.batches import batches
from ..models.faults import explained_memory
from ..models.protocol import Pieces
from ..seeding import stream
from ..statistics import bounds_over_languages, means_over_drawn, percentile_interval
from .causal import CausalModel, token_nats
from .choice_tasks import Question

BATCH_TOKENS = 2048
BETWEEN = "\n"  # demonstrations and the question
LEARNER = "choices"
DRAWS = 1000


@dataclass(frozen=True)
class Asked:
    """A question after its demonstrations, and how many were left out because the context is too short."""

    question: Question
    beginning: str
    left_out: int = 0


def with_demonstrations(
    model: CausalModel, question: Question, pool: Sequence[Question], shots: int, *, seed: int = 0
) -> Asked:
    """``question`` after ``shots`` questions of ``pool``, drawn for it alone; fewer where they do not fit.

    Draws are nested: those of fewer shots are the last of more. UsageError where the pool is too small.
    """
    others = [one for one in pool if one.beginning != question.beginning]
    if shots > len(others):
        what = f"{shots} demonstrations of {len(others)} questions in {question.language}"
        raise UsageError(what, option="k", remedy="fewer demonstrations")
    order = stream(seed, "choices", question.language, question.id).permutation(len(others))[:shots]
    longest = max(question.choices, key=lambda choice: len(model.cutter.ids(choice)))
    beginning, taken = question.beginning, 0
    for place in order.tolist():
        longer = others[place].solved + BETWEEN + beginning
        if len(model.cutter.ids(longer + longest)) > model.max_pieces:
            break
        beginning, taken = longer, taken + 1
    return Asked(question, beginning, shots - taken)


def choice_scores(model: CausalModel, asked: Sequence[Asked]) -> list[Float64[np.ndarray, " choices"]]:
    """Mean log-probability per token of every choice of every question.

    How questions are batched changes no score by more than rounding. Raises ModelError for a question that
    the model's context does not hold.
    """
    texts = [one.beginning + choice for one in asked for choice in one.question.choices]
    spans = [
        np.array([[len(one.beginning), len(one.beginning) + len(choice)]], dtype=np.int32)
        for one in asked
        for choice in one.question.choices
    ]
    rows: list[Pieces] = []
    for text, found in zip(texts, model.cutter.cut_many(texts, spans), strict=True):
        if isinstance(found, ModelError):
            raise found
        if len(found.ids) > model.max_pieces:
            what = f"a question of {len(found.ids)} tokens; the context length is {model.max_pieces}"
            raise ModelError(what, where=repr(text[:60]), remedy="leave the question out")
        rows.append(found)
    scores = np.empty(len(rows))
    lengths = np.array([row.end[0] for row in rows], dtype=np.int64)  # what follows a choice is not read
    with explained_memory(model.name), model.running():
        for batch in batches(lengths, BATCH_TOKENS):
            scores[batch] = _means(model, [rows[row] for row in batch])
    ends = np.cumsum([len(one.question.choices) for one in asked])
    return np.split(scores, ends[:-1]) if len(ends) else []


def _means(model: CausalModel, rows: Sequence[Pieces]) -> Float64[np.ndarray, " rows"]:
    own = [torch.from_numpy(row.ids[: row.end[0]].astype(np.int64)) for row in rows]
    ids = pad_sequence(own, batch_first=True, padding_value=model.pad).to(model.device)
    mask = pad_sequence([torch.ones_like(row) for row in own], batch_first=True).to(model.device)
    nothing = torch.zeros(0, dtype=torch.int64)
    last, _ = model.states((), nothing, nothing, input_ids=ids, attention_mask=mask)
    begins = [max(int(row.begin[0]), 1) for row in rows]  # a text's first token is given
    counts = torch.tensor([int(row.end[0]) - begin for row, begin in zip(rows, begins, strict=True)])
    which = torch.repeat_interleave(torch.arange(len(rows)), counts)
    places = torch.cat(
        [torch.arange(begin, int(row.end[0])) for row, begin in zip(rows, begins, strict=True)]
    )
    nats = token_nats(model.logits, last[which, places - 1], ids[which, places])
    total = torch.zeros(len(rows), dtype=torch.float64).index_add_(0, which, nats.double().cpu())
    return np.asarray((-total / counts.clamp(min=1)).numpy())


def choice_accuracy(
    model: CausalModel,
    task: str,
    questions: Mapping[str, Sequence[Question]],
    *,
    pools: Mapping[str, Sequence[Question]] | None = None,
    shots: Sequence[int] = (0,),
    seed: int = 0,
) -> pd.DataFrame:
    """Accuracy by language and number of demonstrations, in the tidy form of all results, and their means.

    ``questions`` and, for demonstrations, ``pools`` (dev questions) are by language. Intervals are bootstraps
    over questions, of means over languages too (of five or more). The learner ``majority`` always takes the
    commonest answer.
    """
    rows: list[dict[str, object]] = []
    same = {
        "model": model.name,
        "revision": model.revision,
        "layer": "output",
        "task": task,
        "metric": "accuracy",
    }
    for k in shots:
        drawn: dict[str, list[tuple[float, np.ndarray]]] = {LEARNER: [], MAJORITY: []}
        for language, own in questions.items():
            if k and language not in (pools or {}):
                raise UsageError(f"no questions to demonstrate in {language}", option="k", remedy="0 shots")
            pool = (pools or {}).get(language, ())
            asked = [with_demonstrations(model, one, pool, k, seed=seed) for one in own]
            chosen = [int(scores.argmax()) for scores in choice_scores(model, asked)]
            right = np.array([one.answer for one in own])
            times = stream(seed, "choices-bootstrap", task, language).integers(0, len(own), (DRAWS, len(own)))
            commonest = int(np.bincount(right).argmax())
            for learner, hits in ((LEARNER, np.array(chosen) == right), (MAJORITY, right == commonest)):
                spread = hits[times].mean(axis=1)
                drawn[learner].append((float(hits.mean()), spread))
                low, high = percentile_interval(spread, 0.95)
                at = {"source": language, "language": language, "shots": k, "learner": learner, "n": len(own)}
                rows.append({**same, **at, "value": float(hits.mean()), "low": low, "high": high})
        for learner, found in drawn.items():
            spread = np.stack([one for _, one in found])
            langs = len(found)
            means = means_over_drawn(spread, stream(seed, "choices-languages", langs))
            low, high = (float(end[0]) for end in bounds_over_languages(means[:, None], langs, 0.95))
            at = {"source": "own", "language": "mean", "shots": k, "learner": learner, "n": langs}
            value = float(np.mean([one for one, _ in found]))
            rows.append({**same, **at, "value": value, "low": low, "high": high})
    return pd.DataFrame(rows).assign(draw=-1)[list(COLUMNS)]
