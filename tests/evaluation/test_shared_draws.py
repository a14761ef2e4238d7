"""Draws that all languages share do not average out over them: intervals of means must say so."""

import numpy as np
import pytest
import torch

from concept_align.evaluation.config import EvaluateConfig, Protocol, SharedDrawsProtocol
from concept_align.evaluation.evidence import evidence
from concept_align.evaluation.predictions import Predictions
from concept_align.evaluation.resampling import draw_weights, sentence_weights
from concept_align.evaluation.summary import summarise
from concept_align.spaces.features import Features

LANGS, DRAWS, SENTS, RESAMPLES = 12, 12, 20, 100


def simulated(rng, protocol, *, of_draw):
    """Evidence by language: words are right at random; a draw makes all languages better or worse alike."""
    shift, own = of_draw * rng.normal(size=DRAWS), 0.01 * rng.normal(size=LANGS)
    found = {}
    for number in range(LANGS):
        name, offsets = f"x{number:02}", torch.arange(SENTS + 1)
        gold = torch.zeros(SENTS, dtype=torch.int64)
        test = Features(name, ("A", "B"), torch.zeros(SENTS, 0), gold, offsets)
        chance = np.clip(0.5 + shift + own[number], 0, 1)
        wrong = rng.random((DRAWS, SENTS)) >= chance[:, None]
        draws = [Predictions(one.astype(np.int64), None) for one in wrong]
        weights = sentence_weights(SENTS, RESAMPLES, protocol.seed, name)
        found[name] = evidence(draws, test, weights, protocol, learner="simulated")
    return found


def mean_of(found, protocol):
    cells = {name: one.metrics["accuracy"] for name, one in found.items()}
    return next(iter(summarise(cells, (), protocol)))


def coverage(kind, *, times=40):
    rng, hits = np.random.default_rng(0), 0
    for seed in range(times):
        protocol = kind(support_draws=DRAWS, bootstrap=RESAMPLES, seed=seed)
        mean = mean_of(simulated(rng, protocol, of_draw=0.2), protocol)
        hits += mean.low <= 0.5 <= mean.high
    return hits / times


def test_intervals_of_means_cover_the_truth_where_languages_share_the_draws():
    assert coverage(SharedDrawsProtocol) >= 0.85  # percentiles of twelve draws and languages: near .9
    assert coverage(Protocol) <= 0.65  # as if every language had draws of its own


def test_a_language_has_the_same_interval_whether_draws_are_shared_or_not():
    ends = []
    for kind in (Protocol, SharedDrawsProtocol):
        protocol = kind(support_draws=DRAWS, bootstrap=4000)
        rng, offsets = np.random.default_rng(1), torch.arange(SENTS + 1)
        wrong = rng.random((DRAWS, SENTS)) >= np.linspace(0.3, 0.7, DRAWS)[:, None]
        test = Features(
            "xx", ("A", "B"), torch.zeros(SENTS, 0), torch.zeros(SENTS, dtype=torch.int64), offsets
        )
        weights = sentence_weights(SENTS, 4000, 0, "xx")
        draws = [Predictions(one.astype(np.int64), None) for one in wrong]
        found = evidence(draws, test, weights, protocol, learner="simulated").metrics["accuracy"]
        ends.append((found.value, *np.percentile(found.mean, [2.5, 97.5])))
    assert ends[0] == pytest.approx(ends[1], abs=0.02)


def test_one_draw_is_the_same_whoever_shares_it():
    rng, found = np.random.default_rng(2), []
    gold = torch.zeros(SENTS, dtype=torch.int64)
    test = Features("xx", ("A", "B"), torch.zeros(SENTS, 0), gold, torch.arange(SENTS + 1))
    one = Predictions((rng.random(SENTS) < 0.4).astype(np.int64), None)
    for kind in (Protocol, SharedDrawsProtocol):
        weights = sentence_weights(SENTS, 100, 0, "xx")
        found.append(evidence([one], test, weights, kind(bootstrap=100), learner="simulated"))
    assert (found[0].metrics["accuracy"].mean == found[1].metrics["accuracy"].mean).all()


def test_supports_of_an_evaluation_are_each_targets_own():
    assert not EvaluateConfig().protocol.shared_draws
    assert SharedDrawsProtocol().shared_draws
    own = [draw_weights(5, 200, 0, language) for language in ("xx", "yy")]
    assert (own[0] != own[1]).any()
    assert (draw_weights(5, 200, 0, None) == draw_weights(5, 200, 0, None)).all()
