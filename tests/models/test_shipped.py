"""The mini models that come with the package: they load offline, and are what they were."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from concept_align.errors import ModelError
from concept_align.models import shipped
from concept_align.models.load import load_model
from concept_align.models.origin import locate
from concept_align.models.shipped import NAMES, shipped_model
from concept_align.treebanks.discover import find_treebanks

GOLDEN = Path(__file__).with_name("golden_mini.json")
MINI = Path(__file__).parents[2] / "ud_data" / "mini"
HEADS = {"mini-encoder": transformers.AutoModelForMaskedLM, "mini-decoder": transformers.AutoModelForCausalLM}
SENTENCES = (
    "Anna gave her brother a red book.",
    "Der Brief wurde von Maria Rossi geschrieben.",
    "那个男孩在唱歌。",
)


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


def states(name, layers):
    """The states of all pieces, [pieces, dim] for each layer and sentence."""
    folder = shipped_model(name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        for text in SENTENCES:
            hidden = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
            yield [hidden[layer][0] for layer in layers]


def summary(name):
    """Some numbers of every layer and sentence: what the golden file holds."""
    layers = range(5)
    return [
        [
            [round(float(value), 4) for value in torch.cat([state[1, :3], state[-1, -3:]])]
            for state in sentence
        ]
        for sentence in states(name, layers)
    ]


def test_it_loads_by_name_offline(name):
    model = load_model(name, device="cpu", offline=True)
    assert (model.name, model.layers, model.dim, model.kind) == (name, 4, 256, name.removeprefix("mini-"))
    assert model.revision == locate(name, None, offline=True).revision
    assert model.revision.startswith("sha256:")
    assert model.dtype == torch.float32 and model.has_start


def test_transformers_loads_it_with_its_head_and_nothing_is_missing(name):
    model, loaded = HEADS[name].from_pretrained(shipped_model(name), output_loading_info=True)
    assert not loaded["missing_keys"] and not loaded["unexpected_keys"]
    assert model.dtype == torch.float32


def test_its_weights_are_small_and_carry_a_licence_and_a_card(name):
    folder = shipped_model(name)
    assert (folder / "model.safetensors").stat().st_size <= 16_000_000
    card = (folder / "README.md").read_text()
    assert "license: cc-by-nc-sa-4.0" in card
    assert (
        (folder.parent / "LICENSE").read_text().startswith("Creative Commons Attribution-NonCommercial-Share")
    )


def test_its_states_are_what_they_were(name):
    expected = json.loads(GOLDEN.read_text())[name]
    np.testing.assert_allclose(summary(name), expected, atol=2e-3)


@pytest.mark.parametrize(
    "text", ["Ὀδυσσεύς ᚠᚢᚦ", "ሰላም ለዓለም", "𐍈𐍉 👩‍🔬", "x² ≠ ½", "ภาษาไทย", "नमस्ते दुनिया", "\u200fשלום"]
)
def test_no_script_is_unknown_and_text_comes_back(name, text):
    tokenizer = transformers.AutoTokenizer.from_pretrained(shipped_model(name))
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) == text


def test_the_decoder_finds_sentences_likelier_than_their_words_in_another_order():
    folder = shipped_model("mini-decoder")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    rng, better, languages = np.random.default_rng(0), 0, 0

    def loss(text):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        return float(model(ids, labels=ids).loss) * (ids.shape[1] - 1)

    with torch.inference_mode():
        for file in find_treebanks(MINI):
            if file.split != "test":
                continue
            texts = [
                line.split(" = ", 1)[1] for line in file.path.read_text().split("\n") if "# text =" in line
            ]
            units = [list(text) if file.language in ("zh", "ja") else text.split() for text in texts]
            glue = "" if file.language in ("zh", "ja") else " "
            mixed = [glue.join(rng.permutation(unit)) for unit in units]
            better += sum(map(loss, texts)) < sum(map(loss, mixed))
            languages += 1
    assert languages == 43
    assert better == languages


def test_an_installation_without_weights_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "_WEIGHTS", tmp_path)
    with pytest.raises(ModelError, match="not in this installation"):
        load_model("mini-encoder")
    with pytest.raises(ModelError, match="mini-encoder, mini-decoder"):
        shipped_model("mini-other")


def test_an_older_transformers_is_refused(monkeypatch):
    monkeypatch.setattr(shipped, "version", lambda _: "4.57.0")
    with pytest.raises(ModelError, match="too old"):
        shipped_model("mini-encoder")


if __name__ == "__main__":  # after the models were trained anew
    GOLDEN.write_text(json.dumps({name: summary(name) for name in NAMES}) + "\n")
