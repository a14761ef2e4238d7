"""The traps of offsets, one by one."""

import numpy as np
import pytest
import transformers
from tiny_models import TOKENIZERS, byte_level, corpus
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as tokenizer_models

from concept_align.errors import ModelError
from concept_align.models.pieces import PieceCutter


def cut(kind, text, *words):
    tokenizer = TOKENIZERS[kind]()
    spans, at = [], 0
    for word in words:
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
    pieces = PieceCutter(tokenizer, kind).cut(text, np.array(spans, np.int32))
    names = tokenizer.convert_ids_to_tokens(pieces.ids.tolist())
    return [names[begin:end] for begin, end in zip(pieces.begin, pieces.end, strict=True)], names, pieces


def characters(vocabulary, *, normalizer=None, pre=None, post=None, unknown="?"):
    """A tokenizer whose pieces are the given strings, longest first."""
    scores = [(unknown, 0.0), *((piece, -1.0) for piece in vocabulary)]
    tokenizer = Tokenizer(tokenizer_models.Unigram(scores, unk_id=0))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    if post is not None:
        tokenizer.post_processor = post
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=unknown)


def test_a_blank_piece_at_the_start_is_not_the_first_words():
    """Prepended "▁" claims the first character of the text; "好" must not be pooled from it."""
    tokenizer = characters(["▁", "好", "我"], pre=pre_tokenizers.Metaspace(prepend_scheme="always"))
    assert tokenizer("好我")["input_ids"][0] == tokenizer.convert_tokens_to_ids("▁")
    pieces = PieceCutter(tokenizer, "x").cut("好我", np.array([[0, 1], [1, 2]]))
    assert pieces.begin.tolist() == [1, 2] and pieces.end.tolist() == [2, 3]


def test_a_blank_piece_between_words_is_nobodys():
    tokenizer = characters(["▁", "好", "我"], pre=pre_tokenizers.Metaspace(prepend_scheme="never"))
    pieces = PieceCutter(tokenizer, "x").cut("好 我", np.array([[0, 1], [2, 3]]))
    assert pieces.begin.tolist() == [0, 2] and pieces.end.tolist() == [1, 3]


def test_a_word_that_is_a_space_keeps_its_blank_piece():
    tokenizer = characters(["▁", "好"], normalizer=normalizers.Replace("\N{IDEOGRAPHIC SPACE}", "▁"))
    text = "好\N{IDEOGRAPHIC SPACE}好"
    pieces = PieceCutter(tokenizer, "x").cut(text, np.array([[0, 1], [1, 2], [2, 3]]))
    assert pieces.begin.tolist() == [0, 1, 2]


def test_the_maltese_letter_is_no_space_outside_byte_level_tokenizers():
    tokenizer = characters(["Ġ", "org", "▁"])
    pieces = PieceCutter(tokenizer, "x").cut("Ġorg", np.array([[0, 4]]))
    assert (pieces.begin[0], pieces.end[0]) == (0, 2)


def test_a_piece_over_two_words_belongs_to_both():
    tokenizer = characters(["我们", "在学", "校"])
    pieces = PieceCutter(tokenizer, "x").cut("我们在学校", np.array([[0, 2], [2, 3], [3, 5]]))
    assert pieces.begin.tolist() == [0, 1, 1] and pieces.end.tolist() == [1, 2, 3]


def test_byte_pieces_of_one_character_all_belong_to_its_word():
    (first, second), _, _ = cut("byte_level", "a 𐎠", "a", "𐎠")
    assert first == ["a"]
    assert len(second) >= 3  # four bytes, the first of them perhaps with the space


def test_words_of_one_multiword_token_share_its_pieces():
    pieces = PieceCutter(TOKENIZERS["unigram"](), "x").cut("del mar", np.array([[0, 3], [0, 3], [4, 7]]))
    assert pieces.begin[0] == pieces.begin[1] and pieces.end[0] == pieces.end[1] <= pieces.begin[2]


def test_words_with_a_space_inside_keep_what_lies_between():
    (number,), names, _ = cut("byte_level", "10 000", "10 000")
    assert "".join(number) == "".join(names) == "10Ġ000"


def test_unknown_words_are_covered_by_the_unknown_piece():
    (word, _), _, _ = cut("wordpiece", "𐎠𐎡 a", "𐎠𐎡", "a")
    assert word == ["[UNK]"]


def test_composing_normalisers_keep_offsets_of_the_text_as_it_was():
    """e + acute is one piece after NFC: both marks are the word's, the next word begins after them."""
    tokenizer = characters(["é", "t", "▁"], normalizer=normalizers.NFC())
    text = "e\u0301t"
    pieces = PieceCutter(tokenizer, "x").cut(text, np.array([[0, 2], [2, 3]]))
    assert pieces.begin.tolist() == [0, 1] and pieces.end.tolist() == [1, 2]


def test_a_ligature_that_nfkc_opens_gives_all_its_pieces():
    tokenizer = characters(["f", "i", "n"], normalizer=normalizers.NFKC())
    pieces = PieceCutter(tokenizer, "x").cut("ﬁn", np.array([[0, 2]]))
    assert (pieces.begin[0], pieces.end[0]) == (0, 3)


@pytest.mark.parametrize("word", ["\N{VARIATION SELECTOR-16}", "\u0085", "\N{ZERO WIDTH SPACE}"])
def test_a_word_that_the_normaliser_drops_is_named(word):
    tokenizer = characters(["a", "b", "▁"], normalizer=normalizers.Replace(word, ""))
    text = f"a{word}b"
    cutter = PieceCutter(tokenizer, "org/model")
    with pytest.raises(ModelError, match=rf"word 2 .*U\+{ord(word):04X}.* no token .*org/model") as error:
        cutter.cut(text, np.array([[0, 1], [1, 2], [2, 3]]))
    assert error.value.remedy and "characters 1:2" in str(error.value.where)


def test_one_bad_sentence_does_not_spoil_its_neighbours():
    cutter = PieceCutter(characters(["a", "b"], normalizer=normalizers.Replace("!", "")), "x")
    span = np.array([[0, 1]])
    found = cutter.cut_many(["a", "!", "b"], [span, span, span])
    assert [isinstance(each, ModelError) for each in found] == [False, True, False]


def test_an_empty_span_is_named_not_guessed():
    with pytest.raises(ModelError, match="empty"):
        PieceCutter(characters(["a"]), "x").cut("aa", np.array([[1, 1]]))


def test_text_that_spells_a_special_piece_is_text():
    _, names, _ = cut("byte_level", "a <|endoftext|> b", "<|endoftext|>")
    assert "<|endoftext|>" not in names
    (word,), names, _ = cut("wordpiece", "a [SEP] b", "[SEP]")
    assert names.count("[SEP]") == 1 and names[-1] == "[SEP]" and len(word) >= 3


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("wordpiece", 0),
        ("unigram", 0),
        ("byte_fallback", 0),
        ("unigram_without_start", -1),
        ("byte_level", -1),
    ],
)
def test_the_start_piece_is_where_the_model_expects_one(kind, start):
    _, names, pieces = cut(kind, "na re", "na", "re")
    assert pieces.start == start
    assert pieces.begin[0] == start + 1 or names[start + 1] in {"▁", "Ġ"}


def test_sentences_without_words_are_cut_too():
    cutter = PieceCutter(TOKENIZERS["wordpiece"](), "x")
    none = np.zeros((0, 2), np.int32)
    assert [len(found.begin) for found in cutter.cut_many(["a", ""], [none, none])] == [0, 0]
    assert cutter.cut_many([], []) == []


def test_a_tokenizer_without_offsets_is_refused_with_a_remedy():
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="no character offsets") as error:
        PieceCutter(Slow(), "org/model")
    assert "sentencepiece" in error.value.remedy


def test_bytes_have_the_offsets_of_their_characters():
    tokenizer = transformers.ByT5Tokenizer()
    cutter = PieceCutter(tokenizer, "byt5")
    text = "añ 我</s>"
    pieces = cutter.cut(text, np.array([[0, 2], [3, 4], [4, 8]]))
    assert pieces.ids.tolist() == [*tokenizer("añ 我").input_ids[:-1], *(byte + 3 for byte in b"</s>"), 1]
    assert list(zip(pieces.begin.tolist(), pieces.end.tolist(), strict=True)) == [(0, 3), (4, 7), (7, 11)]
    assert pieces.start == -1 and cutter.vocabulary == 259


def test_of_a_tokenizer_that_has_no_fast_form_none_is_asked_for():
    with pytest.raises(ModelError, match="CanineTokenizer there is no fast one") as error:
        PieceCutter(transformers.CanineTokenizer(), "canine")
    assert "save" not in error.value.remedy


def test_truncation_and_padding_set_in_the_tokenizer_are_lifted():
    tokenizer = byte_level()
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=64)
    text = "на сте тво ров"
    spans = np.array([[0, 2], [3, 6], [7, 10], [11, 14]])
    pieces = PieceCutter(tokenizer, "x").cut(text, spans)
    assert pieces.ids.tolist() == TOKENIZERS["byte_level"]()(text)["input_ids"]


def test_marks_reordered_by_a_normaliser_stay_with_their_word():
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False)
    tokenizer = Tokenizer(tokenizer_models.BPE())
    tokenizer.normalizer = normalizers.NFD()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator([*corpus(), "a\u0301\u0323"], trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    text = "ạ\u0301 n"  # NFD puts the dot below before the acute, wherever it stood
    for variant in (text, "a\u0301\u0323 n"):
        last = len(variant)
        pieces = PieceCutter(fast, "x").cut(variant, np.array([[0, last - 2], [last - 1, last]]))
        assert pieces.begin[0] == 0 and pieces.end[0] <= pieces.begin[1] < len(pieces.ids)
