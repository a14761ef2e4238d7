"""The compact notation of ``ud_data/mini/source``: a source file read, and all that is wrong with it named.

A file, ``eu.txt``, opens with ``= UD_Basque-Mini eu [unspaced]``; sentences ``mini-01`` to ``mini-40``
follow, each a line with its id and then words apart by white space:

    form/lemma/UPOS/head/relation[/features]

- ``=`` as lemma: the form itself.
- ``_`` within a form or lemma is a space (``hôm_qua``).
- Features are UD values joined by ``.`` (``Nom.Sing.3.Pres``), their names found in :data:`FEATURES`. A
  value that several features share is written ``Name=Value`` (``Degree=Cmp``), but for those in
  :data:`USUAL`; so are values and features that are not universal (``Number[psor]=Sing``).
- ``+`` before a form: no space between it and the token before. In an unspaced file this goes for all.
- ``surface:n``: the next n words are one multiword token.
- A line that begins with ``#`` is a remark.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from concept_align.treebanks import registry
from concept_align.treebanks.concepts import RELATIONS, UPOS

# Equal ids are translations of each other, so a meaning must be in the same split everywhere.
SPLITS = {"train": range(1, 25), "dev": range(25, 31), "test": range(31, 41)}
IDS = tuple(f"mini-{number:02}" for numbers in SPLITS.values() for number in numbers)

# The universal features of UD v2 and their values.
VALUES: dict[str, str] = {
    "Animacy": "Anim Hum Inan Nhum",
    "Aspect": "Hab Imp Iter Perf Prog Prosp",
    "Case": "Abe Abl Abs Acc Add Ade All Ben Cau Cmp Cns Com Dat Del Dis Ela Equ Erg Ess Gen Ill Ine Ins Lat "
    "Loc Nom Par Per Sbe Sbl Spl Sub Sup Tem Ter Tra Voc",
    "Clusivity": "Ex In",
    "Definite": "Com Cons Def Ind Spec",
    "Degree": "Abs Aug Cmp Dim Equ Pos Sup",
    "Deixis": "Abv Bel Even Med Nvis Prox Remt",
    "Evident": "Fh Nfh",
    "Gender": "Com Fem Masc Neut",
    "Mood": "Adm Cnd Des Imp Ind Int Irr Jus Nec Opt Pot Prp Qot Sub",
    "NumType": "Card Dist Frac Mult Ord Range Sets",
    "Number": "Coll Count Dual Grpa Grpl Inv Pauc Plur Ptan Sing Tri",
    "Person": "0 1 2 3 4",
    "Polarity": "Neg Pos",
    "Polite": "Elev Form Humb Infm",
    "PronType": "Art Dem Emp Exc Ind Int Neg Prs Rcp Rel Tot",
    "Tense": "Fut Imp Nfut Past Pqp Pres",
    "VerbForm": "Conv Fin Gdv Ger Inf Part Sup Vnoun",
    "Voice": "Act Antip Bfoc Cau Dir Inv Lfoc Mid Pass Rcp",
} | {name: name for name in ("Abbr", "Foreign", "Poss", "Reflex", "Typo")}  # Poss=Yes, ...
# What a value that several features have means where its feature is not given.
USUAL = {"Imp": "Mood", "Ind": "Mood", "Int": "PronType", "Neg": "Polarity", "Pos": "Degree"}
_OWNERS: dict[str, list[str]] = {}
for _name, _values in VALUES.items():
    for _value in _values.split():
        _OWNERS.setdefault(_value, []).append(_name)
FEATURES: dict[str, str] = {value: names[0] for value, names in _OWNERS.items() if len(names) == 1} | USUAL

_PAIR = re.compile(r"[A-Z][A-Za-z0-9]*(\[[a-z0-9]+\])?=[A-Z0-9][A-Za-z0-9]*(,[A-Z0-9][A-Za-z0-9]*)*")
_SURFACE = re.compile(r"(.+):(\d+)")
_SUBTYPE = re.compile(r"[a-z]+(:[a-z]+)*")
_ID = re.compile(r"mini-\d+")


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


@dataclass
class Treebank:
    """What a source file holds; ``problems`` name all that is wrong with it."""

    name: str
    code: str
    sentences: list[Sentence] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def features(glosses: str) -> str:
    """The FEATS column for values joined by dots: ``Nom.Sing`` becomes ``Case=Nom|Number=Sing``."""
    pairs: dict[str, str] = {}
    for gloss in filter(None, glosses.split(".")):
        name, equals, value = gloss.partition("=")
        if equals:
            if not _PAIR.fullmatch(gloss):
                raise ValueError(f"{gloss!r} is not Name=Value as UD writes features")
        elif gloss in FEATURES:
            name = FEATURES[gloss]
            value = "Yes" if name == gloss else gloss
        elif gloss in _OWNERS:
            ways = " or ".join(f"{owner}={gloss}" for owner in _OWNERS[gloss])
            raise ValueError(f"feature value {gloss!r} could be several; write {ways}")
        else:
            raise ValueError(f"unknown feature value {gloss!r}; write Name=Value")
        if name in pairs:
            raise ValueError(f"feature {name} is given twice in {glosses!r}")
        pairs[name] = value
    return "|".join(f"{name}={pairs[name]}" for name in sorted(pairs, key=str.lower)) or "_"


def read_word(token: str) -> tuple[Word, list[str]]:
    """``form/lemma/UPOS/head/relation[/features]``, and what is wrong with it."""
    fields = token.split("/")
    if len(fields) not in (5, 6) or not all(fields):
        wrong = f"{len(fields)} fields" if all(fields) else "an empty field"
        return Word(fields[0], "", "", -1, "", "_"), [
            f"{wrong}; it is form/lemma/UPOS/head/relation[/features]"
        ]
    form, lemma, upos, place, relation, *glosses = fields
    form = form.replace("_", " ")
    lemma = form if lemma == "=" else lemma.replace("_", " ")
    wrong_here = []
    universal, colon, subtype = relation.partition(":")
    if upos not in UPOS:
        wrong_here.append(f"unknown word class {upos!r}")
    if universal not in RELATIONS or (colon and not _SUBTYPE.fullmatch(subtype)):
        wrong_here.append(f"unknown relation {relation!r}")
    if not place.isdecimal():
        wrong_here.append(f"head {place!r} is not a number")
    elif (relation == "root") != (int(place) == 0):
        wrong_here.append(f"head {place} and relation {relation!r}: root goes with head 0, and only it")
    if (upos == "PUNCT") != (universal == "punct"):
        wrong_here.append(f"{upos} as {relation!r}: PUNCT goes with punct, and only it")
    feats = "_"
    try:
        feats = features("".join(glosses))
    except ValueError as error:
        wrong_here.append(str(error))
    if upos == "DET" and "Mood=" in feats:
        wrong_here.append("a DET with a Mood; write Definite=Ind or PronType=Ind")
    if not all(unicodedata.is_normalized("NFC", text) for text in (form, lemma)):
        wrong_here.append("form or lemma is not in NFC")
    head = int(place) if place.isdecimal() else -1
    return Word(form, lemma, upos, head, relation, feats), wrong_here


def tree_problems(words: list[Word]) -> list[str]:
    """What keeps the heads from being a tree with one root."""
    roots = [str(place) for place, word in enumerate(words, 1) if word.head == 0]
    problems = [
        f"word {place} {word.form!r}: head {word.head}, but there are {len(words)} words"
        for place, word in enumerate(words, 1)
        if word.head > len(words)
    ]
    if len(roots) != 1:
        problems.append(f"roots: words {', '.join(roots)}; there is one" if roots else "no root (head 0)")
    in_cycle: set[int] = set()
    for place in range(1, len(words) + 1):
        path = [place]
        while 0 < words[path[-1] - 1].head <= len(words):
            above = words[path[-1] - 1].head
            if above in path:
                cycle = path[path.index(above) :]
                if not in_cycle.intersection(cycle):
                    problems.append(f"a cycle of heads: words {' -> '.join(map(str, [*cycle, above]))}")
                in_cycle.update(cycle)
                break
            path.append(above)
    return problems


def read_sentence(sent_id: str, tokens: list[str], *, unspaced: bool) -> tuple[Sentence, list[str]]:
    """One sentence, and what is wrong with it."""
    words: list[Word] = []
    surfaces: list[tuple[str, int, bool]] = []  # form, words, glued to the one before
    problems = []
    inside, outer = 0, ""
    for written in tokens:
        glued, token = unspaced or written.startswith("+"), written.removeprefix("+")
        if "/" not in token:
            match = _SURFACE.fullmatch(token)
            if match is None or int(match[2]) < 2:
                problems.append(f"after word {len(words)}: {token!r} is neither a word nor surface:n (n > 1)")
            elif inside:
                problems.append(f"{token!r}: the multiword token {outer!r} before it lacks {inside} words")
            else:
                inside, outer = int(match[2]), match[1].replace("_", " ")
                surfaces.append((outer, inside, glued))
            continue
        word, wrong = read_word(token)
        words.append(word)
        problems += [f"word {len(words)} {token!r}: {what}" for what in wrong]
        if inside:
            inside -= 1
        else:
            surfaces.append((word.form, 1, glued))
    if inside:
        problems.append(f"the multiword token {outer!r} lacks {inside} words")
    problems += tree_problems(words) if words else ["no words"]
    followers = [*(glued for _, _, glued in surfaces), False][1:]
    joined = tuple(
        Surface(form, count, not glued) for (form, count, _), glued in zip(surfaces, followers, strict=True)
    )
    return Sentence(sent_id, tuple(words), joined), problems


def read(text: str, file: str) -> Treebank:
    """Parse one source file, called ``file`` (``eu.txt``); nothing is raised, see ``problems``."""
    code = file.removesuffix(".txt")
    name = (
        f"UD_{registry.language(code).name.replace(' ', '_')}-Mini" if code in registry.CODES else "UD_?-Mini"
    )
    bank = Treebank(name, code)
    if code not in registry.CODES:
        bank.problems.append(f"{file}: {code!r} is no language code of the registry")
    lines = [line for line in text.lstrip("\ufeff").splitlines() if not line.startswith("#")]
    header = next((line for line in lines if line.strip()), "").split()
    if header[:3] != ["=", name, code] or header[3:] not in ([], ["unspaced"]):
        bank.problems.append(f"{file}: its first line is not '= {name} {code} [unspaced]'")
    blocks: list[list[str]] = []
    for line in lines:
        tokens = line.split()
        if tokens and _ID.fullmatch(tokens[0]):
            blocks.append(tokens)
        elif blocks:
            blocks[-1] += tokens
        elif tokens and tokens != header:
            bank.problems.append(f"{file}: {line.strip()!r} stands before the first sentence")
    for sent_id, *tokens in blocks:
        sentence, problems = read_sentence(sent_id, tokens, unspaced="unspaced" in header)
        bank.sentences.append(sentence)
        bank.problems += [f"{file}, {sent_id}: {problem}" for problem in problems]
    seen = Counter(sentence.sent_id for sentence in bank.sentences)
    bank.problems += [f"{file}, {sent_id}: given {n} times" for sent_id, n in seen.items() if n > 1]
    bank.problems += [f"{file}, {sent_id}: no such sentence" for sent_id in seen if sent_id not in IDS]
    if missing := [sent_id for sent_id in IDS if sent_id not in seen]:
        bank.problems.append(f"{file}: not there: {' '.join(missing)}")
    bank.sentences.sort(key=lambda sentence: sentence.number)
    return bank
