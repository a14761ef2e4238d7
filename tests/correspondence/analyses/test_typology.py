import numpy as np
import pytest

from concept_align.correspondence.analyses.typology import (
    cldf_codes,
    distances_by,
    read_places,
    read_rows,
    read_typology,
)
from concept_align.errors import UsageError

TABLE = "code,order,case,share\nde,SVO,1,0.5\nen,SVO,0,0.0\nja,SOV,1,1.0\nfi,?,,\n"


def write(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_distance_is_the_mean_over_features_both_have(tmp_path):
    found = distances_by(read_typology(write(tmp_path, TABLE)), ["de", "en", "ja"])
    assert found.loc["de", "en"] == pytest.approx((0 + 1 + 0.5) / 3)
    assert found.loc["en", "ja"] == pytest.approx((1 + 1 + 1) / 3)
    assert np.allclose(found, found.T)
    assert (np.diag(found) == 0).all()


def test_too_few_shared_features_give_no_distance(tmp_path):
    table = read_typology(write(tmp_path, TABLE.replace("ja,SOV,1", "ja,?,1")))
    assert np.isnan(distances_by(table, ["de", "ja"]).loc["de", "ja"])
    assert distances_by(table, ["de", "ja"], least=2).loc["de", "ja"] == pytest.approx(0.25)
    # No features at all are never enough.
    assert np.isnan(distances_by(table, ["de", "fi"], least=0).loc["de", "fi"])


def test_a_language_without_a_row_has_no_distance(tmp_path):
    found = distances_by(read_typology(write(tmp_path, TABLE)), ["de", "sv", "en"])
    assert np.isnan(found.loc["sv"]).all()


def test_whole_numbers_are_categories_unless_said_otherwise(tmp_path):
    path = write(tmp_path, "code\tvowels\nde\t1\nen\t3\nfr\t5\n", "table.tsv")
    assert distances_by(read_typology(path), ["de", "en"]).loc["de", "en"] == 1
    assert distances_by(read_typology(path, numeric=["vowels"]), ["de", "en"]).loc["de", "en"] == 0.5


def test_equal_numbers_written_differently_are_equal(tmp_path):
    table = read_typology(write(tmp_path, "code,a\nde,1\nen,1.0\nfr,2\n"))
    assert distances_by(table, ["de", "en"]).loc["de", "en"] == 0


def test_names_may_be_identifiers_or_mapped(tmp_path):
    path = write(tmp_path, "id,a\ndeu,x\nstan1293,y\ncmn,x\n")
    found = distances_by(read_typology(path, codes={"stan1293": "en"}), ["de", "en", "UD_Chinese-PUD"])
    assert found.loc["de"].tolist() == [0, 1, 0]


def test_a_table_of_other_languages_says_what_it_has(tmp_path):
    with pytest.raises(UsageError, match="0 of the 2 languages") as error:
        distances_by(read_typology(write(tmp_path, "id,a\nabcd1234,x\n")), ["de", "en"])
    assert "abcd1234" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("code,a\nde,1\nen\n", "1 cells where the header has 2", ":3"),
        ("code,a\nde,1\n\nde,2\n", "stands twice, first in line 2", ":4"),
        ("code,a,a\nde,1,2\n", "feature 'a' stands twice, in column 3", ":1"),
        ("code,a,\nde,1,2\n", "a feature without a name, in column 3", ":1"),
        ("code,a\n,1\n", "a row without a language", ":2"),
        ("code\nde\n", "one column only", ":1"),
        ("code,a\n", "has no rows", ""),
    ],
)
def test_broken_tables_are_refused_with_their_place(tmp_path, text, message, where):
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=message) as error:
        read_rows(path)
    assert error.value.where == f"{path}{where}"
    assert error.value.remedy


def test_text_in_a_feature_of_numbers_is_named(tmp_path):
    path = write(tmp_path, "code,a,b\nde,x,1\nen,x,many\n")
    with pytest.raises(UsageError, match=r"'many' is not a number, in column 3 \(b\)") as error:
        read_typology(path, numeric=["b"])
    assert error.value.where == f"{path}:3"
    with pytest.raises(UsageError, match="no feature 'c'"):
        read_typology(path, numeric=["c"])
    with pytest.raises(UsageError, match="cannot read"):
        read_typology(tmp_path / "none.csv")


def test_the_long_form_of_cldf_is_read_as_the_wide_one(tmp_path):
    values = "ID,Language_ID,Parameter_ID,Value\n1,g1,A,1\n2,g1,B,2\n3,g2,A,1\n4,g2,B,3\n5,g2,B,2\n6,g3,A,2\n"
    rows, lines = read_rows(write(tmp_path, values))
    assert (list(rows.index), list(rows.columns), lines) == (["g1", "g2", "g3"], ["A", "B"], [2, 4, 7])
    assert rows.to_numpy().tolist() == [["1", "2"], ["1", ""], ["2", ""]]
    languages = "ID,Name,ISO639P3code,Latitude,Longitude\ng1,German,deu,52,10\ng2,Norwegian,nor,60,5\n"
    languages += "g3,Nynorsk,nno,,\ng4,Unwritten,,1,2\n"
    path = write(tmp_path, languages, "languages.csv")
    assert cldf_codes(path) == {"g1": "de", "g3": "no"}
    assert read_places(path) == {"de": (52.0, 10.0), "g2": (60.0, 5.0), "g4": (1.0, 2.0)}
    table = read_typology(write(tmp_path, values, "values.csv"))  # languages.csv lies beside it
    assert distances_by(table, ["de", "no"], least=1).loc["de", "no"] == 1
