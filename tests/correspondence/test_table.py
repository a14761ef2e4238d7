import math
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.table import COLUMNS, Alignability, Score, framed, means
from concept_align.errors import ConceptAlignError, UsageError


def row(source, target, value, **changes):
    fields = dict(
        model="toy",
        revision="r1",
        layer="3",
        task="upos",
        space="raw",
        measure="rsa",
        source=source,
        target=target,
        value=value,
        low=value - 0.1,
        high=value + 0.1,
        null_mean=0.02,
        null_sd=0.1,
        z=value / 0.1,
        p=0.01,
        q=0.02,
        ceiling=0.9,
        n=12,
        left_out="INTJ;SYM",
        dim=8,
    )
    return Score(**(fields | changes))


def table(*rows):
    return Alignability(framed({name: [getattr(one, name) for one in rows] for name in COLUMNS}), {"seed": 1})


PAIRS = [("en", "de", 0.8), ("en", "nan", 0.6), ("de", "nan", 0.4)]  # "nan" is Min Nan Chinese


def small():
    return table(
        *(row(*pair) for pair in PAIRS),
        *(row(source, target, value / 2, layer="4", q=0.2) for source, target, value in PAIRS),
        row("en", "de", 0.9, measure="retrieval-p1"),
        row("de", "en", 0.7, measure="retrieval-p1"),
    )


def test_scores_are_the_rows_of_the_frame():
    found = small()
    assert tuple(found.frame().columns) == COLUMNS
    assert next(found.frame().itertuples(index=False, name=None)) == astuple(row("en", "de", 0.8))
    assert found.measures == ("rsa", "retrieval-p1") and found.layers == ("3", "4")
    assert found.languages == ("en", "de", "nan")


def test_a_symmetric_measure_fills_both_triangles_of_its_matrix():
    wide = small().matrix("rsa", 3)
    assert wide.index.tolist() == wide.columns.tolist() == ["en", "de", "nan"]
    assert wide.loc["nan", "de"] == wide.loc["de", "nan"] == 0.4
    assert np.isnan(np.diag(wide)).all()
    assert small().matrix("rsa", "4", "q").loc["nan", "en"] == 0.2


def test_a_measure_with_a_direction_has_a_matrix_that_is_not_symmetric():
    wide = small().matrix("retrieval-p1", 3)
    assert (wide.loc["en", "de"], wide.loc["de", "en"]) == (0.9, 0.7)


def test_a_matrix_across_spaces_has_sources_in_rows():
    found = table(
        row("en", "en", 0.9, against="o@:1"),
        row("en", "fr", 0.5, against="o@:1"),
        row("en", "en", 0.3, against="o@:2"),
    )
    wide = found.matrix("rsa", 3, against="o@:1")
    assert (wide.index.tolist(), wide.columns.tolist()) == (["en"], ["en", "fr"])
    with pytest.raises(UsageError, match="several values of against"):
        found.matrix("rsa", 3)
    with pytest.raises(UsageError, match="no scores of cka"):
        found.matrix("cka", 3)


def test_what_is_saved_is_read_back(tmp_path):
    found = small()
    files = found.save(tmp_path)
    assert [file.name for file in files] == [
        "alignability.csv",
        "alignability.parquet",
        "alignability.json",
        "means.csv",
    ]
    again = Alignability.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.provenance == {"seed": 1}
    assert again.languages[2] == "nan"
    assert len(pd.read_csv(tmp_path / "alignability.csv")) == 8
    assert pd.read_csv(tmp_path / "means.csv")["n"].tolist() == [3, 3, 2]


def test_a_folder_without_alignability_is_refused(tmp_path):
    with pytest.raises(ConceptAlignError, match="no alignability here"):
        Alignability.load(tmp_path)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "alignability.parquet")
    with pytest.raises(ConceptAlignError, match="columns a are not"):
        Alignability.load(tmp_path)


def test_means_are_over_pairs_and_count_what_is_significant():
    found = small().means()
    first = found.iloc[0]
    assert (first["measure"], first["layer"], first["pairs"]) == ("rsa", "3", "different")
    assert first["value"] == pytest.approx(0.6) and first["ceiling"] == pytest.approx(0.9)
    assert (first["n"], first["languages"], first["significant"]) == (3, 3, 1.0)
    assert found.iloc[1]["significant"] == 0.0
    assert math.isnan(first["low"])  # three languages are too few for an interval


def test_a_mean_over_five_languages_has_an_interval_and_one_over_four_has_none():
    pairs = [("en", "de", 0.8), ("en", "fr", 0.6), ("en", "fi", 0.5), ("de", "fr", 0.7), ("de", "fi", 0.4)]
    pairs.append(("fr", "fi", 0.6))
    assert math.isnan(table(*(row(*pair) for pair in pairs)).means().iloc[0]["low"])
    pairs += [(one, "tr", 0.6) for one in ("en", "de", "fr", "fi")]
    first = table(*(row(*pair) for pair in pairs)).means().iloc[0]
    assert first["low"] < 0.6 < first["high"]


def test_pairs_without_a_value_are_left_out_of_the_mean():
    rows = [row(*pair) for pair in PAIRS]
    rows.append(row("en", "fr", math.nan, null_mean=math.nan, q=math.nan, p=math.nan, note="too few"))
    first = table(*rows).means().iloc[0]
    assert first["value"] == pytest.approx(0.6) and first["n"] == 3
    none = table(row("en", "fr", math.nan, q=math.nan)).means().iloc[0]
    assert none["n"] == 0 and math.isnan(none["value"])


def test_the_same_language_in_two_spaces_has_a_mean_of_its_own():
    names = ("en", "de", "fr", "fi")
    rows = [row(one, two, 0.9 if one == two else 0.3, against="o@:1") for one in names for two in names]
    found = table(*rows).means().set_index("pairs")["value"]
    assert found["same"] == pytest.approx(0.9) and found["different"] == pytest.approx(0.3)


def test_intervals_of_means_cover_what_differs_between_languages():
    """Scores that are sums of two languages' effects: the interval over languages covers the mean."""
    random, hits, naive = np.random.default_rng(0), [], []
    one, two = np.triu_indices(12, 1)
    frame = table(*(row(f"l{i}", f"l{j}", 0.0) for i, j in zip(one, two, strict=True))).frame()
    for _ in range(80):
        effect = random.normal(size=12)
        values = effect[one] + effect[two]
        first = means(frame.assign(value=values)).iloc[0]
        hits.append(first["low"] <= 0 <= first["high"])
        naive.append(abs(values.mean()) < 1.96 * values.std() / np.sqrt(len(values)))
    assert 0.87 <= np.mean(hits) <= 0.99
    assert np.mean(naive) < 0.8  # pairs taken for independent


def test_a_table_says_in_one_line_what_it_is():
    text = repr(small())
    assert "\n" not in text
    for part in ("toy", "upos", "raw", "4 pairs", "3 languages", "2 layers", "rsa, retrieval-p1"):
        assert part in text
    html = small()._repr_html_()
    assert "<table" in html and "&lt;Alignability" in html
    assert repr(table()) == "<Alignability: no pairs>"
