"""Loading: what comes in, and under which revision."""

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import BLOCKS, DIM, TINY, TOKENIZERS, tiny_folder

from concept_align.errors import ModelError
from concept_align.models.load import choose_dtype, configuration, configured_kind, load_model
from concept_align.models.origin import fingerprint, locate


def revision_of(folder):
    return locate(str(folder), None, offline=True).revision


@pytest.mark.parametrize("name", TINY)
def test_a_configuration_agrees_with_the_loaded_model(name, folder_of, model_of):
    model, origin = model_of(name), locate(str(folder_of(name)), None, offline=True)
    config = configuration(origin)
    text = config.get_text_config()
    assert (model.name, model.revision) == (str(folder_of(name)), origin.revision)
    assert model.kind == configured_kind(config)
    assert (model.layers, model.dim) == (text.num_hidden_layers, text.hidden_size)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3"])
def test_a_checkpoint_with_a_head_gives_the_same_states_without_it(name, model_of, sentences_of, tmp_path):
    folder = tiny_folder(tmp_path, name, head=True)
    with_head = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model = load_model(str(folder), device="cpu")
    assert not any("lm_head" in part for part, _ in model.module.named_parameters())
    sentence = sentences_of(model)[3]
    (states,) = model.word_states([sentence], [BLOCKS], pooling="first", batch_pieces=64)
    with torch.inference_mode():
        ids = torch.tensor(sentence.ids[None].astype("int64"))
        expected = with_head.eval()(ids, output_hidden_states=True).hidden_states[-1][0]
    torch.testing.assert_close(states.words[BLOCKS], expected[sentence.begin.astype("int64")])


def test_only_the_encoder_of_an_encoder_decoder_is_kept(model_of):
    model = model_of("mt5")
    assert model.architecture == "MT5EncoderModel" and model.kind == "encoder"
    assert not any("decoder" in name for name, _ in model.module.named_parameters())


def test_an_encoder_decoder_without_an_encoder_class_of_its_own_gives_its_encoder(tmp_path):
    config = transformers.BartConfig(
        vocab_size=700,
        d_model=DIM,
        encoder_layers=BLOCKS,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
    )
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    TOKENIZERS["unigram"]().save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    assert (model.kind, model.layers, model.final_norm) == ("encoder", BLOCKS, "none")


def test_a_multimodal_model_is_its_language_model(tmp_path, model_of, sentences_of):
    text = TINY["gemma3"][0]()
    vision = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 28, "patch_size": 14}
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    TOKENIZERS["byte_fallback"]().save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    assert (model.kind, model.layers, model.dim) == ("decoder", BLOCKS, DIM)
    assert not any("vision" in name for name, _ in model.module.named_parameters())
    (states,) = model.word_states(sentences_of(model)[:3], [1, BLOCKS], pooling="mean", batch_pieces=64)
    assert torch.isfinite(states.words[BLOCKS]).all()


def test_the_revision_of_a_folder_is_its_files(copied):
    folder = copied("bert")
    before = revision_of(folder)
    assert before.startswith("sha256:")
    (folder / "README.md").write_text("says nothing of the states")
    (folder / "training_args.json").write_text("{}")
    assert revision_of(folder) == before
    weights = load_file(folder / "model.safetensors")
    first = sorted(weights)[0]
    weights[first].view(-1)[0] += 1e-3  # same names, same sizes
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert revision_of(folder) != before


def test_a_moved_folder_keeps_its_revision(folder_of, copied):
    assert revision_of(copied("bert")) == revision_of(folder_of("bert"))


def test_fingerprints_see_names_and_content(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"one")
    b.write_bytes(b"one")
    assert fingerprint([a]) != fingerprint([b])
    before = fingerprint([a, b])
    b.write_bytes(b"two")
    assert fingerprint([a, b]) != before


def test_an_encoder_without_a_pooler_is_whole(copied):
    folder = copied("bert")
    weights = {k: v for k, v in load_file(folder / "model.safetensors").items() if "pooler" not in k}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert load_model(str(folder), device="cpu").layers == BLOCKS


def test_dtypes_follow_the_device_and_unknown_ones_are_refused():
    cpu = torch.device("cpu")
    assert choose_dtype("auto", cpu) == torch.float32
    assert choose_dtype("bf16", cpu) == choose_dtype("bfloat16", cpu) == torch.bfloat16
    with pytest.raises(ModelError, match="int8"):
        choose_dtype("int8", cpu)


def test_device_map_spreads_the_model_and_changes_nothing(folder_of, model_of, sentences_of):
    pytest.importorskip("accelerate")
    model = load_model(str(folder_of("llama")), device_map="cpu")
    sentences = sentences_of(model)[:5]
    (states,) = model.word_states(sentences, [2], pooling="mean", batch_pieces=64)
    (same,) = model_of("llama").word_states(sentences, [2], pooling="mean", batch_pieces=64)
    assert torch.equal(states.words[2], same.words[2])


def test_loading_says_nothing_and_leaves_the_library_as_it_was(folder_of, capfd):
    logging = transformers.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_model(str(folder_of("bert")), device="cpu")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")
