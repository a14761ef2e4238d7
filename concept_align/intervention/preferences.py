"""Agreement as a read-out: how often a sentence is more probable than its twin that does not agree.

    decoder     log p(sentence) - log p(twin), each over the tokens from the first that differs to the end
    encoder     the same of the word alone: each of its tokens masked together with those of the word after it
                (Kauf & Ivanova 2023, arXiv 2305.10588)

``preference`` is the share of pairs where that is above 0 (a half where it is 0), ``margin`` its mean in
nats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from ..errors import ModelError, TreebankError
from ..icl.whole import kind_of
from ..models.capture import OUTPUT
from ..models.frozen import FrozenModel
from ..models.heads import HeadedModel
from ..models.protocol import Pieces
from ..types import UNLABELLED
from .agreement import KINDS, AgreementPairs
from .losses import AskedTokens, asked_nats, headed, mask_token
from .readouts import Tally
from .texts import ReadRows, rows_of, sums_by_row


@dataclass(frozen=True, eq=False)
class AgreementReadOut:
    """Preferences for sentences over their twins, by relation and feature. See :func:`agreement_of`."""

    model: HeadedModel
    rows: ReadRows
    asked: tuple[AskedTokens, ...]  # of each row
    pair: Int64[np.ndarray, " rows"]  # to which pair a row belongs
    sign: Int64[np.ndarray, " rows"]  # 1 where it is of the sentence, -1 of the twin
    sentence: Int64[np.ndarray, " pairs"]  # numbered through: pairs of one sentence are drawn together
    kind: Int64[np.ndarray, " pairs"]  # places in KINDS
    name: str = "agreement"

    @property
    def layers(self) -> tuple[int, ...]:
        return (OUTPUT,)

    def numbers(
        self, states: Mapping[int, torch.Tensor], places: NDArray[np.int64]
    ) -> Float64[np.ndarray, "rows numbers"]:
        """Nats of the tokens that are asked for."""
        asked = [self.asked[place] for place in places]
        row = rows_of([len(own.at) for own in asked])
        return sums_by_row(row, np.zeros_like(row), asked_nats(self.model, states, asked), (len(places), 1))

    def tallies(self, numbers: Float64[np.ndarray, "rows numbers"]) -> Mapping[str, Tally]:
        """``preference`` and ``margin``, by relation and feature."""
        margin = np.bincount(self.pair, weights=-self.sign * numbers[:, 0], minlength=len(self.kind))
        shape = (int(self.sentence.max(initial=-1)) + 1, len(KINDS))
        below = sums_by_row(self.sentence, self.kind, np.ones(len(margin)), shape)
        better = (np.sign(margin) + 1) / 2
        return {
            name: Tally(KINDS, sums_by_row(self.sentence, self.kind, values, shape), below)
            for name, values in (("preference", better), ("margin", margin))
        }


def agreement_of(
    model: FrozenModel, pairs: AgreementPairs, classes: tuple[NDArray[np.integer], ...] | None = None
) -> AgreementReadOut:
    """What ``model`` prefers in ``pairs``.

    ``classes`` holds the concepts of the words of each pair's sentence, where states are changed by them.
    Pairs that the model cannot read, or cannot tell apart (both the same tokens), are left out. Raises
    ModelError where the model has no head (or an encoder no mask token), TreebankError where no pair is left.
    """
    found, encoder = headed(model, "agreement"), kind_of(model) == "encoder"
    sign = mask_token(model, "agreement") if encoder else 0
    right = model.cutter.cut_many(pairs.texts, pairs.spans)
    wrong = model.cutter.cut_many(pairs.twin_texts, pairs.twin_spans)
    special = [
        [np.array(mask, bool) for _, mask in model.cutter.with_special(texts)]
        for texts in (pairs.texts, pairs.twin_texts)
    ]
    rows: list[tuple[Pieces, AskedTokens, int, int]] = []
    kept: list[int] = []
    for place, sides in enumerate(zip(right, wrong, strict=True)):
        both = [side for side in sides if not isinstance(side, ModelError)]
        if len(both) < 2 or max(len(side.ids) for side in both) > model.max_pieces:
            continue
        if np.array_equal(both[0].ids, both[1].ids):
            continue
        word, first = int(pairs.word[place]), _first_difference(both[0].ids, both[1].ids)
        own = []
        for side, pieces in enumerate(both):
            if encoder:
                own += [(*one, len(kept), 1 - 2 * side) for one in _masked(pieces, word, sign)]
            else:
                asked = _following(pieces, special[side][place], first)
                own.append((pieces, asked, len(kept), 1 - 2 * side))
        if all(len(asked.at) for _, asked, _, _ in own):
            rows += own
            kept.append(place)
    if not kept:
        what = f"no pair of {len(pairs)} in {pairs.language} that {model.name} can read"
        remedy = "leave agreement out for this language, or give a larger treebank"
        raise TreebankError(what, option="readouts", remedy=remedy)
    owner = np.array([place for _, _, place, _ in rows], np.int64)
    places = np.array(kept, np.int64)
    _, sentence = np.unique(pairs.sentence[places], return_inverse=True)
    given = classes or tuple(np.full(len(own), UNLABELLED) for own in pairs.spans)
    return AgreementReadOut(
        found,
        ReadRows(
            tuple(pieces for pieces, _, _, _ in rows),
            sentence.astype(np.int64)[owner],
            tuple(given[place] for place in places[owner]),
        ),
        tuple(asked for _, asked, _, _ in rows),
        owner,
        np.array([side for _, _, _, side in rows], np.int64),
        sentence.astype(np.int64),
        np.array([KINDS.index(pairs.kinds[place]) for place in kept], np.int64),
    )


def _first_difference(one: NDArray[np.integer], other: NDArray[np.integer]) -> int:
    shorter = min(len(one), len(other))
    differs = np.flatnonzero(one[:shorter] != other[:shorter])
    return int(differs[0]) if len(differs) else shorter


def _following(pieces: Pieces, special: NDArray[np.bool_], first: int) -> AskedTokens:
    """The tokens from ``first`` on, as a decoder reads them; none where nothing stands before the first."""
    told = np.flatnonzero(~special)
    told = told[told >= first] if first > 0 else told[:0]
    none = np.zeros(len(told), np.int64)
    return AskedTokens(told - 1, pieces.ids[told].astype(np.int64), none)


def _masked(pieces: Pieces, word: int, sign: int) -> list[tuple[Pieces, AskedTokens]]:
    """The tokens of ``word``, each asked for where it and those of the word after it are masked."""
    begin, end = int(pieces.begin[word]), int(pieces.end[word])
    found = []
    for at in range(begin, end):
        ids = pieces.ids.copy()
        ids[at:end] = sign
        asked = AskedTokens(np.array([at]), pieces.ids[at : at + 1].astype(np.int64), np.zeros(1, np.int64))
        found.append((replace(pieces, ids=ids), asked))
    return found
