"""Reading and streaming well-formed files, whatever their packing."""

import gzip
import hashlib
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy_conllu import CATS, DOGS, word, write

from concept_align.errors import UsageError
from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read, read_compact, stream
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks, mini_treebanks
from concept_align.treebanks.reader import reading as reader

COLUMNS = (
    "upos", "relations", "subtypes", "heads", "feats", "ranges", "lines", "spans",
)  # fmt: skip


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


@pytest.mark.parametrize("size", [1 << 20, 4000])
@pytest.mark.parametrize("columns", [(), ("XPOS", "MISC:Gloss")])
def test_what_is_read_compact_is_what_is_read(monkeypatch, size, columns):
    monkeypatch.setattr("concept_align.treebanks.reader.reading.BLOCK_BYTES", size)
    for file in find_treebanks(mini_treebanks(), ["de", "fr", "zh"], "train"):
        whole, compact = read(file.path).with_columns(columns), read_compact(file.path, columns)
        assert compact.raw == () and whole.sents == compact.sents
        for name, value in vars(whole).items():
            found = getattr(compact, name)
            if isinstance(value, np.ndarray):
                assert value.dtype == found.dtype and np.array_equal(value, found), name
            elif name == "columns":
                assert {key: (of.names, of.codes.tolist()) for key, of in value.items()} == {
                    key: (of.names, of.codes.tolist()) for key, of in found.items()
                }
            elif name != "raw":
                assert value == found, name


def test_what_is_left_out_and_what_is_foreign_is_counted_once_when_read_compact(path, monkeypatch):
    monkeypatch.setattr("concept_align.treebanks.reader.reading.BLOCK_BYTES", 64)
    good, broken, odd = (
        "1\ta\ta\tNOUN\t_\t_\t0\troot\t_\t_\n\n",
        "1\ta\n\n",
        "1\tb\tb\tN\t_\t_\t0\troot\t_\t_\n\n",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(good + broken + odd + good + broken + odd * 2 + broken * 20, encoding="utf-8")
    options = {"lenient": True, "strict": ()}
    whole, compact = read(path, **options), read_compact(path, **options)
    assert (compact.skipped, compact.sents) == (whole.skipped, whole.sents) == (22, 5)
    assert compact.foreign == whole.foreign == {"UPOS": {"N": 3}}
    assert list(compact.sent_ids) == list(whole.sent_ids)
    assert compact.lines.tolist() == whole.lines.tolist()


def test_read_compact_a_file_takes_half_the_memory(path):
    write(path, many(1000) * 100)
    peaks = []
    for reading in (read, read_compact):
        tracemalloc.start()
        reading(path)
        peaks.append(tracemalloc.get_traced_memory()[1] / path.stat().st_size)
        tracemalloc.stop()
    assert peaks[1] < 0.6 * peaks[0] and peaks[1] < 3, peaks
