"""Translation retrieval: does a sentence lie nearest to what says the same in another language?

Of n sentences a_i and their translations b_i, cos(a_i, b_j) is the likeness; the *rank* of a translation is
how many of the n sentences are as near as it is,

    rank_i = 1 + #{j: cos(a_i, b_j) > cos(a_i, b_i)},      precision@1 = mean [rank_i = 1],
    mean reciprocal rank = mean 1 / rank_i,

both ways, averaged. Chance is 1 / n. Where others are exactly as near (equal texts, or states that all
collapsed), the rank is drawn among them: what is counted is its expectation, so that a model that gives every
sentence one vector is at chance.

CSLS (Conneau et al. 2018, arXiv 1710.04087, section 2.3) takes off each sentence's mean likeness to its k
nearest neighbours in the other language, so that hubs are nobody's nearest: 2 cos(a, b) - r(a) - r(b).
Sentence vectors are those of the training loss (:mod:`.pooling`): states of tokens that are not special.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch.nn.functional import normalize

from ..errors import UsageError
from ..layers import resolve_layers
from ..models.batches import batches
from ..models.faults import explained_memory, refuse_broken
from .pooling import pooled
from .settings import SentencePooling
from .tokens import TextTokens

if TYPE_CHECKING:
    from .model import TunableModel

NEIGHBOURS = 10  # whose likeness CSLS takes off
BATCH_TOKENS = 2048


@dataclass(frozen=True, eq=False)
class Ranked:
    """What retrieval found of each sentence [n]: expected precision@1 and reciprocal rank, both ways."""

    first: Float64[np.ndarray, "ways n"]
    reciprocal: Float64[np.ndarray, "ways n"]

    @property
    def p1(self) -> float:
        """Precision@1, the mean of both ways."""
        return float(self.first.mean())

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank, the mean of both ways."""
        return float(self.reciprocal.mean())


def likeness(
    a: Float[torch.Tensor, "n dim"], b: Float[torch.Tensor, "n dim"], *, csls: int = 0
) -> Float[torch.Tensor, "n n"]:
    """Cosines of all rows; with ``csls`` > 0, less the mean over that many nearest neighbours of both."""
    cosines = normalize(a.double(), dim=1) @ normalize(b.double(), dim=1).T
    if not csls:
        return cosines
    near = min(csls, len(a))
    of_a = cosines.topk(near, dim=1).values.mean(1, keepdim=True)
    of_b = cosines.topk(near, dim=0).values.mean(0, keepdim=True)
    return 2 * cosines - of_a - of_b


def retrieval(a: Float[torch.Tensor, "n dim"], b: Float[torch.Tensor, "m dim"], *, csls: int = 0) -> Ranked:
    """Retrieval of rows of ``b`` by those of ``a`` and back; row i of both says the same.

    Raises UsageError for fewer than two sentences, or unequal numbers.

    Example:
        >>> import torch
        >>> from concept_align.tuning.retrieval import retrieval
        >>> found = retrieval(torch.eye(4), 3 * torch.eye(4))
        >>> found.p1, found.mrr
        (1.0, 1.0)
    """
    if len(a) != len(b) or len(a) < 2:
        raise UsageError(f"{len(a)} sentences and {len(b)} translations cannot be searched: two of each")
    like = likeness(a, b, csls=csls)
    own = like.diagonal()
    # Equal vectors differ in the last bits of their products.
    slack = 1e-12 * max(1.0, float(like.abs().max()))
    found = []
    for scores in (like, like.T):
        above = (scores > own[:, None] + slack).sum(1).numpy()
        among = ((scores - own[:, None]).abs() <= slack).sum(1).numpy()  # itself and those as near
        found.append((np.where(above == 0, 1.0 / among, 0.0), _expected_reciprocal(above, among)))
    first, reciprocal = (np.stack(part) for part in zip(*found, strict=True))
    return Ranked(first, reciprocal)


def _expected_reciprocal(above: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Mean of 1 / rank over the places above + 1 ... above + among, all equally likely."""
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int((above + among).max()) + 1))])
    return np.asarray((harmonic[above + among] - harmonic[above]) / among)


@torch.inference_mode()
def sentence_vectors(
    model: "TunableModel",
    texts: Mapping[str, Sequence[str]],
    layers: Sequence[int],
    *,
    pooling: SentencePooling = "mean",
    length: int | None = None,
) -> dict[int, dict[str, Float[torch.Tensor, "n dim"]]]:
    """float32 vectors on the CPU of the sentences ``texts`` of each language, by layer and language.

    Sentences are cut at ``length`` tokens (by default what the model reads at once). How they are batched
    changes no vector by more than rounding. UsageError for a layer that the model does not have; ModelError
    for states that are not finite.
    """
    layers = resolve_layers(layers, model.layers)
    cutter = TextTokens(model.tokens, model.pad, model.max_tokens)
    found: dict[int, dict[str, torch.Tensor]] = {layer: {} for layer in layers}
    for language, own in texts.items():
        batch = cutter.texts(list(own), length or model.max_tokens)
        lengths = batch.mask.sum(1).cpu().numpy().astype(np.int64)
        kept = {layer: torch.empty(len(own), model.dim) for layer in layers}
        with explained_memory(model.name), model.running():
            for rows in batches(lengths, BATCH_TOKENS):
                longest, at = int(lengths[rows].max()), torch.from_numpy(rows)
                ids, mask, content = (part[at, :longest] for part in (batch.ids, batch.mask, batch.content))
                states = model.hidden(ids.to(model.device), mask.to(model.device), layers)
                for layer in layers:
                    kept[layer][at] = pooled(states[layer], content.to(model.device), pooling).float().cpu()
        for layer in layers:
            refuse_broken(layer, kept[layer], False, model.name, model.dtype)
            found[layer][language] = kept[layer]
    return found
