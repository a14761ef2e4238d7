"""Treebanks whose labels are of another scheme, or whose text is not there."""

import pytest
from fake_model import FakeModel

from concept_align.errors import TreebankError
from concept_align.extraction.run import extract, extract_files
from concept_align.store import Store
from concept_align.treebanks.concepts import RELATIONS
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks

ROWS = "1\tDogs\t_\tNOUN\t_\t_\t2\tdobj\t_\t_\n2\tbark\t_\tVERB\t_\t_\t0\tROOT\t_\t_\n\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "en_x-ud-test.conllu").write_text(ROWS)
    return find_treebanks(tmp_path / "en_x-ud-test.conllu")


def test_states_do_not_ask_for_labels_and_what_asks_refuses(files, tmp_path):
    (done,) = extract_files(FakeModel(), files, tmp_path / "store", layers=[1]).done
    (notice,) = done.notices
    assert notice.startswith("DEPREL: 2 words have labels that are not of Universal Dependencies")
    annotations = Store.open(tmp_path / "store").annotations("en_x", "test")
    assert annotations.relations.tolist() == [-1, -1] and (annotations.upos >= 0).all()
    for asked in ({"sink": "statistics"}, {"max_words_per_concept": 5}):
        with pytest.raises(TreebankError, match="unknown universal relation 'dobj'"):
            extract_files(FakeModel(), files, tmp_path / "other", layers=[1], tasks=["relation"], **asked)
    with pytest.warns(UserWarning, match="en_x test: DEPREL: 2 words"):
        extract(FakeModel(), files, tmp_path / "warned", layers=[1])


def test_labels_that_are_called_otherwise_make_other_annotations(files, tmp_path):
    names, out = tmp_path / "names.csv", tmp_path / "store"
    names.write_text("column,from,to\nDEPREL,dobj,obj\nDEPREL,ROOT,root\n")
    extract_files(FakeModel(), files, out, layers=[1])
    for times in range(2):
        (done,) = extract_files(FakeModel(), files, out, layers=[1], labels=names).done
        assert done.notices == () and done.skipped == ((1,) if times else ())
    relations = Store.open(out).annotations("en_x", "test").relations.tolist()
    assert [RELATIONS[code] for code in relations] == ["obj", "root"]


def test_a_treebank_without_its_text_is_refused(tmp_path):
    path = tmp_path / "en_x-ud-test.conllu"
    path.write_text(ROWS.replace("Dogs", "____").replace("bark", "_").replace("dobj", "obj"))
    with pytest.raises(TreebankError, match="its text is withheld: 2 of 2 forms") as error:
        extract_files(FakeModel(), find_treebanks(path), tmp_path / "store", layers=[1])
    assert "README" in error.value.remedy


def test_a_word_that_is_its_own_head_is_refused_before_its_states_are_computed(tmp_path):
    text = ROWS.replace("2\tdobj", "1\tobj").replace("ROOT", "root")
    corpus, model = Corpus.from_conllu(text, language="en", trees=False), FakeModel()
    with pytest.raises(TreebankError, match=r"the head of word 1 in sentence 0 \(from 0\) is 1"):
        extract(model, corpus, tmp_path / "store", layers=[1])
    assert model.calls == 0
