"""What tables look like where they do not fit."""

import re

import pytest

from concept_align.cli.output import emit_table

CELL = re.compile(r"\s+[│┃]\s+")


def test_a_long_last_column_goes_on_below_and_leaves_the_others_whole(capsys):
    words = " ".join(f"word{number}" for number in range(60))
    emit_table("title", ["what", "value"], [["validation", words], ["out", "a/short/path"]])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 160
    assert "validation" in printed and "…" not in printed
    assert [word for word in printed.split() if word.startswith("word")] == words.split()


def test_numbers_on_the_right_are_never_broken(capsys):
    emit_table("title", ["name", "n"], [["x" * 30, "1,234,567 words"]], right={1})
    assert any("1,234,567 words" in line for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("columns", [2, 9, 30, 100])
def test_columns_without_room_follow_below_and_no_cell_is_cut(capsys, columns):
    names = ["language", *(f"learner-{number}" for number in range(columns))]
    rows = [[language, *(f"{number}.25" for number in range(columns))] for language in ("Irish", "Welsh")]
    emit_table("title", names, rows, right=set(range(1, columns + 1)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 160
    for row in (names, *rows):
        found = [line for line in lines if line.startswith(row[0])]
        assert [cell for line in found for cell in CELL.split(line)[1:]] == row[1:]


def test_a_table_that_just_fits_stays_in_one_piece(capsys):
    emit_table("title", ["a" * 51, "b" * 51, "c" * 52], [["x", "y", "z"]], right={1, 2})
    assert len(capsys.readouterr().out.splitlines()) == 4
    emit_table("title", ["a" * 51, "b" * 52, "c" * 52], [["x", "y", "z"]], right={1, 2})
    assert len(capsys.readouterr().out.splitlines()) == 8


def test_wide_characters_take_two_places(capsys):
    emit_table("title", ["word", "m", "n"], [["語" * 40, "1" * 40, "2" * 40]], right={1, 2})
    printed = capsys.readouterr().out
    assert "1" * 40 in printed and "2" * 40 in printed
