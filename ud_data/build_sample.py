"""Write the sample treebanks of ``ud_data/sample`` from the compact notation in ``ud_data/sample/source``.

A source file opens with ``= TREEBANK CODE [unspaced]``; sentences follow, each a line with its id and then
words apart by white space:

    form/lemma/UPOS/head/relation[/features]

- ``=`` as lemma: the form itself.
- Features are UD values joined by ``.`` (``Nom.Sing.3.Prs``), their names found in :data:`FEATURES`; a
  value that several features share is written ``Name=Value``.
- ``+`` before a form: no space between it and the token before. In an unspaced file this goes for all.
- ``surface:n``: the next n words are one multiword token.

Run ``python ud_data/build_sample.py`` after changing a source; a test compares the result.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path(__file__).parent / "sample"

# Equal ids are translations of each other, so a meaning must be in the same split everywhere.
SPLITS = {"train": range(1, 15), "dev": range(15, 19), "test": range(19, 25)}

_NAMES = {
    "Number": "Sing Plur",
    "Person": "1 2 3",
    "Gender": "Masc Fem Neut",
    "Animacy": "Anim Inan",
    "Case": "Nom Acc Gen Dat Loc Ins Par Ine Ela Ill Abl All Tra Erg",
    "Tense": "Pres Past Fut",
    "Aspect": "Perf Prog",
    "Mood": "Ind Imp Cnd",
    "VerbForm": "Fin Inf Part Ger Vnoun",
    "Voice": "Act",
    "Definite": "Def",
    "PronType": "Art Prs Dem Rel Int Tot",
    "NumType": "Card",
    "Degree": "Pos",
    "Polarity": "Neg",
}
FEATURES: dict[str, str] = {value: name for name, values in _NAMES.items() for value in values.split()}
FEATURES |= {"Poss": "Poss", "Reflex": "Reflex"}  # Poss=Yes, Reflex=Yes


@dataclass(frozen=True)
class Word:
    form: str
    lemma: str
    upos: str
    head: int
    relation: str
    feats: str


@dataclass(frozen=True)
class Surface:
    """A run of words that is written as one: a multiword token, or a single word (``words`` is 1)."""

    form: str
    words: int
    space_after: bool


@dataclass(frozen=True)
class Sentence:
    sent_id: str
    words: tuple[Word, ...]
    surfaces: tuple[Surface, ...]

    @property
    def number(self) -> int:
        return int(self.sent_id.rpartition("-")[2])

    @property
    def text(self) -> str:
        return "".join(s.form + " " * s.space_after for s in self.surfaces).rstrip()


@dataclass(frozen=True)
class Treebank:
    name: str
    code: str
    sentences: tuple[Sentence, ...]


def features(glosses: str) -> str:
    """The FEATS column for values joined by dots: ``Nom.Sing`` becomes ``Case=Nom|Number=Sing``."""
    pairs: dict[str, str] = {}
    for gloss in filter(None, glosses.split(".")):
        name, equals, value = gloss.partition("=")
        if not equals:
            if gloss not in FEATURES:
                raise ValueError(f"unknown feature value {gloss!r}; write Name=Value")
            name = FEATURES[gloss]
            value = "Yes" if name == gloss else gloss
        if name in pairs:
            raise ValueError(f"feature {name} is given twice in {glosses!r}")
        pairs[name] = value
    return "|".join(f"{name}={pairs[name]}" for name in sorted(pairs, key=str.lower)) or "_"


def read_word(token: str) -> Word:
    """``form/lemma/UPOS/head/relation[/features]``."""
    fields = token.split("/")
    if len(fields) not in (5, 6):
        raise ValueError(f"{token!r} is not form/lemma/UPOS/head/relation[/features]")
    form, lemma, upos, head, relation, *feats = fields
    return Word(form, form if lemma == "=" else lemma, upos, int(head), relation, features("".join(feats)))


def read_sentence(sent_id: str, tokens: list[str], *, unspaced: bool) -> Sentence:
    words: list[Word] = []
    surfaces: list[tuple[str, int, bool]] = []  # form, words, glued to the one before
    inside = 0
    for written in tokens:
        glued, token = unspaced or written.startswith("+"), written.removeprefix("+")
        if "/" not in token:
            form, _, count = token.rpartition(":")
            inside = int(count)
            surfaces.append((form, inside, glued))
            continue
        words.append(read_word(token))
        if inside:
            inside -= 1
        else:
            surfaces.append((words[-1].form, 1, glued))
    if inside:
        raise ValueError(f"{sent_id}: a multiword token lacks {inside} words")
    followers = [glued for _, _, glued in surfaces[1:]] + [False]
    joined = tuple(
        Surface(form, count, not glued) for (form, count, _), glued in zip(surfaces, followers, strict=True)
    )
    return Sentence(sent_id, tuple(words), joined)


def read(text: str) -> Treebank:
    """Parse one source file."""
    header, *blocks = text.strip().split("\n\n")
    _, name, code, *options = header.split()
    sentences = []
    for block in blocks:
        sent_id, *tokens = block.split()
        sentences.append(read_sentence(sent_id, tokens, unspaced="unspaced" in options))
    return Treebank(name, code, tuple(sentences))


def _rows(sentence: Sentence) -> Iterator[str]:
    first = 1
    for surface in sentence.surfaces:
        misc = "_" if surface.space_after else "SpaceAfter=No"
        if surface.words > 1:
            empty = "\t".join("_" * 7)
            yield f"{first}-{first + surface.words - 1}\t{surface.form}\t{empty}\t{misc}"
        for place in range(first, first + surface.words):
            word = sentence.words[place - 1]
            own = misc if surface.words == 1 else "_"
            columns = (place, word.form, word.lemma, word.upos, "_", word.feats, word.head, word.relation)
            yield "\t".join([*map(str, columns), "_", own])
        first += surface.words


def conllu(sentence: Sentence, english: str) -> str:
    """One sentence as CoNLL-U, with the blank line that ends it."""
    comments = [f"# sent_id = {sentence.sent_id}", f"# text = {sentence.text}", f"# text_en = {english}"]
    return "\n".join([*comments, *_rows(sentence)]) + "\n\n"


def build(folder: Path = SAMPLE) -> dict[Path, str]:
    """The text of every file of the sample, by its path under ``folder``."""
    treebanks = [read(path.read_text("utf-8")) for path in sorted((folder / "source").glob("*.txt"))]
    english = {s.sent_id: s.text for bank in treebanks if bank.code == "en" for s in bank.sentences}
    return {
        folder / bank.name / f"{bank.code}_sample-ud-{split}.conllu": "".join(
            conllu(s, english[s.sent_id]) for s in bank.sentences if s.number in numbers
        )
        for bank in treebanks
        for split, numbers in SPLITS.items()
    }


def main() -> None:
    argparse.ArgumentParser(description="Write ud_data/sample from its sources.").parse_args()
    for path, text in build().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
