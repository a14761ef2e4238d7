import gzip
import lzma

import numpy as np
import pytest

from concept_align.apply.text import (
    asked,
    document,
    of_bytes,
    plain,
    read,
    read_labelled,
    require_heads,
    undivided,
)
from concept_align.errors import TreebankError, UsageError
from concept_align.treebanks.concepts import UPOS, Task, labels, parse_task

UPOS_TASK = parse_task("upos")


def test_lists_of_words_and_plain_sentences_are_one_corpus():
    corpus = read(["A dog sleeps.", ["Two", "cats", "."]])
    assert list(corpus.forms) == ["A", "dog", "sleeps", ".", "Two", "cats", "."]
    assert corpus.texts[1] == "Two cats."
    assert corpus.offsets.tolist() == [0, 4, 7]
    assert corpus.upos.tolist() == [-1] * 7


def test_a_sentence_of_a_plain_file_is_called_by_its_line(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\ufeffA dog.\r\n\n  \nTwo cats\n", encoding="utf-8")
    corpus = read(path)
    assert list(corpus.sent_ids) == ["1", "4"]
    assert corpus.texts[0] == "A dog."
    assert plain(["a b.c"], "x", pretokenised=True).forms[1] == "b.c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ([], "no sentence"),
        ([[]], "sentence 1 has no words"),
        (["fine", ["a", ""]], "sentence 2 is neither"),
        ("no such file.txt", "No such file"),
    ],
)
def test_what_cannot_be_read_is_named(text, message):
    with pytest.raises(UsageError, match=message):
        read(text)


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UsageError, match=r"a\.txt:1: byte 4 of the file, 0xe9, is not UTF-8"):
        read(tmp_path / "a.txt")


def test_words_with_labels_are_a_support():
    corpus = read_labelled([(["A", "dog"], ["DET", "NOUN"]), (["runs"], [None])], UPOS_TASK)
    assert [UPOS[code] if code >= 0 else None for code in corpus.upos] == ["DET", "NOUN", None]
    case = Task("feature:Case", ("Acc", "Nom"))
    corpus = read_labelled([(["ihn", "er"], ["Acc", "Nom"])], case)
    assert labels(corpus, case).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("support", "message"),
    [
        ([(["A"], ["DETT"])], "unknown label 'DETT' of 'A'\n.*use DET"),
        ([(["A", "dog"], ["DET"])], "as many words as labels"),
        ([(["A"], [None])], "no word has a label of upos"),
        ("plain.txt", "must be CoNLL-U"),
    ],
)
def test_a_support_that_cannot_be_used_is_refused(support, message):
    with pytest.raises((UsageError, TreebankError), match=message):
        read_labelled(support, UPOS_TASK)


def test_relations_want_heads_and_the_sentence_without_is_named(tmp_path):
    with pytest.raises(UsageError, match="have no heads"):
        read_labelled([(["A"], ["det"])], parse_task("relation"))
    path = tmp_path / "some.conllu"
    row = "{}\t{}\t_\t_\t_\t_\t{}\t_\t_\t_\n"
    path.write_text(
        "# sent_id = one\n"
        + row.format(1, "Go", 0)
        + "\n# sent_id = two\n"
        + row.format(1, "Stop", "_")
        + "\n"
    )
    with pytest.raises(TreebankError, match="word 1 'Stop' has no head") as caught:
        require_heads(read(path))
    assert caught.value.where is not None
    assert "some.conllu:4, sentence two" in caught.value.where


def test_every_word_is_asked_about_whatever_its_label():
    corpus = read(["A dog."])
    assert labels(asked(corpus, UPOS_TASK), UPOS_TASK).tolist() == [0, 0, 0]
    case = Task("feature:Case", ("Acc", "Nom"))
    assert labels(asked(corpus, case), case).tolist() == [0, 0, 0]
    heads = np.array([2, 0, -1], np.int32)
    import dataclasses

    some = asked(dataclasses.replace(corpus, heads=heads), parse_task("relation"))
    assert (labels(some, parse_task("relation")) >= 0).tolist() == [True, True, False]


def test_a_script_without_spaces_is_told():
    assert undivided(read(["我们昨天没有看到老师。"])) == 1
    assert undivided(read([["我们", "昨天", "没有", "看到", "老师", "。"], "An extraordinary word"])) == 0


CONLLU = "1\tGo\t_\tVERB\t_\t_\t0\troot\t_\t_\n\n"


@pytest.mark.parametrize(
    "head", ["", "# sent_id = a\n", "\n\n# anything\n", "\ufeff", "\ufeff# text = Go\r\n"]
)
@pytest.mark.parametrize("name", ["a.txt", "a.conll", "A.CONLLU", "a", "a.conllu"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_conllu_is_told_by_its_lines_whatever_the_file_is_called(tmp_path, head, name, pack):
    (tmp_path / name).write_bytes(pack((head + CONLLU).encode()))
    found = document(tmp_path / name)
    assert list(found.corpus.forms) == ["Go"]
    assert found.conllu == (head + CONLLU).encode()
    assert of_bytes(found.conllu, "stdin").corpus.upos.tolist() == [UPOS.index("VERB")]
    assert list(read_labelled(tmp_path / name, UPOS_TASK).forms) == ["Go"]


@pytest.mark.parametrize(
    "text", ["1 Go _ VERB _ _ 0 root _ _", "# Heading\n1. Go", "12\tGo", "Go\taway\tnow"]
)
def test_plain_text_is_what_has_no_columns(text):
    assert of_bytes(text.encode(), "stdin").conllu is None


@pytest.mark.parametrize("name", ["a.conll", "A.CoNLL", "a.conllx.gz"])
@pytest.mark.parametrize("text", ["-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\n", "Go\tVERB\n", "1 Go _ VERB\n"])
def test_a_file_of_another_conll_is_no_plain_text(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(TreebankError, match=r"columns? where CoNLL-U has 10"):
        document(tmp_path / name)


def test_plain_text_whose_lines_end_in_carriage_returns_is_refused():
    for text in ("A dog.\rTwo cats.\r", "A dog.\r\rTwo cats."):
        with pytest.raises(UsageError, match="text: its lines end in a carriage return alone"):
            of_bytes(text.encode(), "text")
    assert list(of_bytes(b"A dog.\r", "text").corpus.sent_ids) == ["1"]


def test_text_that_is_half_conllu_half_plain_is_refused_by_line():
    with pytest.raises(UsageError, match="stdin:2: a line of CoNLL-U in what begins as plain text"):
        of_bytes(("A dog.\n" + CONLLU).encode(), "stdin")
    with pytest.raises(TreebankError, match="9 columns where CoNLL-U has 10"):
        of_bytes(CONLLU.replace("\t_\n", "\n").encode(), "stdin")
    with pytest.raises(UsageError, match="NUL"):
        of_bytes("A dog.".encode("utf-16-le"), "stdin")


@pytest.mark.parametrize("words", [["a\ud800", "b"], "a \udcff b", ["\ud83d"]])
def test_half_of_a_character_is_refused_by_sentence(words):
    with pytest.raises(UsageError, match=r"sentence 2: U\+D.* is half of a character"):
        read(["fine", words])
    if isinstance(words, list):
        with pytest.raises(UsageError, match="half of a character"):
            read_labelled([(words, ["NOUN"] * len(words))], UPOS_TASK)


@pytest.mark.parametrize("word", ["a\tb", "a\nb", "a\r"])
def test_a_word_that_would_break_its_line_is_refused(word):
    with pytest.raises(UsageError, match="has a tab or a line end"):
        read([["fine", word]])


@pytest.mark.parametrize("path", ["\ud800.txt", "a\0b", "x.conllu\0"])
def test_a_name_that_no_file_can_have_is_refused(path):
    with pytest.raises((UsageError, TreebankError), match="cannot be read"):
        read(path)


@pytest.mark.parametrize("sign", ["_", "____", "*", "XXXX"])
def test_a_text_that_is_withheld_is_refused(sign):
    row = "{}\t{}\t_\tNOUN\t_\t_\t_\t_\t_\t_\n"
    rows = [row.format(1, sign), row.format(2, sign), row.format(3, "x")]
    with pytest.raises(TreebankError, match="its text is withheld: 2 of 3 forms"):
        of_bytes("".join(rows).encode(), "stdin")
    rows[0] = row.format(1, "a")
    assert of_bytes("".join(rows).encode(), "stdin").corpus.words == 3
