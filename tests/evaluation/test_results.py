import hashlib
import json
import math

import pandas as pd
import pytest

from concept_align.atomic import save_table
from concept_align.errors import ConceptAlignError
from concept_align.evaluation.results import COLUMNS, combine, read

ROWS = pd.DataFrame(
    [
        ("m", "r", "6+10", "upos", "en", "nan", 0, -1, "shrink", "accuracy", 0.1 + 0.2, 0.25, 0.35, 99),
        ("m", "r", "7", "upos", "en", "mean", 5, -1, "shrink", "accuracy", 0.5, math.nan, math.nan, 2),
    ],
    columns=list(COLUMNS),
)


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "."])
def test_what_is_saved_is_read_exactly(tmp_path, name):
    save_table(ROWS, tmp_path, "results")
    pd.testing.assert_frame_equal(read(tmp_path / name), ROWS, check_exact=True, check_dtype=False)


def test_equal_tables_give_equal_bytes(tmp_path):
    for folder in ("a", "b"):
        save_table(ROWS, tmp_path / folder, "results")
    for name in ("results.csv", "results.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_table_of_other_columns_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConceptAlignError, match="columns a, b"):
        read(tmp_path / "other.csv")
    with pytest.raises(ConceptAlignError, match="no results"):
        read(tmp_path / "missing.csv")


def test_runs_are_combined_and_equal_rows_kept_once(tmp_path):
    save_table(ROWS, tmp_path, "results")
    assert len(combine([ROWS[:1], ROWS[1:], tmp_path])) == 2
    assert list(combine([]).columns) == list(COLUMNS)


def test_two_values_for_one_thing_are_refused():
    other = ROWS[:1].assign(value=0.9, low=0.8, high=1.0)
    with pytest.raises(ConceptAlignError, match="two values"):
        combine([ROWS, other])


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"\xff\xfe" + data,
        lambda data: data.replace(b"0.", b"x.").replace(b"PAR1", b"PAR2"),
        lambda data: b"[" * 100_000,
    ],
)
def test_a_table_that_is_none_is_one_error(tmp_path, name, damage):
    save_table(ROWS, tmp_path, "results")
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ConceptAlignError, match=name):
        read(path)
    path.unlink()
    path.symlink_to(name)
    with pytest.raises(ConceptAlignError, match=name):
        read(path)


def test_numbers_of_a_folder_that_were_changed_are_refused(tmp_path):
    save_table(ROWS, tmp_path, "results")
    data = (tmp_path / "results.parquet").read_bytes()
    about = {"sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "evaluation.json").write_text(json.dumps(about))
    pd.testing.assert_frame_equal(read(tmp_path), ROWS, check_dtype=False)
    save_table(ROWS.assign(value=0.5), tmp_path, "results")
    with pytest.raises(ConceptAlignError, match=r"results\.parquet: its content is not what was written"):
        read(tmp_path)
    (tmp_path / "evaluation.json").write_text("{}")  # of an earlier release
    assert (read(tmp_path)["value"] == 0.5).all()
