"""The model's own loss as a read-out: nats of the tokens of words, by the words' concept.

    decoder     - log p(token t | tokens before it)
    encoder     - log p(token t | the sentence, in which it and others are masked)

Both are summed over the tokens that a sentence has of itself (not over special ones) and counted by token. A
token counts for the first word it belongs to; tokens of no labelled word have a column of their own, so that
the sum over columns is the loss of the sentence. An encoder reads 15% of a sentence's tokens masked (Devlin
et al. 2019, arXiv 1810.04805), the same ones whatever is done to its states.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from ..errors import ModelError, UsageError
from ..icl.causal import token_nats
from ..icl.whole import kind_of
from ..models.capture import OUTPUT
from ..models.frozen import FrozenModel
from ..models.heads import HeadedModel
from ..seeding import stream
from .readouts import Tally
from .texts import ReadRows, TargetText, rows_of, sums_by_row

MASKED = 0.15  # of a sentence's tokens


@dataclass(frozen=True, eq=False)
class AskedTokens:
    """The tokens of one row that a model is asked for: ``wanted`` off the state at ``at``, by ``column``."""

    at: Int64[np.ndarray, " asked"]
    wanted: Int64[np.ndarray, " asked"]
    column: Int64[np.ndarray, " asked"]


def headed(model: FrozenModel, what: str) -> HeadedModel:
    """``model`` with its head, for the read-out ``what``; ModelError where it has none."""
    if not isinstance(model, HeadedModel):
        told = f"{what} needs a language-model head, and the model has none"
        remedy = "use a model saved with its head, or leave this read-out out (probes need none)"
        raise ModelError(told, where=model.name, option="readouts", remedy=remedy)
    return model


def mask_token(model: FrozenModel, what: str) -> int:
    """The token that stands for a masked one; ModelError where the tokenizer has none."""
    found = getattr(model.tokenizer, "mask_token_id", None)
    if not isinstance(found, int):
        told = f"{what} of an encoder needs a mask token, and its tokenizer has none"
        remedy = "use another encoder, or leave this read-out out"
        raise ModelError(told, where=model.name, option="readouts", remedy=remedy)
    return found


def asked_nats(
    model: HeadedModel, states: Mapping[int, torch.Tensor], asked: Sequence[AskedTokens]
) -> Float64[np.ndarray, " asked"]:
    """- log p of every token that is asked for, row after row, off the model's last ``states``."""
    rows = torch.from_numpy(rows_of([len(own.at) for own in asked]))
    at = torch.from_numpy(np.concatenate([own.at for own in asked]))
    wanted = torch.from_numpy(np.concatenate([own.wanted for own in asked]))
    last = states[OUTPUT]
    chosen = last[rows.to(last.device), at.to(last.device)]
    nats: NDArray[np.float64] = token_nats(model.logits, chosen, wanted).double().cpu().numpy()
    if not np.isfinite(nats).all():
        remedy = "load the model in float32, or change its states by less"
        raise ModelError("its log-probabilities are not finite", where=model.name, remedy=remedy)
    return nats


@dataclass(frozen=True, eq=False)
class LossReadOut:
    """Nats per token: of the next token in a decoder, of masked ones in an encoder. See :func:`loss_of`."""

    model: HeadedModel
    text: TargetText
    rows: ReadRows
    asked: tuple[AskedTokens, ...]  # of each row
    name: str = "loss"

    @property
    def layers(self) -> tuple[int, ...]:
        return (OUTPUT,)

    def numbers(
        self, states: Mapping[int, torch.Tensor], places: NDArray[np.int64]
    ) -> Float64[np.ndarray, "rows numbers"]:
        """Nats by column, then how many tokens there are."""
        asked = [self.asked[place] for place in places]
        row, column = rows_of([len(own.at) for own in asked]), np.concatenate([own.column for own in asked])
        shape = (len(places), len(self.text.columns))
        nats = sums_by_row(row, column, asked_nats(self.model, states, asked), shape)
        return np.hstack([nats, sums_by_row(row, column, np.ones(len(row)), shape)])

    def tallies(self, numbers: Float64[np.ndarray, "rows numbers"]) -> Mapping[str, Tally]:
        """``nats`` per token, by the concept of the word that a token belongs to."""
        above, below = np.hsplit(numbers, 2)
        return {"nats": Tally(self.text.columns, above, below)}


def loss_of(model: FrozenModel, text: TargetText, *, seed: int = 0, masked: float = MASKED) -> LossReadOut:
    """The loss of ``model`` on ``text``.

    Of a decoder, of every token that another stands before; of an encoder, of the share ``masked`` of
    tokens (at least one a sentence), drawn by ``seed`` and the sentence's name. Raises ModelError where the
    model has no head (or an encoder no mask token), UsageError for text that is read twice: the second copy
    would be predicted.
    """
    found = headed(model, "loss")
    if text.read == "twice":
        what = "the loss of a text that is read twice is that of a copy"
        raise UsageError(what, option="readouts", remedy="leave loss out, or extract with read=once")
    if kind_of(model) == "decoder":
        return LossReadOut(
            found, text, text.rows, tuple(_next_tokens(text, row) for row in range(text.sents))
        )
    if not 0 < masked <= 1:
        raise UsageError(f"a share of {masked}", option="masked", remedy="give a number from 0 to 1")
    sign = mask_token(model, "loss")
    pieces, asked = [], []
    for place, own in enumerate(text.pieces):
        content = np.flatnonzero(~text.special[place])
        random = stream(seed, "masked", text.language, text.ids[place])
        many = max(1, round(masked * len(content)))
        at = np.sort(random.permutation(content)[:many])
        ids = own.ids.copy()
        ids[at] = sign
        pieces.append(replace(own, ids=ids))
        asked.append(AskedTokens(at, own.ids[at].astype(np.int64), text.of_tokens(place)[at]))
    rows = replace(text.rows, pieces=tuple(pieces))
    return LossReadOut(found, text, rows, tuple(asked))


def _next_tokens(text: TargetText, place: int) -> AskedTokens:
    """Every token of a sentence's own that another stands before."""
    content = np.flatnonzero(~text.special[place])
    told = content[content > 0]
    return AskedTokens(told - 1, text.pieces[place].ids[told].astype(np.int64), text.of_tokens(place)[told])
