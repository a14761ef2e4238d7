import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import SCRIPTS, SPACELESS, TOKENIZERS

from concept_align.errors import ModelError, UsageError
from concept_align.models.pieces import PieceCutter
from concept_align.tuning.instructions import Instruction, filled
from concept_align.tuning.tokens import TextTokens

DECODERS = ("byte_level", "byte_level_nfc", "byte_fallback", "byte_fallback_prefixed")
TEXTS = ("Der alte Hund schläft .", "雨。", "a", "Кошка спит", "ఇది")


def tokens(name, most=512):
    tokenizer = TOKENIZERS[name]()
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    return TextTokens(PieceCutter(tokenizer, name), pad, most, end), tokenizer


def item(prompt, answer):
    return Instruction(*filled("{input} = {output}", answer, input=prompt), "en", "de", "1")


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_content_is_the_texts_own_tokens_and_rows_are_padded_at_the_right(name):
    cut, tokenizer = tokens(name)
    batch = cut.texts(TEXTS, 64)
    assert batch.ids.shape == batch.mask.shape == batch.content.shape == batch.answer.shape
    assert not batch.answer.any()
    for row, text in enumerate(TEXTS):
        whole = tokenizer.backend_tokenizer.encode(text)
        length = len(whole.ids)
        assert batch.mask[row].tolist() == [1] * length + [0] * (batch.ids.shape[1] - length)
        assert batch.ids[row, :length].tolist() == whole.ids
        assert (batch.ids[row, length:] == cut.pad).all()
        own = batch.ids[row][batch.content[row]].tolist()
        assert own == tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    alone = cut.texts([TEXTS[1]], 64)
    assert alone.ids[0].tolist() == batch.ids[1][batch.mask[1] == 1].tolist()


@pytest.mark.parametrize("padding", ["left", "right"])
def test_the_side_a_tokenizer_pads_on_changes_nothing(padding):
    tokenizer = TOKENIZERS["byte_fallback"]()
    before = tokenizer.padding_side
    tokenizer.padding_side = padding
    try:
        batch = TextTokens(PieceCutter(tokenizer, "x"), 0, 64).texts(TEXTS, 64)
    finally:
        tokenizer.padding_side = before
    assert batch.mask[:, 0].all() and not batch.content[:, 0].any()  # each begins with its start token
    last = [int(row.nonzero()[-1]) for row in batch.content]
    assert last == [int(row.sum()) - 1 for row in batch.mask]


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_a_long_text_keeps_its_first_tokens_and_all_special_ones(name):
    cut, _ = tokens(name)
    (text,) = cut.texts(["Der alte Hund schläft nicht mehr lange ."], 200).ids
    special = cut.texts(["a"], 9)
    extra = int(special.mask.sum() - special.content.sum())
    short = cut.texts(["Der alte Hund schläft nicht mehr lange ."], 6)
    assert short.ids.shape == (1, 6) and int(short.content.sum()) == 6 - extra
    begin = int(short.content[0].nonzero()[0])
    assert short.ids[0, : 6 - extra + begin].tolist() == text[: 6 - extra + begin].tolist()
    assert short.ids[0, -1] == text[-1] if extra > begin else True
    assert TextTokens(cut.cutter, cut.pad, 5).texts(["Der alte Hund schläft"], 99).ids.shape[1] == 5


def test_texts_without_a_token_and_lengths_without_room_are_refused():
    cut, _ = tokens("wordpiece")
    with pytest.raises(ModelError, match="gets no token"):
        cut.texts(["a", " "], 9)
    with pytest.raises(UsageError, match="2 tokens have no room for text beside 2 special ones"):
        cut.texts(["a"], 2)
    assert cut.texts([], 9).ids.shape == (0, 0)


@st.composite
def texts(draw):
    script = draw(st.sampled_from(sorted(SCRIPTS)))
    words = draw(
        st.lists(st.lists(st.sampled_from(SCRIPTS[script]), min_size=1, max_size=4), min_size=1, max_size=4)
    )
    return ("" if script in SPACELESS else " ").join("".join(word) for word in words)


@settings(max_examples=80)
@given(prompt=texts(), answer=texts(), name=st.sampled_from(DECODERS))
def test_what_is_trained_on_is_exactly_the_answer_and_its_end_token(prompt, answer, name):
    cut, tokenizer = tokens(name)
    one = item(prompt, answer)
    batch, left_out = cut.instructions([one], 512, 256)
    assert left_out == []
    labels = batch.ids[0][batch.answer[0]].tolist()
    assert labels[-1] == cut.end
    backend = tokenizer.backend_tokenizer

    def read(ids):  # bytes are special tokens of some of these tokenizers
        return backend.decode(ids, skip_special_tokens=False).replace("▁", " ")

    if tokenizer.unk_token_id not in batch.ids[0].tolist():  # its signs are all known
        normalise = backend.normalizer.normalize_str if backend.normalizer else str

        def same(a, b):
            return normalise(a.strip()).replace("▁", " ") == normalise(b.strip()).replace("▁", " ")

        assert same(read([*cut.cutter.plain("a"), *labels[:-1]]), "a" + one.answer)
        assert same(read(batch.ids[0][batch.content[0] & ~batch.answer[0]].tolist()), one.prompt)
        assert same(read(batch.ids[0][batch.content[0]].tolist()), one.prompt + one.answer)
    assert batch.content[0].sum() == batch.mask[0].sum() - len(cut.cutter.start) - 1


@pytest.mark.parametrize("name", DECODERS)
def test_a_row_is_start_prompt_answer_end_and_knows_no_other_row(name):
    cut, _ = tokens(name)
    items = [item("Hund", "dog"), item("Der alte Hund schläft", "the old dog sleeps"), item("雨", "rain")]
    batch, _ = cut.instructions(items, 128, 64)
    for row, one in enumerate(items):
        alone, _ = cut.instructions([one], 128, 64)
        length = int(batch.mask[row].sum())
        assert alone.ids[0].tolist() == batch.ids[row, :length].tolist()
        assert alone.answer[0].tolist() == batch.answer[row, :length].tolist()
        assert not batch.answer[row, length:].any() and (batch.ids[row, length:] == cut.pad).all()
        prompt = [*cut.cutter.start, *cut.cutter.plain(one.prompt)]
        assert batch.ids[row, : len(prompt)].tolist() == prompt
        assert not batch.answer[row, : len(prompt)].any()
        assert batch.ids[row, length - 1] == cut.end and not batch.content[row, length - 1]


def test_a_prompt_that_leaves_no_room_is_left_out_and_never_trained_on():
    cut, _ = tokens("byte_fallback")
    long, short = item("Hund " * 40, "dog"), item("Hund", "dog")
    needed = int(cut.instructions([short], 512, 64)[0].mask.sum())
    batch, left_out = cut.instructions([long, short, long], needed, 64)
    assert left_out == [long, long] and len(batch) == 1
    nothing, left_out = cut.instructions([short], needed - 1, 64)
    assert left_out == [short] and nothing.ids.shape == (0, 0)


def test_an_answer_is_cut_only_where_asked_and_then_does_not_end():
    cut, _ = tokens("byte_fallback")
    one = item("Hund", "the old dog sleeps and sleeps")
    whole, _ = cut.instructions([one], 128, 64)
    count = int(whole.answer.sum()) - 1
    same, _ = cut.instructions([one], 128, count)
    assert torch.equal(same.ids, whole.ids)
    less, _ = cut.instructions([one], 128, count - 1)
    assert int(less.answer.sum()) == count - 1
    assert cut.end not in less.ids[0][less.answer[0]].tolist()


def test_a_tokenizer_without_an_end_token_has_no_answers():
    cut, _ = tokens("byte_level")
    with pytest.raises(ModelError, match="no end token"):
        TextTokens(cut.cutter, 0, 64).instructions([item("a", "b")], 64, 8)
