import numpy as np
import pytest

from concept_align.correspondence.analyses import languages as of
from concept_align.correspondence.analyses.predictors import COLUMNS, predictors

CODES = ("de", "en", "nl", "sv", "fr", "es", "it", "pt", "ru", "uk", "pl", "sk", "fi", "et", "hu", "tr", "ja",
         "ko", "vi", "zh")  # fmt: skip


@pytest.fixture
def planted(between, random):
    """Scores that fall with family distance and with one feature's distance, and distances beside them."""
    family, feature, other = of.different(CODES, "family"), between(random.normal(size=20), CODES), None
    noise = np.triu(random.normal(size=(20, 20)), 1)
    scores = -family - 0.5 * feature + 0.2 * (noise + noise.T)
    other = between(random.normal(size=20), CODES)
    return scores, {"family": family, "feature": feature, "other": other}


def test_planted_predictors_are_found_and_others_are_not(planted):
    found = predictors(*planted, controls=None, permutations=199).set_index("predictor")
    assert (found.loc[["family", "feature"], "r"] < -0.3).all()
    assert (found.loc[["family", "feature"], "high"] < 0).all()
    assert (found.loc[["family", "feature"], ["q", "partial_q"]] < 0.05).all().all()
    assert (found.loc["other", ["p", "partial_p"]] > 0.05).all()
    assert found.loc["family", "controls"] == "feature;other"
    assert (found["n"] == 20).all()


def test_controls_that_are_not_there_are_not_held(planted):
    scores, distances = planted
    found = predictors(scores, distances, permutations=9)
    assert tuple(found.columns) == COLUMNS
    assert found.set_index("predictor")["controls"].to_dict() == {
        "family": "", "feature": "family", "other": "family",
    }  # fmt: skip
    assert np.isnan(found.set_index("predictor").loc["family", "partial_r"])


def test_within_families_the_family_itself_cannot_be_tested(planted):
    scores, distances = planted
    families = of.labels(CODES, "family")
    found = predictors(scores, distances, strata=families, permutations=99).set_index("predictor")
    assert np.isnan(found.loc["family", "p_within"])
    assert found.loc["feature", "p_within"] < 0.05


def test_what_cannot_be_tested_says_why(planted, between, random):
    scores, distances = planted
    distances = {"same": distances["family"] * 0, "few": between(random.normal(size=3), CODES), **distances}
    found = predictors(scores, distances, permutations=9).set_index("predictor")
    assert found.loc["same", "note"] == "the same for all pairs"
    assert "3 languages" in found.loc["few", "note"]
    assert found.loc["few", "n"] == 0
    assert found.loc["feature", "note"] == ""
