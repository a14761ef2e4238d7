import numpy as np
import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.evaluation.candidate import Candidate
from concept_align.evaluation.config import Protocol
from concept_align.evaluation.evaluate import measure
from concept_align.spaces.metrics import accuracy

PROTOCOL = Protocol(shots=(0, 2, 10), support_draws=3, bootstrap=200)


def run(toy, aligners=None, targets=None, **options):
    options = {"condition": toy.condition, "protocol": PROTOCOL} | options
    return measure(aligners or [("nearest", toy.nearest)], toy.load, targets or toy.languages, **options)


def frame_of(evaluation):
    return evaluation.frame()


def same(one, other):
    """Are two evaluations equal, number by number?"""
    tables = (one.tables[name].equals(other.tables[name]) for name in one.tables)
    return one.about() == other.about() and all(tables)


def pick(frame, **where):
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, frame
    return frame.iloc[0]


def test_zero_shot_accuracy_is_that_of_the_predictions(toy):
    frame = frame_of(run(toy))
    for language in toy.languages:
        test = toy.load(language, "test")
        expected = accuracy(toy.Nearest(toy.centres).adapt().codes(test.x), test.y)
        row = pick(frame, learner="nearest", language=language, shots=0, metric="accuracy", draw=-1)
        assert row["value"] == pytest.approx(expected)
        assert row["low"] < expected < row["high"]
        assert row["n"] == test.words


def test_the_row_of_the_mean_is_the_mean_of_the_draws_and_of_the_languages(toy):
    frame = frame_of(run(toy))
    chosen = frame[(frame.learner == "nearest") & (frame.shots == 2) & (frame.metric == "macro_f1")]
    means = []
    for language in toy.languages:
        of_language = chosen[chosen.language == language].set_index("draw")["value"]
        assert sorted(of_language.index) == [-1, 0, 1, 2]
        assert of_language[-1] == pytest.approx(of_language.drop(-1).mean())
        means.append(of_language[-1])
    assert pick(chosen, language="mean")["value"] == pytest.approx(np.mean(means))
    assert pick(chosen, language="worst")["value"] == pytest.approx(min(means))


def test_zero_shot_rows_know_no_draw(toy):
    frame = frame_of(run(toy))
    assert set(frame[frame.shots == 0].draw) == {-1}


def test_support_helps_where_the_target_is_shifted(toy):
    frame = frame_of(run(toy))
    hardest = frame[(frame.language == "t5") & (frame.metric == "accuracy") & (frame.learner == "nearest")]
    assert pick(hardest, shots=10, draw=-1)["value"] > pick(hardest, shots=0, draw=-1)["value"]


def test_aligners_get_the_same_support_and_seeds(toy):
    one, two = toy.Nearest(toy.centres), toy.Nearest(toy.centres)
    run(toy, [("one", one), ("two", two)])
    assert one.adapted == two.adapted
    assert len({seed for _, _, seed in one.adapted}) == len(one.adapted)
    assert [sents for language, sents, _ in one.adapted if language == "t0"] == [2] * 3 + [10] * 3


def test_order_of_aligners_and_targets_changes_nothing(toy):
    aligners = [("a", toy.nearest), ("b", toy.Nearest(toy.centres + 0.5))]
    straight = run(toy, aligners)
    turned = run(toy, aligners[::-1], toy.languages[::-1])
    assert same(straight, turned)


def test_a_language_does_not_depend_on_which_others_are_tested(toy):
    whole, alone = frame_of(run(toy)), frame_of(run(toy, targets=["t3"]))
    chosen = [frame[frame.language == "t3"].reset_index(drop=True) for frame in (whole, alone)]
    assert chosen[0].equals(chosen[1])


def test_majority_is_the_share_of_the_majority_class(toy):
    row = pick(
        frame_of(run(toy)), learner="majority", language="t1", shots=0, metric="accuracy", draw=-1
    )  # fmt: skip
    majority = toy.load("en", "train").counts().argmax()
    assert row["value"] == pytest.approx(float((toy.load("t1", "test").y == majority).double().mean()))


def test_words_of_concepts_that_may_not_be_predicted_are_errors(toy):
    protocol = Protocol(shots=(0,), valid="pair", least=60, bootstrap=200)
    counts = torch.minimum(toy.load("en", "train").counts(), toy.load("t0", "train").counts())
    assert (counts < 60).any()
    frame = frame_of(run(toy, targets=["t0"], protocol=protocol))
    test = toy.load("t0", "test")
    found = pick(frame, learner="nearest", language="t0", metric="accuracy")["value"]
    assert found <= float((counts[test.y] >= 60).double().mean())


def test_a_stopped_run_goes_on_and_gives_the_same_rows(toy, tmp_path):
    whole = run(toy, units=tmp_path / "whole")
    stopped = toy.Nearest(toy.centres, stop_after=17)
    with pytest.raises(KeyboardInterrupt):
        run(toy, [("nearest", stopped)], units=tmp_path / "units")
    rest = toy.Nearest(toy.centres)
    resumed = run(toy, [("nearest", rest)], units=tmp_path / "units")
    assert same(resumed, whole)
    assert len(stopped.adapted) + len(rest.adapted) == len(toy.languages) * 7
    files = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.jsonl")}
        for folder in (tmp_path / "whole", tmp_path / "units")
    ]
    assert files[0] == files[1]


def test_a_finished_run_adapts_nothing_and_gives_the_same_rows(toy, tmp_path):
    first = run(toy, units=tmp_path)
    again = toy.Nearest(toy.centres)
    assert same(run(toy, [("nearest", again)], units=tmp_path), first)
    assert again.adapted == []


@pytest.mark.parametrize("change", ["identity", "seed", "smoothing", "valid", "features"])
def test_what_changes_an_answer_makes_its_units_anew(toy, tmp_path, change):
    run(toy, [Candidate("nearest", (toy.nearest,), ({"sha": "1"},))], units=tmp_path)
    again = toy.Nearest(toy.centres)
    changed = {
        "seed": {"seed": 1}, "smoothing": {"smoothing": True}, "valid": {"valid": "source"},
    }.get(change, {})  # fmt: skip
    protocol = Protocol(**{"shots": (0, 2, 10), "support_draws": 3, "bootstrap": 200, **changed})
    if change == "features":
        load = toy.load
        toy.load = lambda language, split: toy.make(language, split, seed=9) if split == "test" else load(
            language, split
        )  # fmt: skip
    identity = {"sha": "2" if change == "identity" else "1"}
    run(toy, [Candidate("nearest", (again,), (identity,))], units=tmp_path, protocol=protocol)
    assert len(again.adapted) == len(toy.languages) * 7


def test_more_shots_and_draws_cost_only_themselves(toy, tmp_path):
    run(toy, units=tmp_path)
    again = toy.Nearest(toy.centres)
    more = Protocol(shots=(0, 2, 10, 20), support_draws=4, bootstrap=300)
    assert same(run(toy, [("nearest", again)], units=tmp_path, protocol=more), run(toy, protocol=more))
    assert len(again.adapted) == len(toy.languages) * (1 + 1 + 4)


def test_more_shots_than_sentences_are_left_out_and_said(toy):
    protocol = Protocol(shots=(0, 5, 1000), support_draws=2, bootstrap=200)
    evaluation = run(toy, protocol=protocol)
    assert set(frame_of(evaluation).shots) == {0, 5}
    assert any(
        "t2" in notice and "1000 shots" in notice and "left out" in notice for notice in evaluation.notices
    )


def test_more_shots_than_sentences_take_all_there_are_if_asked(toy):
    protocol = Protocol(shots=(1000,), support_draws=2, bootstrap=200, short="all")
    aligner = toy.Nearest(toy.centres)
    evaluation = run(toy, [("nearest", aligner)], protocol=protocol)
    assert {sents for _, sents, _ in aligner.adapted} == {51}
    assert any("all of them used" in notice for notice in evaluation.notices)


def test_a_language_without_training_split_is_tested_zero_shot_and_said(toy):
    load = toy.load

    def without(language, split):
        assert (language, split) != ("t1", "train")
        return load(language, split)

    toy.load = without
    evaluation = run(toy, untrained=["t1"])
    frame = frame_of(evaluation)
    assert set(frame[frame.language == "t1"].shots) == {0}
    low = evaluation.conditions[0].low_resource
    assert low == ("t1", *sorted(set(low) - {"t1"}))
    assert any(notice.startswith("t1: 0 training sentences") for notice in evaluation.notices)
    means = frame[(frame.language == "mean") & (frame.learner == "nearest") & (frame.metric == "accuracy")]
    assert dict(zip(means.shots, means.n, strict=True)) == {0: 6, 2: 5, 10: 5}


def test_an_inventory_in_another_order_is_refused(toy):
    load = toy.load

    def turned(language, split):
        features = load(language, split)
        concepts = features.concepts[::-1] if language == "t1" else features.concepts
        return type(features)(language, concepts, features.x, features.y, features.offsets)

    toy.load = turned
    with pytest.raises(LearningError, match="t1"):
        run(toy)


@pytest.mark.parametrize("codes", [torch.zeros(3, dtype=torch.int64), None])
def test_predictions_that_are_no_concepts_are_refused_by_name(toy, codes):
    class Broken:
        def adapt(self, support=None, *, unlabelled=None, valid=None, seed=0):
            return self

        def codes(self, x):
            return codes if codes is not None else torch.full((len(x),), 4)

    with pytest.raises(LearningError, match="broken"):
        run(toy, [("broken", Broken())])


def test_equal_or_reserved_names_and_nothing_to_do_are_refused(toy):
    for aligners, targets in (
        ([("a", toy.nearest)] * 2, ["t0"]),
        ([("majority", toy.nearest)], ["t0"]),
        ([], ["t0"]),
        ([("a", toy.nearest)], []),
    ):
        with pytest.raises(UsageError):
            measure(aligners, toy.load, targets, condition=toy.condition)


def test_a_name_that_is_no_file_name_is_kept_apart(toy, tmp_path):
    run(toy, [("../a b", toy.nearest), ("../a_b", toy.nearest)], ["t0"], units=tmp_path / "units")
    assert len(list((tmp_path / "units").glob("*/t0.jsonl"))) == 3
