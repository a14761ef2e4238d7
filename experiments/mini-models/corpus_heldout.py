"""The sentences that must not be trained on: every dev, test and parallel (PUD) sentence of a UD release.

They are compared as :func:`corpus_text.normalised` leaves them, so that another case, spacing or punctuation
hides nothing. A line is refused when it is a held-out sentence of its language, or holds one of at least
20 such characters. Every eighth place of the line is looked up by its next 13 characters: wherever a sentence
begins, one of these pieces is among the eight that were taken from its first 20.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from corpus_text import LANGUAGES, normalised

from concept_align.treebanks import conllu, discover

SHORTEST = 20  # normalised characters from which on a sentence is looked for inside lines
STRIDE = 8
PIECE = SHORTEST - STRIDE + 1


class HeldOut:
    """The held-out sentences of one language."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.whole = frozenset(filter(None, map(normalised, sentences)))
        self._by_piece: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for sentence in self.whole:
            for start in range(STRIDE if len(sentence) >= SHORTEST else 0):
                self._by_piece[sentence[start : start + PIECE]].append((start, sentence))

    def holds(self, line: str) -> bool:
        """Is ``line`` a held-out sentence, or does it hold one?"""
        text = normalised(line)
        if text in self.whole:
            return True
        pieces = self._by_piece
        for place in range(0, len(text) - PIECE + 1, STRIDE):
            for start, sentence in pieces.get(text[place : place + PIECE], ()):
                if place >= start and text.startswith(sentence, place - start):
                    return True
        return False


def read(release: Path) -> dict[str, HeldOut]:
    """The held-out sentences of every language in ``release``."""
    texts: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for file in discover.find_treebanks(release, every=True):
        if file.language in texts and (file.split != "train" or file.treebank.endswith("-PUD")):
            texts[file.language] += conllu.read(file.path, lenient=True, trees=False).texts
    return {language: HeldOut(sentences) for language, sentences in texts.items()}


def hits(folder: Path, release: Path) -> Iterator[tuple[str, str, int]]:
    """(source, language, line) of every held-out sentence in the finished text in ``folder``."""
    held_out = read(release)
    for path in sorted(folder.glob("*/*.tsv")):
        for number, line in enumerate(path.read_text("utf-8").split("\n")[:-1], 1):
            if held_out[path.stem].holds(line.partition("\t")[2]):
                yield path.parent.name, path.stem, number
