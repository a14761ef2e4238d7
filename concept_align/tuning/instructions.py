"""Cross-lingual instructions: a prompt in one language, an answer in another (AFP: arXiv 2311.08089).

Templates put texts together; an answer always stands at the end of one, so that a prompt and its answer are
two texts. White space between them belongs to the answer, as tokenizers have it.
"""

import string
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import config
from ..errors import LearningError, UsageError
from ..hashing import digest
from ..treebanks import registry
from .parallel import Parallel
from .splits import Split

OUTPUT = "{output}"


@dataclass(frozen=True)
class Instruction:
    """What is asked and what is to be answered; ``prompt + answer`` is the whole text."""

    prompt: str
    answer: str
    prompt_language: str
    answer_language: str
    id: str


@dataclass(frozen=True)
class InstructionTemplates:
    """How texts become instructions; the default ones are AFP's, ``structural`` is ours.

    ``{language}`` is the English name of the answer's language. Each ends in ``{output}``.
    """

    parallel: tuple[str, ...] = ("{input} Translate into {language}: {output}", "{input} = {output}")
    with_input: str = "{instruction} {input} Answer in {language}: {output}"
    without_input: str = "{instruction} Answer in {language}: {output}"
    structural: str = "{words} Word classes in {language}: {output}"

    def __post_init__(self) -> None:
        if not self.parallel:
            raise UsageError("no template", where="templates, parallel", remedy="give one, or leave it out")
        for text in self.parallel:
            _check(text, "parallel", {"input"})
        _check(self.with_input, "with_input", {"instruction", "input"})
        _check(self.without_input, "without_input", {"instruction"})
        _check(self.structural, "structural", {"words"})

    @classmethod
    def read(cls, path: str | Path) -> "InstructionTemplates":
        """From a TOML file with these fields; those left out are the default ones."""
        return config.read_toml(path, cls)


def _check(text: str, field: str, needed: set[str]) -> None:
    where = f"template {field} = {text!r}"
    try:
        found = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UsageError(f"not a template: {error}", where=where, remedy="write {{ for a brace") from error
    if strange := sorted(set(found) - needed - {"language", "output"}):
        remedy = "use " + ", ".join(f"{{{name}}}" for name in sorted(needed | {"language", "output"}))
        raise UsageError(f"unknown placeholder {{{strange[0]}}}", where=where, remedy=remedy)
    if missing := sorted(needed - set(found)):
        raise UsageError(f"{{{missing[0]}}} is missing", where=where, remedy="put it where it is to stand")
    if not text.endswith(OUTPUT) or found.count("output") != 1 or text.endswith("{" + OUTPUT):
        remedy = "end it in {output}: what comes behind would never be learned"
        raise UsageError(f"it does not end in {OUTPUT}", where=where, remedy=remedy)


def filled(template: str, output: str, **texts: str) -> tuple[str, str]:
    """Prompt and answer of a template; white space between them goes to the answer.

    Example:
        >>> filled("{input} Translate into {language}: {output}", "Regen", input="Rain", language="German")
        ('Rain Translate into German:', ' Regen')
    """
    prompt = template.removesuffix(OUTPUT).format(**texts)
    return parted(prompt, output)


def parted(prompt: str, answer: str) -> tuple[str, str]:
    """The same two with the white space at the prompt's end put before the answer."""
    bare = prompt.rstrip()
    return bare, prompt[len(bare) :] + answer


def language_name(code: str) -> str:
    """The English name of a language, its code where it has none here."""
    known = registry.known(code)
    return known.name if known else code


class InstructionSource(ABC):
    """Where instructions are drawn from; ``digest`` is of all that they are made of."""

    digest: str

    @abstractmethod
    def draw(self, rng: np.random.Generator, cross: float = 0.5) -> Instruction:
        """One at random; ``cross`` is the probability that it is answered in another language."""


class TranslationInstructions(InstructionSource):
    """Training sentences to be translated between two seen languages, so always across languages."""

    def __init__(
        self, parallel: Parallel, split: Split, templates: InstructionTemplates | None = None
    ) -> None:
        self._texts = {language: parallel.texts[language] for language in split.seen}
        self._templates = (templates or InstructionTemplates()).parallel
        own = {one: [code for code, texts in self._texts.items() if one in texts] for one in split.train}
        self._languages = {one: codes for one, codes in own.items() if len(codes) > 1}
        self._ids = tuple(self._languages)
        if not self._ids:
            remedy = "tune on more languages, or leave out the instructions parallel"
            raise LearningError(
                "no training sentence has a translation", where=parallel.source, remedy=remedy
            )
        self.digest = digest([parallel.digest, self._ids, split.seen, self._templates])

    def draw(self, rng: np.random.Generator, cross: float = 0.5) -> Instruction:
        one = self._ids[int(rng.integers(len(self._ids)))]
        codes = self._languages[one]
        asked, answered = (codes[at] for at in rng.permutation(len(codes))[:2].tolist())
        template = self._templates[int(rng.integers(len(self._templates)))]
        texts = {"input": self._texts[asked][one], "language": language_name(answered)}
        prompt, answer = filled(template, self._texts[answered][one], **texts)
        return Instruction(prompt, answer, asked, answered, one)
