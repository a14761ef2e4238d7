"""Questions answered by likelihood: of several continuations, a decoder takes the one it finds likeliest.

    score(c) = 1/|c| sum_t log p(c_t | demonstrations, beginning, c_<t)

over the tokens of the continuation: means, so that a longer choice does not lose by its length, of the
continuation alone, so that what all choices share cannot blur them. Log-probabilities are log-softmax of
logits, never the logarithm of a probability: no score is infinite.

*Calibration.* A model prefers some answers before it has read the question. Where all questions have the
same labels, place by place, the mean score of each place over the questions is taken off (batch calibration:
Zhou et al. 2023, arXiv 2309.17249, here of log-probabilities): no gold answer is looked at. Where choices are
texts of their own, they are compared by what the question adds to a beginning without content,

    sum_t log p(c_t | beginning, c_<t) - log p(c_t | domain, c_<t)

(domain-conditional pointwise mutual information: Holtzman et al. 2021, arXiv 2104.08315), both after the same
demonstrations.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from .texts import TextReader

Scores = list[Float64[np.ndarray, " choices"]]


def choice_scores(reader: TextReader, beginnings: Sequence[str], choices: Sequence[Sequence[str]]) -> Scores:
    """Mean log-probability per token of every choice after its beginning.

    How questions are batched changes no score by more than rounding. Raises ModelError for a question that
    the model's context does not hold.
    """
    return _split([-own.mean() for own in _nats(reader, beginnings, choices)], choices)


def information(
    reader: TextReader,
    beginnings: Sequence[str],
    domains: Sequence[str],
    choices: Sequence[Sequence[str]],
) -> Scores:
    """What every choice gains, in nats, from its beginning over its domain."""
    after, before = (_nats(reader, first, choices) for first in (beginnings, domains))
    sums = [float(alone.sum() - own.sum()) for own, alone in zip(after, before, strict=True)]
    return _split(sums, choices)


def without_means(scores: Scores) -> Scores:
    """Scores less the mean of each place over questions, which have as many choices each."""
    table = np.stack(scores)
    return list(table - table.mean(axis=0))


def _nats(
    reader: TextReader, beginnings: Sequence[str], choices: Sequence[Sequence[str]]
) -> list[NDArray[np.float64]]:
    firsts = [first for first, own in zip(beginnings, choices, strict=True) for _ in own]
    return reader.nats(*reader.cut(firsts, [one for own in choices for one in own]))


def _split(values: Sequence[float], choices: Sequence[Sequence[str]]) -> Scores:
    ends = np.cumsum([len(own) for own in choices])
    return np.split(np.array(values), ends[:-1]) if len(ends) else []
