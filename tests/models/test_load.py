"""Loading: what comes in, under which revision, and what is refused with a remedy."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import BLOCKS, DIM, TINY, TOKENIZERS, tiny_folder

from concept_align.errors import ConceptAlignError, ModelError, UsageError
from concept_align.models.faults import explained
from concept_align.models.load import choose_device, choose_dtype, describe, load
from concept_align.models.origin import fingerprint


@pytest.fixture
def copied(folder_of, tmp_path):
    def copy(name):
        return Path(shutil.copytree(folder_of(name), tmp_path / name))

    return copy


def edit(folder: Path, **values):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("name", TINY)
def test_a_description_agrees_with_the_loaded_model(name, folder_of, model_of):
    model, told = model_of(name), describe(str(folder_of(name)))
    for field in ("name", "revision", "architecture", "kind", "layers", "dim"):
        assert getattr(told, field) == getattr(model, field)
    assert told.max_pieces >= model.max_pieces


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3"])
def test_a_checkpoint_with_a_head_gives_the_same_states_without_it(name, model_of, sentences_of, tmp_path):
    folder = tiny_folder(tmp_path, name, head=True)
    with_head = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model = load(str(folder), device="cpu")
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
    model = load(str(tmp_path), device="cpu")
    assert (model.kind, model.layers, model.final_norm) == ("encoder", BLOCKS, "none")


def test_a_multimodal_model_is_its_language_model(tmp_path, model_of, sentences_of):
    text = TINY["gemma3"][0]()
    vision = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 28, "patch_size": 14}
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    TOKENIZERS["byte_fallback"]().save_pretrained(tmp_path)
    model = load(str(tmp_path), device="cpu")
    assert (model.kind, model.layers, model.dim) == ("decoder", BLOCKS, DIM)
    assert describe(str(tmp_path)).layers == BLOCKS
    assert not any("vision" in name for name, _ in model.module.named_parameters())
    (states,) = model.word_states(sentences_of(model)[:3], [1, BLOCKS], pooling="mean", batch_pieces=64)
    assert torch.isfinite(states.words[BLOCKS]).all()


def test_the_revision_of_a_folder_is_its_files(copied):
    folder = copied("bert")
    before = describe(str(folder)).revision
    assert before.startswith("sha256:")
    (folder / "README.md").write_text("says nothing of the states")
    (folder / "training_args.json").write_text("{}")
    assert describe(str(folder)).revision == before
    weights = load_file(folder / "model.safetensors")
    first = sorted(weights)[0]
    weights[first].view(-1)[0] += 1e-3  # same names, same sizes
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert describe(str(folder)).revision != before


def test_a_moved_folder_keeps_its_revision(folder_of, copied):
    assert describe(str(copied("bert"))).revision == describe(str(folder_of("bert"))).revision


def test_fingerprints_see_names_and_content(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"one")
    b.write_bytes(b"one")
    assert fingerprint([a]) != fingerprint([b])
    before = fingerprint([a, b])
    b.write_bytes(b"two")
    assert fingerprint([a, b]) != before


def test_a_local_model_has_no_revision_to_choose(folder_of):
    with pytest.raises(UsageError, match="no revisions"):
        load(str(folder_of("bert")), revision="main")


def refusal(name, **options) -> ConceptAlignError:
    with pytest.raises(ModelError) as error:
        load(str(name), device="cpu", **options)
    assert error.value.remedy and error.value.where
    return error.value


def test_an_unknown_id_offline_is_refused_at_once():
    assert "not on this machine" in refusal("no-one/no-such-model", offline=True).message


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "nowhere/model.gguf"])
def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(name):
    assert "no such file or folder" in refusal(name).message


def test_a_model_that_needs_its_own_code_is_refused_and_the_code_not_run(copied, tmp_path):
    folder = copied("bert")
    edit(
        folder,
        model_type="mystery",
        auto_map={"AutoConfig": "mystery.Config", "AutoModel": "mystery.Model"},
        architectures=["MysteryModel"],
    )
    ran = tmp_path / "ran"
    (folder / "mystery.py").write_text(
        f"open({str(ran)!r}, 'w').close()\nclass Config: pass\nclass Model: pass\n"
    )
    assert "code of its own" in refusal(folder).message
    assert not ran.exists() and "mystery" not in sys.modules


def test_an_unknown_architecture_is_refused(copied):
    folder = copied("bert")
    edit(folder, model_type="mystery", architectures=["MysteryModel"])
    assert "does not know this architecture" in refusal(folder).message


def test_weights_that_are_missing_are_not_made_up(copied):
    folder = copied("bert")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.2.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "encoder.layer.2.output.dense.weight" in refusal(folder).message


def test_an_encoder_without_a_pooler_is_whole(copied):
    folder = copied("bert")
    weights = {k: v for k, v in load_file(folder / "model.safetensors").items() if "pooler" not in k}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert load(str(folder), device="cpu").layers == BLOCKS


def test_a_cut_off_weights_file_is_refused(copied):
    folder = copied("bert")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    refusal(folder)


def test_missing_weights_are_refused(copied):
    folder = copied("bert")
    (folder / "model.safetensors").unlink()
    assert "file of the model is missing" in refusal(folder).message


@pytest.mark.parametrize("name", sorted(set(TINY) - {"mt5"}))  # 100 sentinels: many for a tiny vocabulary
def test_a_tokenizer_made_up_for_want_of_its_files_is_refused(name, copied):
    """transformers 5 makes an empty one, to which every word is unknown, and says nothing."""
    folder = copied(name)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    refusal(folder)


def test_a_tokenizer_of_another_model_is_refused_when_its_pieces_do_not_fit(copied, sentences_of):
    folder = copied("bert")
    edit(folder, vocab_size=200)
    weights = load_file(folder / "model.safetensors")
    key = "embeddings.word_embeddings.weight"
    save_file(
        weights | {key: weights[key][:200].clone()}, folder / "model.safetensors", metadata={"format": "pt"}
    )
    with pytest.raises(ModelError, match="has 200"):
        model = load(str(folder), device="cpu")
        list(model.word_states(sentences_of(model), [1], pooling="mean", batch_pieces=64))


def test_weights_of_other_shapes_are_refused(copied):
    folder = copied("bert")
    edit(folder, hidden_size=DIM * 2)
    refusal(folder)


def test_a_vision_model_is_refused(tmp_path):
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=28
    )
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    TOKENIZERS["wordpiece"]().save_pretrained(tmp_path)
    assert "text" in str(refusal(tmp_path))


def test_a_folder_with_two_gguf_files_asks_which(tmp_path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    assert "2 .gguf files" in refusal(tmp_path).message


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    file = tmp_path / "weights.bin"
    file.write_bytes(b"")
    assert "folder or a .gguf file" in refusal(file).message
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no gguf at all")
    refusal(broken)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "tpu9"])
def test_devices_the_machine_does_not_have_are_refused(device):
    with pytest.raises(ModelError) as error:
        choose_device(device)
    assert error.value.where == "--device"


def test_dtypes_follow_the_device_and_unknown_ones_are_refused():
    cpu = torch.device("cpu")
    assert choose_dtype("auto", cpu) == torch.float32
    assert choose_dtype("bf16", cpu) == choose_dtype("bfloat16", cpu) == torch.bfloat16
    with pytest.raises(ModelError, match="int8"):
        choose_dtype("int8", cpu)


def test_device_map_spreads_the_model_and_changes_nothing(folder_of, model_of, sentences_of):
    pytest.importorskip("accelerate")
    model = load(str(folder_of("llama")), device_map="cpu")
    sentences = sentences_of(model)[:5]
    (states,) = model.word_states(sentences, [2], pooling="mean", batch_pieces=64)
    (same,) = model_of("llama").word_states(sentences, [2], pooling="mean", batch_pieces=64)
    assert torch.equal(states.words[2], same.words[2])


def test_loading_says_nothing_and_leaves_the_library_as_it_was(folder_of, capfd):
    logging = transformers.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load(str(folder_of("bert")), device="cpu")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


class RepositoryNotFoundError(OSError): ...


class GatedRepoError(OSError): ...


@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (
            OSError("x is not a local folder and is not a valid model identifier listed on the hub"),
            "no such model",
            "spelling",
        ),
        (RepositoryNotFoundError("401 Client Error"), "no such model", "hf auth login"),
        (GatedRepoError("You are trying to access a gated repo."), "gated", "accept its terms"),
        (
            OSError("main2 is not a valid git identifier (branch name, tag name or commit id)"),
            "revision",
            "--revision",
        ),
        (OSError("We couldn't connect to the hub to load the files"), "cannot be reached", "while online"),
        (ImportError("this tokenizer needs sentencepiece"), "sentencepiece", "pip install"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out of memory", "bfloat16"),
        (OSError("x does not appear to have a file named model.safetensors"), "file .* missing", "tokenizer"),
        (ValueError("something never seen"), "something never seen", "transformers"),
    ],
)
def test_what_the_library_says_is_told_with_a_remedy(error, message, remedy):
    with pytest.raises(ModelError, match=message) as told, explained("org/model"):
        raise error
    assert remedy in told.value.remedy and told.value.__cause__ is error


def test_errors_of_ours_pass_through_and_bugs_keep_their_traceback():
    mine = UsageError("no")
    with pytest.raises(UsageError) as told, explained("x"):
        raise mine
    assert told.value is mine
    with pytest.raises(AttributeError), explained("x"):
        raise AttributeError("a bug")
