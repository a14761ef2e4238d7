"""Reading and streaming well-formed files, whatever their packing."""

import gzip
import hashlib
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from concept_align.errors import UsageError
from concept_align.treebanks import conllu as reader
from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read, stream
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.surface import search

COLUMNS = (
    "upos", "relations", "subtypes", "heads", "feats", "ranges", "lines", "spans",
)  # fmt: skip


def word(number: int | str, form: str, upos: str = "NOUN", head: int | str = 0, **more: str) -> str:
    cells = [str(number), form, more.get("lemma", "_"), upos, "_", more.get("feats", "_"), str(head)]
    return "\t".join([*cells, more.get("deprel", "root" if head == 0 else "dep"), "_", more.get("misc", "_")])


DOGS = "\n".join(
    [
        "# newdoc id = a",
        "# sent_id = dogs",
        "# text = The dogs can't bark.",
        word(1, "The", "DET", 2, feats="Definite=Def|PronType=Art", deprel="det"),
        word(2, "dogs", "NOUN", 5, feats="Number=Plur", deprel="nsubj"),
        word("3-4", "can't", "_", "_", deprel="_"),
        word(3, "ca", "AUX", 5, deprel="aux"),
        word(4, "n't", "PART", 5, deprel="advmod:neg"),
        word(5, "bark", "VERB", 0, misc="Gloss=wau|SpaceAfter=No|Id=4"),
        word(6, ".", "PUNCT", 5, deprel="punct", misc="SpaceAfter=No"),
        word("6.1", "empty", "VERB", "_", deprel="_"),
    ]
)
OTHER = word(2, "b", "X", 1, misc="NoSpaceAfter=No|C=SpaceAfter=No|SpaceAfter=Now")
CATS = "\n".join(["# sent_id = cats", "# text = Ĉatoj 猫", word(1, "Ĉatoj"), word(2, "猫", "X", 1), ""])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "UD_English-Toy" / "en_toy-ud-dev.conllu"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def same(one: Corpus, other: Corpus) -> None:
    for name in COLUMNS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("forms", "texts", "sent_ids"):
        assert list(getattr(one, name)) == list(getattr(other, name)), name
    assert np.array_equal(one.offsets, other.offsets)


def joined(chunks: list[Corpus], name: str) -> list[object]:
    return [value for chunk in chunks for value in list(getattr(chunk, name))]


def many(sentences: int) -> str:
    blocks = []
    for n in range(sentences):
        forms = [f"w{n}", "ünd", "so" * (n % 7 + 1), "."]
        rows = [word(i + 1, form, UPOS[(n + i) % 17], 0 if i == 0 else 1) for i, form in enumerate(forms)]
        rows[2] = word(3, forms[2], "NOUN", 1, feats=f"Case=C{n % 50}", deprel=f"nmod:s{n % 20}")
        blocks.append("\n".join([f"# sent_id = s{n}", f"# text = {' '.join(forms)}", *rows, "", ""]))
    return "".join(blocks)


def test_all_columns_of_a_small_file(path: Path) -> None:
    corpus = read(write(path, f"{DOGS}\n\n{CATS}\n"))
    assert (corpus.sents, corpus.words) == (2, 8)
    assert corpus.offsets.tolist() == [0, 6, 8]
    assert list(corpus.forms) == ["The", "dogs", "ca", "n't", "bark", ".", "Ĉatoj", "猫"]
    assert [UPOS[code] for code in corpus.upos][:3] == ["DET", "NOUN", "AUX"]
    assert [RELATIONS[code] for code in corpus.relations][:4] == ["det", "nsubj", "aux", "advmod"]
    assert [corpus.subtype_names[code] for code in corpus.subtypes][:4] == ["", "", "", "neg"]
    assert corpus.heads.tolist() == [2, 5, 5, 5, 0, 5, 0, 1]
    assert corpus.feats_names == ("", "Definite=Def|PronType=Art", "Number=Plur")
    assert corpus.feats.tolist() == [1, 2, 0, 0, 0, 0, 0, 0]
    assert corpus.ranges.tolist() == [0, 0, 1, 2, 0, 0, 0, 0]
    assert corpus.spans[:6].tolist() == [[0, 3], [4, 8], [9, 14], [9, 14], [15, 19], [19, 20]]
    assert corpus.spans[6:].tolist() == [[0, 5], [6, 7]]
    assert corpus.sent_ids == ["dogs", "cats"]
    assert corpus.texts == ["The dogs can't bark.", "Ĉatoj 猫"]
    assert corpus.lines.tolist() == [1, 13]
    assert (corpus.empty_nodes, corpus.skipped, corpus.rebuilt) == (1, 0, 0)


def test_the_source_is_read_off_names_and_content(path: Path) -> None:
    content = f"{DOGS}\n\n"
    source = read(write(path, content)).source
    assert (source.treebank, source.language, source.split) == ("UD_English-Toy", "en", "dev")
    assert source.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_what_is_given_goes_before_what_the_name_says(tmp_path: Path) -> None:
    source = read(write(tmp_path / "x.conllu", CATS), language="eo", treebank="Mine", split="test").source
    assert (source.treebank, source.language, source.split) == ("Mine", "eo", "test")


@pytest.mark.parametrize(
    ("given", "missing"), [({"split": "dev"}, "language"), ({"language": "en"}, "split")]
)
def test_a_name_that_tells_nothing_asks_for_what_is_missing(
    tmp_path: Path, given: dict, missing: str
) -> None:
    with pytest.raises(UsageError, match=missing):
        read(write(tmp_path / "x.conllu", CATS), **given)


def test_numbered_parts_of_a_split_are_that_split(tmp_path: Path) -> None:
    corpus = read(write(tmp_path / "cs_pdt-ud-train-c.conllu", CATS))
    assert (corpus.source.split, corpus.source.treebank) == ("train", "cs_pdt")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_packed_files_read_like_plain_ones(path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = many(500).encode()
    whole = read(write(path, content))
    packed = write(path.with_name(f"{path.name}.{'gz' if pack is gzip.compress else 'xz'}"), pack(content))
    corpus = read(packed)
    same(whole, corpus)
    assert corpus.source.sha256 == whole.source.sha256
    assert corpus.source.split == "dev"
    assert joined(list(stream(packed)), "forms") == list(whole.forms)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.rstrip("\n") + "\n",
        lambda text: text + "\n\n\n",
    ],
    ids=["crlf", "bom", "no last line end", "no last blank line", "more blank lines"],
)
@pytest.mark.parametrize("block", [1 << 20, 40])
def test_line_ends_and_marks_change_nothing(
    path: Path, change: Callable[[str], str], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    content = f"{DOGS}\n\n{CATS}\n"
    whole = read(write(path, content))
    changed = read(write(path, change(content)))
    same(whole, changed)
    assert changed.source.sha256 == hashlib.sha256(change(content).encode()).hexdigest()


def test_lines_of_white_space_end_sentences(path: Path) -> None:
    assert read(write(path, f"{DOGS}\n \t \n{CATS}\n")).sent_ids == ["dogs", "cats"]


def test_tabs_in_comments_and_control_characters_in_forms_are_text(path: Path) -> None:
    corpus = read(write(path, "# a\tb\n# sent_id = 1\t2\n" + word(1, "a\x01\x02b\x0bc")))
    assert corpus.sent_ids == ["1\t2"]
    assert corpus.texts == ["a\x01\x02b\x0bc"]


def test_comments_in_other_spellings_are_understood(path: Path) -> None:
    corpus = read(write(path, "#sent_id=7\n#  text =\xa0 Katze \n# text_en = cat\n" + word(1, "Katze")))
    assert (corpus.sent_ids, corpus.texts, corpus.rebuilt) == (["7"], ["Katze"], 0)


def test_a_missing_sent_id_is_the_ordinal_and_doubles_are_kept(path: Path) -> None:
    one = word(1, "a")
    corpus = read(write(path, f"{one}\n\n# sent_id = x\n{one}\n\n# sent_id = x\n{one}\n\n{one}\n\n"))
    assert corpus.sent_ids == ["1", "x", "x", "4"]


def test_blocks_of_comments_alone_are_no_sentences(path: Path) -> None:
    corpus = read(write(path, f"# global\n\n{CATS}\n# sent_id = end\n\n"))
    assert corpus.sent_ids == ["cats"]
    assert corpus.lines.tolist() == [3]


def test_unannotated_words_are_minus_one(path: Path) -> None:
    corpus = read(write(path, "\n".join([word(1, "a", "_", "_", deprel="_"), word(2, "b", "X", 1)])))
    assert corpus.upos.tolist() == [-1, 16]
    assert corpus.relations.tolist() == [-1, RELATIONS.index("dep")]
    assert corpus.heads.tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a  bc d", [[0, 1], [3, 5], [6, 7]]),
        ("a\xa0bc\u2009d", [[0, 1], [2, 4], [5, 6]]),
        ("abc d", [[0, 1], [1, 3], [4, 5]]),
        ("a b c d", [[0, 1], [2, 5], [6, 7]]),
    ],
    ids=["double", "no-break", "missing", "inner"],
)
def test_spaces_other_than_announced_move_the_spans(path: Path, text: str, spans: list[list[int]]) -> None:
    rows = [word(1, "a"), word(2, "bc", "X", 1), word(3, "d", "X", 1)]
    corpus = read(write(path, "\n".join([f"# text = {text}", *rows])))
    assert corpus.texts == [text]
    assert corpus.spans.tolist() == spans
    assert corpus.rebuilt == 0


def test_other_normalisation_is_found_in_the_text() -> None:
    assert search("cafe\u0301 no\u0308l", ["caf\u00e9", "n\u00f6l"]) == [(0, 5), (6, 10)]
    assert search("caf\u00e9 n\u00f6l", ["cafe\u0301", "no\u0308l"]) == [(0, 4), (5, 8)]
    assert search("1 000", ["1000"]) == [(0, 5)]
    assert search("ab", ["a", "c"]) is None


@pytest.mark.parametrize("text", ["# text = something else", "# text = ", "# note"])
def test_a_text_without_the_forms_is_rebuilt_and_counted(path: Path, text: str) -> None:
    rows = [word(1, "a", misc="SpaceAfter=No"), word(2, "ü", "X", 1), word(3, "d", "X", 1)]
    corpus = read(write(path, "\n".join([text, *rows, "", CATS])))
    assert corpus.texts == ["aü d", "Ĉatoj 猫"]
    assert corpus.spans.tolist() == [[0, 1], [1, 2], [3, 4], [0, 5], [6, 7]]
    assert corpus.rebuilt == 1


@pytest.mark.parametrize(
    "misc", ["SpaceAfter=No", "A=1|SpaceAfter=No", "SpaceAfter=No|B=2", "A=1|SpaceAfter=No|B=2"]
)
@pytest.mark.parametrize("rows", [1, 400])
def test_space_after_is_found_anywhere_in_misc(path: Path, misc: str, rows: int) -> None:
    sentence = "\n".join(
        [word(1, "a", misc=misc), word(2, "b", "X", 1, misc="NoSpaceAfter=No|C=SpaceAfter=Now")]
    )
    assert set(read(write(path, f"{sentence}\n\n" * rows)).texts) == {"ab"}


def test_what_only_looks_like_space_after_is_not(path: Path) -> None:
    first = OTHER.replace("2\tb\t_\tX\t_\t_\t1\tdep", "1\tb\t_\tX\t_\t_\t0\troot")
    assert read(write(path, f"{first}\n{word(2, 'c', 'X', 1)}")).texts == ["b c"]


def test_space_after_in_other_columns_is_not_misc(path: Path) -> None:
    row = word(1, "a", lemma="x|SpaceAfter=No|", misc="Aaaaaaaaa=bbbbbbbbbbbbbbbb")
    content = "\n".join([row, word(2, "b", "X", 1), "", ""]) * 300
    assert set(read(write(path, content)).texts) == {"a b"}


def test_a_range_over_one_word_and_ranges_side_by_side(path: Path) -> None:
    rows = [
        word("1-1", "x", "_", "_", misc="SpaceAfter=No"), word(1, "a"),
        word("2-4", "yz", "_", "_"), word(2, "b", "X", 1), word(3, "c", "X", 1), word(4, "d", "X", 1),
    ]  # fmt: skip
    corpus = read(write(path, "\n".join(["# text = xyz", *rows])))
    assert corpus.ranges.tolist() == [1, 1, 2, 3]
    assert corpus.spans.tolist() == [[0, 1], [1, 3], [1, 3], [1, 3]]


@pytest.mark.parametrize("size", [None, 1, 7, 100, 1000])
@pytest.mark.parametrize("block", [1 << 20, 3000, 50])
def test_streaming_equals_reading_whole(
    path: Path, size: int | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(write(path, many(300)))
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    same(whole, read(path))
    chunks = list(stream(path, sentences_per_chunk=size))
    for name in (*COLUMNS, "forms", "texts", "sent_ids"):
        values = joined(chunks, name)
        assert all(np.array_equal(a, b) for a, b in zip(values, getattr(whole, name), strict=True)), name
    if size:
        assert [chunk.sents for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    last = chunks[-1]
    assert (last.feats_names, last.subtype_names) == (whole.feats_names, whole.subtype_names)
    assert {chunk.source for chunk in chunks} == {whole.source}


def test_chunks_without_sentences_are_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="0 sentences"):
        stream(write(path, CATS), sentences_per_chunk=0)


def test_memory_of_streaming_does_not_grow_with_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", 1 << 16)

    def peak(copies: int) -> int:
        write(path, many(1000) * copies)
        tracemalloc.start()
        words = sum(corpus.words for corpus in stream(path))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert words == 4000 * copies
        return used

    small, large = peak(2), peak(40)
    assert large < 1.2 * small
    assert large < 3 << 20


def test_forms_are_a_lazy_sequence(path: Path) -> None:
    forms = read(write(path, f"{DOGS}\n\n{CATS}\n")).forms
    assert forms[-1] == "猫"
    assert forms[2:4] == ["ca", "n't"]
    assert "bark" in forms
    assert forms != ["The"]
    assert repr(forms).startswith("<8 strings: 'The', 'dogs'")
    assert forms.take([7, 0]) == ["猫", "The"]  # type: ignore[attr-defined]
    with pytest.raises(IndexError):
        forms[8]


def test_selected_annotations_are_those_of_the_sentences(path: Path) -> None:
    corpus = read(write(path, many(20)))
    chosen = corpus.select([4, 2, 2])
    assert (chosen.sents, chosen.words) == (3, 12)
    for position, sentence in enumerate([4, 2, 2]):
        mine, theirs = chosen.words_of(position), corpus.words_of(sentence)
        for name in ("upos", "relations", "subtypes", "heads", "feats", "ranges"):
            assert np.array_equal(getattr(chosen, name)[mine], getattr(corpus, name)[theirs])
    assert corpus.select(np.arange(20) == 3).words == 4
    assert corpus.select([]).words == 0
    assert corpus.select(range(corpus.sents)).words == corpus.words
    with pytest.raises(UsageError):
        corpus.select([20])


def test_a_sentence_is_one_slice_of_all_columns(path: Path) -> None:
    corpus = read(write(path, f"{DOGS}\n\n{CATS}\n"))
    sentence = corpus.sentence(1)
    assert (sentence.id, sentence.line, sentence.forms) == ("cats", 13, ("Ĉatoj", "猫"))
    assert [sentence.text[begin:end] for begin, end in sentence.spans] == list(sentence.forms)
    assert corpus.where(1).endswith("dev.conllu:13, sentence cats")
