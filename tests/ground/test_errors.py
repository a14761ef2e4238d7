"""What is told: one line of plain text for each part, whatever a file or a server said."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_align.atomic import guarded, save_csv, unguarded
from concept_align.cli.output import emit_table, say
from concept_align.errors import LONGEST, ConceptAlignError, TreebankError, clean, encoded
from concept_align.progress import LogLines
from concept_align.reading import read_results

NASTY = "\x1b[31mred\x07\r\n\x9b2J\u202eback\ud800 ok é 我"


@given(st.text(st.characters(), max_size=900), st.text(max_size=50))
def test_an_error_is_told_in_plain_signs_and_not_at_length(text, where):
    found = ConceptAlignError(text, where=where, option="langs", remedy=text).told()
    message, _, remedy = found.partition("\n  → ")
    for part in (message, remedy):
        assert not [sign for sign in part if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]
    assert len(message) <= 2 * LONGEST + 20
    found.encode()


def test_what_is_usual_is_told_as_it_is():
    text = "a“b” 我们 नमस्ते می\u200cخواهم: 100 %"
    assert clean(text) == text
    long = ConceptAlignError("x" * 400 + "end").told()
    assert len(long) == LONGEST and long.startswith("xxx") and long.endswith("xend") and " ... " in long


def test_all_that_is_told_is_cleaned(capsys):
    say(NASTY)
    emit_table(NASTY, ["a"], [[NASTY]])
    LogLines(every=0).bar(NASTY, 2).advance()
    out, err = capsys.readouterr()
    assert not set("\x1b\x9b\x07\u202e\ud800") & set(err)
    assert "\\x1b[31mred\\x07" in out and "\\x1b[31mred\\x07" in err
    assert "\x1b" not in out.splitlines()[-1]


def test_half_of_a_character_is_named():
    with pytest.raises(ConceptAlignError, match=r"here: U\+D800 is half of a character"):
        encoded("a\ud800", "here")


@given(st.text(max_size=12))
def test_no_text_of_a_table_is_a_formula_and_all_come_back(text):
    cell = guarded(text)
    assert cell[:1] not in set("=+-@\t\r")
    assert unguarded(cell) == text


def test_names_in_a_table_come_back_and_numbers_stay(tmp_path):
    import pandas as pd

    names = ["=cmd|' /C calc'!A0", "+1", "-b", "@a", "'=x", "plain", "'quoted'"]
    frame = pd.DataFrame({"learner": names, "value": [-1.0, 2, -3, 4, 5, 6, 7], "=n": range(7)})
    save_csv(frame, tmp_path / "results.csv")
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0] == "learner,value,'=n"
    assert lines[1].startswith("'=cmd|") and lines[1].endswith(",-1.0,0")
    found = read_results(tmp_path / "results.csv")
    assert found["learner"].tolist() == names
    assert found["value"].tolist() == frame["value"].tolist()


def test_control_characters_of_a_treebank_do_not_reach_the_terminal(tmp_path):
    from concept_align.treebanks.conllu import read

    path = tmp_path / "en_x-ud-test.conllu"
    path.write_text("# sent_id = \x1b[31mred\n1\ta\t_\t\x1b[0mZ\t_\t_\t0\troot\t_\t_\n\n")
    with pytest.raises(TreebankError) as error:
        read(path)
    assert "\x1b" not in str(error.value) and "\\x1b[31mred" in str(error.value)
