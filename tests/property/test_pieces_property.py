"""Words to pieces over twenty scripts and tokenizers of every kind, against a slow oracle."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import SCRIPTS, TOKENIZERS, draw_sentence, draw_word

from concept_align.errors import ModelError
from concept_align.models.pieces import PieceCutter
from concept_align.models.protocol import Pieces

BLANKS = {"▁", "Ġ"}


def overlapping(tokenizer, text, span):
    """The numbers of the pieces that share a character with the word, one by one."""
    encoded = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    names = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    rows = zip(encoded["offset_mapping"], encoded["special_tokens_mask"], names, strict=True)
    return [
        number
        for number, ((begin, end), special, name) in enumerate(rows)
        if not special and name not in BLANKS and max(begin, span[0]) < min(end, span[1])
    ]


@pytest.fixture(scope="module")
def cutters():
    return {name: PieceCutter(maker(), name) for name, maker in TOKENIZERS.items()}


def check(tokenizer, cutter, text, spans):
    pieces = cutter.cut(text, spans)
    assert pieces.ids.tolist() == tokenizer(text)["input_ids"]
    assert (pieces.begin < pieces.end).all()
    assert (np.diff(pieces.begin) >= 0).all() and (np.diff(pieces.end) >= 0).all()
    assert pieces.start == (0 if cutter.has_start else -1)
    for span, begin, end in zip(spans.tolist(), pieces.begin.tolist(), pieces.end.tolist(), strict=True):
        found = overlapping(tokenizer, text, span)
        assert (begin, end) == (found[0], found[-1] + 1), text[span[0] : span[1]]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_word_covers_exactly_the_pieces_that_overlap_it(script, kind, form, cutters):
    rng = np.random.default_rng([list(SCRIPTS).index(script), form == "NFD"])
    for _ in range(6):
        text, spans = draw_sentence(script, rng, form)
        check(TOKENIZERS[kind](), cutters[kind], text, spans)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=6),
            st.sampled_from(["", " ", "  ", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}"]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(sorted(TOKENIZERS)),
)
def test_any_letters_signs_and_spaces_are_covered_or_named(cutters, words, kind):
    text, spans = "", []
    for word, space in words:
        spans.append((len(text), len(text) + len(word)))
        text += word + space
    cutter, tokenizer = cutters[kind], TOKENIZERS[kind]()
    (found,) = cutter.cut_many([text], [np.array(spans, np.int32)])
    if isinstance(found, ModelError):  # a word the tokenizer drops or takes for white space
        assert any(not overlapping(tokenizer, text, span) for span in spans)
        return
    for span, begin, end in zip(spans, found.begin.tolist(), found.end.tolist(), strict=True):
        overlap = overlapping(tokenizer, text, span)
        assert not overlap or (begin, end) == (overlap[0], overlap[-1] + 1)
        assert begin < end


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_many_sentences_at_once_equal_one_at_a_time(kind, cutters):
    rng = np.random.default_rng(5)
    drawn = [draw_sentence(script, rng) for script in SCRIPTS for _ in range(15)]
    together = cutters[kind].cut_many([text for text, _ in drawn], [spans for _, spans in drawn])
    assert len(together) == len(drawn)
    for (text, spans), found in zip(drawn, together, strict=True):
        alone = cutters[kind].cut(text, spans)
        assert isinstance(found, Pieces)
        for name in ("ids", "begin", "end"):
            assert getattr(found, name).tolist() == getattr(alone, name).tolist()
            assert getattr(found, name).dtype == np.int32


@pytest.mark.parametrize("kind", ["byte_level", "byte_level_nfc", "byte_fallback", "byte_fallback_prefixed"])
def test_byte_tokenizers_give_a_word_back_whole(kind, cutters):
    """What the covering pieces spell contains the word: no byte of it is lost to a neighbour."""
    rng = np.random.default_rng(6)
    tokenizer = TOKENIZERS[kind]()
    for script in SCRIPTS:
        word = unicodedata.normalize("NFC", draw_word(script, rng))
        text = f"a {word} b"
        pieces = cutters[kind].cut(text, np.array([[0, 1], [2, 2 + len(word)], [len(text) - 1, len(text)]]))
        spelled = tokenizer.decode(pieces.ids[pieces.begin[1] : pieces.end[1]].tolist())
        assert word in spelled
