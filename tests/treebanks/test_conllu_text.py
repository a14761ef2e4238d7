"""Texts, and the spans of words in them: spacing, other normalisation, multiword tokens."""

from pathlib import Path

import pytest
from toy_conllu import CATS, word, write

from concept_align.treebanks.conllu import read
from concept_align.treebanks.reader.surface import search

OTHER = word(2, "b", "X", 1, misc="NoSpaceAfter=No|C=SpaceAfter=No|SpaceAfter=Now")


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
