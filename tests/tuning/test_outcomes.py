"""Intervals over documents and languages, and paired differences."""

import numpy as np
import pandas as pd
import pytest

from concept_align.errors import UsageError
from concept_align.seeding import stream
from concept_align.tuning.outcomes import SEEN, UNSEEN, cells_of, outcomes_of, summary


def keys(learner: str = "before", language: str = "de") -> tuple[str, ...]:
    return ("3", "retrieval", "pud", learner, "p1", language)


def hits(values, units, **at) -> pd.DataFrame:
    values = np.asarray(values, dtype=float)
    return outcomes_of(keys(**at), units, values, np.ones(len(values)))


def test_a_value_is_a_ratio_of_sums_whatever_the_units():
    found = summary(cells_of(hits([1, 0, 1, 1], ["a", "a", "b", "c"])), ["de"]).set_index("language")
    assert found.loc["de", "value"] == 0.75
    assert found.loc["de", "n"] == 4
    assert found.loc[SEEN, "value"] == 0.75
    assert found.loc[SEEN, "n"] == 1
    assert UNSEEN not in found.index


def test_means_are_of_languages_seen_and_not_seen():
    values = {"de": 1.0, "ru": 0.5, "tr": 1.0, "fi": 0.5, "zh": 0.75, "it": 0.2, "ko": 0.0}
    parts = [hits([value] * 4, list("abcd"), language=code) for code, value in values.items()]
    found = summary(cells_of(pd.concat(parts)), ["de", "ru", "tr", "fi", "zh"]).set_index("language")
    assert found.loc[SEEN, "value"] == pytest.approx(0.75)
    assert found.loc[UNSEEN, "value"] == pytest.approx(0.1)
    assert 0.4 < found.loc[SEEN, "low"] < 0.7 < 0.8 < found.loc[SEEN, "high"] <= 1  # as languages differ
    assert np.isnan(found.loc[UNSEEN, "low"])  # of two languages there is no interval


def test_intervals_are_wider_where_documents_agree_within():
    """Ten sentences of a document that are all right or all wrong are one observation, not ten."""
    right = np.repeat(stream(0, "documents").integers(0, 2, 30), 10)
    each = summary(cells_of(hits(right, [str(n) for n in range(300)])), ["de"]).iloc[0]
    whole = summary(cells_of(hits(right, [str(n // 10) for n in range(300)])), ["de"]).iloc[0]
    assert each["value"] == whole["value"]
    assert whole["high"] - whole["low"] > 2.5 * (each["high"] - each["low"])


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random, held = stream(1, "coverage"), 0
    for run in range(200):
        rate = random.beta(8, 8, size=50)
        right = random.random((50, 4)) < rate[:, None]
        units = [f"{run}-{n}" for n in range(50) for _ in range(4)]
        row = summary(cells_of(hits(right.ravel(), units), draws=300), ["de"]).iloc[0]
        held += row["low"] <= 0.5 <= row["high"]
    assert 0.89 <= held / 200 <= 0.99


def test_differences_are_paired_by_units():
    base = stream(0, "paired").random(80)
    units = [str(n) for n in range(80)]
    before = cells_of(hits(base, units))
    after = cells_of(hits(base + 0.1, units, learner="tuned"))
    found = summary(after, ["de"], less=before, pairs=[("tuned", "before")]).iloc[0]
    assert found["reference"] == "before"
    assert found["value"] == pytest.approx(0.1)
    assert found["high"] - found["low"] == pytest.approx(0, abs=1e-9)
    alone = summary(after, ["de"]).iloc[0]
    assert alone["high"] - alone["low"] > 0.05


def test_only_what_was_measured_of_both_is_compared():
    before = cells_of(hits([1, 0], ["a", "b"]))
    after = cells_of(hits([1, 1], ["a", "b"], learner="tuned", language="fi"))
    with pytest.raises(UsageError, match="nothing was measured of both"):
        summary(after, [], less=before, pairs=[("tuned", "before")])
