"""The mini treebanks are valid UD, parallel, and what their sources say; mistakes in a source are named."""

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read
from concept_align.treebanks.corpus import Corpus

UD_DATA = Path(__file__).parent.parent / "ud_data"
MINI = UD_DATA / "mini"
TREEBANKS = sorted(path.name for path in MINI.glob("UD_*"))
SIZES = {"train": 24, "dev": 6, "test": 10}


def load_tools() -> tuple[ModuleType, ModuleType]:
    sys.path.insert(0, str(UD_DATA))
    try:
        import build_mini
        import mini_notation
    finally:
        sys.path.remove(str(UD_DATA))
    return build_mini, mini_notation


builder, notation = load_tools()


def corpora(treebank: str) -> dict[str, Corpus]:
    return {path.stem.rpartition("-")[2]: read(path) for path in (MINI / treebank).glob("*.conllu")}


def problems_of(sentence: str, header: str = "= UD_English-Mini en") -> list[str]:
    found = notation.read(f"{header}\n\nmini-01\n{sentence}\n", "en.txt").problems
    assert found[-1].startswith("en.txt: not there: mini-02")
    return found[:-1]


def test_committed_files_are_what_the_sources_give() -> None:
    built, problems = builder.build()
    assert problems == []
    assert {path for path in MINI.glob("UD_*/*.conllu")} == set(built)
    for path, text in built.items():
        assert path.read_text("utf-8") == text, path


def test_every_source_has_its_treebank_and_english_is_there() -> None:
    assert "UD_English-Mini" in TREEBANKS
    assert len(TREEBANKS) == len(list((MINI / "source").glob("*.txt")))


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_every_meaning_is_in_the_same_split_everywhere(treebank: str) -> None:
    here, english = corpora(treebank), corpora("UD_English-Mini")
    assert {split: corpus.sents for split, corpus in here.items()} == SIZES
    for split, corpus in here.items():
        assert list(corpus.sent_ids) == list(english[split].sent_ids)
        (path,) = (MINI / treebank).glob(f"*_mini-ud-{split}.conllu")
        translations = [line for line in path.read_text("utf-8").splitlines() if line.startswith("# text_en")]
        assert translations == [f"# text_en = {text}" for text in english[split].texts]


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_the_package_reads_every_file_and_finds_every_word_in_the_text(treebank: str) -> None:
    for corpus in corpora(treebank).values():
        assert corpus.skipped == corpus.rebuilt == corpus.empty_nodes == 0
        assert (corpus.upos >= 0).all() and (corpus.relations >= 0).all()
        for index in range(corpus.sents):
            sentence = corpus.sentence(index)
            for form, (begin, end), place in zip(
                sentence.forms, sentence.spans, sentence.ranges, strict=True
            ):
                assert place or sentence.text[begin:end] == form, (sentence.id, form)


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_each_language_covers_many_concepts(treebank: str) -> None:
    splits = corpora(treebank).values()
    classes = Counter(UPOS[code] for corpus in splits for code in corpus.upos)
    relations = Counter(RELATIONS[code] for corpus in splits for code in corpus.relations)
    assert len(classes) >= 10
    assert len(relations) >= 16
    assert relations["root"] == 40


def test_a_language_is_built_alone_with_the_english_texts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    english = (MINI / "source" / "en.txt").read_text("utf-8")
    (source / "en.txt").write_text(english, "utf-8")
    basque = english.replace("= UD_English-Mini en", "# a remark\n= UD_Basque-Mini eu").replace(
        "big", "handi"
    )
    (source / "eu.txt").write_text(basque, "utf-8")
    built, problems = builder.build(tmp_path, ["eu"])
    assert problems == []
    assert {path.relative_to(tmp_path).as_posix() for path in built} == {
        f"UD_Basque-Mini/eu_mini-ud-{split}.conllu" for split in SIZES
    }
    train = built[tmp_path / "UD_Basque-Mini" / "eu_mini-ud-train.conllu"]
    assert "# text = The old dog sleeps under the handi tree.\n" in train
    assert "# text_en = The old dog sleeps under the big tree.\n" in train


def test_a_language_with_a_mistake_is_not_built_and_the_others_are(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    english = (MINI / "source" / "en.txt").read_text("utf-8")
    (source / "en.txt").write_text(english, "utf-8")
    wrong = english.replace("UD_English-Mini en", "UD_Basque-Mini eu").replace("ADJ/3/amod", "ADJ/33/amod", 1)
    (source / "eu.txt").write_text(wrong, "utf-8")
    built, problems = builder.build(tmp_path)
    assert {path.parent.name for path in built} == {"UD_English-Mini"}
    assert problems == ["eu.txt, mini-01: word 2 'old': head 33, but there are 9 words"]
    assert builder.build(tmp_path, ["fi"]) == ({}, [f"fi.txt: no such file in {tmp_path.name}/source"])


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("a/=/NOUN/0", "word 1 'a/=/NOUN/0': 4 fields"),
        ("a//NOUN/0/root", "an empty field"),
        ("a/=/NOUN/0/root/Nonsense", "unknown feature value 'Nonsense'; write Name=Value"),
        ("a/=/ADJ/0/root/Cmp", "feature value 'Cmp' could be several; write Case=Cmp or Degree=Cmp"),
        ("a/=/NOUN/0/root/Sing.Plur", "feature Number is given twice"),
        ("a/=/NOUN/0/root/case=nom", "'case=nom' is not Name=Value"),
        ("a/=/NOUN/0/root b/=/DET/1/det/Ind.Art", "a DET with a Mood"),
        ("a/=/FOO/0/root", "unknown word class 'FOO'"),
        ("a/=/NOUN/0/root b/=/DET/1/dett", "word 2 'b/=/DET/1/dett': unknown relation 'dett'"),
        ("a/=/NOUN/0/root b/=/DET/1/det:", "unknown relation 'det:'"),
        ("a/=/NOUN/0/root b/=/DET/x/det", "head 'x' is not a number"),
        ("a/=/NOUN/0/root b/=/DET/3/det", "word 2 'b': head 3, but there are 2 words"),
        ("a/=/NOUN/0/root b/=/NOUN/0/root", "roots: words 1, 2; there is one"),
        ("a/=/NOUN/2/obj b/=/NOUN/1/obj", "no root (head 0)"),
        ("a/=/NOUN/0/root b/=/DET/3/det c/=/DET/2/det", "a cycle of heads: words 2 -> 3 -> 2"),
        ("a/=/NOUN/0/root b/=/DET/2/det", "a cycle of heads: words 2 -> 2"),
        ("a/=/NOUN/0/obj", "root goes with head 0, and only it"),
        ("a/=/NOUN/0/root ./=/PUNCT/1/dep", "PUNCT goes with punct, and only it"),
        ("ab:2 a/=/NOUN/0/root", "the multiword token 'ab' lacks 1 words"),
        ("ab:2 a/=/NOUN/0/root cd:2 b/=/DET/1/det", "the multiword token 'ab' before it lacks 1 words"),
        ("a/=/NOUN/0/root loose", "after word 1: 'loose' is neither a word nor surface:n"),
        ("a/e\N{COMBINING ACUTE ACCENT}/NOUN/0/root", "form or lemma is not in NFC"),
        ("", "no words"),
    ],
)
def test_mistakes_are_named_with_file_and_sentence(sentence: str, message: str) -> None:
    problems = problems_of(sentence)
    assert all(problem.startswith("en.txt, mini-01: ") for problem in problems)
    assert any(message in problem for problem in problems), problems


def test_all_mistakes_are_named_not_only_the_first() -> None:
    problems = problems_of("a/=/FOO/0/root/Bar\nb/=/DET/7/det", header="= UD_Engelsk-Mini en")
    assert [problem.partition(": ")[0] for problem in problems] == ["en.txt"] + ["en.txt, mini-01"] * 3


def test_wrong_ids_are_named() -> None:
    word = "a/=/NOUN/0/root"
    text = f"= UD_English-Mini en\nmini-01 {word}\nmini-01 {word}\n\nmini-41 {word}\n"
    problems = notation.read(text, "en.txt").problems
    assert "en.txt, mini-01: given 2 times" in problems
    assert "en.txt, mini-41: no such sentence" in problems


def test_spaces_within_words_glue_and_multiword_tokens_make_the_surface() -> None:
    source = "hôm_qua/=/NOUN/0/root al:2 a/=/ADP/4/case el/=/DET/4/det mar/=/NOUN/1/obl +./=/PUNCT/1/punct"
    sentence = notation.read(f"= UD_Spanish-Mini es\n\nmini-01\n{source}", "es.txt").sentences[0]
    assert sentence.text == "hôm qua al mar."
    rows = builder.conllu(sentence, "Yesterday to the sea.").splitlines()
    assert rows[3].split("\t")[1:3] == ["hôm qua", "hôm qua"]
    assert rows[4].split("\t")[:2] == ["2-3", "al"]
    assert rows[7].split("\t")[-1] == "SpaceAfter=No"


def test_features_get_their_names_and_are_sorted() -> None:
    assert notation.features("Sing.Nom.3.Number[psor]=Plur") == (
        "Case=Nom|Number=Sing|Number[psor]=Plur|Person=3"
    )
    assert notation.features("Definite=Ind.Poss.Fin") == "Definite=Ind|Poss=Yes|VerbForm=Fin"
    assert notation.features("Imp") == "Mood=Imp"
    assert notation.features("") == "_"
