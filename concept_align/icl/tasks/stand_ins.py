"""Stand-ins for what people would judge of a written text: is it fluent, does it mean what it should?

*Fluency*: nats per token of the text under the same model, without a prompt; low is fluent. A model finds its
own text likely, and text in a wrong language too: compare with the nats of the references, which are given.

*Meaning*: does the text lie nearest to its own reference among all references? Texts are mean states of
their words at one layer, less the references' mean, over the channels' scale; precision@1 by cosine, a tie
shared among those as near. Chance is one over the number of references. An empty text is found never.

Neither replaces people, or a metric that was fitted to them; both are cheap, and work in every language.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch.nn.functional import normalize

from ...spaces.standardise import StandardiserFitter
from ..base import PromptSentence
from .texts import TextReader

FLUENCY, MEANING = "stand-in:nats-per-token", "stand-in:meaning-p1"
States = Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words dim"]]
_SLACK = 1e-6  # equal texts differ in the last bits of their states


def fluency(reader: TextReader, texts: Sequence[str]) -> NDArray[np.float64]:
    """[texts] nats per token; NaN for a text of less than two tokens, the first of which is given."""
    found = np.full(len(texts), np.nan)
    some = [place for place, text in enumerate(texts) if text.strip()]
    rows = reader.beginnings([texts[place] for place in some])
    enough = [number for number, row in enumerate(rows) if len(row) > 1]
    nats = reader.nats([rows[number] for number in enough], np.ones(len(enough), dtype=np.int64))
    for number, own in zip(enough, nats, strict=True):
        found[some[number]] = own.mean()
    return found


def meaning(states: States, texts: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
    """[texts] 1 where the nearest of ``references`` is the text's own (place by place), 0 elsewhere."""
    found = np.zeros(len(texts))
    some = [place for place, text in enumerate(texts) if text.split()]
    if not some:
        return found
    own = _means(states, [texts[place] for place in some])
    target = _means(states, references)
    standard = StandardiserFitter(target.shape[1]).update(target).finish()
    a, b = (normalize(standard.states(part).double(), dim=1) for part in (own, target))
    like = a @ b.T
    best = like.amax(1)
    nearest = like >= best[:, None] - _SLACK
    right = torch.tensor(some)
    hit = nearest[torch.arange(len(some)), right].double() / nearest.sum(1)
    found[some] = hit.numpy()
    return found


def _means(states: States, texts: Sequence[str]) -> Float32[torch.Tensor, "texts dim"]:
    sentences = [
        PromptSentence("texts", "", place, tuple(text.split()), ()) for place, text in enumerate(texts)
    ]
    words = states(sentences)
    return torch.stack([part.mean(0) for part in words.split([len(one.words) for one in sentences])])
