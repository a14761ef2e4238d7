"""Words of massive norm: counted, kept to the byte, clipped or dropped."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_model import FakeModel
from fake_treebank import write

from concept_align.cli.store import verify
from concept_align.errors import StoreError, UsageError
from concept_align.extraction.outliers import MASSIVE, massive, norms_of
from concept_align.extraction.run import extract_files
from concept_align.extraction.states import extract_in_memory
from concept_align.store import Store
from concept_align.treebanks import conllu

EN, LENGTHS = "UD_EN-Fake", [5, 3, 9, 1, 7, 4, 12]
FIRST = np.cumsum([0, *LENGTHS[:-1]])  # the first word of each sentence
SHARD = f"{EN}/train.layer-02.safetensors"


class SpikyModel(FakeModel):
    """The first word of every sentence has a state a hundred times as long, as in models without a start."""

    def _words(self, sentence, layer, pooling):
        states = super()._words(sentence, layer, pooling)
        states[0] *= 100
        return states


@pytest.fixture
def states(tmp_path: Path):
    """The states of a store with these outliers, and its folder."""

    def of(how: str, model: type[FakeModel] = SpikyModel) -> tuple[torch.Tensor, Path]:
        file, out = write(tmp_path, "en", "train", LENGTHS), tmp_path / f"{model.__name__}-{how}"
        extract_files(model(), [file], out, layers=[2], outliers=how)
        return Store.open(out).states(EN, "train", 2).words, out

    return of


def test_massive_words_are_counted_and_kept(states):
    kept, out = states("keep")
    assert json.loads((out / SHARD).with_suffix(".json").read_text())["massive"] == len(LENGTHS)
    assert massive(norms_of(kept)).nonzero()[:, 0].tolist() == FIRST.tolist()
    assert "outliers" not in Store.open(out).recipe.to_json()
    plain, elsewhere = states("keep", FakeModel)
    others = np.setdiff1d(np.arange(len(kept)), FIRST)
    assert torch.equal(kept[others], plain[others])
    assert json.loads((elsewhere / SHARD).with_suffix(".json").read_text())["massive"] == 0


def test_clipped_words_keep_their_direction_and_others_their_bytes(states):
    (kept, _), (clipped, out) = states("keep"), states("clip")
    others = np.setdiff1d(np.arange(len(kept)), FIRST)
    assert torch.equal(kept[others], clipped[others])
    bound = MASSIVE * norms_of(kept).median()
    torch.testing.assert_close(norms_of(clipped[FIRST]), bound.expand(len(FIRST)), atol=0.02, rtol=1e-3)
    cosine = torch.cosine_similarity(kept[FIRST].float(), clipped[FIRST].float())
    torch.testing.assert_close(cosine, torch.ones(len(FIRST)), atol=1e-4, rtol=0)
    assert Store.open(out).verify() == []


def test_dropped_words_are_the_mean_of_the_others(states):
    (kept, _), (dropped, out) = states("keep"), states("drop")
    others = np.setdiff1d(np.arange(len(kept)), FIRST)
    assert torch.equal(kept[others], dropped[others])
    mean = kept[others].double().mean(0).half()
    assert torch.equal(dropped[FIRST], mean.expand(len(FIRST), -1))
    assert Store.open(out).verify() == []
    assert Store.open(out).recipe.summary == "mean pooling, float16, outliers dropped"


def test_without_massive_words_all_three_give_the_same_bytes(states):
    found = {(states(how, FakeModel)[1] / SHARD).read_bytes() for how in ("keep", "clip", "drop")}
    assert len(found) == 1


@pytest.mark.parametrize("how", ["clip", "drop"])
def test_a_text_is_treated_as_a_treebank_is(states, tmp_path, how):
    stored, out = states(how)
    corpus = conllu.read(next((tmp_path / EN).glob("*.conllu")), language="en", split="train")
    found = extract_in_memory(SpikyModel(), corpus, Store.open(out).recipe, [2])
    assert torch.equal(found.layers[0].words, stored)


def test_a_store_holds_one_treatment_of_outliers(states, tmp_path):
    _, out = states("clip")
    file = write(tmp_path, "en", "train", LENGTHS)
    with pytest.raises(StoreError, match="outliers is 'clip', not 'keep'"):
        extract_files(SpikyModel(), [file], out, layers=[1])
    model = SpikyModel()
    extract_files(model, [file], out, layers=[2], outliers="clip")
    assert model.calls == 0


def test_what_cannot_be_is_refused(tmp_path):
    file = write(tmp_path, "en", "train", LENGTHS)
    for how, sink, what in (("burn", "states", "unknown value 'burn'"), ("clip", "statistics", "median")):
        with pytest.raises(UsageError, match=what) as caught:
            extract_files(SpikyModel(), [file], tmp_path / "out", layers=[1], outliers=how, sink=sink)
        assert caught.value.option == "outliers"


def test_verify_names_layers_with_massive_words(states, capsys):
    verify(states("keep")[1])
    said = capsys.readouterr().err
    assert f"{EN} train, layer 2: states of 7 of 41 words are massive" in said
