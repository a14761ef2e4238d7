"""What gives reason to doubt the labels of a text, measured on the text itself.

A model that hardly knows a script spells it in bytes, or has one token for all its words; a classifier that
is lost gives all words one label, and marks of punctuation another one than PUNCT. Its probabilities do not
tell: where it knows nothing it may be sure, surer than in any language that it learned from. The bounds lie
beyond what is measured in the 43 mini treebanks (tokens per character at most 1.2, words that share their
tokens 10 %, one label 74 %, marks as PUNCT at least 47 %, entropy from 1.6 deviations below the usual one to
4.6 above it; unseen languages are above).
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from ..errors import ModelError
from ..extraction.prepare import BLOCK, cut
from ..meta.reference import UsualEntropy, entropies_of
from ..models.protocol import LanguageModel
from ..treebanks import registry
from ..treebanks.corpus import Corpus

TOKENS_PER_CHARACTER = 1.5
ALIKE = 0.3  # share of different words with the tokens of another one
ENOUGH = 5  # different words, or marks, without which nothing is said
ONE_LABEL, LABELLED = 0.85, 10  # share of words with one label, of at least so many
SURER, LESS_SURE = 2.5, 5.0  # standard deviations below and above the usual entropy (languages' and words')
MARKS = 1 / 3  # share of marks that are labelled PUNCT

# What ISO 15924 calls the scripts of the registry, as the names of their characters begin.
_SCRIPTS = {
    "Arab": "ARABIC", "Armn": "ARMENIAN", "Beng": "BENGALI", "Copt": "COPTIC", "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI", "Egyp": "EGYPTIAN", "Ethi": "ETHIOPIC", "Geor": "GEORGIAN", "Grek": "GREEK",
    "Gujr": "GUJARATI", "Guru": "GURMUKHI", "Hans": "CJK", "Hant": "CJK", "Hebr": "HEBREW",
    "Jpan": "HIRAGANA KATAKANA CJK", "Knda": "KANNADA", "Kore": "HANGUL", "Latn": "LATIN",
    "Mlym": "MALAYALAM", "Mong": "MONGOLIAN", "Orkh": "OLD", "Orya": "ORIYA", "Sinh": "SINHALA",
    "Syrc": "SYRIAC", "Taml": "TAMIL", "Telu": "TELUGU", "Thai": "THAI",
}  # fmt: skip


def of_tokens(model: LanguageModel, corpus: Corpus, train: Sequence[str]) -> list[str]:
    """Whether the model knows the words, by their tokens."""
    tokens = characters = 0
    forms = defaultdict[tuple[int, ...], set[str]](set)
    places = np.arange(min(corpus.sents, BLOCK))
    for place, pieces in zip(places.tolist(), cut(model, corpus, places), strict=True):
        if isinstance(pieces, ModelError):
            continue
        ids, spans = pieces.ids.tolist(), zip(pieces.begin.tolist(), pieces.end.tolist(), strict=True)
        for form, (begin, end) in zip(corpus.forms[corpus.words_of(place)], spans, strict=True):
            tokens, characters = tokens + end - begin, characters + len(form)
            forms[tuple(ids[begin:end])].add(_plain(form))
    different = len(set().union(*forms.values()))
    if different < ENOUGH:
        return []
    if tokens > TOKENS_PER_CHARACTER * characters:
        what = f"its words take {tokens / characters:.1f} tokens a character, as of a script spelled in bytes"
    elif (alike := 1 - len(forms) / different) > ALIKE:
        what = f"{100 * alike:.0f}% of its different words have the same tokens as another"
    else:
        return []
    return [
        f"the model hardly knows this text: {what}{_unseen(corpus.forms, train)}; do not rely on the labels"
    ]


def of_labels(forms: Iterable[str], labels: Sequence[str | None]) -> list[str]:
    """Whether word classes are such as no text has."""
    found = Counter(label for label in labels if label is not None)
    label, most = found.most_common(1)[0] if found else ("", 0)
    notes = []
    if found.total() >= LABELLED and most > ONE_LABEL * found.total():
        share = f"{100 * most / found.total():.0f}% of {found.total()} words are labelled {label}"
        notes = [f"{share}: the aligner does not tell them apart, whatever the probabilities say"]
    marks = [label for form, label in zip(forms, labels, strict=True) if label and _is_mark(form)]
    right = marks.count("PUNCT")
    if len(marks) >= ENOUGH and right < MARKS * len(marks):
        notes.append(
            f"of {len(marks)} marks of punctuation {right} are labelled PUNCT: other labels are doubtful too"
        )
    return notes


def of_entropy(scores: torch.Tensor, usual: UsualEntropy | None) -> list[str]:
    """Whether zero-shot log-probabilities [words, concepts] are as sure as in the training languages."""
    if usual is None or len(scores) < ENOUGH:
        return []
    found = entropies_of(scores)
    away = usual.distance(found)
    if -SURER < away < LESS_SURE:
        return []
    than = "far surer" if away < 0 else "far less sure"
    return [
        f"labels are {than} than in the {usual.languages} languages learned from (an entropy of "
        f"{float(found.mean()):.2f} nats a word; {usual.mean:.2f} ± {usual.between:.2f} there): do not rely "
        "on the probabilities"
    ]


def _plain(form: str) -> str:
    """Without capitals and accents, which some tokenizers do not know."""
    letters = unicodedata.normalize("NFKD", form.casefold())
    return "".join(sign for sign in letters if not unicodedata.combining(sign))


def _is_mark(form: str) -> bool:
    return all(unicodedata.category(sign)[0] == "P" for sign in form)


def _unseen(forms: Sequence[str], train: Sequence[str]) -> str:
    """That the text's script is none of those of the languages learned from, where it is so."""
    letters = Counter(
        sign for form in forms[: 20 * BLOCK] for sign in form if unicodedata.category(sign)[0] == "L"
    )
    scripts = Counter[str]()
    for sign, number in letters.items():
        scripts[unicodedata.name(sign, "").partition(" ")[0]] += number
    script = scripts.most_common(1)[0][0] if scripts else ""
    known = [language for code in train if (language := registry.known(code))]
    seen = " ".join(_SCRIPTS.get(language.script, script) for language in known).split()
    if not script or not known or script in seen:
        return ""
    return f", and none of the {len(train)} languages it learned from is written in {script.title()}"
