import json

import numpy as np
import pytest

from concept_align.errors import LearningError, UsageError
from concept_align.icl.wording import word_classes
from concept_align.treebanks.corpus import Corpus
from concept_align.tuning.instruction_files import FileInstructions, RowInstructions
from concept_align.tuning.instructions import InstructionTemplates, TranslationInstructions, filled
from concept_align.tuning.parallel import Parallel
from concept_align.tuning.sampling import InstructionSampler
from concept_align.tuning.sources import open_sources
from concept_align.tuning.splits import Split, split
from concept_align.tuning.structural import StructuralInstructions, read_corpora

CODES = ("en", "de", "fi", "zh")


def parallel(count=30):
    return Parallel.of({code: {str(n): f"{code} {n}" for n in range(count)} for code in CODES})


def drawn(source, count=300, cross=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return [source.draw(rng, cross) for _ in range(count)]


# --- templates ---


def test_an_answer_stands_at_the_end_and_the_space_before_it_is_its_own():
    assert filled("{input} = {output}", "x y", input="a b ") == ("a b  =", " x y")
    assert filled("{input}{output}", "x", input="a") == ("a", "x")
    assert filled("{input}:\n\n{output}", "{x}", input="{a}") == ("{a}:", "\n\n{x}")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"parallel": ("{output} is {input}",)}, "does not end in"),
        ({"parallel": ("{input} {output}.",)}, "does not end in"),
        ({"parallel": ("{input} {output} {output}",)}, "does not end in"),
        ({"parallel": ("{input} {{output}",)}, "not a template"),
        ({"parallel": ("{input}",)}, "does not end in"),
        ({"parallel": ("{output}",)}, r"\{input\} is missing"),
        ({"parallel": ("{text} {output}",)}, r"unknown placeholder \{text\}"),
        ({"parallel": ("{input.x} {output}",)}, r"unknown placeholder \{input.x\}"),
        ({"parallel": ("{input {output}",)}, "not a template"),
        ({"parallel": ()}, "no template"),
        ({"structural": "{input} {output}"}, "unknown placeholder"),
        ({"with_input": "{instruction} {output}"}, r"\{input\} is missing"),
    ],
)
def test_a_template_that_would_not_be_learned_from_is_refused(wrong, says):
    with pytest.raises(UsageError, match=says):
        InstructionTemplates(**wrong)


def test_templates_come_from_a_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('parallel = ["{language}? {input} {output}"]')
    templates = InstructionTemplates.read(path)
    assert templates.parallel == ("{language}? {input} {output}",)
    assert templates.structural == InstructionTemplates().structural
    path.write_text('paralel = ["x"]')
    with pytest.raises(UsageError, match="unknown key 'paralel'"):
        InstructionTemplates.read(path)


# --- translations ---


def test_translations_are_of_training_sentences_between_two_seen_languages():
    found = parallel()
    parts = split(found, held_out=0.3, seen=("en", "de", "zh"), seed=0)
    items = drawn(TranslationInstructions(found, parts))
    names = {"en": "English", "de": "German", "zh": "Chinese"}
    kinds = set()
    for item in items:
        assert item.id in parts.train
        assert item.prompt_language != item.answer_language
        text, answer = found.texts[item.prompt_language][item.id], found.texts[item.answer_language][item.id]
        asked = f"{text} Translate into {names[item.answer_language]}:"
        assert item.prompt in (asked, f"{text} =")
        assert item.answer == f" {answer}"
        kinds.add((item.prompt_language, item.answer_language, item.prompt == asked))
    assert len(kinds) == 12
    with pytest.raises(LearningError, match="no training sentence has a translation"):
        TranslationInstructions(found, Split(("1",), (), ("en",), ("de",)))


# --- files ---


def folder(path, **languages):
    """``de=[(id, instruction, input, output), ...]``"""
    path.mkdir(exist_ok=True)
    for code, rows in languages.items():
        found = [dict(zip(("id", "instruction", "input", "output"), row, strict=True)) for row in rows]
        (path / f"{code}.json").write_text(json.dumps(found, ensure_ascii=False), "utf-8")
    return path


def test_answers_are_joined_by_id_and_in_another_language_as_often_as_asked(tmp_path):
    path = folder(
        tmp_path / "files",
        en=[(n, f"Do {n}.", "it" * (n % 2), f"Done {n}.") for n in range(20)],
        de=[(n, f"Tu {n}.", "es" * (n % 2), f"Getan {n}.") for n in range(10, 30)],
        fi=[(1, "Tee.", "", "Tehty.")],
    )
    source = FileInstructions(path, ["en", "de"])
    for cross, low, high in ((0.0, 0, 0), (0.5, 0.4, 0.6), (1.0, 1.0, 1.0)):
        items = drawn(source, 400, cross)
        both = [item for item in items if 10 <= int(item.id) < 20]
        assert low <= np.mean([item.prompt_language != item.answer_language for item in both]) <= high
        for item in items:
            said = {"en": ("Do", "it", "Done"), "de": ("Tu", "es", "Getan")}
            do, it, _ = said[item.prompt_language]
            done, name = (
                said[item.answer_language][2],
                {"en": "English", "de": "German"}[item.answer_language],
            )
            given = f" {it}" if int(item.id) % 2 else ""
            assert item.prompt == f"{do} {item.id}.{given} Answer in {name}:"
            assert item.answer == f" {done} {item.id}."


def test_texts_that_are_held_out_are_not_learned(tmp_path):
    path = folder(tmp_path / "files", en=[(1, "Translate.", "The  DOG", "x"), (2, "Say.", "", "y")])
    source = FileInstructions(path, ["en"], without=frozenset({"the dog"}))
    assert {item.id for item in drawn(source, 20)} == {"2"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("{}", "not a list of rows"),
        ("[1]", "not a list of rows"),
        ('[{"id": 1, "output": "x"}]', "row 1: there is no 'instruction'"),
        ('[{"id": 1, "instruction": "x", "input": 3, "output": "y"}]', "'input' is not text"),
        ('[{"instruction": "x", "output": "y"}]', "there is no 'id'"),
        ('[{"id": 1, "instruction": "x", "output": "\\ud83d"}]', "half of a character"),
        ("[" + ",".join(['{"id": 1, "instruction": "x", "output": "y"}'] * 2) + "]", "stands twice"),
        ("[]", "no instructions in en"),
    ],
)
def test_files_that_are_none_are_refused_with_their_place(tmp_path, text, says):
    (tmp_path / "en.json").write_text(text)
    with pytest.raises(UsageError, match=says) as caught:
        FileInstructions(tmp_path, ["en"])
    assert str(tmp_path) in caught.value.where


def test_a_folder_that_is_not_there_and_two_files_of_a_language_are_refused(tmp_path):
    with pytest.raises(UsageError, match="names no instructions"):
        FileInstructions(tmp_path / "none", ["en"])
    for name in ("en.json", "eng.json"):
        (tmp_path / name).write_text("[]")
    with pytest.raises(UsageError, match="of the same language"):
        FileInstructions(tmp_path, ["en"])


def rows(path, *found):
    path.write_text("\n".join(json.dumps(row) for row in found), "utf-8")
    return path


def test_rows_of_afp_are_divided_by_signs_and_may_lack_instructions(tmp_path):
    path = rows(
        tmp_path / "a.jsonl",
        {"sent0": "a", "sent1": "b", "clm_text": "Ünder 👍: ja", "clm_prompt_len": 9},
        {"sent0": "a", "sent1": "b"},
    )
    (item,) = {*drawn(RowInstructions(path), 5)}
    assert (item.prompt, item.answer) == ("Ünder 👍:", " ja")
    with pytest.raises(UsageError, match="no instructions"):
        RowInstructions(rows(tmp_path / "b.jsonl", {"sent0": "a", "sent1": "b"}))


@pytest.mark.parametrize(
    "row",
    [
        {"clm_text": "ab"},
        {"clm_prompt_len": 1},
        {"clm_text": "ab", "clm_prompt_len": 2},
        {"clm_text": "ab", "clm_prompt_len": 0},
        {"clm_text": "ab", "clm_prompt_len": "1"},
        {"clm_text": "ab", "clm_prompt_len": True},
        {"clm_text": ["ab"], "clm_prompt_len": 1},
    ],
)
def test_rows_whose_prompt_is_not_to_be_told_are_refused(tmp_path, row):
    with pytest.raises(UsageError, match=r"a\.jsonl:1: .*clm_"):
        RowInstructions(rows(tmp_path / "a.jsonl", row))


# --- structure ---


def tagged(language, *sentences):
    words = [[word.split("/")[0] for word in one.split()] for one in sentences]
    classes = [[word.split("/")[1] or None for word in one.split()] for one in sentences]
    return Corpus.from_token_lists(words, upos=classes, language=language)


def test_word_classes_are_called_by_the_words_of_the_answers_language():
    corpora = [
        tagged("de", "Der/DET Hund/NOUN schläft/VERB", "Ja/INTJ"),
        tagged("th", "หมา/NOUN นอน/VERB"),
        tagged("en", "Dogs/NOUN x/"),
    ]
    source = StructuralInstructions(corpora, ["de", "fi", "th"])
    seen = set()
    for item in drawn(source, 400):
        names = word_classes(item.answer_language)
        seen.add((item.prompt_language, item.answer_language))
        if item.prompt.startswith("Der Hund"):
            language = {"de": "German", "fi": "Finnish"}[item.answer_language]
            assert item.prompt == f"Der Hund schläft Word classes in {language}:"
            expected = f" Der ({names['DET']}) Hund ({names['NOUN']}) schläft ({names['VERB']})"
            assert item.answer == expected
        if item.prompt_language == "en":
            assert item.answer == f" Dogs ({names['NOUN']}) x"
    assert seen == {("de", "de"), ("de", "fi"), *((a, b) for a in ("th", "en") for b in ("de", "fi"))}
    assert {(i.prompt_language == i.answer_language) for i in drawn(source, 100, cross=1.0)} == {False}


def test_held_out_long_and_unlabelled_sentences_are_not_learned():
    corpus = tagged("de", "Der/DET Hund/NOUN", "ein/ zwei/", "a/X b/X c/X", "ja/INTJ")
    source = StructuralInstructions([corpus], ["de"], without=frozenset({"der hund"}), longest=2)
    assert {item.prompt.split()[0] for item in drawn(source, 30)} == {"ja"}
    with pytest.raises(LearningError, match="no labelled sentences"):
        StructuralInstructions([corpus], ["de"], longest=0)
    with pytest.raises(LearningError, match="no words for classes in th"):
        StructuralInstructions([corpus], ["th"])


# --- all together ---


def test_every_source_is_drawn_as_often_as_another_by_seed_and_step(tmp_path):
    found = parallel()
    parts = split(found, held_out=0.3, seen=("en", "de"), seed=0)
    path = folder(tmp_path / "files", en=[("f", "Do.", "", "Done.")])
    own = tmp_path / "own.toml"
    own.write_text('parallel = ["{input} > {output}"]')
    sources = open_sources(["parallel", "structural", str(path), str(own)], found, parts, treebanks="mini")
    assert len(sources) == 3
    sampler = InstructionSampler(sources, 0.5, seed=1)
    items = [item for step in range(60) for item in sampler.rows(step, 10)]
    shares = [
        np.mean([bool(test(item)) for item in items])
        for test in (
            lambda item: item.prompt.endswith(" >"),
            lambda item: "Word classes" in item.prompt,
            lambda item: item.id == "f",
        )
    ]
    assert sum(shares) == 1 and min(shares) > 0.27
    again = InstructionSampler(sources, 0.5, seed=1)
    assert [again.rows(step, 10) for step in (59, 0)] == [items[-10:], items[:10]]


def test_sources_that_are_none_are_refused(tmp_path):
    found = parallel()
    parts = split(found, held_out=0.3, seen=("en", "de"), seed=0)
    with pytest.raises(UsageError, match="names no instructions"):
        open_sources(["translations"], found, parts)
    with pytest.raises(UsageError, match="need labelled sentences"):
        open_sources(["structural"], found, parts)
    with pytest.raises(UsageError, match="two files of templates"):
        open_sources(["a.toml", "b.toml"], found, parts)
    assert InstructionSampler([], 0.5, seed=0).rows(0, 4) == []


def test_every_candidate_language_has_a_prompt_of_its_own_and_no_demonstration_mixes_signs():
    texts = {"en": {"1": "Rain, snow"}, "zh": {"1": "雨，雪"}, "de": {"1": "Regen, Schnee"}}
    source = TranslationInstructions(Parallel.of(texts), Split(("1",), (), ("en", "zh", "de"), ()))
    items = [item for item in drawn(source, 200) if "Translate" in item.prompt]
    prompts = {(item.prompt_language, item.answer_language): item.prompt for item in items}
    assert len(set(prompts.values())) == len(prompts) == 6
    assert all(item.answer.strip() == texts[item.answer_language]["1"] for item in items)


def test_a_source_is_known_by_all_that_it_is_made_of(tmp_path):
    found, other = parallel(), parallel(31)
    parts = split(found, held_out=0.3, seen=("en", "de"), seed=0)
    own = InstructionTemplates(parallel=("{input} > {output}",))
    path = folder(tmp_path / "files", en=[(1, "Do.", "", "Done.")])
    corpora = [tagged("de", "Der/DET Hund/NOUN")]
    relabelled = [tagged("de", "Der/DET Hund/VERB")]
    digests = [
        TranslationInstructions(found, parts).digest,
        TranslationInstructions(found, parts, own).digest,
        TranslationInstructions(other, parts).digest,
        TranslationInstructions(found, split(found, held_out=0.3, seen=("en", "fi"), seed=0)).digest,
        FileInstructions(path, ["en"]).digest,
        FileInstructions(folder(path, en=[(1, "Do.", "", "Not.")]), ["en"]).digest,
        StructuralInstructions(corpora, ["de"]).digest,
        StructuralInstructions(relabelled, ["de"]).digest,
        StructuralInstructions(corpora, ["de", "fi"]).digest,
    ]
    assert len(set(digests)) == len(digests)
    assert TranslationInstructions(parallel(), parts).digest == digests[0]


def test_languages_without_a_treebank_are_passed_over():
    found = read_corpora("mini", ["de", "th"])
    assert {(one.source.language, one.source.split, one.sents) for one in found} == {("de", "train", 24)}
    with pytest.raises(UsageError, match="no treebanks in th"):
        read_corpora("mini", ["th"])
