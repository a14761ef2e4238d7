"""Corpora to and from what users' other tools hold: the conllu package, tables, the hub's data sets."""

import dataclasses
import gzip
import importlib.util
import sys
import types
from pathlib import Path

import conllu
import numpy as np
import pandas as pd
import pytest
from toy_conllu import CATS, DOGS, word, write

from concept_align.errors import TreebankError, UsageError
from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read, read_conllu
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import mini_treebanks

TOY = f"{DOGS}\n\n{CATS}\n"
ENGLISH = mini_treebanks() / "UD_English-Mini" / "en_mini-ud-train.conllu"
SAME = ("offsets", "upos", "relations", "subtypes", "heads", "feats", "ranges", "spans")


def same(one: Corpus, other: Corpus) -> None:
    for name in SAME:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("forms", "texts", "sent_ids"):
        assert list(getattr(one, name)) == list(getattr(other, name)), name


@pytest.fixture
def corpus(path: Path) -> Corpus:
    return read(write(path, TOY))


def test_what_was_read_is_written_byte_for_byte(path: Path, corpus: Corpus) -> None:
    assert corpus.to_conllu() == TOY
    assert read(ENGLISH).to_conllu() == ENGLISH.read_text(encoding="utf8")


def test_labels_that_were_changed_are_written(corpus: Corpus) -> None:
    changed = dataclasses.replace(corpus, upos=np.full(corpus.words, UPOS.index("X"), np.int8))
    written = Corpus.from_conllu(changed.to_conllu())
    assert set(written.upos.tolist()) == {UPOS.index("X")}
    assert np.array_equal(written.heads, corpus.heads)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_a_file_is_written_packed_as_its_name_says(tmp_path: Path, corpus: Corpus, suffix: str) -> None:
    path = tmp_path / f"en_toy-ud-dev.conllu{suffix}"
    corpus.write_conllu(path)
    same(corpus, read_conllu(str(path)))
    assert not suffix or path.read_bytes()[:2] in (b"\x1f\x8b", b"\xfd7")


def test_a_file_is_packed_into_the_same_bytes_every_time(tmp_path: Path, corpus: Corpus) -> None:
    for name in ("a.gz", "b.gz"):
        corpus.write_conllu(tmp_path / name)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == TOY


def test_names_that_tell_nothing_are_read_all_the_same(tmp_path: Path) -> None:
    source = read_conllu(write(tmp_path / "mine.conllu", CATS)).source
    assert (source.language, source.split) == ("und", "test")
    source = read_conllu(write(tmp_path / "mine.conllu", CATS), language="eo", split="dev").source
    assert (source.language, source.split) == ("eo", "dev")


def test_token_lists_are_those_of_the_conllu_package(corpus: Corpus) -> None:
    lists = corpus.token_lists()
    assert lists == conllu.parse(TOY)
    assert lists[0].metadata["sent_id"] == "dogs"
    same(corpus, Corpus.from_token_lists(lists))


def test_words_with_labels_are_a_corpus() -> None:
    corpus = Corpus.from_token_lists(
        [["Dogs", "bark", "."], ["Ĉu"]],
        upos=[["NOUN", "VERB", None], ["_"]],
        head=[[2, 0, 2], [0]],
        deprel=[["nsubj", "root", "punct"], ["root"]],
        misc=[[None, {"SpaceAfter": "No"}, None], [None]],
        language="eo",
    )
    assert [UPOS[code] if code >= 0 else None for code in corpus.upos] == ["NOUN", "VERB", None, None]
    assert [RELATIONS[code] for code in corpus.relations] == ["nsubj", "root", "punct", "root"]
    assert corpus.texts == ["Dogs bark.", "Ĉu"]
    assert corpus.source.language == "eo"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"sentences": ["Dogs bark"]}, UsageError, "no list of words"),
        ({"sentences": [["a"]], "upos": [["X", "X"]]}, UsageError, "1 words"),
        ({"sentences": [["a"]], "upos": []}, UsageError, "1 sentences have 0"),
        ({"sentences": [["a"]], "pos": [["X"]]}, UsageError, "unknown labels pos"),
        ({"sentences": [["a\tb"]]}, UsageError, "a tab"),
        ({"sentences": [[""]]}, TreebankError, "empty form"),
        ({"sentences": [["a"]], "upos": [["Noun"]]}, TreebankError, "unknown UPOS 'Noun'"),
    ],
)
def test_words_that_are_no_corpus_are_refused(given: dict, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        Corpus.from_token_lists(**given)


def test_a_table_has_a_row_per_word_and_comes_back(corpus: Corpus) -> None:
    frame = corpus.to_pandas()
    assert len(frame) == corpus.words
    assert frame["form"].tolist() == list(corpus.forms)
    assert frame["token"].tolist()[2:4] == ["can't", "can't"]
    assert frame["range"].tolist() == corpus.ranges.tolist()
    assert frame["head"].tolist() == corpus.heads.tolist()
    assert frame["xpos"][0] is None or frame["xpos"][0]
    back = Corpus.from_pandas(frame)
    same(corpus, back)
    same(read(ENGLISH), Corpus.from_pandas(read(ENGLISH).to_pandas()))


def test_a_table_that_lacks_what_is_needed_is_refused() -> None:
    with pytest.raises(UsageError, match="columns are form"):
        Corpus.from_pandas(pd.DataFrame({"form": ["a"]}))


HUB = [
    {
        "idx": "dogs",
        "text": "The dogs can't bark.",
        "tokens": ["The", "dogs", "can't", "ca", "n't", "bark", "bark", "."],
        "lemmas": ["the", "dog", "_", "can", "not", "bark", "bark", "."],
        "upos": [8, 0, 13, 17, 7, 16, 16, 1],
        "xpos": ["DT", "NNS", "None", "MD", "RB", "VB", "VB", "."],
        "feats": ["{'Definite': 'Def', 'PronType': 'Art'}", *["None"] * 7],
        "head": ["2", "5", "None", "5", "5", "0", "None", "5"],
        "deprel": ["det", "nsubj", "_", "aux", "advmod:neg", "root", "_", "punct"],
        "deps": ["None"] * 6 + ["[('conj', 5)]", "None"],
        "misc": ["None"] * 5 + ["{'SpaceAfter': 'No'}", "None", "None"],
    }
]


def test_the_hubs_layout_with_token_lines_is_understood() -> None:
    """A row of the hub may be a multiword token or an empty node; neither has a head."""
    corpus = Corpus.from_dataset(HUB, language="en")
    assert list(corpus.forms) == ["The", "dogs", "ca", "n't", "bark", "."]
    assert [UPOS[code] for code in corpus.upos] == ["DET", "NOUN", "AUX", "PART", "VERB", "PUNCT"]
    assert corpus.heads.tolist() == [2, 5, 5, 5, 0, 5]
    assert corpus.ranges.tolist() == [0, 0, 1, 2, 0, 0]
    assert corpus.spans.tolist() == [[0, 3], [4, 8], [9, 14], [9, 14], [15, 19], [19, 20]]
    assert corpus.feats_names == ("", "Definite=Def|PronType=Art")
    assert (corpus.empty_nodes, corpus.rebuilt, corpus.sent_ids) == (1, 0, ["dogs"])
    assert corpus.column("XPOS").names == ("", "DT", "NNS", "MD", "RB", "VB", ".")


@pytest.mark.parametrize(
    ("text", "tokens", "ranges"),
    [
        ("vámonos al mar", ["vámonos", "vamos", "nos", "al", "a", "el", "mar"], [1, 2, 1, 2, 0]),
        ("dámelo", ["dámelo", "dá", "me", "lo"], [1, 2, 3]),
        (None, ["al", "a", "el", "mar"], [1, 2, 0]),
    ],
)
def test_how_many_words_a_multiword_token_covers_is_read_off_the_text(text, tokens, ranges) -> None:
    whole = {"vámonos", "al", "dámelo"}
    words = [token for token in tokens if token not in whole]
    heads = iter([0] + [1] * (len(words) - 1))
    row = {"tokens": tokens, "head": [None if token in whole else next(heads) for token in tokens]}
    corpus = Corpus.from_dataset([row | ({"text": text} if text else {})])
    assert list(corpus.forms) == words
    assert corpus.ranges.tolist() == ranges
    assert not text or corpus.rebuilt == 0


def test_rows_without_heads_are_all_words() -> None:
    corpus = Corpus.from_dataset([{"tokens": ["a", "b"], "upos": ["_", "X"]}])
    assert (list(corpus.forms), corpus.heads.tolist()) == (["a", "b"], [-1, -1])


@pytest.mark.parametrize("rows", [{"train": []}, [{"words": ["a"]}], [{"tokens": ["a"], "upos": [1, 2]}]])
def test_rows_that_are_no_sentences_are_refused(rows) -> None:
    with pytest.raises(UsageError):
        Corpus.from_dataset(rows)


class _Dataset(list):
    """What :mod:`datasets` gives, as far as it is used here."""

    @classmethod
    def from_dict(cls, columns: dict, features: dict) -> "_Dataset":
        assert set(columns) == set(features)
        index = features["upos"].feature.names.index
        columns = columns | {"upos": [[index(name) for name in row] for row in columns["upos"]]}
        made = cls(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        made.features = features
        return made


@pytest.fixture(params=["a stand-in", "the package"])
def datasets(request, monkeypatch):
    """The package where it is installed, and a stand-in of the same interface."""
    if request.param == "the package":
        if importlib.util.find_spec("datasets") is None:
            pytest.skip("the package datasets is not installed")
        return importlib.import_module("datasets")
    fake = types.ModuleType("datasets")
    fake.Value = lambda kind: kind
    fake.ClassLabel = lambda names: types.SimpleNamespace(names=names)
    fake.Sequence = lambda inner: types.SimpleNamespace(feature=inner)
    fake.Features, fake.Dataset = dict, _Dataset
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return fake


@pytest.mark.filterwarnings("ignore")
def test_a_data_set_has_a_row_per_sentence_and_comes_back(datasets, corpus: Corpus) -> None:
    dataset = corpus.to_dataset()
    assert len(dataset) == corpus.sents
    assert dataset[0]["tokens"] == list(corpus.forms[corpus.words_of(0)])
    same(corpus, Corpus.from_dataset(dataset))
    english = read(ENGLISH)
    same(english, Corpus.from_dataset(english.to_dataset()))


def test_without_the_package_there_is_no_data_set(monkeypatch, corpus: Corpus) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UsageError, match="datasets is not installed"):
        corpus.to_dataset()


def test_columns_beside_the_labels_are_read_when_asked_for(path: Path) -> None:
    lines = [word(1, "a", "X", 0), word(2, "b", "X", 1, feats="Case=Nom|Number=Sing")]
    lines = [line.split("\t") for line in lines]
    lines[0][2], lines[0][4], lines[1][9] = "LEM", "NN", "Gloss=bee|Z=1"
    corpus = read(write(path, "\n".join("\t".join(line) for line in lines) + "\n"))
    found = {name: corpus.column(name) for name in ("LEMMA", "XPOS", "MISC:Gloss", "FEATS:Case", "FORM")}
    words = {name: [column.names[code] for code in column.codes] for name, column in found.items()}
    assert words["LEMMA"] == ["LEM", ""]
    assert words["XPOS"] == ["NN", ""]
    assert words["MISC:Gloss"] == ["", "bee"]
    assert words["FEATS:Case"] == ["", "Nom"]
    assert words["FORM"] == ["a", "b"]
    assert corpus.columns == {}
    kept = corpus.with_columns(["XPOS"]).select([0])
    assert kept.column("XPOS").codes.tolist() == [1, 0]
    with pytest.raises(UsageError, match="column LEMMA was not kept"):
        kept.column("LEMMA")
