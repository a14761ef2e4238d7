"""Questions answered by likelihood: means over the choice alone, demonstrations drawn for each question."""

import json
import math

import numpy as np
import pytest
import torch
from tiny_prompts import tiny_causal

from concept_align.errors import ConceptAlignError, UsageError
from concept_align.evaluation.results import COLUMNS
from concept_align.icl.choice_tasks import SAME, WHY, Question, languages_of, read_choices
from concept_align.icl.choices import (
    Asked,
    choice_accuracy,
    choice_scores,
    with_demonstrations,
)


def question(number: int, *choices: str, answer: int = 0) -> Question:
    return Question(str(number), "en", f"abd e{'d' * number}i", choices or (" ab", " deiabd"), answer)


def paws_x(
    folder, language="de", split="test", rows=(("1", "A b.", "B a.", "1"), ("2", "A c.", "C d!", "0"))
):
    lines = ["\t".join(row) for row in (("id", "sentence1", "sentence2", "label"), *rows)]
    (folder / f"{language}.{split}_2k.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def xcopa(folder, language="et", split="test", **changes):
    row = {"premise": "Abc.", "choice1": "Ab.", "choice2": "Cd.", "question": "cause", "label": 1, **changes}
    (folder / f"{split}.{language}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_score_is_the_mean_log_probability_of_the_choices_tokens(name):
    model = tiny_causal(name)
    asked = [Asked(question(n), question(n).beginning) for n in range(3)]
    scores = choice_scores(model, asked)
    for one, found in zip(asked, scores, strict=True):
        for choice, score in zip(one.question.choices, found, strict=True):
            text = one.beginning + choice
            span = np.array([[len(one.beginning), len(text)]], dtype=np.int32)
            cut = model.cutter.cut(text, span)
            ids = torch.tensor([cut.ids.tolist()])
            with model.running():
                said = model.module(ids).logits[0].double().log_softmax(-1)
            begin, end = int(cut.begin[0]), int(cut.end[0])
            each = [float(said[place - 1, ids[0, place]]) for place in range(begin, end)]
            assert score == pytest.approx(sum(each) / len(each), abs=1e-4)


def test_scores_are_finite_and_do_not_depend_on_the_batch():
    model = tiny_causal("llama")
    asked = [Asked(question(n, " ab", " d" * (1 + 7 * n)), "ab" * (1 + n)) for n in range(4)]
    together = choice_scores(model, asked)
    for one, found in zip(asked, together, strict=True):
        np.testing.assert_allclose(choice_scores(model, [one])[0], found, atol=1e-5)
        assert np.isfinite(found).all()


def test_a_repeated_choice_is_not_worse_for_its_length():
    """A model that gives every token the same probability finds all choices alike; a sum would not."""
    import copy

    model = tiny_causal("llama")
    flat = copy.copy(model)
    flat.logits = lambda states: torch.zeros(len(states), model.cutter.vocabulary)
    one = question(0, " ab", " abdeiabdeiabdei")
    (scores,) = choice_scores(flat, [Asked(one, one.beginning)])
    np.testing.assert_allclose(scores, -math.log(model.cutter.vocabulary), atol=1e-5)


def test_every_choice_has_a_text_of_its_own_and_all_share_the_beginning(tmp_path):
    for language in SAME:
        paws_x(tmp_path, language)
        for one in read_choices("paws-x", tmp_path, language):
            assert len(set(one.choices)) == 2
            assert one.solved == one.beginning + one.choices[one.answer]
    for language in WHY:
        xcopa(tmp_path, language)
        (cause,) = read_choices("xcopa", tmp_path, language)
        xcopa(tmp_path, language, question="effect")
        (effect,) = read_choices("xcopa", tmp_path, language)
        assert cause.beginning != effect.beginning
        assert len(set(cause.choices)) == 2


def test_paraphrases_are_answered_yes(tmp_path):
    paws_x(tmp_path)
    yes, no = read_choices("paws-x", tmp_path, "de")
    assert (yes.beginning, yes.choices[yes.answer]) == ("A b, richtig?", " Ja, B a.")
    assert no.choices[no.answer] == " Nein, C d!"
    assert read_choices("paws-x", tmp_path, "de", wording="english")[0].choices[0] == " Yes, B a."
    assert languages_of("paws-x", tmp_path) == ("de",)


def test_sentences_that_nobody_translated_are_left_out(tmp_path):
    paws_x(tmp_path, rows=(("1", "NS", "B a.", "1"), ("2", "A c.", "", "0"), ("3", "A", "B", "1")))
    assert [one.id for one in read_choices("paws-x", tmp_path, "de")] == ["3"]


@pytest.mark.parametrize(
    "content",
    [
        "id\tsentence1\n",
        "id\tsentence1\tsentence2\tlabel\n1\ta\tb\n",
        "id\tsentence1\tsentence2\tlabel\n1\ta\tb\t7\n",
    ],
)
def test_a_damaged_table_is_refused_with_its_line(tmp_path, content):
    (tmp_path / "de.test_2k.tsv").write_text(content)
    with pytest.raises(ConceptAlignError, match=r"de\.test_2k\.tsv, line [12]"):
        read_choices("paws-x", tmp_path, "de")


@pytest.mark.parametrize(
    "changes", [{"label": 2}, {"question": "why"}, {"premise": " "}, {"choice2": "Ab."}, {"choice1": 3}]
)
def test_a_damaged_question_is_refused_with_its_line(tmp_path, changes):
    xcopa(tmp_path, **changes)
    with pytest.raises(ConceptAlignError, match=r"test\.et\.jsonl, line 1"):
        read_choices("xcopa", tmp_path, "et")


def test_unknown_tasks_and_languages_are_refused(tmp_path):
    with pytest.raises(UsageError, match="paws-z"):
        read_choices("paws-z", tmp_path, "de")
    with pytest.raises(UsageError, match="'fi'"):
        read_choices("xcopa", tmp_path, "fi")


def test_demonstrations_are_drawn_for_each_question_from_the_seed_and_are_nested():
    model = tiny_causal("gpt2")
    pool = [question(n) for n in range(20, 28)]
    one, other = (with_demonstrations(model, question(n), pool, 2) for n in (1, 2))
    assert one == with_demonstrations(model, question(1), pool, 2)
    shown, also = (asked.beginning.split("\n")[:-1] for asked in (one, other))
    assert len(shown) == 2
    assert shown != also
    assert with_demonstrations(model, question(1), pool, 2, seed=1).beginning != one.beginning
    assert with_demonstrations(model, question(1), pool, 1).beginning == "\n".join(
        [shown[1], question(1).beginning]
    )
    assert set(shown) <= {each.solved for each in pool}


def test_a_question_is_never_its_own_demonstration_and_small_pools_are_refused():
    model = tiny_causal("gpt2")
    with pytest.raises(UsageError, match="2 demonstrations of 1 question"):
        with_demonstrations(model, question(1), [question(1), question(2)], 2)


def test_demonstrations_that_do_not_fit_are_left_out_and_counted():
    import copy

    model = copy.copy(tiny_causal("gpt2"))
    own = len(model.cutter.ids(question(1).beginning + question(1).choices[1]))
    model.max_pieces = own + 2
    found = with_demonstrations(model, question(1), [question(n) for n in range(20, 24)], 3)
    assert (found.beginning, found.left_out) == (question(1).beginning, 3)


def test_accuracy_has_a_row_for_every_language_and_the_mean_beside_the_commonest_answer():
    model = tiny_causal("llama")
    sets = {
        code: [question(n, answer=n % 2 if code == "en" else 0) for n in range(6)] for code in ("en", "de")
    }
    frame = choice_accuracy(model, "xcopa", sets, pools=sets, shots=(0, 1))
    assert tuple(frame.columns) == COLUMNS
    at = frame.set_index(["language", "learner", "shots"])["value"]
    assert at["en", "majority", 0] == 0.5
    assert at["de", "majority", 0] == 1.0
    assert at["mean", "choices", 1] == pytest.approx((at["en", "choices", 1] + at["de", "choices", 1]) / 2)
    own = frame[frame["language"] != "mean"]
    assert ((own["low"] <= own["value"]) & (own["value"] <= own["high"])).all()
    assert frame.loc[frame["language"] == "mean", "low"].isna().all()  # of two languages
    with pytest.raises(UsageError, match="no questions to demonstrate"):
        choice_accuracy(model, "xcopa", sets, shots=(1,))
