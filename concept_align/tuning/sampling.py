"""Which rows a training step reads: a function of the seed and the step alone.

No state is kept, so a run that is resumed, or spread over processes, draws what it would have drawn.

A batch of pairs holds each id once. The two languages of an id are drawn anew in each step (``any``), are
English and another (``pivot``), or stay the same (``fixed``). Two controls break what should matter:
``shuffled`` pairs each text with the text of another id, always the same one; ``same-language`` pairs the two
halves of a sentence. (``answers-only`` is a control of the losses and changes no pair.)
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
from jaxtyping import Bool

from ..errors import LearningError, UsageError
from ..registration import suggest
from ..seeding import stream
from .controls import derangement, halves
from .instructions import Instruction, InstructionSource
from .parallel import Parallel, normalised
from .settings import Control, Pairing
from .splits import Split

PIVOT = "en"


@dataclass(frozen=True)
class PairRow:
    """Two texts that are to come together; ids differ only where they are shuffled."""

    id_a: str
    language_a: str
    id_b: str
    language_b: str


class PairSampler:
    """Batches of pairs of the training ids in the seen languages.

    ``negatives`` is ``other``, ``both`` or ``hard:K``: what a pair is told from; K of the latter asks
    :meth:`hard` for so many. Raises UsageError for what is none of these, LearningError where there is
    nothing to pair.
    """

    def __init__(
        self,
        parallel: Parallel,
        split: Split,
        *,
        pairing: str = "any",
        control: str = "none",
        negatives: str = "other",
        seed: int,
    ) -> None:
        _among(pairing, get_args(Pairing), "pairing")
        _among(control, get_args(Control), "control")
        if pairing == "pivot" and PIVOT not in split.seen:
            what = f"pairs with {PIVOT} need it among the languages"
            raise UsageError(what, option="pairing", remedy="say any, or tune on en too")
        self.hardest = hard_negatives(negatives)
        self.pairing, self.control, self.seed, self._parallel = pairing, control, seed, parallel
        self._texts = {language: parallel.texts[language] for language in split.seen}
        self._languages = {one: found for one in split.train if (found := self._languages_of(one))}
        self._ids = tuple(self._languages)
        if not self._ids:
            what = f"no training sentence makes a pair in {', '.join(split.seen)}"
            remedy = "tune on more languages or more sentences"
            raise LearningError(what, option="langs", where=parallel.source, remedy=remedy)

    @property
    def ids(self) -> tuple[str, ...]:
        """The training ids that make a pair."""
        return self._ids

    def _languages_of(self, one: str) -> tuple[str, ...]:
        """The languages an id may be drawn in; () where it makes no pair."""
        own = tuple(language for language, texts in self._texts.items() if one in texts)
        if self.control == "same-language":
            return tuple(language for language in own if halves(self._texts[language][one]) is not None)
        if self.pairing == "pivot" and PIVOT not in own:
            return ()
        return own if len(own) > 1 else ()

    def rows(self, step: int, count: int) -> list[PairRow]:
        """The ``count`` pairs of ``step`` (from 0), each id once. LearningError where there are fewer ids."""
        if count > len(self._ids):
            what = f"batches of {count} pairs, but {len(self._ids)} training sentences make pairs"
            remedy = f"say at most {len(self._ids)}, or give more translations"
            raise LearningError(what, option="batch", where=self._parallel.source, remedy=remedy)
        rng = stream(self.seed, "tune", "pairs", step)
        ids = [self._ids[at] for at in rng.permutation(len(self._ids))[:count].tolist()]
        return [self._row(one, rng) for one in ids]

    def _row(self, one: str, rng: np.random.Generator) -> PairRow:
        languages = self._languages[one]
        if self.control == "same-language":
            language = languages[int(rng.integers(len(languages)))]
            return PairRow(one, language, one, language)
        if self.pairing == "fixed":
            rng = stream(self.seed, "tune", "fixed", one)
        if self.pairing == "pivot":
            others = [language for language in languages if language != PIVOT]
            a, b = PIVOT, others[int(rng.integers(len(others)))]
        else:
            a, b = (languages[at] for at in rng.permutation(len(languages))[:2].tolist())
        return PairRow(one, a, self._shuffled[b][one] if self.control == "shuffled" else one, b)

    @cached_property
    def _shuffled(self) -> dict[str, dict[str, str]]:
        """By language: another id for each."""
        own = {code: [one for one in self._ids if one in texts] for code, texts in self._texts.items()}
        return {code: derangement(ids, self.seed, code) for code, ids in own.items()}

    def texts(self, rows: Sequence[PairRow]) -> tuple[list[str], list[str]]:
        """The two texts of each row."""
        if self.control != "same-language":
            return (
                [self._texts[row.language_a][row.id_a] for row in rows],
                [self._texts[row.language_b][row.id_b] for row in rows],
            )
        split = [halves(self._texts[row.language_a][row.id_a]) for row in rows]
        return [both[0] for both in split if both], [both[1] for both in split if both]

    def false_negatives(self, rows: Sequence[PairRow]) -> Bool[np.ndarray, "n n"]:
        """Whether two rows share an id or a normalised text on any side; never of a row with itself.

        Such rows say the same, or would tell a shuffled pair from its true translation: neither must count as
        a negative of the other.
        """
        holders: dict[tuple[str, str], list[int]] = {}
        for at, (row, a, b) in enumerate(zip(rows, *self.texts(rows), strict=True)):
            marks = {("id", row.id_a), ("id", row.id_b), ("text", normalised(a)), ("text", normalised(b))}
            for mark in marks:
                holders.setdefault(mark, []).append(at)
        same = np.zeros((len(rows), len(rows)), dtype=bool)
        for held in holders.values():
            same[np.ix_(held, held)] = True
        np.fill_diagonal(same, val=False)
        return same

    def hard(
        self, rows: Sequence[PairRow], step: int, nearest: Mapping[str, Sequence[str]] | None = None
    ) -> list[list[str]]:
        """For each row, K ids whose text in ``language_b`` is to be told from the pair.

        Sentences of the same document first, then those of ``nearest`` (ids by id, the nearest first), then
        any. LearningError where a language has too few.
        """
        return [self._hard(row, step, nearest or {}) for row in rows]

    def _hard(self, row: PairRow, step: int, nearest: Mapping[str, Sequence[str]]) -> list[str]:
        texts = self._texts[row.language_b]
        own = {normalised(texts[one]) for one in (row.id_a, row.id_b) if one in texts}
        document = self._by_document[self._parallel.documents[row.id_b]]
        turns = (
            self._turns(document, step, row),
            nearest.get(row.id_b, ()),
            self._turns(self._ids, step, row),
        )
        found: dict[str, None] = {}
        for one in itertools.chain.from_iterable(turns):
            if len(found) == self.hardest:
                return [*found]
            if one in self._languages and one in texts and normalised(texts[one]) not in own:
                found[one] = None
        if len(found) < self.hardest:
            what = f"{self.hardest} hard negatives, but {row.language_b} has {len(found)} other sentences"
            raise LearningError(what, option="negatives", remedy=f"say hard:{max(len(found), 1)} or other")
        return [*found]

    def _turns(self, ids: Sequence[str], step: int, row: PairRow) -> Iterator[str]:
        """All ``ids`` in random order, which is drawn where they are reached."""
        rng = stream(self.seed, "tune", "hard", step, row.id_a)
        yield from (ids[at] for at in rng.permutation(len(ids)).tolist())

    @cached_property
    def _by_document(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {document: [] for document in self._parallel.documents.values()}
        for one in self._ids:
            found[self._parallel.documents[one]].append(one)
        return found


@dataclass(frozen=True)
class InstructionSampler:
    """Instructions of several sources, each as often as another; ``cross`` of them across languages."""

    sources: Sequence[InstructionSource]
    cross: float
    seed: int

    def rows(self, step: int, count: int) -> list[Instruction]:
        """``count`` instructions of ``step`` (from 0)."""
        rng = stream(self.seed, "tune", "instructions", step)
        drawn = rng.integers(len(self.sources), size=count).tolist() if self.sources else []
        return [self.sources[at].draw(rng, self.cross) for at in drawn]


@dataclass(frozen=True)
class TextSampler:
    """Texts in one language each, for what a model must not forget; every language as often as another."""

    texts: Mapping[str, Sequence[str]]  # by language
    seed: int

    def __post_init__(self) -> None:
        if empty := [language for language, own in self.texts.items() if not own]:
            raise LearningError(
                f"no texts in {empty[0]}", option="retain", remedy="give texts, or leave it out"
            )
        if not self.texts:
            raise LearningError("no texts in any language", option="retain", remedy="give texts")

    def rows(self, step: int, count: int) -> list[tuple[str, str]]:
        """``count`` pairs of language and text of ``step`` (from 0)."""
        rng, languages = stream(self.seed, "tune", "texts", step), tuple(self.texts)
        drawn = [languages[int(at)] for at in rng.integers(len(languages), size=count)]
        return [(one, self.texts[one][int(rng.integers(len(self.texts[one])))]) for one in drawn]


def training_texts(parallel: Parallel, split: Split) -> dict[str, list[str]]:
    """The training sentences of the seen languages, by language."""
    return {
        language: [parallel.texts[language][one] for one in split.train if one in parallel.texts[language]]
        for language in split.seen
    }


def hard_negatives(negatives: str) -> int:
    """K of ``hard:K``; 0 for ``other`` and ``both``. UsageError for anything else.

    Example:
        >>> hard_negatives("hard:8"), hard_negatives("other")
        (8, 0)
    """
    kind, _, count = negatives.partition(":")
    if kind == "hard" and count.isascii() and count.isdecimal() and int(count[:6]) > 0:
        return int(count[:6])
    if negatives not in ("other", "both"):
        what = f"{negatives!r} are no negatives"
        raise UsageError(what, option="negatives", remedy="say other, both or hard:8")
    return 0


def _among(value: str, known: Sequence[str], option: str) -> None:
    if value not in known:
        raise UsageError(f"{value!r} is unknown", option=option, remedy=suggest(value, known))
