from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.icl.effects import (
    PairedStates,
    accuracy_effects,
    alignability_effects,
    over_languages,
    standardised,
)
from concept_align.spaces.features import Features

CONCEPTS = tuple(f"C{k}" for k in range(9))
DIM, SENTS, LENGTH = 20, 60, 8
QUICK = {"draws": 60, "permutations": 99}


def places(name: str) -> np.ndarray:
    """[concepts, dim] where a language has its concepts: nothing in common with any other's."""
    return np.random.default_rng(sum(map(ord, name))).normal(size=(len(CONCEPTS), DIM))


def states(language, where, *, noise=0.8, seed=0, items=0) -> Features:
    """Words of a language about ``where`` [concepts, dim]; the same ``items`` have the same labels."""
    y = np.random.default_rng(items).integers(0, len(CONCEPTS), size=SENTS * LENGTH)
    x = where[y] + noise * np.random.default_rng((seed, 1)).normal(size=(len(y), DIM))
    offsets = np.arange(SENTS + 1, dtype=np.int64) * LENGTH
    return Features(language, CONCEPTS, torch.from_numpy(x).float(), torch.from_numpy(y), offsets)


def conditions(language="tr", *, moved=0.0, noise=0.8, first=0.8, layers=("3",), seed=0) -> PairedStates:
    """Turkish before and after English demonstrations: concepts ``moved`` by a share towards the English."""
    target, english = places(language), places("en")
    after = (1 - moved) * target + moved * english
    spaces = {
        code: states(code, places(code), seed=100 + seed, items=7 + n) for n, code in enumerate(("en", "fi"))
    }
    return PairedStates(
        language,
        "en",
        {layer: states(language, target, noise=first, seed=seed) for layer in layers},
        {layer: states(language, after, noise=noise, seed=50 + seed) for layer in layers},
        {code: dict.fromkeys(layers, one) for code, one in spaces.items()},
    )


def rows(found, **wanted):
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def test_planted_movement_goes_to_the_demonstrations_language_and_to_no_other():
    found = alignability_effects(conditions(moved=0.7), **QUICK)
    for measure in ("cka", "retrieval-p1"):
        (there,), (elsewhere,) = (rows(found, measure=measure, to=code) for code in ("en", "fi"))
        assert there["value"] == pytest.approx(there["after"] - there["before"])
        assert there["value"] > 0.3
        assert 0 < there["low"] < there["value"] < there["high"]
        assert there["after_p"] <= 0.02 and there["before_p"] > 0.05
        assert abs(there["after_null"]) < 0.3
        assert elsewhere["low"] < 0.1
        assert elsewhere["value"] < there["value"] / 2
        assert there["n"] == len(CONCEPTS)


def test_without_movement_the_interval_holds_none():
    covered = 0
    for seed in range(8):
        found = alignability_effects(conditions(seed=seed), measures=["cka"], draws=60, permutations=0)
        covered += sum(row["low"] <= 0 <= row["high"] for row in found)
    assert covered >= 14  # of 16


def test_a_prompt_that_moves_or_stretches_all_states_alike_changes_nothing():
    given = conditions(moved=0.5)
    stretch = torch.linspace(0.1, 30, DIM)
    after = {"3": replace(given.after["3"], stored=given.after["3"].x * stretch + 100)}
    alike = replace(given, after=after)
    one, two = (alignability_effects(each, measures=["cka"], **QUICK) for each in (given, alike))
    for row, other in zip(one, two, strict=True):
        assert row["value"] == pytest.approx(other["value"], abs=1e-3)
    one, two = (accuracy_effects(each, resamples=100) for each in (given, alike))
    for row, other in zip(one, two, strict=True):
        assert row["after"] == pytest.approx(other["after"], abs=0.005)


def test_the_same_states_have_no_effect_at_all():
    given = conditions()
    same = replace(given, after=given.before)
    for row in [*alignability_effects(same, **QUICK), *accuracy_effects(same, resamples=100)]:
        assert row["before"] == row["after"]
        assert (row["value"], row["low"], row["high"]) == (0, 0, 0)


def test_concepts_that_moved_are_read_better_from_the_language_they_moved_to():
    found = accuracy_effects(conditions(moved=0.7), resamples=200)
    (row,) = rows(found, read="from en", metric="accuracy")
    assert row["value"] > 0.3
    assert 0.2 < row["low"] < row["value"] < row["high"]
    assert row["n"] == SENTS * LENGTH
    (other,) = rows(found, read="from fi", metric="accuracy")
    assert other["high"] < row["low"]
    assert {row["read"] for row in found} == {"own", "from en", "from fi"}
    assert {row["metric"] for row in found} == {"accuracy", "macro_f1"}


@pytest.mark.parametrize("by", ["prototype", "probe"])
def test_states_that_scatter_less_are_read_better_by_their_own_kind(by):
    found = accuracy_effects(replace(conditions(first=2, noise=1), spaces={}), by=by, folds=2, resamples=200)
    (row,) = rows(found, metric="accuracy")
    assert row["read"] == "own" and row["by"] == by
    assert row["before"] > 0.5 and row["after"] > 0.9
    assert row["low"] > 0.05
    noisier = accuracy_effects(
        replace(conditions(first=1, noise=2), spaces={}), by=by, folds=2, resamples=200
    )
    assert rows(noisier, metric="accuracy")[0]["high"] < -0.05


@pytest.mark.parametrize("by", ["prototype", "probe"])
def test_labels_without_a_relation_to_states_are_read_at_chance(by):
    given = conditions()
    order = torch.from_numpy(np.random.default_rng(1).permutation(SENTS * LENGTH))
    before, after = ({"3": replace(side["3"], y=side["3"].y[order])} for side in (given.before, given.after))
    found = accuracy_effects(replace(given, before=before, after=after, spaces={}), by=by, resamples=100)
    assert all(row["before"] < 0.2 and row["low"] < 0 < row["high"] for row in found)  # 1 / 9 by chance


def test_means_over_targets_have_a_row_per_layer_and_question_whatever_their_order():
    codes = ("tr", "eu", "ko", "ta", "fi")
    given = [conditions(code, moved=0.6, layers=("3", "5"), seed=n) for n, code in enumerate(codes)]
    accuracy = [row for one in given for row in accuracy_effects(one, resamples=100, folds=2)]
    alignability = [row for one in given for row in alignability_effects(one, draws=10, permutations=9)]
    assert len(accuracy) == 5 * 2 * 3 * 2
    assert len(alignability) == 5 * 2 * 2 * 2
    means = over_languages(pd.DataFrame(alignability))
    assert len(means) == 2 * 2 * 2 and set(means["language"]) == {"mean"} and (means["n"] == 5).all()
    moved = means[(means["to"] == "en") & (means["measure"] == "cka")]
    assert (moved["low"] > 0).all() and (moved["p"] == 0.0625).all()
    four = over_languages(pd.DataFrame(alignability[: 4 * 2 * 2 * 2]))
    assert (four["n"] == 4).all() and four["low"].isna().all()  # too few for an interval
    table = pd.DataFrame(accuracy)
    means = over_languages(table)
    assert means["value"].mean() == pytest.approx(table["value"].mean())
    turned = over_languages(table.iloc[::-1])
    keys = ["layer", "read", "metric"]
    one, two = (found.sort_values(keys, ignore_index=True)["value"] for found in (means, turned))
    assert np.allclose(one, two)


def test_rare_concepts_do_not_count_and_too_few_are_refused():
    given = conditions()
    rare = given.spaces["en"]["3"]
    few = replace(given, spaces={"en": {"3": replace(rare, y=rare.y.clamp(max=6))}})
    assert alignability_effects(few, measures=["cka"], **QUICK)[0]["n"] == 7
    with pytest.raises(UsageError, match="too few"):
        lone = replace(given, spaces={"en": {"3": replace(rare, y=rare.y.clamp(max=3))}})
        alignability_effects(lone, measures=["cka"], **QUICK)


def test_a_language_that_shares_too_few_concepts_has_no_score_beside_those_that_do():
    given = conditions()
    rare = given.spaces["fi"]["3"]
    some = replace(given, spaces={**given.spaces, "fi": {"3": replace(rare, y=rare.y.clamp(max=2))}})
    there, lacking = alignability_effects(some, measures=["cka"], **QUICK)
    assert np.isfinite([there["value"], there["low"]]).all() and there["n"] == len(CONCEPTS)
    alone = alignability_effects(given, measures=["cka"], **QUICK)[0]
    assert [there[key] for key in ("value", "low", "after_p")] == pytest.approx(
        [alone[key] for key in ("value", "low", "after_p")]
    )
    assert np.isnan([lacking["value"], lacking["low"], lacking["high"]]).all() and lacking["n"] == 3


def test_without_draws_there_is_no_interval_and_without_spaces_no_alignability():
    (row, *_) = alignability_effects(conditions(), measures=["cka"], draws=0, permutations=0)
    assert np.isnan([row["low"], row["high"], row["before_p"]]).all()
    assert alignability_effects(replace(conditions(), spaces={}), **QUICK) == []


def test_conditions_hold_the_same_items_layers_and_concepts():
    given = conditions()
    with pytest.raises(LearningError, match="are not the same"):
        replace(given, after={"3": states("tr", places("tr"), items=3)})
    with pytest.raises(LearningError, match="layers 3 without demonstrations and 4 with them"):
        replace(given, after={"4": given.after["3"]})
    with pytest.raises(LearningError, match="no states of en at layer 3"):
        replace(given, spaces={"en": {}})
    with pytest.raises(LearningError, match="60 sentences cannot be parted in 61"):
        accuracy_effects(given, folds=61)
    with pytest.raises(UsageError, match="unknown way"):
        accuracy_effects(given, by="svm")


def test_standardised_states_have_no_mean_and_unit_variance_whatever_their_precision():
    features = states("tr", 50 + 3 * places("tr"))
    for x in (features.x, features.x.half()):
        found = standardised(replace(features, stored=x)).x
        assert found.dtype == torch.float32
        assert torch.allclose(found.mean(0), torch.zeros(DIM), atol=1e-3)
        assert torch.allclose(found.std(0), torch.ones(DIM), atol=1e-2)
