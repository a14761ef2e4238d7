"""Broken files: one clear error with file, line and sentence, or lenient reading without the sentence."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from concept_align.errors import TreebankError, UsageError
from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import label_names, read, stream
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.reader import reading as reader

GOOD = (
    "# sent_id = good{n}\n# text = a b\n1\ta\t_\tX\t_\t_\t0\troot\t_\t_\n2\tb\t_\tX\t_\t_\t1\tdep\t_\t_\n\n"
)
HEAD = "# sent_id = bad\n# text = one two\n"


def row(number: str = "1", form: str = "one", upos: str = "X", head: str = "0", deprel: str = "dep") -> str:
    return f"{number}\t{form}\t_\t{upos}\t_\t_\t{head}\t{deprel}\t_\t_\n"


ONE, TWO = row(), row("2", "two", head="1")

# name: (lines behind the sentence's two comments, line at fault counted from 1 among them, what is said)
BROKEN: dict[str, tuple[str, int, str]] = {
    "nine columns": (ONE + "2\ttwo\t_\tX\t_\t_\t1\tdep\t_\n", 2, "9 columns where CoNLL-U has 10"),
    "one column": ("one\n" + TWO, 1, "1 column where"),
    "eleven columns": (ONE + TWO.replace("\n", "\t_\n"), 2, "11 columns"),
    "spaces for tabs": (ONE.replace("\t", " ") + TWO, 1, "1 column where"),
    "no number": (row("x") + TWO, 1, "'x' is no id"),
    "empty id": (row("") + TWO, 1, "'' is no id"),
    "long id": (row("1234567890") + TWO, 1, "'1234567890' is no id"),
    "negative id": (row("-1") + TWO, 1, "'-1' is no id"),
    "half a range": (row("1-") + ONE + TWO, 1, "'1-' is no id"),
    "gap": (ONE + row("3", "two", head="1"), 2, "word id 3 where 2 is due"),
    "repeated id": (ONE + row("1", "two", head="1"), 2, "word id 1 where 2 is due"),
    "starts at 2": (row("2"), 1, "word id 2 where 1 is due"),
    "no words": ("1.1\tone\t_\tX\t_\t_\t_\t_\t_\t_\n", -1, "a sentence without words"),
    "only empty nodes": ("0.1\tone\t_\tX\t_\t_\t_\t_\t_\t_\n", -1, "a sentence without words"),
    "misplaced empty node": (ONE + row("2.1") + TWO, 2, "empty node 2.1 stands behind word 1"),
    "late range": (ONE + row("1-2", upos="_") + TWO, 2, "multiword token 1-2 does not fit"),
    "long range": (row("1-3", upos="_") + ONE + TWO, 1, "multiword token 1-3 does not fit"),
    "backward range": (ONE + row("2-1", upos="_") + TWO, 2, "multiword token 2-1 does not fit"),
    "overlapping ranges": (row("1-2") + ONE + row("2-3") + TWO + row("3", head="1"), 3, "token 2-3 does"),
    "doubled range": (row("1-2") + row("1-2") + ONE + TWO, 2, "multiword token 1-2 does not fit"),
    "head beyond": (ONE + row("2", "two", head="3"), 2, "head 3 lies outside"),
    "head no number": (ONE + row("2", "two", head="x"), 2, "head 'x' is no number"),
    "head negative": (ONE + row("2", "two", head="-1"), 2, "head '-1' is no number"),
    "head empty": (ONE + row("2", "two", head=""), 2, "head '' is no number"),
    "unknown upos": (ONE + row("2", "two", "Noun", "1"), 2, "unknown UPOS 'Noun'"),
    "empty upos": (ONE + row("2", "two", "", "1"), 2, "unknown UPOS ''"),
    "unknown relation": (ONE + row("2", "two", "X", "1", "nsubjpass"), 2, "universal relation 'nsubjpass'"),
    "unknown with subtype": (ONE + row("2", "two", "X", "1", "subj:x"), 2, "universal relation 'subj:x'"),
    "empty form": (ONE + row("2", "", "X", "1"), 2, "an empty form"),
    "self": (ONE + row("2", "two", head="2"), 2, "cycle"),
    "cycle": (ONE + row("2", "two", head="3") + row("3", "three", head="2"), 2, "cycle"),
    "two roots": (ONE + row("2", "two", head="0"), -1, "2 roots where a tree has one"),
}  # fmt: skip


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "en_toy-ud-dev.conllu"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def around(bad: str) -> str:
    return f"{GOOD.format(n=1)}{GOOD.format(n=2)}{HEAD}{bad}\n{GOOD.format(n=3)}"


@pytest.mark.parametrize("block", [1 << 20, 30])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_sentence_is_named_with_file_line_and_id(
    tmp_path: Path, name: str, block: int, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    bad, line, message = BROKEN[name]
    path = write(tmp_path, around(bad))
    with pytest.raises(TreebankError) as error:
        read(path)
    assert message in error.value.message
    assert error.value.where == f"{path}:{12 + line}, sentence bad"
    assert error.value.remedy
    with pytest.raises(TreebankError):
        list(stream(path))


@pytest.mark.parametrize("block", [1 << 20, 30])
@pytest.mark.parametrize("name", BROKEN)
def test_lenient_reading_leaves_out_the_broken_sentence_alone(
    tmp_path: Path, name: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    unnumbered = GOOD.replace("# sent_id = good{n}\n", "")
    corpus = read(write(tmp_path, around(BROKEN[name][0]) + unnumbered), lenient=True)
    assert corpus.sent_ids == ["good1", "good2", "good3", "5"]
    assert corpus.skipped == 1
    assert corpus.lines[:2].tolist() == [1, 6]
    assert corpus.forms == ["a", "b"] * 4
    assert corpus.offsets.tolist() == [0, 2, 4, 6, 8]


def test_all_broken_sentences_are_skipped_and_counted_chunk_by_chunk(tmp_path: Path) -> None:
    content = "".join(around(bad) for bad, _, _ in BROKEN.values())
    path = write(tmp_path, content)
    corpus = read(path, lenient=True)
    assert (corpus.sents, corpus.skipped) == (3 * len(BROKEN), len(BROKEN))
    lines = content.split("\n")
    assert [lines[line - 1] for line in corpus.lines] == [f"# sent_id = {name}" for name in corpus.sent_ids]
    chunks = list(stream(path, lenient=True, sentences_per_chunk=5))
    assert sum(chunk.skipped for chunk in chunks) == len(BROKEN)


def test_several_faults_are_said_with_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, around(row(upos="Y") + row("2", "two", "Z", "1")))
    with pytest.raises(TreebankError, match=r"unknown UPOS 'Y' \(1 more like it\)"):
        read(path)


def test_trees_are_checked_only_when_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, around(BROKEN["cycle"][0]) + BROKEN["two roots"][0])
    assert read(path, trees=False).sents == 5


def test_long_chains_are_trees_and_long_circles_are_not(tmp_path: Path) -> None:
    chain = "".join(row(str(n), "w", head=str(n - 1)) for n in range(1, 1025))
    assert read(write(tmp_path, chain)).words == 1024
    circle = "".join(row(str(n), "w", head=str(n + 1)) for n in range(2, 1000)) + row("1000", "w", head="2")
    with pytest.raises(TreebankError, match="cycle"):
        read(write(tmp_path, ONE + circle))


@pytest.mark.parametrize("block", [1 << 20, 30])
def test_bytes_that_are_not_utf8_are_named(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    content = around(ONE + TWO).encode().replace(b"\ttwo", b"\ttw\xf6")
    path = write(tmp_path, content)
    with pytest.raises(TreebankError, match=f"byte {content.index(0xF6)} of the file is not UTF-8") as error:
        read(path)
    assert error.value.where == f"{path}:14, sentence bad"
    corpus = read(path, lenient=True)
    assert (corpus.sent_ids, corpus.skipped) == (["good1", "good2", "good3"], 1)


@pytest.mark.parametrize("content", ["", "\n\n", "# sent_id = 1\n\n", "\ufeff"])
def test_a_file_without_sentences_is_refused(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(TreebankError, match="no sentence to read"):
        read(path)
    with pytest.raises(TreebankError, match="no sentence to read"):
        list(stream(path))


def test_a_file_of_broken_sentences_is_refused_even_leniently(tmp_path: Path) -> None:
    with pytest.raises(TreebankError, match="all 2 are broken"):
        read(write(tmp_path, f"{row('2')}\n{row('3')}\n"), lenient=True)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TreebankError, match="cannot be opened: No such file") as error:
        read(tmp_path / "en_toy-ud-dev.conllu")
    assert error.value.remedy


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
@pytest.mark.parametrize(
    "harm", [lambda data: data[:-20], lambda data: b"no such thing" + data], ids=["cut", "junk"]
)
def test_damaged_compression_is_named(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes], harm: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"en_toy-ud-dev.conllu.{ending}"
    path.write_bytes(harm(pack((GOOD.format(n=1) * 1000).encode())))
    with pytest.raises(TreebankError, match="cannot be read to its end") as error:
        read(path)
    assert "damaged" in str(error.value)
    with pytest.raises(TreebankError, match="cannot be read to its end"):
        list(stream(path))


PLUS = "# global.columns = ID FORM UPOS HEAD DEPREL PARSEME:MWE\n"
PLUS += "1\tDogs\tNOUN\t2\tnsubj\t*\n2\tbark\tVERB\t0\troot\t1\n\n"


@pytest.mark.parametrize("block", [1 << 20, 30])
def test_conllu_plus_is_read_where_its_columns_are_there(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    corpus = read(write(tmp_path, PLUS + PLUS.split("\n", 1)[1]))
    assert corpus.forms == ["Dogs", "bark"] * 2
    assert corpus.heads.tolist() == [2, 0, 2, 0]
    assert Corpus.from_conllu(corpus.to_conllu()).forms == corpus.forms
    with pytest.raises(TreebankError, match=r"5 columns where `# global\.columns` names 6") as error:
        read(write(tmp_path, PLUS + "1\ta\tX\t0\troot\n\n"))
    assert error.value.where == f"{tmp_path / 'en_toy-ud-dev.conllu'}:5"
    with pytest.raises(TreebankError, match="without the columns ID and FORM"):
        read(write(tmp_path, PLUS.replace("FORM", "WORD")))


def test_lines_that_end_in_a_carriage_return_alone_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.format(n=1).replace("\n", "\r"))
    for lenient in (False, True):
        with pytest.raises(TreebankError, match="lines end in a carriage return alone"):
            read(path, lenient=lenient)


@pytest.mark.parametrize("block", [1 << 20, 30])
def test_labels_of_other_schemes_count_as_none_where_nobody_asks_for_them(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    path = write(tmp_path, around(row(deprel="ROOT") + row("2", "two", "Noun", "1", "comp:obj")))
    with pytest.raises(TreebankError, match="unknown UPOS 'Noun'"):
        read(path, strict=("UPOS",))
    with pytest.raises(TreebankError, match="'ROOT'"):
        read(path, strict=("DEPREL",))
    corpus = read(path, strict=())
    assert corpus.foreign == {"UPOS": {"Noun": 1}, "DEPREL": {"ROOT": 1, "comp:obj": 1}}
    assert corpus.upos[4:6].tolist() == [UPOS.index("X"), -1]
    assert corpus.relations[4:6].tolist() == corpus.relations[4:6].tolist() == [-1, -1]
    assert corpus.subtypes[5] == 0
    assert "2 words have labels that are not of Universal Dependencies" in corpus.strange()[1]
    with pytest.raises(TreebankError, match="unknown UPOS ''"):  # damage, in any scheme
        read(write(tmp_path, around(row(upos="") + TWO)), strict=())


def test_a_file_says_what_labels_of_another_scheme_are_called(tmp_path: Path) -> None:
    path = write(tmp_path, around(row(deprel="ROOT") + row("2", "two", "Noun", "1", "comp:obj")))
    names = tmp_path / "names.csv"
    names.write_text(
        "column,from,to\nUPOS,Noun,NOUN\nDEPREL,ROOT,root\nDEPREL,comp:obj,obj\nDEPREL,dep,dep:x\n"
    )
    corpus = read(path, renamed=label_names(names))
    assert corpus.upos[5] == UPOS.index("NOUN")
    assert [RELATIONS[code] for code in corpus.relations[4:6]] == ["root", "obj"]
    assert corpus.foreign == {}
    names.write_text("column,from,to\nDEPREL,ROOT,root\nDEPREL,comp,obj\n")
    corpus = read(path, renamed=label_names(names), strict=("DEPREL",))
    assert RELATIONS[corpus.relations[5]] == "obj" and corpus.subtype_names[corpus.subtypes[5]] == "obj"
    for wrong in ("DEPREL,x,y", "LEMMA,x,obj", "UPOS,x", "UPOS,x,NOUN:y"):
        names.write_text(f"column,from,to\n{wrong}\n")
        with pytest.raises(UsageError, match=r"names\.csv:2: .* names no label of UD"):
            label_names(names)
    names.write_text("a,b\n")
    with pytest.raises(UsageError, match=r"names\.csv:1: its first line is not column,from,to"):
        label_names(names)
