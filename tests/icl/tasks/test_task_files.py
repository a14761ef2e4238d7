"""Tasks as data: files, readers, what is wrong with them, and a task of one's own in ten lines."""

import json

import fake_treebank
import numpy as np
import pytest

from concept_align.errors import ConceptAlignError, UsageError
from concept_align.icl.tasks import TASK_READERS
from concept_align.icl.tasks.questions import TaskRow
from concept_align.icl.tasks.spec import BUILTIN, NamedTask, limited


def paws_x(
    folder, language="de", split="test", rows=(("1", "A b.", "B a.", "1"), ("2", "A c.", "C d!", "0"))
):
    lines = ["\t".join(row) for row in (("id", "sentence1", "sentence2", "label"), *rows)]
    (folder / f"{language}.{split}_2k.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def xcopa(folder, language="et", split="test", **changes):
    row = {"premise": "Abc.", "choice1": "Ab.", "choice2": "Cd.", "question": "cause", "label": 1, **changes}
    (folder / f"{split}.{language}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def asked(told, language, wording="own", split="test", **settings):
    return NamedTask.of(told, settings).questions(language, split, wording)


def own_task(folder, text, *rows):
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "mine.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"{folder / 'mine.toml'}:{folder / 'mine.jsonl'}"


CHOICE = 'kind = "choice"\nreader = "jsonl"\nquestion = "{prompt}"\n'
ROW = {"language": "de", "prompt": "Gras ist", "choices": ["rot", "grün"], "answer": "grün"}


def test_every_choice_has_a_text_of_its_own_and_all_share_the_beginning(tmp_path):
    for language in NamedTask.of(f"paws-x:{tmp_path}").spec.languages:
        paws_x(tmp_path, language)
        for one in asked(f"paws-x:{tmp_path}", language):
            assert len(set(one.choices)) == 2
            assert one.solved == one.beginning + one.choices[one.answer]
    for language in NamedTask.of(f"xcopa:{tmp_path}").spec.languages:
        xcopa(tmp_path, language)
        (cause,) = asked(f"xcopa:{tmp_path}", language)
        xcopa(tmp_path, language, question="effect")
        (effect,) = asked(f"xcopa:{tmp_path}", language)
        assert cause.beginning != effect.beginning
        assert cause.domain != effect.domain
        assert len(set(cause.choices)) == 2


def test_paraphrases_are_answered_yes(tmp_path):
    paws_x(tmp_path)
    yes, no = asked(f"paws-x:{tmp_path}", "de")
    assert (yes.beginning, yes.choices[yes.answer]) == ("A b, richtig?", " Ja, B a.")
    assert no.choices[no.answer] == " Nein, C d!"
    english = asked(f"paws-x:{tmp_path}", "de", "english")[0]
    assert english.choices[0] == " Yes, B a."
    assert english.domain == "N/A, right?"


def test_sentences_that_nobody_translated_are_left_out(tmp_path):
    paws_x(tmp_path, rows=(("1", "NS", "B a.", "1"), ("2", "A c.", "", "0"), ("3", "A", "B", "1")))
    assert [one.id for one in asked(f"paws-x:{tmp_path}", "de")] == ["3"]


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
        asked(f"paws-x:{tmp_path}", "de")


@pytest.mark.parametrize(
    "changes", [{"label": 2}, {"question": "why"}, {"premise": " "}, {"choice2": "Ab."}, {"choice1": 3}]
)
def test_a_damaged_question_is_refused_with_its_line(tmp_path, changes):
    xcopa(tmp_path, **changes)
    with pytest.raises(ConceptAlignError, match=r"test\.et\.jsonl, line 1"):
        asked(f"xcopa:{tmp_path}", "et")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ({**ROW, "answer": "blau"}, "none of the choices"),
        ({**ROW, "answer": 2}, "none of the choices"),
        ({**ROW, "answer": True}, "none of the choices"),
        ({**ROW, "choices": ["a"]}, "not different texts"),
        ({**ROW, "choices": ["a", "a"]}, "not different texts"),
        ({**ROW, "split": "train"}, "split 'train'"),
        ({"language": "de", "prompt": "a"}, "its answer is no text"),
        ({"language": "de", "text": "a", "answer": "b"}, "no field 'prompt'"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(tmp_path, row, said):
    with pytest.raises(ConceptAlignError, match=said) as refused:
        asked(own_task(tmp_path, CHOICE, ROW, row), "de")
    assert "mine.jsonl, line 2" in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "quiz"\nreader = "jsonl"\nquestion = "a"\n', "quiz"),
        ('kind = "choice"\nreader = "jsonl"\n', "missing key 'question'"),
        (CHOICE + 'colour = "red"\n', "unknown key 'colour'"),
        (CHOICE + 'answer = "{gap}"\n', "does not have {answer}"),
        (CHOICE + 'domain = "{a"\n', "domain is broken"),
        (CHOICE + 'domain = "{a.b}"\n', "names a field 'a.b'"),
        (CHOICE + "[words]\nde = 3\n", "words.de"),
        (CHOICE + "max_tokens = 0\n", "under 1"),
        ("kind = ", "not TOML"),
    ],
)
def test_a_broken_task_is_refused_with_its_file(tmp_path, text, said):
    with pytest.raises(UsageError, match=said) as refused:
        NamedTask.of(own_task(tmp_path, text))
    assert "mine.toml" in str(refused.value)


def test_unknown_tasks_readers_languages_and_words_are_refused(tmp_path):
    with pytest.raises(UsageError, match="paws-z"):
        NamedTask.of("paws-z:here")
    with pytest.raises(UsageError, match="where are the questions"):
        NamedTask.of("paws-x")
    with pytest.raises(UsageError, match="'fi'"):
        asked(f"xcopa:{tmp_path}", "fi")
    with pytest.raises(ConceptAlignError, match="no question in 'fr'"):
        asked(own_task(tmp_path, CHOICE, ROW), "fr")
    with pytest.raises(UsageError, match="unknown task reader 'jsonk'"):
        asked(own_task(tmp_path, CHOICE, ROW), "de", reader="jsonk")
    said = CHOICE + 'said = ["answer"]\n[words.de]\nrot = "Rot"\n'
    with pytest.raises(ConceptAlignError, match="no word for 'grün'"):
        asked(own_task(tmp_path, said, ROW), "de")


def test_ten_lines_of_a_file_make_a_task_of_ones_own(tmp_path):
    text = """
    kind = "choice"
    reader = "jsonl"
    data = "mine.jsonl"
    question = "{premise} {ask} {hypothesis}"
    shared = true
    said = ["answer"]
    [words.de]
    ask = "Also:"
    true = "wahr"
    false = "falsch"
    """
    row = {"language": "de", "premise": "A.", "hypothesis": "B.", "choices": ["true", "false"], "answer": 1}
    told = own_task(tmp_path, text, row, {**row, "split": "dev", "answer": "true"})
    (one,) = asked(told.partition(":")[0], "de")
    assert (one.beginning, one.choices, one.gold) == ("A. Also: B.", (" wahr", " falsch"), "falsch")
    (shown,) = asked(told, "de", split="dev")
    assert shown.solved == "A. Also: B. wahr"


def test_without_a_split_all_lines_may_demonstrate(tmp_path):
    told = own_task(tmp_path, CHOICE, ROW, {**ROW, "prompt": "Blut ist", "answer": 0})
    assert asked(told, "de", split="dev") == asked(told, "de")


def test_readers_of_ones_own_are_found_by_name():
    TASK_READERS.register("made-up")(_made_up)
    try:
        (one,) = asked("texts:nowhere", "fr", reader="made-up", times="3")
        assert (one.beginning, one.gold) == ("ici ici ici", "là")
    finally:
        del TASK_READERS._made["made-up"]


def _made_up(path, language, split, options):
    return [TaskRow("1", language, {"prompt": " ".join(["ici"] * int(options["times"]))}, ("là",))]


def test_translations_pair_equal_ids_both_ways_and_are_divided_by_id():
    into, back = asked("translation:mini", "de"), asked("translation:mini", "de", direction="from")
    assert len(into) > 5
    assert [one.id for one in into] == [one.id for one in back]
    first = into[0]
    assert first.beginning.startswith("German: ")
    assert first.beginning.endswith("\nEnglish:")
    assert (first.answered_in, back[0].answered_in) == ("en", "de")
    assert first.copied == back[0].gold
    assert first.gold == back[0].copied
    shown = asked("translation:mini", "fr", split="dev")
    assert not {one.id for one in shown} & {one.id for one in into}
    with pytest.raises(UsageError, match="en cannot be translated into itself"):
        asked("translation:mini", "en")


def test_equal_ids_alone_are_no_questions_of_translation(tmp_path):
    for code, most in (("de", 20), ("en", 60)):
        fake_treebank.write(tmp_path, code, "train", [5] * most)
        fake_treebank.write(tmp_path, code, "test", [5] * most)
    assert len(asked(f"translation:{tmp_path}", "de")) == 20
    rng = np.random.default_rng(0)
    for code in ("de", "en"):
        fake_treebank.write(tmp_path, code, "test", rng.integers(3, 30, size=150).tolist())
    with pytest.raises(UsageError, match="de and en that have an id in common are translations"):
        asked(f"translation:{tmp_path}", "de")


@pytest.mark.parametrize("name", ["lemma", "inflection"])
def test_questions_of_words_have_gold_answers_and_are_drawn_anew_alike(name):
    found = asked(f"{name}:mini", "de")
    assert found == asked(f"{name}:mini", "de")
    assert all(one.gold and one.solved == f"{one.beginning} {one.gold}" for one in found)
    if name == "inflection":
        assert all("=" in one.beginning for one in found)
        assert any(one.gold != one.copied for one in found)
    verbs = asked(f"{name}:mini", "de", classes=["VERB"])
    assert all("VERB" in one.beginning for one in verbs) or name == "lemma"
    with pytest.raises(UsageError, match="no word class"):
        asked(f"{name}:mini", "de", classes=["NOM"])


def test_a_treebank_without_a_train_split_is_divided_by_document(tmp_path):
    folder = tmp_path / "UD_German-PUD"
    folder.mkdir()
    words = "1\tHund\tHund\tNOUN\t_\tCase=Nom\t0\troot\t_\t_"
    blocks = [f"# sent_id = n{10 + n // 5:05}{n % 5:03}\n# text = Hund\n{words}\n" for n in range(100)]
    (folder / "de_pud-ud-test.conllu").write_text("\n".join(blocks) + "\n")
    asking = asked(f"lemma:{tmp_path}", "de")
    shown = asked(f"lemma:{tmp_path}", "de", split="dev")
    assert len(asking) + len(shown) == 100
    assert 0 < len(shown) < 50
    assert not {one.id[:6] for one in asking} & {one.id[:6] for one in shown}


def test_a_limit_takes_the_same_ids_in_every_language():
    de, fi = (limited(asked("translation:mini", code), 4, 0) for code in ("de", "fi"))
    assert [one.id for one in de] == [one.id for one in fi]
    assert [one.id for one in limited(asked("translation:mini", "de"), 4, 1)] != [one.id for one in de]


def test_every_built_in_task_is_whole():
    for name in BUILTIN:
        task = NamedTask.of(f"{name}:here")
        assert TASK_READERS.get(task.spec.reader)
        assert all(task.words(code) for code in task.spec.languages or ("xx",))
