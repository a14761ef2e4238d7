import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from concept_align.correspondence.analyses.transfer import transfer
from concept_align.errors import UsageError
from concept_align.statistics import correlate

TARGETS = ("af", "ar", "bg", "ca", "cy", "de", "el", "es", "et", "eu", "fa", "fi")


def evaluated(accuracy, **about):
    context = {
        "model": "m", "revision": "r", "layer": "3", "task": "upos", "source": "en", "shots": 0, "draw": -1,
        "learner": "proto", "metric": "accuracy", "low": 0.0, "high": 1.0, "n": 100,
    } | about  # fmt: skip
    rows = [context | {"language": code, "value": value} for code, value in accuracy.items()]
    return pd.DataFrame([*rows, context | {"language": "mean", "value": 0.5}])


@pytest.fixture
def planted(random, scored, between):
    """Scores with English, some stored the other way round, and accuracies that follow them."""
    score = dict(zip(TARGETS, random.normal(size=12), strict=True))
    table = between(np.zeros(13), sorted([*TARGETS, "en"])) + 0.3
    for code, value in score.items():
        table.loc[code, "en"] = table.loc["en", code] = value
    accuracy = {code: 0.5 + 0.1 * value + 0.02 * random.normal() for code, value in score.items()}
    return scored(table), accuracy, score


def test_accuracy_that_follows_scores_is_found(planted):
    scores, accuracy, score = planted
    found = transfer(scores, evaluated(accuracy), permutations=499, draws=200).set_index("kind")
    assert list(found.index) == ["spearman", "pearson"]
    pairs = [score[code] for code in TARGETS], [accuracy[code] for code in TARGETS]
    assert found.loc["spearman", "r"] == pytest.approx(spearmanr(*pairs)[0])
    assert found.loc["pearson", "r"] == pytest.approx(pearsonr(*pairs)[0])
    assert (found["p"] < 0.01).all()
    assert (found["low"] > 0.5).all()
    assert (found["low"] <= found["r"]).all() and (found["r"] <= found["high"]).all()
    assert set(found.loc["spearman", "languages"].split(";")) == set(TARGETS)
    assert found.loc["spearman", "n"] == 12


def test_size_is_held_constant_when_it_is_known(planted, random):
    scores, _, score = planted
    words = {code: int(np.exp(5 + 2 * value)) for code, value in score.items()}
    accuracy = {code: 0.1 * np.log(words[code]) + 0.02 * random.normal() for code in TARGETS}
    found = transfer(scores, evaluated(accuracy), words=words, permutations=199, draws=50).set_index("kind")
    assert found.loc["pearson", "p"] < 0.01
    assert found.loc["partial-pearson", "p"] > 0.05
    del words["af"]
    found = transfer(scores, evaluated(accuracy), words=words, permutations=9, draws=9).set_index("kind")
    assert found.loc["partial-spearman", "n"] == 11
    assert found.loc["spearman", "n"] == 12


def test_layers_go_with_their_own_results_unless_all_are_asked_for(planted):
    scores, accuracy, _ = planted
    scores = pd.concat([scores, scores.assign(layer="5")])
    results = pd.concat([evaluated(accuracy), evaluated(accuracy, layer="3+5", learner="proto-all")])
    quick = {"permutations": 9, "draws": 9}
    assert len(transfer(scores, results, **quick)) == 2
    every = transfer(scores, results, layers="all", **quick)
    assert len(every) == 2 * 2 * 2
    assert set(every["results_layer"]) == {"3", "3+5"}
    named = transfer(scores, results, layers="all", learners=["proto-all"], **quick)
    assert set(named["learner"]) == {"proto-all"}


def test_what_does_not_match_is_refused_with_what_is_there(planted):
    scores, accuracy, _ = planted
    with pytest.raises(UsageError, match="layers='all'"):
        transfer(scores, evaluated(accuracy, layer="9"))
    with pytest.raises(UsageError, match="no scores with xx"):
        transfer(scores, evaluated(accuracy, source="xx"), source="xx")
    with pytest.raises(UsageError, match="no accuracy at 5 shots"):
        transfer(scores, evaluated(accuracy), shots=5)


def test_unrelated_quantities_give_uniform_p(random):
    p = np.array([
        correlate(*random.normal(size=(2, 12)), draws=2, permutations=99, seed=i).p for i in range(300)
    ])  # fmt: skip
    assert 0.02 <= (p <= 0.05).mean() <= 0.09
    assert 0.4 <= (p <= 0.5).mean() <= 0.6


def test_the_bootstrap_interval_covers_the_correlation(random):
    covered = 0
    for i in range(100):
        x = random.normal(size=30)
        y = 0.6 * x + 0.8 * random.normal(size=30)
        found = correlate(x, y, method="pearson", draws=300, permutations=0, seed=i)
        covered += found.low <= 0.6 <= found.high
    assert covered / 100 > 0.88


def test_too_few_or_constant_languages_have_no_correlation(random):
    assert np.isnan(correlate(*random.normal(size=(2, 4))).r)
    assert np.isnan(correlate(np.full(9, 0.1), random.normal(size=9)).r)
