"""States of two models side by side: the same words, each model's states standardised by its own."""

from types import SimpleNamespace

import mini_aligner
import numpy as np
import pytest
import torch

from concept_align.apply import TextAligner
from concept_align.errors import LearningError, StoreError, UsageError
from concept_align.evaluation.aligners import read_aligner
from concept_align.evaluation.evaluate import evaluate
from concept_align.extraction.run import extract_files
from concept_align.extraction.states import InMemoryStates, joined
from concept_align.meta.learners.base import Aligner
from concept_align.meta.run import run_meta_training
from concept_align.models.load import load_model
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.store.shards import States
from concept_align.treebanks import conllu
from concept_align.treebanks.discover import find_treebanks, mini_treebanks

QUICK = {"shots": (0,), "bootstrap": 100}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Stores of the encoder (layer 3) and of the decoder read twice (layer 2), and an aligner of both."""
    folder = tmp_path_factory.mktemp("two")
    files = find_treebanks(mini_treebanks(), "en,et,tr")
    models = load_model("mini-encoder"), load_model("mini-decoder")
    extract_files(models[0], files, folder / "a", layers=(3,))
    extract_files(models[1], files, folder / "b", layers=(2,), read="twice")
    how = {"train_langs": "en", "with_store": str(folder / "b"), "with_layers": 2}
    aligner = mini_aligner.train(folder / "a", folder / "aligner", **how)
    return SimpleNamespace(a=folder / "a", b=folder / "b", aligner=aligner, models=models, how=how)


def stores(two: SimpleNamespace) -> list[Store]:
    return [Store.open(two.a), Store.open(two.b)]


@pytest.mark.parametrize("task", ["upos", "relation"])
def test_features_are_those_of_each_model_side_by_side(two, task):
    both = FeatureSource(stores(two), FeatureSpec(task, (3,), context_layers=(3,), other_layers=(2,)))
    first = FeatureSource(Store.open(two.a), FeatureSpec(task, (3,), context_layers=(3,)))
    second = FeatureSource(Store.open(two.b), FeatureSpec(task, (2,)))
    assert both.layer_name == "3~3 with 2"
    x, one, other = (source.load("tr", "dev").x for source in (both, first, second))
    dim, width = second.dim, Store.open(two.a).recipe.dim
    assert both.dim == x.shape[1] == first.dim + dim
    assert torch.equal(x[:, :width], one[:, :width])
    assert torch.equal(x[:, width : width + dim], other)
    assert torch.equal(x[:, width + dim :], one[:, width:])
    assert FeatureSpec.from_json(both.describe()) == both.spec


def test_two_stores_need_layers_of_both_and_one_store_of_one(two):
    with pytest.raises(UsageError, match="2 stores for layers of 1 models"):
        FeatureSource(stores(two), FeatureSpec("upos", (3,)))
    with pytest.raises(UsageError, match="1 stores for layers of 2 models"):
        FeatureSource(Store.open(two.a), FeatureSpec("upos", (3,), other_layers=(2,)))
    with pytest.raises(UsageError, match="none is given"):
        run_meta_training(str(two.a), layers=3, with_layers=2)


def test_stores_of_other_words_are_refused_by_file(two, tmp_path):
    files = find_treebanks(mini_treebanks(), "en", ["train"])
    extract_files(two.models[1], files, tmp_path / "fewer", layers=(2,), limit=4)
    source = FeatureSource(
        [Store.open(two.a), Store.open(tmp_path / "fewer")], FeatureSpec("upos", (3,), other_layers=(2,))
    )
    with pytest.raises(StoreError, match="hold other words") as caught:
        source.load("en", "train")
    assert str(tmp_path / "fewer" / Store.open(two.a).treebank_of("en")) in str(caught.value.where)
    assert "train.words.safetensors" in str(caught.value.where)


def test_an_aligner_remembers_both_models(two):
    trained = read_aligner(two.aligner)
    assert [one.model for one in trained.recipes] == ["mini-encoder", "mini-decoder"]
    assert trained.recipes[1].read == "twice"
    assert trained.expected().mean.shape == (trained.dim,)
    card = (two.aligner / "README.md").read_text("utf-8")
    assert "After them stand the states of `mini-decoder`" in card
    same = {
        "learner": "pooled", "layers": 3, "train_langs": "en", "validation_langs": "et", "target_langs": "tr",
        "options": {"hidden": 0, "epochs": 4, "lr": 3e-3, "batch": 64, "adapts": "none"},
    }  # fmt: skip
    again = run_meta_training(str(two.a), two.aligner, **{**same, **two.how})
    assert again.seconds == 0
    with pytest.raises(LearningError, match="with_store"):
        run_meta_training(str(two.a), two.aligner, **same)


def test_it_is_tested_on_both_stores_and_on_nothing_less(two):
    found = evaluate({"both": two.aligner}, [two.a, two.b], langs=["tr"], **QUICK).frame()
    assert set(found["model"]) == {"mini-encoder with mini-decoder"}
    assert set(found["layer"]) == {"3 with 2"}
    source = FeatureSource(stores(two), read_aligner(two.aligner).features)
    query = source.load("tr", "test")
    right = Aligner.from_pretrained(two.aligner).adapt().scores(query.x).argmax(1) == query.y
    value = found.query("learner == 'both' and metric == 'accuracy' and language == 'tr'")["value"].item()
    assert value == pytest.approx(float(right.double().mean()))
    with pytest.raises(LearningError, match="states of two models, mini-encoder and mini-decoder"):
        evaluate({"both": two.aligner}, two.a, langs=["tr"], **QUICK)
    with pytest.raises(LearningError, match="trained on states of another recipe"):
        evaluate({"both": two.aligner}, [two.a, two.a], langs=["tr"], **QUICK)


def test_text_gives_the_scores_that_both_stores_give(two):
    source = FeatureSource(stores(two), read_aligner(two.aligner).features)
    expected = Aligner.from_pretrained(two.aligner).adapt().scores(source.load("tr", "test").x)
    text = TextAligner.from_pretrained(two.aligner, two.models[0], with_model=two.models[1])
    found = text.adapt(unlabelled=mini_aligner.treebank("tr", "train")).classify(
        mini_aligner.treebank("tr", "test")
    )
    torch.testing.assert_close(found.scores, expected, atol=1e-3, rtol=1e-3)


def test_the_second_model_is_found_by_its_name_too(two):
    text = TextAligner.from_pretrained(two.aligner)
    assert [one.name for one in text.models] == ["mini-encoder", "mini-decoder"]


def test_text_is_read_where_both_models_can_read_it(two):
    corpus = conllu.read(mini_aligner.treebank("tr", "dev"), language="tr", split="dev")

    def states(kept: list[int], layer: int) -> InMemoryStates:
        annotations = corpus.select(np.array(kept))
        rows = [number for place in kept for number in range(*corpus.words_of(place).indices(corpus.words))]
        words = torch.tensor(rows, dtype=torch.float32)[:, None] * layer
        held = States(words, None, annotations.offsets, layer)
        return InMemoryStates(corpus, np.array(kept), {"x": layer}, {"x": "s"}, annotations, (held,))

    found = joined(states([0, 1, 3], 1), states([1, 2, 3], 2))
    assert found.kept.tolist() == [1, 3]
    assert found.left_out == {"x": 2}
    assert [one.layer for one in found.layers] == [1, 2]
    assert torch.equal(2 * found.layers[0].words, found.layers[1].words)
    assert len(found.layers[0].words) == found.annotations.words
