"""Which characters of the sentence text each word covers.

Normally the forms, with a space after each that lacks ``SpaceAfter=No``, are the text: then the spans are
running sums, and the claim is checked byte by byte for all sentences at once. A sentence that differs
(double or no-break spaces, another Unicode normalisation) is walked through form by form.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np

from .scan import Lines
from .spans import Ints, Mask, continuations, sixteens, where
from .tokens import Tokens

SPACE = ord(" ")
_FEW = 256  # spans that are searched one by one; more, and the whole block is
_NO_SPACE = b"SpaceAfter=No"
_HEAD, _TAIL = (np.uint64(int.from_bytes(part, "little")) for part in (_NO_SPACE[:8], _NO_SPACE[-8:]))


def spaces_after(lines: Lines, tokens: Ints) -> Mask:
    """[tokens] is the token followed by a space, as MISC says?"""
    at, word = lines.bytes.at, lines.bytes.word
    starts, ends = lines.column(9, tokens)
    spaces = np.ones(len(tokens), dtype=np.bool_)
    rows = where(ends - starts >= len(_NO_SPACE))
    start, end = starts[rows], ends[rows]
    follows = at[start + len(_NO_SPACE)]
    first = (word[start] == _HEAD) & (word[start + 5] == _TAIL) & ((follows == ord("|")) | (follows <= 10))
    begin = np.maximum(end - len(_NO_SPACE), start)
    last = (word[begin] == _HEAD) & (word[begin + 5] == _TAIL) & (at[begin - 1] == ord("|"))
    spaces[rows[first | last]] = False
    hidden = rows[(end - start > len(_NO_SPACE) + 3) & ~(first | last)]
    if hidden.size:
        inside = _holding(lines.bytes.data, b"|" + _NO_SPACE + b"|", starts[hidden], ends[hidden])
        spaces[hidden[inside]] = False
    return spaces


def _holding(data: bytes | bytearray, wanted: bytes, starts: Ints, ends: Ints) -> Ints:
    """Which of the spans (in order, apart from each other) hold ``wanted``."""
    if len(starts) < _FEW:
        spans = enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
        return np.array([row for row, (start, end) in spans if data.find(wanted, start, end) >= 0], dtype=int)
    found, position = [], data.find(wanted, int(starts[0]))
    while position >= 0:
        found.append(position)
        position = data.find(wanted, position + 1)
    rows = np.searchsorted(ends, found)
    inside = rows < len(ends)
    inside[inside] = starts[rows[inside]] <= np.array(found, dtype=np.int64)[inside]
    return rows[inside]


class Surface:
    """The tokens that stand in the text, laid end to end.

    ``begin`` and ``end`` [surface] are characters within the rebuilt sentence; ``matches(...)`` says where
    the text is that very string.
    """

    def __init__(self, lines: Lines, tokens: Tokens, spaces: Mask) -> None:
        self.bytes = lines.bytes
        self.starts, ends = lines.column(1, tokens.surface)
        self.lengths = ends - self.starts
        self.sentence = lines.sentence[tokens.surface]
        self.offsets = np.searchsorted(self.sentence, np.arange(lines.sents + 1))
        self.spaces = spaces.copy()
        self.spaces[self.offsets[1:] - 1] = False  # nothing follows the last token
        self.at, self.total = self._lay(self.lengths)

    def _lay(self, lengths: Ints) -> tuple[Ints, Ints]:
        """(start of each token within its sentence, length of each sentence)."""
        whole = lengths + self.spaces
        starts = whole.cumsum()
        starts -= whole
        bases = np.append(starts, whole.sum())[self.offsets]
        starts -= bases[self.sentence]
        return starts, bases[1:] - bases[:-1]

    def compare(self, text_starts: Ints, text_lengths: Ints) -> tuple[Mask, Ints, Ints]:
        """([sents] text is the rebuilt string, [surface] first character, [surface] last character + 1)."""
        same = self.total == text_lengths
        inside = same[self.sentence]
        there = np.where(inside, text_starts[self.sentence] + self.at, self.starts)
        wrong = np.zeros(len(there), dtype=np.bool_)
        characters = self.lengths.copy()
        plain = self.bytes.data.isascii()
        offset = there - self.starts
        for rows, at, masks in sixteens(self.starts, self.lengths):
            mine = self.bytes.pairs(at)
            differing = (mine ^ self.bytes.pairs(at + offset[rows])) & masks
            wrong[rows] |= (differing[:, 0] | differing[:, 1]) != 0
            if not plain:
                characters[rows] -= continuations(mine & masks)
        behind = self.bytes.at[there + self.lengths]
        wrong |= inside & self.spaces & (behind != SPACE)
        same[self.sentence[wrong]] = False
        begin, _ = self._lay(characters)
        return same, begin, begin + characters

    def forms(self, sentence: int) -> list[str]:
        first, last = self.offsets[sentence : sentence + 2].tolist()
        rows = zip(self.starts[first:last].tolist(), self.lengths[first:last].tolist(), strict=True)
        return [self.bytes.text(start, start + length) for start, length in rows]

    def rebuilt(self, sentence: int) -> str:
        """The forms, with spaces where none is said to be missing."""
        first, last = self.offsets[sentence : sentence + 2].tolist()
        pairs = zip(self.forms(sentence), self.spaces[first:last].tolist(), strict=True)
        return "".join(form + " " * space for form, space in pairs)


def search(text: str, forms: Sequence[str]) -> list[tuple[int, int]] | None:
    """Character spans of ``forms``, in order, in ``text``; None where one is not there.

    Between forms only white space may be passed over. Within them, white space and Unicode normalisation
    (NFC, NFD) may differ.
    """
    spans, position = [], 0
    for form in forms:
        while not text.startswith(form, position) and text[position : position + 1].isspace():
            position += 1
        if not text.startswith(form, position):
            return _search_normalised(text, forms)
        spans.append((position, position + len(form)))
        position += len(form)
    return spans


def _search_normalised(text: str, forms: Sequence[str]) -> list[tuple[int, int]] | None:
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        cluster = _plain(text[start:end])
        letters.append(cluster)
        places += [(start, end)] * len(cluster)
        start = end
    joined, spans, position = "".join(letters), [], 0
    for form in forms:
        wanted = _plain(form)
        if not wanted or not joined.startswith(wanted, position):
            return None
        spans.append((places[position][0], places[position + len(wanted) - 1][1]))
        position += len(wanted)
    return spans


def _plain(text: str) -> str:
    """Decomposed, without white space."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not sign.isspace())
