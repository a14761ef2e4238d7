"""An aligner of states that were read twice reads text twice, without being told."""

from types import SimpleNamespace

import mini_aligner
import pytest
import torch

from concept_align.apply import TextAligner
from concept_align.apply.text import read
from concept_align.evaluation.aligners import read_aligner
from concept_align.extraction.run import extract_files
from concept_align.meta.learners.base import Aligner
from concept_align.models.load import load_model
from concept_align.spaces.source import FeatureSource
from concept_align.store import Store
from concept_align.treebanks.discover import find_treebanks, mini_treebanks


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A store of the mini decoder that was read twice, an aligner of it, and the model."""
    folder, model = tmp_path_factory.mktemp("twice"), load_model("mini-decoder")
    files = find_treebanks(mini_treebanks(), "en,et,tr")
    extract_files(model, files, folder / "store", layers=(mini_aligner.LAYER,), read="twice")
    aligner = mini_aligner.train(folder / "store", folder / "aligner", train_langs="en")
    return SimpleNamespace(store=folder / "store", aligner=aligner, model=model)


def test_text_gives_the_scores_that_the_twice_read_store_gives(twice):
    source = FeatureSource(Store.open(twice.store), read_aligner(twice.aligner).features)
    support, query = source.load("tr", "dev"), source.load("tr", "test")
    expected = Aligner.from_pretrained(twice.aligner).adapt(support).scores(query.x)
    text = TextAligner.from_pretrained(twice.aligner, twice.model)
    classifier = text.adapt(mini_aligner.treebank("tr", "dev"), mini_aligner.treebank("tr", "train"))
    found = classifier.classify(mini_aligner.treebank("tr", "test"))
    torch.testing.assert_close(found.scores, expected, atol=1e-3, rtol=1e-3)


def test_states_of_a_text_are_those_of_its_second_copy(twice):
    text = TextAligner.from_pretrained(twice.aligner, twice.model)
    found = [text.states(read([["Der", *rest]])).layers[0].words[0] for rest in (["Hund"], ["Baum", "."])]
    assert not torch.allclose(found[0], found[1], atol=1e-2)


def test_the_card_says_that_sentences_are_read_twice(twice):
    assert "each sentence read twice" in (twice.aligner / "README.md").read_text("utf-8")
