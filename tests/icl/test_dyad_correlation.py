import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr

from concept_align.icl.dyads import KINDS
from concept_align.icl.dyads import directed_pairs as cells
from concept_align.icl.dyads import dyad_correlation as directed


@pytest.fixture
def pairs(codes):
    return [(a, b) for a in codes[:6] for b in codes[4:] if a != b]  # two languages are both


def planted(square, pairs, random, *, fit=0.0, givers=0.0, takers=0.0, noise=0.05):
    """Gains that follow the fit of pairs, or what either language is good for."""
    give, take = ({code: random.normal() for code in square.index} for _ in range(2))
    return {
        (a, b): fit * square.loc[a, b] + givers * give[a] + takers * take[b] + noise * random.normal()
        for a, b in pairs
    }


@pytest.mark.parametrize("kind", KINDS)
def test_planted_fit_is_found_by_every_kind(alignabilities, pairs, random, kind):
    square = alignabilities(random)
    found = directed(cells(square, planted(square, pairs, random, fit=1)), kind, permutations=299)
    assert found.r > 0.8
    assert found.p < 0.01 and found.p_greater < 0.01
    assert found.low < found.r < found.high
    assert found.low > 0.5
    assert found.over == "demonstrations;targets"
    assert (found.pairs, found.demonstrations, found.targets) == (70, 6, 12)
    opposite = directed(cells(-square, planted(square, pairs, random, fit=1)), kind, permutations=99)
    assert opposite.r < -0.8 and opposite.p_greater > 0.9


def test_correlations_are_those_of_their_definitions(alignabilities, pairs, random):
    square = alignabilities(random)
    y = planted(square, pairs, random, fit=0.3, noise=0.2)
    x = np.array([square.loc[pair] for pair in sorted(pairs)])
    values = np.array([y[pair] for pair in sorted(pairs)])
    found = cells(square, y)
    options = {"permutations": 0}
    assert directed(found, "overall", **options).r == pytest.approx(spearmanr(x, values)[0])
    targets = np.array([b for _, b in sorted(pairs)])
    each = [spearmanr(x[targets == code], values[targets == code])[0] for code in np.unique(targets)]
    assert directed(found, "within-targets", **options).r == pytest.approx(np.mean(each))
    sides = np.array(sorted(pairs)).T
    factors = np.array([side == code for side in sides for code in np.unique(side)], dtype=float).T
    rest = [
        rank - factors @ np.linalg.lstsq(factors, rank, rcond=None)[0] for rank in map(rankdata, (x, values))
    ]
    assert directed(found, "both-held", **options).r == pytest.approx(np.corrcoef(rest)[0, 1])


def test_easy_targets_that_are_more_alignable_do_not_make_demonstrations_useful(
    alignabilities, pairs, random
):
    square = alignabilities(random)
    ease = pd.Series(random.normal(size=len(square)), index=square.index)
    square = square + np.add.outer(ease.to_numpy(), ease.to_numpy())
    gains = {(a, b): ease[b] + 0.1 * random.normal() for a, b in pairs}
    found = {kind: directed(cells(square, gains), kind, permutations=499) for kind in KINDS}
    assert found["overall"].p < 0.05
    assert found["within-targets"].p > 0.05
    assert found["both-held"].p > 0.05


def test_demonstrations_good_for_all_are_told_from_those_that_suit_a_target(alignabilities, pairs, random):
    square = alignabilities(random)
    good = pd.Series(random.normal(size=len(square)), index=square.index)
    square = square + 2 * np.add.outer(good.to_numpy(), good.to_numpy())
    gains = {(a, b): good[a] + 0.1 * random.normal() for a, b in pairs}
    assert directed(cells(square, gains), "within-targets", permutations=299).r > 0.5
    assert abs(directed(cells(square, gains), "both-held", permutations=299).r) < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_gains_are_found_about_as_often_as_the_level_says(alignabilities, pairs, kind):
    rejected, covered = 0, 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        square = alignabilities(random)
        gains = planted(square, pairs, random, givers=1, takers=1, noise=1)
        found = directed(cells(square, gains), kind, permutations=39, seed=seed)
        rejected += found.p <= 0.05
        covered += found.low <= 0 <= found.high
    assert rejected <= 6  # 2 expected
    assert covered >= 33


def test_rank_correlations_do_not_change_with_a_growing_function_and_linear_ones_do(
    alignabilities, pairs, random
):
    square = alignabilities(random)
    gains = planted(square, pairs, random, fit=1)
    for kind in KINDS:
        first = directed(cells(square, gains), kind, permutations=49)
        assert directed(cells(np.exp(5 * square), gains), kind, permutations=49) == first
        linear = [
            directed(cells(table, gains), kind, permutations=9, method="pearson").r
            for table in (square, np.exp(5 * square), 3 * square + 1)
        ]
        assert linear[0] == pytest.approx(linear[2])
        assert linear[0] != pytest.approx(linear[1])


def test_the_order_of_languages_does_not_matter(alignabilities, pairs, random):
    square = alignabilities(random)
    gains = planted(square, pairs, random, fit=1)
    turned = square.iloc[::-1, ::-1]
    one = directed(cells(square, gains), "overall", permutations=99)
    assert directed(cells(turned, dict(reversed(gains.items()))), "overall", permutations=99) == one


def test_languages_without_alignability_are_left_out_and_named(alignabilities, pairs, random, codes):
    square = alignabilities(random)
    gains = planted(square, pairs, random, fit=1)
    square.loc["he", ["af", "ar"]] = square.loc[["af", "ar"], "he"] = np.nan
    found = cells(square.drop(index="fr", columns="fr"), gains | {("own", "fi"): 1.0, ("de", "de"): 9.0})
    assert found.left_out == ("fr", "he", "own")
    assert "he" not in found.codes and len(found.y) == 70 - 12
    assert directed(found, "overall", permutations=9).left_out == "fr;he;own"


def test_what_is_not_compared_need_not_be_known(alignabilities, random, codes):
    square = alignabilities(random)
    square.loc[codes[:4], codes[:4]] = square.loc[codes[4:], codes[4:]] = np.nan
    pairs = [(a, b) for a in codes[:4] for b in codes[4:]]
    found = cells(square, planted(alignabilities(random), pairs, random))
    assert found.left_out == () and len(found.y) == len(pairs)
    assert directed(found, "overall", permutations=49).p > 0


def test_few_demonstration_languages_are_taken_as_given(alignabilities, random, codes):
    square = alignabilities(random)
    for few, over in ((1, "targets"), (4, "targets"), (5, "demonstrations;targets")):
        pairs = [(a, b) for a in codes[:few] for b in codes[few:]]
        gains = planted(square, pairs, random, fit=1)
        assert directed(cells(square, gains), "overall", permutations=99).over == over
        alone = directed(cells(square, gains), "within-targets", permutations=99)
        assert np.isnan(alone.r) == (few < 3)
        assert np.isnan(alone.p) == (few < 3)


def test_constants_have_no_correlation(alignabilities, pairs, random):
    square = alignabilities(random)
    for kind in KINDS:
        found = directed(cells(square, dict.fromkeys(pairs, 0.1)), kind, permutations=9)
        assert np.isnan([found.r, found.low, found.high, found.p, found.null_mean]).all()
