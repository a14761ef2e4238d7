"""Answers of a model depend on its files alone: neither on code that is not run nor on what is installed."""

import json

import fake_hub
import pytest

from concept_align.errors import ModelError
from concept_align.icl.causal import load_causal
from concept_align.models.load import load_model

ADAPTER = {"base_model_name_or_path": "base", "peft_type": "LORA", "r": 4}


def put(file, **values):
    held = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(held | values))


@pytest.mark.parametrize(
    ("file", "auto_map"),
    [
        ("config.json", {"AutoModel": "both_ways.BothWays"}),
        ("config.json", {"AutoModelForCausalLM": "modeling_qwen2.BothWaysForCausalLM"}),
        ("config.json", {"AutoConfig": "both_ways.Config"}),
        ("config.json", {"AutoModel": "someone/else--modeling_qwen.Qwen2Model"}),  # as gte-Qwen2
        ("config.json", {"AutoModel": "modeling_llama.LlamaModel"}),  # another's
        ("tokenizer_config.json", {"AutoTokenizer": ["tokenization_qwen.Qwen2Tokenizer", None]}),
        ("tokenizer_config.json", ["tokenization_qwen.Qwen2Tokenizer", None]),
    ],
)  # fmt: skip
def test_code_of_a_models_own_over_a_known_architecture_is_refused(file, auto_map, copied):
    folder = copied("qwen2")
    put(folder / file, auto_map=auto_map)
    (folder / "both_ways.py").write_text("raise SystemExit('was run')")
    for load in (load_model, load_causal):
        with pytest.raises(ModelError, match=f"code of its own .* in {file}.*never run") as error:
            load(str(folder), device="cpu")
        assert "auto_map" in error.value.remedy


def test_code_that_transformers_took_over_is_noted(copied, model_of):
    folder = copied("qwen2")
    config, model = "configuration_qwen2.QWen2Config", "me/x--modeling_qwen2.Qwen2Model"  # as MPT spells it
    heads = {"AutoModelForSequenceClassification": "mine.Head"}
    put(folder / "config.json", auto_map={"AutoConfig": config, "AutoModel": model} | heads)
    found = load_model(str(folder), device="cpu")
    assert [note.partition(" ")[0] for note in found.notes] == [config, "modeling_qwen2.Qwen2Model"]
    assert found.layers == model_of("qwen2").layers


@pytest.mark.parametrize("alone", [False, True])
def test_an_adapter_is_refused_with_what_merges_it(alone, copied, tmp_path):
    folder = tmp_path / "alone" if alone else copied("llama")
    folder.mkdir(exist_ok=True)
    put(folder / "adapter_config.json", **ADAPTER)
    with pytest.raises(ModelError, match="adapter") as error:
        load_model(str(folder), device="cpu")
    assert "merge_and_unload" in error.value.remedy


def test_of_a_hub_model_they_are_refused_before_its_weights_are_fetched(copied, tmp_path, monkeypatch):
    folder = copied("qwen2")
    with fake_hub.serve(monkeypatch, tmp_path / "cache") as hub:
        monkeypatch.setattr(
            "transformers.utils.hub.TRANSFORMERS_CACHE", str(tmp_path / "cache"), raising=False
        )
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        hub.commits["me/adapted"] = [
            ("1" * 40, files | {"adapter_config.json": json.dumps(ADAPTER).encode()})
        ]
        put(folder / "config.json", auto_map={"AutoModel": "both_ways.BothWays"})
        hub.commits["me/own"] = [("2" * 40, files | {"config.json": (folder / "config.json").read_bytes()})]
        for name, says in (("me/adapted", "adapter"), ("me/own", "code of its own")):
            with pytest.raises(ModelError, match=says):
                load_model(name, device="cpu")
        assert not any("safetensors" in asked for asked in hub.asked)
