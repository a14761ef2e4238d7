"""Generated sentences, written by the ``conllu`` package, come back as they were."""

import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import conllu
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.reader import reading as reader

LETTERS = st.characters(categories=("L", "M", "N", "P", "S"))
FORMS = st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=2).map(" ".join)
NAMES = st.text(st.characters(categories=("Lu", "Ll", "Nd"), max_codepoint=127), min_size=1, max_size=9)
FEATS = st.dictionaries(NAMES.map(str.capitalize), NAMES, max_size=6)
GAPS = st.sampled_from([" ", "  ", "\xa0", "\u3000", ""])


@dataclass
class Sentence:
    """A drawn sentence: ``tokens`` for the conllu package, and what must be read from it."""

    tokens: conllu.TokenList
    words: list[dict]
    surface: list[tuple[str, int]]  # form and how many words it holds
    empty: int
    text: str | None


def row(number: int | tuple, form: str, misc: dict | None = None, **columns: object) -> dict:
    names = ("lemma", "upos", "xpos", "feats", "head", "deprel", "deps")
    return {"id": number, "form": form} | {n: columns.get(n, "_") for n in names} | {"misc": misc or "_"}


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    size = draw(st.integers(1, 14))
    order = draw(st.permutations(range(1, size + 1)))
    heads = {order[0]: 0} | {n: draw(st.sampled_from(order[:k])) for k, n in enumerate(order) if k}
    tokens, words, surface, text, empty = [], [], [], "", 0
    styles = ["exact", "gaps", "no text"]
    style = draw(st.sampled_from(styles))
    held: list[int] = []
    for number in range(1, size + 1):
        misc = draw(st.sampled_from([{}, {"Gloss": "x"}, {"A": "b", "Translit": "y" * 9}]))
        form = draw(FORMS)
        if not held:
            held = list(range(number, min(size, number + draw(st.sampled_from([0, 0, 0, 1, 2]))) + 1))
            joined = draw(st.booleans())
            spaced = misc | ({"SpaceAfter": "No"} if joined else {}) | draw(st.sampled_from([{}, {"Z": "1"}]))
            if len(held) > 1:
                tokens.append(row((held[0], "-", held[-1]), form, spaced))
                surface.append((form, len(held)))
                text += form
                form = draw(FORMS)
            else:
                misc, text = spaced, text + form
                surface.append((form, 1))
            text += draw(GAPS) if style == "gaps" else "" if joined else " "
        held = held[1:]
        columns = {
            "upos": draw(st.sampled_from([*UPOS, "_"])),
            "feats": draw(FEATS) or "_",
            "head": heads[number],
            "deprel": draw(st.sampled_from(RELATIONS)) + draw(st.sampled_from(["", ":a", ":subtype"])),
        }
        words.append({"form": form, **columns})
        tokens.append(row(number, form, misc, **columns))
        if draw(st.integers(0, 9)) == 0:
            tokens.append(row((number, ".", 1), draw(FORMS)))
            empty += 1
    metadata = {"sent_id": draw(NAMES)} | ({} if style == "no text" else {"text": text.strip()})
    return Sentence(
        conllu.TokenList(tokens, metadata),
        words,
        surface,
        empty,
        None if style == "no text" else text.strip(),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(sentences(), min_size=1, max_size=6), st.sampled_from([1 << 20, 64]))
def test_what_is_written_is_read_back(drawn: list[Sentence], block: int) -> None:
    kept, reader.BLOCK_BYTES = reader.BLOCK_BYTES, block
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "xx_toy-ud-test.conllu"
            path.write_text("".join(one.tokens.serialize() for one in drawn), encoding="utf8", newline="\n")
            corpus = read(path)
    finally:
        reader.BLOCK_BYTES = kept
    words = [word for one in drawn for word in one.words]
    assert list(corpus.forms) == [word["form"] for word in words]
    assert corpus.heads.tolist() == [word["head"] for word in words]
    assert [(*UPOS, "_")[code] for code in corpus.upos] == [word["upos"] for word in words]
    relations = zip(corpus.relations, corpus.subtypes, strict=True)
    assert [RELATIONS[r] + (f":{corpus.subtype_names[s]}" if s else "") for r, s in relations] == [
        word["deprel"] for word in words
    ]
    assert [corpus.feats_names[code] for code in corpus.feats] == [
        "" if word["feats"] == "_" else "|".join(f"{k}={v}" for k, v in word["feats"].items())
        for word in words
    ]
    assert corpus.sent_ids == [one.tokens.metadata["sent_id"] for one in drawn]
    assert np.diff(corpus.offsets).tolist() == [len(one.words) for one in drawn]
    assert corpus.empty_nodes == sum(one.empty for one in drawn)
    assert corpus.rebuilt == sum(one.text is None for one in drawn)
    # What goes out comes back: as text, and as a table.
    for again in (Corpus.from_conllu(corpus.to_conllu()), Corpus.from_pandas(corpus.to_pandas())):
        assert list(again.forms) == list(corpus.forms)
        for name in ("upos", "relations", "subtypes", "heads", "feats", "ranges"):
            assert np.array_equal(getattr(again, name), getattr(corpus, name)), name
    for index, one in enumerate(drawn):
        here = corpus.words_of(index)
        check_surface(one, corpus.texts[index], corpus.spans[here].tolist(), corpus.ranges[here].tolist())


def check_surface(one: Sentence, text: str, spans: list[list[int]], ranges: list[int]) -> None:
    """Every surface token is found where its words say, in order, and only white space lies between."""
    assert one.text is None or text == one.text
    word = position = 0
    for form, held in one.surface:
        span = spans[word]
        assert spans[word : word + held] == [span] * held
        assert ranges[word : word + held] == (list(range(1, held + 1)) if held > 1 else [0])
        assert not text[position : span[0]].strip()
        found = text[span[0] : span[1]]
        assert found == form or plain(found) == plain(form)
        word, position = word + held, span[1]
    assert position == len(text)


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFD", text).split())
