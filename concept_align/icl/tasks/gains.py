"""What one demonstration does for a question: gains as of sentences, so that tasks can test selectors.

With the right answer's tokens y and the choices' mean log-probabilities s (see :mod:`.choosing`),

    gain_pieces(q, c) = 1/|y| [ log p(y | c, q) - log p(y | q) ]
    gain(q, c)        = log softmax(s(. | c, q))_gold - log softmax(s(. | q))_gold

where answers are written there are no other choices, and both are the same. What comes out is
:class:`..selectors.helping.Gains`, over questions as sentences: whatever learns or judges by gains takes it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError
from ..causal import CausalModel
from ..selectors.helping import Gains
from .choosing import choice_scores
from .questions import Question
from .spec import TaskSpec
from .texts import TextReader


def question_gains(
    model: CausalModel, task: TaskSpec, queries: Sequence[Question], candidates: Sequence[Question]
) -> Gains:
    """Each candidate alone before each query. NaN where one must not demonstrate the other, or is too long.

    Raises UsageError for none of either.
    """
    if not queries or not candidates:
        what = f"{len(queries)} queries and {len(candidates)} candidates"
        raise UsageError(what, where="gains of demonstrations", remedy="give one of each at least")
    reader = TextReader(model)
    plain = _scores(reader, queries, "")
    gold = [one.answer for one in queries]
    shape = (len(queries), len(candidates))
    found = {name: np.full(shape, np.nan) for name in ("gain", "gain_pieces", "influence", "correct")}
    for column, candidate in enumerate(candidates):
        before = candidate.solved + task.separator
        rows = [row for row, one in enumerate(queries) if not one.same(candidate)]
        rows = [row for row in rows if _fits(model, before, queries[row])]
        for row, scores in zip(rows, _scores(reader, [queries[row] for row in rows], before), strict=True):
            own, right = plain[row], gold[row]
            said, earlier = _log_softmax(scores), _log_softmax(own)
            pieces = float(scores[right] - own[right])
            found["gain_pieces"][row, column] = pieces
            found["gain"][row, column] = said[right] - earlier[right] if len(own) > 1 else pieces
            found["influence"][row, column] = float((np.exp(said) * (said - earlier)).sum())
            found["correct"][row, column] = float(scores.argmax() == right)
    without = np.array(
        [
            _log_softmax(own)[right] if len(own) > 1 else own[right]
            for own, right in zip(plain, gold, strict=True)
        ]
    )
    sides = [
        tuple(one.sentence(task.reader, place) for place, one in enumerate(side))
        for side in (queries, candidates)
    ]
    return Gains(sides[0], sides[1], without=without, **found)


def _scores(reader: TextReader, queries: Sequence[Question], before: str) -> list[NDArray[np.float64]]:
    beginnings = [before + one.beginning for one in queries]
    return choice_scores(reader, beginnings, [one.choices for one in queries])


def _fits(model: CausalModel, before: str, query: Question) -> bool:
    longest = max(query.choices, key=len)
    return len(model.cutter.ids(before + query.beginning + longest)) <= model.max_pieces


def _log_softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(scores - np.logaddexp.reduce(scores))
