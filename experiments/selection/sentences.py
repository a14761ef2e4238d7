"""Which sentences: candidates, queries to learn from, queries to test with; and translations."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from concept_align.icl.base import PromptSentence, tagged_sentences
from concept_align.icl.wording import LabelSet, label_set
from concept_align.seeding import derive, stream
from concept_align.treebanks import conllu
from concept_align.treebanks.concepts import Task, parse_task
from concept_align.treebanks.discover import TreebankFile, find_treebanks

SIDES = ("candidates", "train", "self", "test")
PUD = "UD_{}-PUD"


@dataclass(frozen=True)
class Sentences:
    """The sentences of one task, drawn by the seed."""

    settings: Mapping[str, Any]
    treebanks: Path
    name: str

    @cached_property
    def task(self) -> Task:
        return parse_task(self.name)

    @cached_property
    def labels(self) -> LabelSet:
        seed = derive(self.settings["seed"], "labels", 0)
        return label_set(self.settings["labels"], self.task.concepts, seed=seed)

    def langs(self, side: str) -> tuple[str, ...]:
        return tuple(self.settings[side]["langs"].split(","))

    def of(self, side: str) -> list[PromptSentence]:
        """Those of one of the :data:`SIDES`: equally many of each language."""
        each = self.settings["fewer"].get(self.name, {}).get(side, self.settings[side]["each"])
        return [one for language in self.langs(side) for one in self._context[side, language][:each]]

    def context(self, language: str) -> list[list[PromptSentence]]:
        """What mean and scale of a language are taken from; the first are those of :meth:`of`."""
        found = [self._context[side, language] for side in SIDES if language in self.langs(side)]
        return [*found, *([self.translations[language]] if language in self.translations else [])]

    def drawn(self, language: str, split: str, most: int) -> list[PromptSentence]:
        """Sentences of a split, of the lengths asked for, in a random order that ``most`` does not change."""
        shortest, longest = self.settings["words"]
        (file,) = find_treebanks(self.treebanks, [language], [split])
        short = self._read(file, longest)
        # A sentence that is there twice would be its own demonstration.
        fit = list({one.words: one for one in short if len(one.words) >= shortest}.values())
        order = stream(self.settings["seed"], "selection", file.language, split).permutation(len(fit))
        return [fit[place] for place in order[:most]]

    @cached_property
    def translations(self) -> dict[str, list[PromptSentence]]:
        """By language, sentences of the parallel treebanks that say the same, in the same order."""
        shortest, longest = self.settings["words"]
        found = {}
        for name in self.settings["parallel"]["treebanks"].split(","):
            (file,) = find_treebanks(self.treebanks, [PUD.format(name)], ["test"])
            found[file.language] = {one.number: one for one in self._read(file, longest)}
        numbers = sorted(set.intersection(*(set(one) for one in found.values())))
        numbers = [n for n in numbers if all(len(one[n].words) >= shortest for one in found.values())]
        most = self.settings["parallel"]["each"]
        return {code: [one[n] for n in numbers[:most]] for code, one in found.items()}

    def _read(self, file: TreebankFile, longest: int) -> list[PromptSentence]:
        corpus = conllu.read(file.path, language=file.language, treebank=file.treebank, split=file.split)
        return tagged_sentences(corpus, self.task, longest=longest)

    @cached_property
    def _context(self) -> dict[tuple[str, str], list[PromptSentence]]:
        found = {}
        for side in SIDES:
            for language in self.langs(side):
                most = self.settings["context"]
                found[side, language] = self.drawn(language, self.settings[side]["split"], most)
        return found
