"""What tuning costs a decoder: nats of plain text, by language.

    nats per token = - sum_t log p(y_t | y_<t) / #tokens,      nats per byte = the same sum / #bytes (UTF-8)

over all sentences of a language. The first compares a model with itself before and after; the second
compares models with different tokenizers. A text's first token is given where the model has no
sentence-start token, and special tokens are never predicted; bytes are those of the whole text. Logits are
made for a few hundred places at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64, Int64

from ..errors import UsageError
from ..icl.causal import token_nats
from ..models.batches import batches
from ..models.faults import explained_memory
from .retrieval import BATCH_TOKENS
from .tokens import TextTokens

if TYPE_CHECKING:
    from .model import TunableModel


@dataclass(frozen=True, eq=False)
class TextLoss:
    """What a model says of each sentence [n]: nats, tokens that were predicted, bytes of the text."""

    nats: Float64[np.ndarray, " n"]
    tokens: Int64[np.ndarray, " n"]
    bytes: Int64[np.ndarray, " n"]
    left_out: int = 0  # sentences of more tokens than are read at once, or of none


@torch.inference_mode()
def text_loss(
    model: "TunableModel", texts: Mapping[str, Sequence[str]], *, length: int | None = None
) -> dict[str, TextLoss]:
    """The loss of every language's ``texts``, sentence by sentence in their order.

    Sentences of more than ``length`` tokens (by default what the model reads at once) are left out and
    counted: a part of a text has no number of bytes. Raises UsageError for an encoder, and for a language
    of which no sentence is left.
    """
    if model.kind != "decoder":
        what = f"{model.name} is an encoder: it predicts no next token"
        raise UsageError(what, option="evaluate", remedy="evaluate retrieval alone, or use a decoder")
    cutter = TextTokens(model.tokens, model.pad, model.max_tokens)
    most = min(length or model.max_tokens, model.max_tokens - 1)
    found: dict[str, TextLoss] = {}
    for language, own in texts.items():
        # One token more shows which sentences are too long.
        batch = cutter.texts(list(own), most + 1)
        lengths = batch.mask.sum(1).cpu().numpy().astype(np.int64)
        asked = batch.content[:, 1:].sum(1).cpu().numpy().astype(np.int64)
        fits = np.flatnonzero((lengths <= most) & (asked > 0))
        if not len(fits):
            what = f"no sentence of {language} has 2 to {most} tokens"
            raise UsageError(what, where=model.name, remedy="a longer length, or other texts")
        nats = np.zeros(len(own))
        with explained_memory(model.name), model.running():
            for rows in batches(lengths[fits], BATCH_TOKENS):
                longest, at = int(lengths[fits[rows]].max()), torch.from_numpy(fits[rows])
                ids, mask, content = (part[at, :longest] for part in (batch.ids, batch.mask, batch.content))
                nats[fits[rows]] = _nats(model, ids, mask, content)
        size = np.array([len(text.encode()) for text in own], dtype=np.int64)
        found[language] = TextLoss(nats[fits], asked[fits], size[fits], len(own) - len(fits))
    return found


def _nats(
    model: "TunableModel", ids: torch.Tensor, mask: torch.Tensor, content: torch.Tensor
) -> Float64[np.ndarray, " rows"]:
    """The sum of nats of each row's content tokens given those before them."""
    last = model.last(ids.to(model.device), mask.to(model.device))
    rows, places = content[:, 1:].nonzero(as_tuple=True)
    states = last[rows.to(model.device), places.to(model.device)]  # each token is said by the one before
    wanted = ids[rows, places + 1].to(model.device)
    said = token_nats(model.logits, states, wanted)
    total = torch.zeros(len(ids), dtype=torch.float64).index_add_(0, rows, said.double().cpu())
    return np.asarray(total.numpy())
