import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.table import Alignability, quantity
from concept_align.errors import UsageError


def test_a_symmetric_matrix_has_both_triangles(between, scored, random):
    square = between(random.normal(size=5))
    found = Alignability(scored(square)).matrix("rsa", "3", both=True)
    assert np.allclose(found.mask(np.eye(5, dtype=bool), 0), square)
    assert np.isnan(np.diag(found)).all()


def test_directions_are_averaged(between, scored, random):
    square = between(random.normal(size=4))
    there = scored(square, measure="retrieval-p1")
    back = there.rename(columns={"source": "target", "target": "source"}).assign(value=there["value"] + 1)
    found = Alignability(pd.concat([there, back])).matrix("retrieval-p1", "3", both=True)
    assert found.loc["af", "ar"] == pytest.approx(square.loc["af", "ar"] + 0.5)


def test_refused_pairs_and_absent_languages_are_missing(between, scored, random):
    rows = scored(between(random.normal(size=4)))
    rows.loc[0, "value"] = np.nan
    found = Alignability(rows).matrix("rsa", "3", both=True, langs=["af", "ar", "bg", "zz"])
    assert np.isnan(found.loc["af", "ar"])
    assert np.isnan(found.loc["zz"]).all()
    assert np.isfinite(found.loc["af", "bg"])


def test_scores_of_two_models_are_not_one_table(between, scored, random):
    square = between(random.normal(size=4))
    both = pd.concat([scored(square), scored(square, model="other")])
    with pytest.raises(UsageError, match="several values of model"):
        Alignability(both).matrix("rsa", "3", both=True)
    with pytest.raises(UsageError, match="no scores of cka") as error:
        Alignability(both).matrix("cka", "3", both=True)
    assert "rsa" in str(error.value)


def test_quantities_are_values_beside_their_null():
    rows = pd.DataFrame(
        {"value": [0.6, 0.6], "null_mean": [0.2, 0.2], "ceiling": [0.8, 0.1], "z": [3.0, 3.0]}
    )
    assert np.allclose(quantity(rows, "excess"), 0.4)
    assert np.allclose(quantity(rows, "share"), [0.4 / 0.6, np.nan], equal_nan=True)
    assert quantity(rows, "z").tolist() == [3.0, 3.0]
    with pytest.raises(UsageError, match="unknown quantity"):
        quantity(rows, "best")
