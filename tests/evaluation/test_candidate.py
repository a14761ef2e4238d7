"""What learners are shown: training seeds, unlabelled words, everything; and what units keep of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from concept_align.errors import LearningError
from concept_align.evaluation.candidate import Candidate
from concept_align.evaluation.config import Protocol
from concept_align.evaluation.evaluate import measure
from concept_align.evaluation.protocol import divided

PROTOCOL = Protocol(shots=(0, 2), support_draws=3, bootstrap=200)


class Recorder:
    """Prototype means of the support (the centres without one), and what it was given each time."""

    def __init__(self, centres, *, transductive=False, wants="support", shift=0.0):
        self.centres, self.transductive, self.wants = centres + shift, transductive, wants
        self.given = []

    def adapt(self, support=None, *, unlabelled=None, valid=None, seed=0):
        self.given.append((support, unlabelled, seed))
        return SimpleNamespace(
            scores=lambda x: (-torch.cdist(x, self.centres)).log_softmax(1),
            codes=lambda x: pytest.fail("scores say it already"),
        )


def run(toy, aligners, targets=("t0", "t1", "t2"), **options):
    options = {"condition": toy.condition, "protocol": PROTOCOL} | options
    return measure(aligners, toy.load, targets, **options)


def rows(evaluation, learner, **where):
    frame = evaluation.frame()
    frame = frame[frame.learner == learner]
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame


def test_a_transductive_aligner_sees_the_training_words_and_no_label(toy):
    aligner, plain = Recorder(toy.centres, transductive=True), Recorder(toy.centres)
    evaluation = run(toy, [("looks", aligner), ("plain", plain)], ["t1"])
    train = toy.load("t1", "train")
    assert all(torch.equal(unlabelled, train.x) for _, unlabelled, _ in aligner.given)
    assert all(unlabelled is None for _, unlabelled, _ in plain.given)
    assert f"looks looked at {train.words:,} unlabelled words of each target" in evaluation.notices
    assert not any(notice.startswith("plain") for notice in evaluation.notices)


def test_beside_a_tiny_train_split_the_test_words_are_seen_too_and_that_is_said(toy):
    aligner = Recorder(toy.centres, transductive=True)
    few = {"t1": toy.load("t1", "train").of_sentences(np.arange(3))}

    def load(language, split):
        return few.get(language, toy.load(language, split)) if split == "train" else toy.load(language, split)

    options = {"condition": toy.condition, "protocol": PROTOCOL}
    evaluation = measure([("looks", aligner)], load, ["t0", "t1"], **options)
    seen = torch.cat([few["t1"].x, toy.load("t1", "test").x])
    assert torch.equal(aligner.given[-1][1], seen)
    assert any(
        n.endswith("; the test words, too, where the train split is tiny: t1") for n in evaluation.notices
    )


def test_without_a_train_split_the_test_words_are_seen_and_that_is_said(toy):
    aligner = Recorder(toy.centres, transductive=True)
    evaluation = run(toy, [("looks", aligner)], ["t0", "t1"], untrained=["t1"])
    assert torch.equal(aligner.given[-1][1], toy.load("t1", "test").x)
    assert any("the test words themselves" in n and n.endswith(": t1") for n in evaluation.notices)


def test_an_upper_bound_is_tested_once_with_everything(toy):
    oracle = Recorder(toy.centres, wants="everything")
    evaluation = run(toy, [("oracle", oracle), ("plain", Recorder(toy.centres))], ["t0", "t1"])
    assert [given[0].words for given in oracle.given] == [toy.load(t, "train").words for t in ("t0", "t1")]
    found = rows(evaluation, "oracle")
    assert set(found.shots) == {-1}
    assert set(found.draw) == {-1}
    assert set(found.language) >= {"t0", "t1", "mean"}
    assert not (evaluation.comparisons()[["a", "b"]] == "oracle").any(axis=None)
    assert any(notice.startswith("oracle was given all labelled") for notice in evaluation.notices)


def test_an_upper_bound_is_left_out_where_there_is_no_train_split(toy):
    oracle = Recorder(toy.centres, wants="everything")
    evaluation = run(toy, [("oracle", oracle)], ["t0", "t1"], untrained=["t1"])
    assert set(rows(evaluation, "oracle", metric="accuracy").language) >= {"t0", "mean"}
    assert rows(evaluation, "oracle", language="t1").empty
    assert any("left out for want of a train split: t1" in notice for notice in evaluation.notices)


def test_training_seeds_are_one_learner_with_running_draws(toy):
    seeds = [Recorder(toy.centres, shift=shift) for shift in (0.0, 0.5, 1.5)]
    evaluation = run(toy, [Candidate("shrink", tuple(seeds))])
    alone = [run(toy, [("shrink", Recorder(toy.centres, shift=shift))]) for shift in (0.0, 0.5, 1.5)]
    where = {"language": "t1", "metric": "accuracy"}
    for shots, draws in ((0, 1), (2, 3)):
        found = rows(evaluation, "shrink", shots=shots, **where).set_index("draw")["value"]
        assert sorted(found.index) == [-1, *range(3 * draws)]
        assert found[-1] == pytest.approx(found.drop(-1).mean())
        single = [
            rows(one, "shrink", shots=shots, draw=-1, **where)["value"].item() for one in alone
        ]  # fmt: skip
        by_seed = found.drop(-1).to_numpy().reshape(3, draws).mean(1)
        assert by_seed == pytest.approx(single)
    assert evaluation.conditions[0].seeds == {"shrink": 3}
    assert evaluation.about()["settings"][0]["seeds"] == {"shrink": 3}


def test_seeds_get_the_same_supports(toy):
    seeds = [Recorder(toy.centres), Recorder(toy.centres)]
    run(toy, [Candidate("shrink", tuple(seeds))], ["t1"])
    first, second = ([(given[0] and given[0].y.tolist(), given[2]) for given in one.given] for one in seeds)
    assert first == second


def test_equal_seeds_are_as_one(toy):
    one = run(toy, [("shrink", Recorder(toy.centres))])
    same = run(toy, [Candidate("shrink", (Recorder(toy.centres), Recorder(toy.centres)))])
    for metric in ("accuracy", "macro_f1", "ece", "f1:noun"):
        first, second = (
            rows(found, "shrink", metric=metric, draw=-1)[["value", "low", "high"]].to_numpy()
            for found in (one, same)
        )
        assert first == pytest.approx(second, nan_ok=True)


def test_each_seed_keeps_its_own_units_whatever_comes_beside_it(toy, tmp_path):
    def tested(*shifts):
        aligners = tuple(Recorder(toy.centres, shift=shift) for shift in shifts)
        return Candidate("shrink", aligners, tuple({"sha": str(shift)} for shift in shifts))

    run(toy, [tested(0.5)], units=tmp_path)
    several = tested(0.0, 0.5, 1.0)
    run(toy, [several], units=tmp_path)
    assert [len(one.given) for one in several.aligners] == [12, 0, 12]
    again = tested(1.0, 0.0)
    run(toy, [again], units=tmp_path)
    assert [len(one.given) for one in again.aligners] == [0, 0]


def test_units_without_confidences_of_an_older_schema_are_made_anew(toy, tmp_path):
    first = run(toy, [("one", Recorder(toy.centres))], units=tmp_path)
    for path in tmp_path.rglob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b'"schema": 2', b'"schema": 1'))
    again = Recorder(toy.centres)
    assert run(toy, [("one", again)], units=tmp_path).reliability().equals(first.reliability())
    assert len(again.given) == 12


def test_confidences_survive_the_disk(toy, tmp_path):
    first = run(toy, [("one", Recorder(toy.centres))], units=tmp_path)
    again = Recorder(toy.centres)
    assert run(toy, [("one", again)], units=tmp_path).reliability().equals(first.reliability())
    assert again.given == []
    assert not rows(first, "one", metric="ece").empty
    assert rows(first, "majority", metric="ece").empty


@pytest.mark.parametrize("wrong", [torch.nan, 3.0])
def test_scores_that_are_no_log_probabilities_are_refused(toy, wrong):
    class Broken:
        def adapt(self, support=None, *, unlabelled=None, valid=None, seed=0):
            return SimpleNamespace(scores=lambda x: torch.full((len(x), 4), wrong), codes=None)

    with pytest.raises(LearningError, match="log-probabilities"):
        run(toy, [("broken", Broken())], ["t0"])


def test_confusions_sum_to_the_words_of_each_language(toy):
    evaluation = run(toy, [("one", Recorder(toy.centres))])
    for shots in (0, 2):
        of = evaluation.confusion().query("learner == 'one' and shots == @shots")
        assert of["share"].sum() == pytest.approx(1)
        assert of.groupby("gold")["of_gold"].sum().to_numpy() == pytest.approx(1)
        assert set(of["gold"]) == set(toy.concepts)
        correct = of.loc[of["gold"] == of["predicted"], "share"].sum()
        (mean,) = rows(evaluation, "one", shots=shots, language="mean", metric="accuracy")["value"]
        assert correct == pytest.approx(mean)
        bins = evaluation.reliability().query("learner == 'one' and shots == @shots")
        assert bins["share"].sum() == pytest.approx(1)
        assert (bins["share"] * bins["accuracy"]).sum() == pytest.approx(mean)


def test_concepts_have_their_f1_and_macro_f1_is_its_mean(toy):
    evaluation = run(toy, [("one", Recorder(toy.centres))])
    for language in ("t0", "t2"):
        parts = [
            rows(evaluation, "one", shots=2, language=language, metric=f"f1:{concept}")
            for concept in toy.concepts
        ]
        assert all(list(part.draw) == [-1] for part in parts)
        assert all((part.low <= part.value).all() and (part.value <= part.high).all() for part in parts)
        (macro,) = rows(evaluation, "one", shots=2, language=language, metric="macro_f1", draw=-1)["value"]
        assert np.mean([part["value"].item() for part in parts]) == pytest.approx(macro)
        assert sum(part["n"].item() for part in parts) == toy.load(language, "test").words
    mean = rows(evaluation, "one", shots=2, metric="f1:noun", language="mean")
    alone = rows(evaluation, "one", shots=2, metric="f1:noun")
    assert mean["value"].item() == pytest.approx(alone[alone.language != "mean"]["value"].mean())


def divided_run(toy, aligner, support_from, splits, **options):
    """Of t1, which has the ``splits`` alone; what was loaded of it."""
    load, loaded = toy.load, set()

    def only(language, split):
        if language == "t1":
            assert split in splits, f"there is no {split} split"
            loaded.add(split)
        return load(language, split)

    toy.load = only
    lacks = {
        "untrained": ["t1"] if "train" not in splits else [],
        "undeveloped": ["t1"] if "dev" not in splits else [],
    }
    protocol = Protocol(shots=(0, 2, 10), support_draws=3, bootstrap=200, support_from=support_from)
    return run(toy, [("one", aligner)], ["t0", "t1"], **lacks, protocol=protocol, **options), loaded


@pytest.mark.parametrize(
    ("support_from", "splits", "chosen"),
    [
        ("train", ("train", "dev", "test"), "train"),
        ("test", ("train", "dev", "test"), "train"),
        ("dev", ("dev", "test"), "dev"),
        ("test", ("dev", "test"), "dev"),
        ("test", ("test",), "test"),
    ],
)
def test_labelled_sentences_come_from_the_first_split_that_may_be_taken(toy, support_from, splits, chosen):
    aligner = Recorder(toy.centres)
    evaluation, loaded = divided_run(toy, aligner, support_from, splits)
    assert loaded == {chosen, "test"}
    frame = rows(evaluation, "one", language="t1", metric="accuracy")
    assert set(frame.shots) == {0, 2, 10}
    told = [notice for notice in evaluation.notices if notice.startswith("t1: without")]
    assert len(told) == (chosen != "train") and all(f"{chosen} split" in notice for notice in told)


@pytest.mark.parametrize(("support_from", "splits"), [("train", ("dev", "test")), ("dev", ("test",))])
def test_no_labelled_sentence_comes_from_a_split_that_was_not_asked_for(toy, support_from, splits):
    evaluation, loaded = divided_run(toy, Recorder(toy.centres), support_from, splits)
    assert loaded == {"test"} and set(rows(evaluation, "one", language="t1").shots) == {0}


def test_support_from_the_test_split_is_never_under_test(toy):
    test = toy.load("t1", "test")
    aligner = Recorder(toy.centres, transductive=True)
    evaluation, _ = divided_run(toy, aligner, "test", ("test",))
    frame = rows(evaluation, "one", language="t1", metric="accuracy")
    support, rest = divided(test, Protocol(shots=(0, 2, 10)))
    assert (support.sents, rest.sents) == (20, 40)
    assert (frame.n == rest.words).all()  # zero-shot, too: every number of shots is tested on the same words
    alike = (support.x[:, None] == rest.x[None]).all(2)
    assert not bool(alike.any()) and support.words + rest.words == test.words
    given = [one for one, unlabelled, _ in aligner.given if one is not None and one.language == "t1"]
    assert given and all(bool((one.x[:, None] == support.x[None]).all(2).any(1).all()) for one in given)
    assert "the test words themselves, for want of a train split: t1" in " ".join(evaluation.notices)


def test_a_small_test_split_is_halved_and_more_shots_are_left_out(toy):
    small = toy.load("t1", "test").of_sentences(np.arange(9))
    support, rest = divided(small, Protocol(shots=(0, 100)))
    assert (support.sents, rest.sents) == (4, 5)
    again, _ = divided(small, Protocol(shots=(0, 1000), bootstrap=500))
    assert torch.equal(support.x, again.x)


def test_what_is_sequential_is_told_where_sentences_end_and_what_is_not_is_given_words(toy):
    seen = []

    class Reads(Recorder):
        sequential = True

        def adapt(self, support=None, *, unlabelled=None, valid=None, seed=0):
            seen.append(unlabelled)
            return SimpleNamespace(scores=self._scores, sequential=True)

        def _scores(self, words):
            seen.append(words)
            return (-torch.cdist(words.x, self.centres)).log_softmax(1)

    evaluation = run(toy, [("reads", Reads(toy.centres, transductive=True))], ["t1"])
    plain = run(toy, [("reads", Recorder(toy.centres, transductive=True))], ["t1"])
    for one, split in zip(seen[:2], ("train", "test"), strict=True):
        expected = toy.load("t1", split)
        assert one.offsets.tolist() == expected.offsets.tolist() and torch.equal(one.x, expected.x)
    assert evaluation.frame().equals(plain.frame())
