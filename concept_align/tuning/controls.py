"""Pairs that should teach nothing: what is gained from them too is no alignment of meanings."""

import unicodedata
from collections.abc import Sequence

from ..errors import LearningError
from ..seeding import stream

_JOINER = "\u200d"


def derangement(ids: Sequence[str], seed: int, language: str) -> dict[str, str]:
    """For each id another one, each once: a circle through all of them in random order.

    Raises LearningError for a single id.
    """
    if len(ids) == 1:
        what = f"{language} has one training sentence, so none to shuffle it with"
        raise LearningError(
            what, option="control", remedy="give more translations, or leave the language out"
        )
    order = [ids[at] for at in stream(seed, "tune", "shuffled", language).permutation(len(ids)).tolist()]
    return dict(zip(order, [*order[1:], *order[:1]], strict=True))


def halves(text: str) -> tuple[str, str] | None:
    """A sentence in two: at the space nearest to its middle, without spaces between two letters.

    None where a half would be without a letter.

    Example:
        >>> halves("The old dog sleeps"), halves("我们学校")
        (('The old', 'dog sleeps'), ('我们', '学校'))
    """
    middle = len(text) / 2
    spaces = [at for at, sign in enumerate(text) if sign.isspace()]
    for at in sorted(spaces or _borders(text), key=lambda at: abs(at - middle)):
        first, second = text[:at].strip(), text[at:].strip()
        if all(any(sign.isalnum() for sign in part) for part in (first, second)):
            return first, second
    return None


def _borders(text: str) -> list[int]:
    """Where a sign ends: not before a mark, and not around what joins two."""
    return [
        at
        for at in range(1, len(text))
        if unicodedata.category(text[at])[0] != "M" and _JOINER not in text[at - 1 : at + 1]
    ]
