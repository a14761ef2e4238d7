"""Rows of pieces to train on: languages by temperature, treebank text first, translations side by side."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mixture import TREEBANKS, temperature_shares
from numpy.typing import NDArray
from tokenizer import BOS, EOS, MASK


@dataclass(frozen=True)
class Mixing:
    """Shares of what is drawn."""

    temperature: float = 0.35  # over languages: share ~ pieces ** temperature
    sources: float = 0.5  # the same over a language's other sources
    treebanks: float = 0.85  # of a language's lines, where it has treebank text
    parallel: float = 0.5  # of the other sources' rows: a line followed by its translation


@dataclass(frozen=True)
class Batch:
    """Rows of pieces, int64 [rows, length]; -1 where there is no word, or a rare one."""

    pieces: NDArray[np.int64]
    word: NDArray[np.int64]  # counted from 0 in each row; -1 at the marks of a sentence's ends
    own: NDArray[np.int64]
    shared: NDArray[np.int64]
    language: NDArray[np.int64]  # of the piece, by its place in ``Reader.languages``


@dataclass(frozen=True)
class _Text:
    language: int
    pieces: NDArray[np.uint16]
    word: NDArray[np.int32]
    form: NDArray[np.int32]
    offsets: NDArray[np.int64]
    keys: NDArray[np.int64]
    at: dict[int, int]  # line of a key


class Reader:
    """Draws batches; what it draws depends only on the generator's state."""

    def __init__(self, work: Path, mixing: Mixing, seed: int) -> None:
        self.mixing = mixing
        self.generator = np.random.default_rng(seed)
        files = sorted((work / "tokens").glob("*/*.npz"))
        self.languages = sorted({file.stem for file in files})
        classes = work / "classes"
        self.own = [np.load(classes / f"{code}.npz")["own"].astype(np.int64) for code in self.languages]
        self.shared = [np.load(classes / f"{code}.shared.npy").astype(np.int64) for code in self.languages]
        self.sources: dict[str, dict[int, _Text]] = {}
        for file in files:
            held = np.load(file)
            if len(held["offsets"]) < 2:
                continue
            language = self.languages.index(file.stem)
            at = {int(key): line for line, key in enumerate(held["keys"]) if key >= 0}
            columns = [held[name] for name in ("pieces", "word", "form", "offsets", "keys")]
            self.sources.setdefault(file.parent.name, {})[language] = _Text(language, *columns, at)
        self._shares()

    def _shares(self) -> None:
        sizes: dict[str, int] = {}
        self.of_language: list[tuple[list[str], NDArray[np.float64]]] = []
        for language, code in enumerate(self.languages):
            held = {
                name: len(texts[language].pieces) for name, texts in self.sources.items() if language in texts
            }
            sizes[code] = sum(held.values())
            rest = {name: size for name, size in held.items() if name != TREEBANKS}
            shares = temperature_shares(rest, self.mixing.sources) if rest else {}
            trees = self.mixing.treebanks if rest else 1.0
            # A little text is not shown more often than ten times as often as its size would have it.
            trees = min(trees, 10 * held.get(TREEBANKS, 0) / sizes[code])
            full = {name: share * (1 - trees) for name, share in shares.items()} | {TREEBANKS: trees}
            names = [name for name in full if name in held]
            weights = np.array([full[name] for name in names])
            self.of_language.append((names, weights / weights.sum()))
        shares = temperature_shares(sizes, self.mixing.temperature)
        self.language_shares = np.array([shares[code] for code in self.languages])

    def batch(self, rows: int, length: int) -> Batch:
        """``rows`` rows of ``length`` pieces; a row holds whole lines, the last one cut."""
        shape = (rows, length)
        pieces, word = np.full(shape, EOS, np.int64), np.full(shape, -1, np.int64)
        own, shared = np.full(shape, -1, np.int64), np.full(shape, -1, np.int64)
        spoken = np.zeros(shape, np.int64)
        for row, language in enumerate(
            self.generator.choice(len(self.languages), rows, p=self.language_shares)
        ):
            names, weights = self.of_language[language]
            source = self.sources[names[self.generator.choice(len(names), p=weights)]]
            place, seen = 0, 0
            for text, line in self._lines(source, int(language)):
                begin = int(text.offsets[line])
                size = min(int(text.offsets[line + 1]) - begin, length - place - 1)
                pieces[row, place] = BOS
                to, of = slice(place + 1, place + 1 + size), slice(begin, begin + size)
                pieces[row, to] = text.pieces[of]
                word[row, to] = text.word[of] + seen
                form = text.form[of]
                own[row, to] = np.where(form >= 0, self.own[text.language][form], -1)
                shared[row, to] = np.where(form >= 0, self.shared[text.language][form], -1)
                spoken[row, place : place + size + 2] = text.language
                seen = int(word[row, to].max(initial=seen)) + 1
                place += size + 2  # the mark of the end is there already
                if place >= length - 1:
                    break
        return Batch(pieces, word, own, shared, spoken)

    def _lines(self, source: dict[int, _Text], language: int):
        """Lines without end: a run of one text, or each with its translation into another language."""
        text = source[language]
        line = int(self.generator.integers(len(text.offsets) - 1))
        other = None
        if len(source) > 1 and text.at and self.generator.random() < self.mixing.parallel:
            others = [code for code in source if code != language and source[code].at]
            other = source[others[self.generator.integers(len(others))]] if others else None
        while True:
            twin = other.at.get(int(text.keys[line])) if other is not None else None
            if twin is not None and other is not None and self.generator.random() < 0.5:
                yield other, twin
                yield text, line
            else:
                yield text, line
                if twin is not None and other is not None:
                    yield other, twin
            line = (line + 1) % (len(text.offsets) - 1)


@dataclass(frozen=True)
class Corruption:
    """Which words are hidden from the encoder."""

    masked: float = 0.12
    replaced: float = 0.06


def corrupt(batch: Batch, how: Corruption, generator: np.random.Generator) -> tuple[NDArray, NDArray]:
    """The pieces with words masked or replaced, and what befell each piece: 0 nothing, 1 mask, 2 replaced.

    Whole words are hidden, so that their own spelling does not tell. A replacement is made of pieces found
    elsewhere in the batch in the same language: the surroundings, not the language, must give it away.
    """
    pieces, fate = batch.pieces.copy(), np.zeros(batch.pieces.shape, np.int8)
    drawn = generator.random((batch.word.shape[0], int(batch.word.max()) + 2))
    u = np.take_along_axis(drawn, batch.word + 1, axis=1)
    inside = batch.word >= 0
    fate[inside & (u < how.masked)] = 1
    fate[inside & (u >= how.masked) & (u < how.masked + how.replaced)] = 2
    pieces[fate == 1] = MASK
    for language in np.unique(batch.language):
        here = batch.language == language
        pool = batch.pieces[here & inside]
        wanted = here & (fate == 2)
        if len(pool) and wanted.any():
            pieces[wanted] = pool[generator.integers(len(pool), size=int(wanted.sum()))]
    fate[(fate == 2) & (pieces == batch.pieces)] = 0
    return pieces, fate
