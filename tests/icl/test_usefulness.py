import pandas as pd
import pytest

from concept_align.errors import UsageError
from concept_align.icl.usefulness import choice, demonstration_gains, usefulness


@pytest.fixture
def world(alignabilities, prompted, random, codes):
    """Alignability, and accuracies that gain by it over those without demonstrations."""
    square = alignabilities(random)
    zero = {code: random.uniform(0.2, 0.4) for code in codes[6:]}
    values = {
        (a, b): zero[b] + 0.3 * square.loc[a, b] + 0.01 * random.normal() for a in codes[:6] for b in zero
    }
    return square, prompted(values, zero), values, zero


def test_gains_are_over_no_demonstrations_and_summaries_are_no_languages(world):
    _, results, values, zero = world
    found = demonstration_gains(results)
    assert len(found) == len(values)
    for row in found.itertuples():
        assert row.gain == pytest.approx(values[row.source, row.language] - zero[row.language])
    assert set(found["reference"]) == {"0"}


def test_what_was_asked_once_without_demonstrations_serves_all_sources(world):
    _, results, _, _ = world
    none = results[results["shots"] == 0].drop_duplicates("language").assign(source="none")
    once = pd.concat([results[results["shots"] != 0], none])
    pd.testing.assert_frame_equal(demonstration_gains(once), demonstration_gains(results))


def test_draws_are_averaged_unless_their_mean_stands_there(world):
    _, results, _, _ = world
    some = results[results["shots"] != 0]
    draws = [some.assign(draw=n, value=some["value"] + add) for n, add in ((0, 0.1), (1, -0.1))]
    rest = results[results["shots"] == 0]
    first = demonstration_gains(results)
    pd.testing.assert_frame_equal(demonstration_gains(pd.concat([rest, *draws])), first)
    shifted = [one.assign(value=one["value"] + 5) for one in draws]
    pd.testing.assert_frame_equal(demonstration_gains(pd.concat([results, *shifted])), first)


def test_planted_usefulness_is_found_and_gone_when_gains_are_shuffled(world, random):
    square, results, _, _ = world
    found = demonstration_gains(results)
    table = usefulness(found, square, permutations=199).set_index("kind")
    assert list(table.index) == ["overall", "within-targets", "both-held"]
    assert (table["r"] > 0.8).all() and (table["p"] < 0.02).all() and (table["low"] > 0.5).all()
    assert (table["q"] == table["p"]).all()  # one setting
    shuffled = found.assign(gain=random.permutation(found["gain"]))
    table = usefulness(shuffled, square, permutations=199)
    assert (table["p"] > 0.05).all() and (table["r"].abs() < 0.35).all()


def test_settings_have_rows_of_their_own_and_q_is_over_them(world):
    square, results, _, _ = world
    other = results.assign(
        learner="icl-words", value=results["value"].sample(frac=1, random_state=0).to_numpy()
    )
    table = usefulness(demonstration_gains(pd.concat([results, other])), square, permutations=99)
    assert len(table) == 2 * 3
    for _, part in table.groupby("kind"):
        assert (part["q"] >= part["p"]).all()
        assert part.set_index("learner")["p"]["icl-tags"] < 0.05


def test_the_most_alignable_language_gains_more_than_the_mean_and_never_more_than_the_best(world, random):
    square, results, _, _ = world
    found = demonstration_gains(results)
    row = choice(found, square).iloc[0]
    assert row["mean"] + 0.03 < row["chosen"] <= row["best"]
    assert row["value"] == pytest.approx(row["chosen"] - row["mean"])
    assert 0 < row["low"] < row["value"] < row["high"]
    assert row["p"] < 0.01 and row["n"] == 10
    null = choice(found.assign(gain=random.permutation(found["gain"])), square).iloc[0]
    assert null["p"] > 0.05 and null["low"] < 0 < null["high"]


def test_nothing_in_common_is_told_with_what_there_is(world):
    square, results, _, _ = world
    with pytest.raises(UsageError, match="no macro_f1 with demonstrations"):
        demonstration_gains(results, metric="macro_f1")
    with pytest.raises(UsageError, match="both a gain and alignability"):
        usefulness(demonstration_gains(results), square.iloc[:2, :2])
