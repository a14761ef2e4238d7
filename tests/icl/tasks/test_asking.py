"""Questions asked: demonstrations, evidence, what is kept, gains, stand-ins."""

import copy
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tiny_prompts import tiny_causal

from concept_align.errors import UsageError
from concept_align.evaluation.results import COLUMNS
from concept_align.icl.causal import word_states
from concept_align.icl.selectors import SELECTORS
from concept_align.icl.selectors.shared import fit_selector, untrained
from concept_align.icl.tasks.ask import ask
from concept_align.icl.tasks.asking import open_asking
from concept_align.icl.tasks.choosing import choice_scores
from concept_align.icl.tasks.config import AskConfig
from concept_align.icl.tasks.demonstrations import Demonstrator, after_demonstrations
from concept_align.icl.tasks.evidence import AnswerWay, AskEvidence
from concept_align.icl.tasks.gains import question_gains
from concept_align.icl.tasks.metrics import chrf, corpus_chrf, exact
from concept_align.icl.tasks.questions import Question
from concept_align.icl.tasks.spec import TaskSpec
from concept_align.icl.tasks.stand_ins import fluency, meaning
from concept_align.icl.tasks.texts import TextReader

SPEC = TaskSpec("choice", "jsonl", "{prompt}")


def question(number, *choices, answer=0, language="en"):
    beginning = f"abd e{'d' * number}i"
    texts = choices or (" ab", " deiabd")
    return Question(
        str(number), language, beginning, texts, answer, texts[answer], text=f"a b{'d' * number} e"
    )


def demonstrator(model, names=("random",), pool=range(20, 28), asked=range(3)):
    pools = {code: [question(n, language=code) for n in pool] for code in ("en", "de")}
    questions = {"en": [question(n) for n in asked], "de": [question(n, language="de") for n in asked]}
    return Demonstrator.of(model, "made up", pools, questions, names)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    rows = [
        {
            "id": f"{split}{n}", "language": code, "split": split,
            "prompt": f"{word} {n}:", "choices": ["yes", "no"], "answer": n % 2 if code == "en" else 0,
        }
        for split in ("dev", "test") for code, word in (("en", "Number"), ("de", "Zahl")) for n in range(6)
    ]  # fmt: skip
    (folder / "own.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "own.toml").write_text(
        'kind = "choice"\nreader = "jsonl"\nquestion = "{prompt}"\nshared = true\n'
    )
    return f"{folder / 'own.toml'}:{folder / 'own.jsonl'}"


QUICK = {"langs": ["de", "en"], "k": [0, 1], "demo_draws": 2, "bootstrap": 100}


def test_draws_are_nested_the_same_for_all_questions_and_differ_by_draw():
    chosen = demonstrator(tiny_causal("gpt2"), ("random", "random-per-query"))
    two, one = (chosen.shown("de", ["en"], "random", k) for k in (2, 1))
    assert [own[:1] for own in two] == one
    assert two[0] == two[1] == two[2]
    assert two != chosen.shown("de", ["en"], "random", 2, draw=1)
    each = chosen.shown("de", ["en"], "random-per-query", 2)
    assert len({tuple(one.id for one in own) for own in each}) > 1
    assert {one.language for own in chosen.shown("de", ["en", "de"], "random", 6) for one in own} == {
        "en",
        "de",
    }


def test_a_question_is_neither_its_own_demonstration_nor_its_translations():
    chosen = demonstrator(tiny_causal("gpt2"), ("random", "random-per-query", "nearest-state"), pool=range(4))
    for selector in chosen.selectors:
        for sources in (["en"], ["de"]):
            shown = chosen.shown("de", sources, selector, 3)
            assert all(
                not any(one.same(q) for one in own)
                for q, own in zip(chosen.questions["de"], shown, strict=True)
            )
    with pytest.raises(UsageError, match="4 demonstrations are asked for"):
        chosen.shown("de", ["en"], "random-per-query", 4)


def test_a_translation_with_another_answer_text_is_no_demonstration():
    mine = Question("7", "de", "Gras ist", (" grün",), 0, "grün")
    assert mine.same(Question("7", "en", "Grass is", (" green",), 0, "green"))
    assert not mine.same(Question("8", "en", "Blood is", (" red",), 0, "red"))


def test_the_nearest_question_in_another_language_stands_last():
    """The pool holds, in the other language, the words of each question in another order."""
    model = tiny_causal("gpt2")
    asked = [
        Question(str(n), "de", f"q{n}", (" a",), 0, text=text)
        for n, text in enumerate(("ab ab ab", "ei ei ei"))
    ]
    pool = [
        Question(f"p{n}", "en", f"p{n}", (" a",), 0, f"g{n}", text=text)
        for n, text in enumerate(("ei ei", "ab ab"))
    ]
    chosen = Demonstrator.of(model, "made up", {"en": pool}, {"de": asked}, ("nearest-state",))
    assert [own[-1].id for own in chosen.shown("de", ["en"], "nearest-state", 1)] == ["p1", "p0"]


def test_a_learned_selector_begins_as_the_nearest_state_and_learns_from_gains_of_questions():
    model, asked = tiny_causal("llama"), range(3)
    near = demonstrator(model, ("nearest-state",), pool=range(20, 26), asked=asked)
    pool, queries = near.sentences("en")
    c, q = near.features.of_candidates(pool), near.features.of_queries(queries, ["en"])
    begun = untrained([q, c], likeness="states", shares_in_x=False)
    gains = question_gains(model, SPEC, near.questions["en"], near.pools["en"])
    learned = fit_selector(gains, q, c, likeness="states", shares_in_x=False, ranks=(0,), penalties=(0.01,))
    assert learned.score(q, c).shape == gains.gain.shape
    given = {"begun": begun, "learned": learned}
    chosen = Demonstrator.of(model, "made up", near.pools, near.questions, tuple(given), given=given)
    assert chosen.shown("en", ["en"], "begun", 2) == near.shown("en", ["en"], "nearest-state", 2)
    assert [len(own) for own in chosen.shown("de", ["en"], "learned", 2)] == [2, 2, 2]


LABELLED = ("coverage", "nearest-concept", "nearest-concept-gold", "best-on-train", "alignability")


@pytest.mark.parametrize("name", LABELLED)
def test_selectors_that_look_at_labels_are_refused(name):
    with pytest.raises(UsageError, match="looks at labels of words"):
        demonstrator(tiny_causal("gpt2"), (name,))


def test_every_built_in_selector_chooses_questions_or_is_refused():
    learn = ("learned",)  # from gains, which a study measures: learned:DIR is fitted
    others = sorted({*SELECTORS._places} - {*LABELLED, *learn})
    long = [replace(question(n), text="five words are long enough") for n in range(20, 24)]
    pools, asked = {"en": long}, {"en": [question(1)]}
    chosen = Demonstrator.of(tiny_causal("gpt2"), "made up", pools, asked, others)
    assert {len(chosen.shown("en", ["en"], name, 2)[0]) for name in others} == {2}
    assert chosen.shown("en", ["en"], "fixed", 2)[0] == long[:2]


def test_demonstrations_that_do_not_fit_are_left_out_and_counted():
    model = copy.copy(tiny_causal("gpt2"))
    model.max_pieces = len(model.cutter.ids(question(1).beginning + question(1).choices[1])) + 2
    found = after_demonstrations(model, question(1), [question(n) for n in range(20, 23)], "\n")
    assert (found.beginning, found.left_out) == (question(1).beginning, 3)


def test_gains_are_differences_of_scores_with_and_without_one_demonstration():
    model, candidates = tiny_causal("llama"), [question(n, answer=n % 2) for n in (1, 20, 21)]
    queries = [question(n, answer=n % 2) for n in (1, 2)]
    found = question_gains(model, SPEC, queries, candidates)
    assert np.isnan(found.gain[0, 0])
    assert np.isfinite(np.delete(found.gain.ravel(), 0)).all()
    reader = TextReader(model)
    for row, query in enumerate(queries):
        for column, one in list(enumerate(candidates))[1:]:
            after, before = (
                choice_scores(reader, [text + query.beginning], [query.choices])[0]
                for text in (one.solved + "\n", "")
            )
            pieces = after[query.answer] - before[query.answer]
            assert found.gain_pieces[row, column] == pytest.approx(pieces, abs=1e-5)
            normal = pieces - np.logaddexp.reduce(after) + np.logaddexp.reduce(before)
            assert found.gain[row, column] == pytest.approx(normal, abs=1e-5)
    assert (found.influence[1] >= -1e-9).all()
    assert [one.language for one in found.queries] == ["en", "en"]


def test_equal_choices_gain_nothing_over_the_set_but_are_likelier():
    """What raises both choices alike is no gain."""
    model = tiny_causal("llama")
    query = Question("0", "en", "abd", (" ab", " ab"), 0)
    found = question_gains(model, SPEC, [query], [question(20)])
    assert found.gain[0, 0] == pytest.approx(0, abs=1e-6)
    assert abs(found.gain_pieces[0, 0]) > 1e-4


def test_a_run_has_rows_of_every_language_and_way_and_is_kept(told, tmp_path):
    out = tmp_path / "out"
    found = ask("mini-decoder", told, selectors=["random", "nearest-state"], out=out, **QUICK)
    frame = found.frame()
    assert tuple(frame.columns) == COLUMNS
    at = frame[frame["source"] == "en"].set_index(["language", "learner", "shots"])["value"]
    assert at["en", "majority", 0] == 0.5
    assert at["de", "majority", 1] == 1.0
    assert at["mean", "random", 1] == pytest.approx((at["en", "random", 1] + at["de", "random", 1]) / 2)
    assert at["en", "random", 0] == at["en", "nearest-state", 0]
    assert {"random-calibrated", "nearest-state-calibrated"} < set(frame["learner"])
    paired = found.differences().set_index(["learner", "shots", "language"])
    assert paired.loc[("nearest-state", 1, "de"), "reference"] == "random"
    expected = at["de", "nearest-state", 1] - at["de", "random", 1]
    assert paired.loc[("nearest-state", 1, "de"), "difference"] == pytest.approx(expected)
    # Without demonstrations 2, random 2 languages x 2 draws, nearest-state 2.
    lines = (out / "units.jsonl").read_text().splitlines()
    assert len(lines) == 1 + 2 + 4 + 2
    (out / "units.jsonl").write_text("\n".join(lines[:4]) + "\n")
    again = ask("mini-decoder", told, selectors=["random", "nearest-state"], out=out, **QUICK)
    pd.testing.assert_frame_equal(again.frame(), frame)
    assert sorted((out / "units.jsonl").read_text().splitlines()[1:]) == sorted(lines[1:])
    with pytest.raises(UsageError, match="another seed"):
        ask("mini-decoder", told, out=out, seed=1, **QUICK)


def test_what_is_written_is_counted_against_copying_and_stand_ins_against_references():
    about = {"langs": "de", "demo_langs": "fr", "k": [0], "limit": 3, "bootstrap": 50}
    found = ask("mini-decoder", "translation:mini", stand_ins=True, **about)
    rows = found.frame().set_index(["language", "learner", "metric"])["value"]
    assert {"chrf", "chrf-corpus", "stand-in:meaning-p1"} <= set(found.frame()["metric"])
    assert rows["de", "copy", "chrf"] > rows["de", "random", "chrf"] - 1
    assert np.isfinite(rows["de", "reference", "stand-in:nats-per-token"])
    confined = ask("mini-decoder", "lemma:mini", constrained=True, **about)
    assert set(confined.answers["answer"].str.strip()) <= set(confined.answers["gold"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": [-1]}, "impossible numbers"),
        ({"langs": ["de", "de"]}, "names no language, or one twice"),
        ({"selectors": ["oracle"]}, "unknown selector"),
        ({"demo_langs": ("any",)}, "any is of the languages"),
        ({"limit": 0}, "too few"),
        ({"constrained": True}, "nothing is written"),
        ({"stand_ins": True}, "nothing is written"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_loaded(told, changes, said):
    with pytest.raises(UsageError, match=said):
        open_asking(AskConfig(**{"model": "no-such-model", "task": told, "langs": ("de",), **changes}))


def test_intervals_are_paired_over_questions_and_know_what_is_missing():
    evidence = AskEvidence("m", "r", "t", draws=200)
    random = np.random.default_rng(0)
    codes = [f"l{n}" for n in range(6)]
    base = {code: random.normal(size=30) for code in codes}
    ways = [AnswerWay("en", name, 1, "chrf") for name in ("a", "b")]
    values = {ways[0]: {code: base[code] + 0.5 for code in codes}, ways[1]: base}
    rows = evidence.differences(values, {ways[0]: ways[1]})
    for column in ("difference", "low", "high"):  # paired: a constant difference has no spread
        np.testing.assert_allclose(rows[column], 0.5)
    gone = evidence.frame({ways[0]: {"de": np.array([np.nan, 1.0, np.nan, 3.0])}})
    assert gone.loc[0, ["value", "n"]].tolist() == [2.0, 2]
    assert gone.loc[1, "low":"high"].isna().all()
    whole = evidence.frame({AnswerWay("en", "a", 1, "chrf-corpus"): base})
    assert whole[["low", "high"]].isna().all(axis=None)


def test_metrics_are_one_for_the_right_text_and_nought_for_none_of_it():
    assert exact(["a\u0301", " b", "C"], ["\u00e1", "b", "c"]).tolist() == [1, 1, 0]
    assert chrf(["the house", "", "xyz"], ["the house", "the house", "the house"]).tolist() == [1, 0, 0]
    assert corpus_chrf(["the house"], ["the house"]) == pytest.approx(1)


def test_stand_ins_find_the_text_itself_and_its_nats():
    model = tiny_causal("llama")
    reader, states = TextReader(model), word_states(model, 1)
    references = ["abd ei", "de ab ab", "i i dd", "eia bd"]
    assert meaning(states, references, references).tolist() == [1, 1, 1, 1]
    assert meaning(states, [references[1], "", references[2], references[3]], references).tolist() == [
        0,
        0,
        1,
        1,
    ]
    same = meaning(states, references[:2] + references[:1], ["abd ei", "abd ei", "abd ei"])
    assert same[0] == pytest.approx(1 / 3)
    nats = fluency(reader, ["abd ei", "", "de"])
    assert np.isnan(nats[1])
    (row,) = reader.beginnings(["abd ei"])
    assert nats[0] == pytest.approx(reader.nats([row], np.array([1]))[0].mean())
