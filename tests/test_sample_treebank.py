"""The sample treebanks are valid UD, parallel, and what their sources say."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import conllu
import pytest

from concept_align.treebanks.concepts import RELATIONS, UPOS

UD_DATA = Path(__file__).parent.parent / "ud_data"
SAMPLE = UD_DATA / "sample"
TREEBANKS = sorted(path.name for path in SAMPLE.glob("UD_*"))
SIZES = {"train": 14, "dev": 4, "test": 6}


def load_builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_sample", UD_DATA / "build_sample.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_sample"] = module
    spec.loader.exec_module(module)
    return module


builder = load_builder()


def parsed(treebank: str, split: str) -> list[conllu.TokenList]:
    (path,) = (SAMPLE / treebank).glob(f"*_sample-ud-{split}.conllu")
    return list(conllu.parse(path.read_text("utf-8")))


def words(sentence: conllu.TokenList) -> list[conllu.Token]:
    return [token for token in sentence if isinstance(token["id"], int)]


def all_sentences(treebank: str) -> list[conllu.TokenList]:
    return [sentence for split in SIZES for sentence in parsed(treebank, split)]


def test_there_are_nine_languages() -> None:
    assert len(TREEBANKS) == 9


def test_committed_files_are_what_the_sources_give() -> None:
    built = builder.build()
    assert {path for path in SAMPLE.glob("UD_*/*")} == set(built)
    for path, text in built.items():
        assert path.read_text("utf-8") == text, path


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_every_sentence_is_a_tree_with_one_root(treebank: str) -> None:
    for sentence in all_sentences(treebank):
        heads = {word["id"]: word["head"] for word in words(sentence)}
        where = (treebank, sentence.metadata["sent_id"])
        assert list(heads) == list(range(1, len(heads) + 1)), where
        assert list(heads.values()).count(0) == 1, where
        for place in heads:
            path = [place]
            while path[-1]:
                path.append(heads[path[-1]])
                assert len(path) <= len(heads) + 1, (where, "a cycle")


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_labels_are_universal_and_root_goes_with_head_zero(treebank: str) -> None:
    for sentence in all_sentences(treebank):
        for word in words(sentence):
            assert word["upos"] in UPOS, word
            assert word["deprel"].split(":")[0] in RELATIONS, word
            assert (word["deprel"] == "root") == (word["head"] == 0), word
            assert (word["upos"] == "PUNCT") == (word["deprel"] == "punct"), word
            assert word["lemma"] and word["lemma"] != "_", word


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_function_words_have_no_dependents_but_the_allowed(treebank: str) -> None:
    leaves = {"case", "mark", "aux", "cop", "cc", "punct", "det", "clf", "discourse"}
    allowed = {"case": {"fixed"}, "mark": {"fixed"}, "det": {"clf"}, "discourse": {"punct", "case"}}
    for sentence in all_sentences(treebank):
        relation = {word["id"]: word["deprel"].split(":")[0] for word in words(sentence)}
        for word in words(sentence):
            above = relation.get(word["head"], "")
            if above in leaves:
                assert relation[word["id"]] in allowed.get(above, set()), (treebank, sentence.metadata, word)


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_forms_and_spaces_give_the_text(treebank: str) -> None:
    for sentence in all_sentences(treebank):
        text, covered = "", 0
        for token in sentence:
            if isinstance(token["id"], tuple):
                covered = token["id"][2]
            elif token["id"] <= covered:
                continue
            misc = token["misc"] or {}
            text += token["form"] + ("" if misc.get("SpaceAfter") == "No" else " ")
        assert text.rstrip() == sentence.metadata["text"]


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_splits_are_parallel_to_english(treebank: str) -> None:
    for split, size in SIZES.items():
        here, english = parsed(treebank, split), parsed("UD_English-Sample", split)
        assert [s.metadata["sent_id"] for s in here] == [s.metadata["sent_id"] for s in english]
        assert [s.metadata["text_en"] for s in here] == [s.metadata["text"] for s in english]
        assert len(here) == size


@pytest.mark.parametrize("treebank", TREEBANKS)
def test_each_language_covers_many_concepts_and_short_sentences(treebank: str) -> None:
    sentences = all_sentences(treebank)
    relations = Counter(word["deprel"].split(":")[0] for s in sentences for word in words(s))
    classes = Counter(word["upos"] for s in sentences for word in words(s))
    assert len(relations) >= 18
    assert len(classes) >= 13
    assert all(4 <= len(words(s)) <= 17 for s in sentences)


def test_multiword_tokens_are_there_and_cover_their_words() -> None:
    ranges = [
        token for s in all_sentences("UD_Spanish-Sample") for token in s if isinstance(token["id"], tuple)
    ]
    assert {token["form"] for token in ranges} == {"al", "del", "dale", "tráeme"}


def test_the_package_reads_every_file_without_a_complaint() -> None:
    from concept_align.treebanks.conllu import read

    for path in sorted(SAMPLE.glob("UD_*/*.conllu")):
        corpus = read(path)
        assert corpus.skipped == 0
        for sentence in range(corpus.sents):
            for place in range(*corpus.offsets[sentence : sentence + 2]):
                begin, end = corpus.spans[place]
                surface = corpus.texts[sentence][begin:end]
                assert surface == corpus.forms[place] or corpus.ranges[place]


def test_features_get_their_names_and_are_sorted() -> None:
    assert builder.features("Sing.Nom.3") == "Case=Nom|Number=Sing|Person=3"
    assert builder.features("Definite=Ind.Poss") == "Definite=Ind|Poss=Yes"
    assert builder.features("") == "_"


@pytest.mark.parametrize(
    ("glosses", "message"), [("Nonsense", "unknown feature"), ("Sing.Plur", "given twice")]
)
def test_wrong_features_are_refused(glosses: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        builder.features(glosses)


def test_glue_and_multiword_tokens_make_the_surface() -> None:
    source = "Ve/ir/VERB/0/root al:2 a/=/ADP/4/case el/=/DET/4/det mar/=/NOUN/1/obl +./=/PUNCT/1/punct"
    (sentence,) = builder.read(f"= UD_X-Sample x\n\nsample-01\n{source}").sentences
    assert sentence.text == "Ve al mar."
    rows = builder.conllu(sentence, "Go to the sea.").splitlines()
    assert rows[4].split("\t")[:2] == ["2-3", "al"]
    assert rows[7].split("\t")[-1] == "SpaceAfter=No"


def test_a_multiword_token_without_all_its_words_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks 1"):
        builder.read("= UD_X-Sample x\n\nsample-01\nal:2 a/=/ADP/0/root")
