"""What tables look like where they do not fit."""

from concept_align.cli.output import emit_table


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
