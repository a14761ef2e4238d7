"""Labels that are predicted, for selectors that learn without correct ones (the teacher ``self``)."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float32

from .. import ragged
from .base import PromptSentence
from .prompting import PromptScorer
from .selectors.teachers import relabelled
from .session import calibrated, stacked
from .wording import LabelSet

# Log-probabilities of the words of sentences of one language, end to end; NaN for a word that is not read.
Classify = Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words concepts"]]


def predicted(
    queries: Sequence[PromptSentence],
    scorer: PromptScorer,
    labels: LabelSet,
    classify: Classify | None = None,
) -> list[PromptSentence]:
    """``queries`` with predicted labels, in their order; their own are not looked at.

    By ``classify``; without, by what the model itself says without a demonstration, each label's mean over
    the items of the language taken off.
    """
    found: dict[int, PromptSentence] = {}
    for language in dict.fromkeys(one.language for one in queries):
        places = [place for place, one in enumerate(queries) if one.language == language]
        own = [queries[place] for place in places]
        if classify is not None:
            scores = classify(own).nan_to_num(nan=-torch.inf)
            begins = ragged.offsets_of([len(one.words) for one in own]).tolist()
            pairs = zip(begins[:-1], own, strict=True)
            scores = scores[[begin + item.word for begin, one in pairs for item in one.items]]
        else:
            alone = scorer.prompt([], labels, room=0)
            scores = calibrated(stacked(scorer.score(alone, own)))
        codes = scores.argmax(1).split([len(one.items) for one in own])
        found |= dict(zip(places, relabelled(own, [part.tolist() for part in codes]), strict=True))
    return [found[place] for place in range(len(queries))]
