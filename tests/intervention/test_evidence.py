import numpy as np
import pytest

from concept_align.intervention.evidence import COLUMNS, InterventionEvidence, matrix_of
from concept_align.intervention.outcomes import (
    InterventionOutcome,
    MeasuredReadOut,
    Treatment,
    load_outcome,
    save_outcome,
)
from concept_align.treebanks.registry import relatives

LANGUAGES = ("de", "en", "fr", "it", "ru", "cs", "fi", "tr", "ar", "hi")
CONCEPTS = ("noun", "verb", "rare")
TREATMENTS = [
    Treatment("untouched"),
    Treatment("remove"),
    *(Treatment("remove", "matched", n) for n in range(4)),
]


def outcome(language, rates, *, layer=2, source="pooled", sents=60, seed=0, unit="share", floor=None):
    """Right words of each concept by treatment, at ``rates``; nobody has a rare word."""
    rng = np.random.default_rng([seed, LANGUAGES.index(language), layer])
    words = rng.integers(0, 6, size=(sents, 3)) * [1, 1, 0]
    found = {}
    for treatment in TREATMENTS:
        rate = rates.get(treatment.control or treatment.intervention, 0.5)
        found[treatment] = rng.binomial(words, rate), words
    measured = MeasuredReadOut.of("probe", "4", unit, CONCEPTS, found, floor=floor)
    return InterventionOutcome(language, layer, source, (measured,))


def effects(outcomes, **options):
    return InterventionEvidence("model", "0", "upos", resamples=400, **options).effects(outcomes)


def one(frame, **wanted):
    wanted = {"language": "mean", "concept": "", "control": "", "against": ""} | wanted
    (row,) = frame[(frame[list(wanted)] == list(wanted.values())).all(axis=1)].to_dict("records")
    return row


PLANTED = {"untouched": 0.8, "remove": 0.3, "matched": 0.7}


@pytest.fixture(scope="module")
def planted():
    return effects([outcome(code, PLANTED, floor=0) for code in LANGUAGES])


def test_what_was_planted_is_found_with_its_interval(planted):
    assert list(planted.columns) == list(COLUMNS)
    value = one(planted, intervention="remove")
    change = one(planted, intervention="remove", against="untouched")
    excess = one(planted, intervention="remove", against="matched")
    for row, truth in ((value, 0.3), (change, -0.5), (excess, -0.4)):
        assert row["value"] == pytest.approx(truth, abs=0.03)
        assert row["low"] < row["value"] < row["high"]
        assert row["n"] == len(LANGUAGES)
    assert np.isnan(value["p"])
    assert excess["p"] < 0.02
    assert excess["p_holm"] == excess["p"]  # the only one


def test_the_majority_class_is_a_floor_of_words(planted):
    row = one(planted, intervention="majority", language="de")
    assert 0.3 < row["value"] < 0.7
    assert row["n"] == one(planted, intervention="remove", language="de")["n"]


def test_a_concept_that_nobody_has_has_no_row_and_others_have_theirs(planted):
    own = planted[(planted["intervention"] == "remove") & (planted["control"] == "")]
    assert set(own["concept"]) == {"", "noun", "verb"}
    by_class = planted[(planted["control"] == "matched")]
    assert set(by_class["concept"]) == {""}  # of controls, all words together


def test_values_are_ratios_of_sums_and_excess_is_less_the_mean_over_draws():
    single = outcome("de", PLANTED)
    frame = effects([single])
    (measured,) = single.measured
    totals = {c: measured.of_treatment(i)[0].sum() / measured.of_treatment(i)[1].sum()
              for i, c in enumerate(measured.treatments)}  # fmt: skip
    draws = np.mean([value for c, value in totals.items() if c.control])
    found = one(frame, intervention="remove", against="matched", language="de")
    assert found["value"] == pytest.approx(totals[Treatment("remove")] - draws)
    assert one(frame, intervention="remove", control="matched", language="de")["value"] == pytest.approx(
        draws
    )
    assert np.isnan(one(frame, intervention="remove")["low"])  # of a single language


def test_where_nothing_is_planted_intervals_hold_nought_about_as_often_as_they_say():
    """An excess of nought, over draws of worlds: 95 % intervals of ten languages of few branches."""
    null = {"untouched": 0.8, "remove": 0.5, "matched": 0.5}
    inside = []
    for seed in range(40):
        frame = effects([outcome(code, null, seed=seed) for code in LANGUAGES])
        row = one(frame, intervention="remove", against="matched")
        inside.append(row["low"] <= 0 <= row["high"])
    assert np.mean(inside) >= 0.85


def test_the_same_everywhere_changes_nothing_at_all():
    words = np.full((5, 3), 2)
    found = {treatment: (words, words) for treatment in TREATMENTS}
    measured = MeasuredReadOut.of("probe", "4", "share", CONCEPTS, found)
    same = [InterventionOutcome(code, 2, "pooled", (measured,)) for code in LANGUAGES]
    row = one(effects(same), intervention="remove", against="matched")
    assert (row["value"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)


def test_kin_count_as_one():
    """Effects that are shared by a branch are no evidence of ten languages."""
    outcomes = [outcome(code, PLANTED) for code in LANGUAGES]
    apart = one(effects(outcomes, branches={code: code for code in LANGUAGES}), intervention="remove",
                against="matched")  # fmt: skip
    kin = one(effects(outcomes), intervention="remove", against="matched")
    two = one(
        effects(outcomes, branches=dict.fromkeys(LANGUAGES, "one")), intervention="remove", against="matched"
    )
    assert apart["p"] < kin["p"] < two["p"] == 1
    assert np.isnan(two["low"])
    russian, czech, finnish = relatives(["ru", "cs", "fi"])[0]
    assert russian == czech != finnish


def test_holm_is_over_layers_and_not_over_controls():
    outcomes = [outcome(code, PLANTED, layer=layer) for code in LANGUAGES for layer in (1, 2)]
    frame = effects(outcomes)
    rows = [one(frame, intervention="remove", against="matched", layer=layer) for layer in (1, 2)]
    assert all(row["p_holm"] == pytest.approx(2 * row["p"]) for row in rows)


def test_the_order_of_languages_changes_no_number():
    outcomes = [outcome(code, PLANTED) for code in LANGUAGES]
    keys = list(COLUMNS[:13])
    first, second = (
        effects(some).sort_values(keys, ignore_index=True) for some in (outcomes, outcomes[::-1])
    )
    pointwise = first["value"] - second["value"]
    assert np.abs(pointwise).max() < 1e-12
    of_languages = first["language"] != "mean"
    assert first[of_languages].equals(second[of_languages])


def test_the_matrix_has_single_sources_alone():
    outcomes = [outcome("de", PLANTED, source=source) for source in ("pooled", "en", "fr")]
    matrix = matrix_of(effects(outcomes))
    assert sorted(matrix["source"]) == ["en", "fr"]
    assert set(matrix["against"]) == {"matched"}
    assert (matrix["value"] < 0).all()


def test_an_outcome_is_read_back_as_it_was(tmp_path):
    before = InterventionOutcome(
        "de", 2, "pooled", outcome("de", PLANTED).measured, ({"span": "remove"},), ("said",)
    )
    save_outcome(tmp_path, before)
    after = load_outcome(tmp_path)
    assert (after.language, after.layer, after.spans, after.notes) == (
        "de",
        2,
        ({"span": "remove"},),
        ("said",),
    )
    assert after.measured[0].treatments == before.measured[0].treatments
    assert (after.measured[0].above == before.measured[0].above).all()
    assert effects([after]).equals(effects([before]))
