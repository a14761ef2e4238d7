"""Sentences as a scorer's tokens: a prompt is the concatenation of its parts' tokens.

A part ends where a label begins, and a label where the next part begins; each is cut into tokens on its own,
as it is in the middle of a text. So a label has the same tokens after every word, a word the same tokens
after every label, and what is fed step by step is what would be fed at once. With tokenizers that never join
characters across the delimiter or before a space this is also what they make of the whole text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ModelError
from ..models.pieces import PieceCutter
from .base import NO_HEAD, ROOT, Item, LabelSet, PromptSentence
from .templates import Template
from .trie import Trie, build_trie

# Texts that a part may be put after to be cut as in the middle of a text; most tokenizers take the first.
_BEFORE = ("a", "a.", "a\n")


@dataclass(frozen=True)
class TokenisedSentence:
    """A sentence's tokens without labels: item i's label stands after ``leads[i]``."""

    leads: tuple[tuple[int, ...], ...]
    tail: tuple[int, ...]  # after the last label

    def pieces(self) -> int:
        return sum(map(len, self.leads))


class Layout:
    """Cuts the parts of prompts written after ``template``; ``start`` are the tokens before any text."""

    def __init__(self, cutter: PieceCutter, tokenizer: object, template: Template) -> None:
        self.template, self.model = template, cutter.name
        self._backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
        probe = self._backend.encode("a")
        special = [*probe.special_tokens_mask, 0]
        self.start: tuple[int, ...] = tuple(probe.ids[: special.index(0)])
        self._cut: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
        self._tries: dict[LabelSet, Trie] = {}

    def trie(self, labels: LabelSet) -> Trie:
        """The labels' tokens, as they are cut after the template's delimiter."""
        if labels not in self._tries:
            delimiters = tuple(
                dict.fromkeys(
                    "a" + text.rsplit("}", 1)[-1] for text in (self.template.word, self.template.relation)
                )
            )
            pieces = [self._inside(name, delimiters + _BEFORE) for name in labels.names]
            self._tries[labels] = build_trie(labels, pieces, self.model)
        return self._tries[labels]

    def lay(self, sentence: PromptSentence, *, first: bool) -> TokenisedSentence:
        """The parts of ``sentence``; ``first`` if nothing but the start tokens is before it."""
        if not sentence.words:
            raise ModelError("a sentence without words", where=_place(sentence))
        template = self.template
        asked = {item.word: item for item in sentence.items}
        header = template.before.format(words=" ".join(sentence.words))
        leads: list[tuple[int, ...]] = []
        # The header stands at the start of a text, or after another sentence.
        cut = tuple(self._plain(header)) if first else self._inside(template.between + header, _BEFORE)
        text = ""
        for place, word in enumerate(sentence.words):
            item = asked.get(place)
            if item is None:
                text += template.unasked.format(word=word)
                continue
            text += self._question(sentence, word, item)
            cut += self._inside(text, _BEFORE)
            if not cut:
                raise ModelError(f"the word {word!r} gets no piece", where=_place(sentence))
            leads.append(cut)
            cut, text = (), template.behind
        tail = cut + (self._inside(text, _BEFORE) if text else ())
        return TokenisedSentence(tuple(leads), tail)

    def _question(self, sentence: PromptSentence, word: str, item: Item) -> str:
        if item.head == NO_HEAD:
            return self.template.word.format(word=word)
        head = self.template.root if item.head == ROOT else sentence.words[item.head]
        return self.template.relation.format(word=word, head=head)

    def _plain(self, text: str) -> list[int]:
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def _inside(self, text: str, before: tuple[str, ...]) -> tuple[int, ...]:
        """The tokens of ``text`` after the first of ``before`` that it shares no token with."""
        key = (text, before)
        if key not in self._cut:
            self._cut[key] = self._after(text, before)
        return self._cut[key]

    def _after(self, text: str, before: Sequence[str]) -> tuple[int, ...]:
        for anchor in before:
            alone = self._plain(anchor)
            both = self._backend.encode(anchor + text, add_special_tokens=False)
            if both.ids[: len(alone)] == alone and all(
                begin >= len(anchor) or begin == end for begin, end in both.offsets[len(alone) :]
            ):
                return tuple(both.ids[len(alone) :])
        return tuple(self._plain(text))


def _place(sentence: PromptSentence) -> str:
    return f"{sentence.treebank}, sentence {sentence.number} (from 0)"
