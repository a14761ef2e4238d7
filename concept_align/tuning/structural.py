"""Instructions of structure: a sentence in one language, its word classes called by the words of another.

    Der Hund schläft . Word classes in French: Der (déterminant) Hund (nom) schläft (verbe) . (ponctuation)

So the concepts of this project are what is asked for across languages. Names of the classes are those of
in-context learning (:mod:`..icl.wording`).
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import LearningError, UsageError
from ..hashing import digest
from ..icl.wording import LANGUAGES, word_classes
from ..treebanks import conllu
from ..treebanks.concepts import UPOS
from ..treebanks.corpus import Corpus
from ..treebanks.discover import TreebankFile, find_treebanks
from .instructions import Instruction, InstructionSource, InstructionTemplates, filled, language_name
from .parallel import normalised

LONGEST = 40  # words of a sentence


class _Tagged(NamedTuple):
    """A sentence with its word classes."""

    id: str
    language: str
    words: tuple[str, ...]
    classes: tuple[str, ...]  # "" for a word that has none


class StructuralInstructions(InstructionSource):
    """The labelled sentences of ``corpora``, of at most ``longest`` words and with a label at all.

    Answers are in the words of ``languages``. Sentences whose text is among ``without`` (normalised) are
    never learned. Raises LearningError where nothing is left.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        languages: Sequence[str],
        *,
        templates: InstructionTemplates | None = None,
        without: Collection[str] = (),
        longest: int = LONGEST,
    ) -> None:
        self._template = (templates or InstructionTemplates()).structural
        named = [code for code in languages if code in LANGUAGES]
        self._names = {code: word_classes(code) for code in named}
        self._by_language: dict[str, list[_Tagged]] = {}
        for corpus in corpora:
            if found := _tagged(corpus, without, longest):
                self._by_language.setdefault(corpus.source.language, []).extend(found)
        if not self._by_language or not self._names:
            what = (
                "no labelled sentences" if self._names else f"no words for classes in {', '.join(languages)}"
            )
            remedy = "name treebanks with word classes, or leave out the instructions structural"
            raise LearningError(what, option="instructions", remedy=remedy)
        self.digest = digest([self._by_language, self._names, self._template])

    def draw(self, rng: np.random.Generator, cross: float = 0.5) -> Instruction:
        languages = tuple(self._by_language)
        asked = languages[int(rng.integers(len(languages)))]
        own = self._by_language[asked]
        sentence = own[int(rng.integers(len(own)))]
        others = [code for code in self._names if code != asked]
        across = bool(others) and (asked not in self._names or rng.random() < cross)
        answered = others[int(rng.integers(len(others)))] if across else asked
        names = self._names[answered]
        pairs = zip(sentence.words, sentence.classes, strict=True)
        output = " ".join(f"{word} ({names[label]})" if label else word for word, label in pairs)
        texts = {"words": " ".join(sentence.words), "language": language_name(answered)}
        prompt, answer = filled(self._template, output, **texts)
        return Instruction(prompt, answer, asked, answered, sentence.id)


def _tagged(corpus: Corpus, without: Collection[str], longest: int) -> list[_Tagged]:
    found = []
    for at in range(corpus.sents):
        words = corpus.words_of(at)
        codes = corpus.upos[words].tolist()
        if len(codes) > longest or max(codes) < 0 or normalised(corpus.texts[at]) in without:
            continue
        classes = tuple(UPOS[code] if code >= 0 else "" for code in codes)
        found.append(
            _Tagged(corpus.sent_ids[at], corpus.source.language, tuple(corpus.forms[words]), classes)
        )
    return found


def read_corpora(path: str | Path, languages: Sequence[str]) -> list[Corpus]:
    """The training sentences of the usual treebank of each language; all, where it has no train split.

    Broken sentences, and languages without a treebank, are left out; UsageError where there is none at all.
    """
    there = {file.language for file in find_treebanks(path, every=True)}
    here = [language for language in languages if language in there]
    if not here:
        what = f"no treebanks in {', '.join(languages)}"
        raise UsageError(what, option="treebanks", where=str(path), remedy="name others, or other langs")
    found: dict[str, list[TreebankFile]] = {}
    for file in find_treebanks(path, here):
        found.setdefault(file.treebank, []).append(file)
    chosen = [[file for file in files if file.split == "train"] or files for files in found.values()]
    return [
        conllu.read_compact(
            file.path, language=file.language, treebank=file.treebank, split=file.split, lenient=True
        )
        for files in chosen
        for file in files
    ]
