"""Questions answered by likelihood: of several continuations, a decoder takes the one it finds likeliest.

    score(c) = 1/|c| sum_t log p(c_t | demonstrations, beginning, c_<t)

over the tokens of the continuation: means, so that a longer choice does not lose by its length, of the
continuation alone, so that what all choices share cannot blur them. Log-probabilities are log-softmax of
logits, never the logarithm of a probability: no score is infinite.

*Calibration.* A model prefers some answers before it has read the question. Where all questions have the same
labels, place by place, the mean score of each place over the questions is taken off (batch calibration: Zhou
et al. 2023, arXiv 2309.17249, here of log-probabilities): no gold answer is looked at. Where choices are texts
of their own, what a choice scores after a beginning without content is taken off,

    score(c | beginning) - score(c | domain)

(domain-conditional pointwise mutual information: Holtzman et al. 2021, arXiv 2104.08315, here of means over
tokens), after the same demonstrations.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from .texts import TextReader

Scores = list[Float64[np.ndarray, " choices"]]


def choice_scores(reader: TextReader, beginnings: Sequence[str], choices: Sequence[Sequence[str]]) -> Scores:
    """Mean log-probability per token of every choice after its beginning.

    How questions are batched changes no score by more than rounding. Raises ModelError for a question that
    the model's context does not hold.
    """
    firsts = [first for first, own in zip(beginnings, choices, strict=True) for _ in own]
    nats = reader.nats(*reader.cut(firsts, [one for own in choices for one in own]))
    means = np.array([-own.mean() if len(own) else 0.0 for own in nats])
    ends = np.cumsum([len(own) for own in choices])
    return np.split(means, ends[:-1]) if len(ends) else []


def calibrated(scores: Scores, domain: Scores | None) -> Scores:
    """Scores less what choices score in ``domain``; without, less the mean of each place over questions.

    ValueError where places are averaged and questions have different numbers of choices.
    """
    if domain is not None:
        return [own - before for own, before in zip(scores, domain, strict=True)]
    table = np.stack(scores)
    return list(table - table.mean(axis=0))
