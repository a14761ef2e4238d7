"""What cannot be loaded is refused with a remedy."""

import json
import sys
from pathlib import Path

import pytest
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import DIM, TINY, TOKENIZERS

from concept_align.errors import ConceptAlignError, ModelError, UsageError
from concept_align.models.faults import explained
from concept_align.models.load import choose_device, load_model


def edit(folder: Path, **values):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def refusal(name, **options) -> ConceptAlignError:
    with pytest.raises(ModelError) as error:
        load_model(str(name), device="cpu", **options)
    assert error.value.remedy and error.value.where
    return error.value


def test_a_local_model_has_no_revision_to_choose(folder_of):
    with pytest.raises(UsageError, match="no revisions"):
        load_model(str(folder_of("bert")), revision="main")


def test_an_unknown_id_offline_is_refused_at_once():
    assert "not on this machine" in refusal("no-one/no-such-model", offline=True).message


@pytest.mark.parametrize("name", ["a" * 300, "x\0y", "\ud800", " ", "http://x/y", "a/b/c"])
def test_what_names_no_model_is_refused(name):
    assert refusal(name, offline=True).message.isprintable()


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
        model = load_model(str(folder), device="cpu")
        list(model.word_states(sentences_of(model), [1], pooling="mean", batch_pieces=64))


def test_weights_of_other_shapes_are_refused(copied):
    folder = copied("bert")
    edit(folder, hidden_size=DIM * 2)
    refusal(folder)


@pytest.mark.parametrize(
    ("name", "absurd"),
    [
        ("bert", {"num_hidden_layers": 10**6}),
        ("bert", {"hidden_size": 10**9}),
        ("bert", {"vocab_size": 10**10}),
        ("bert", {"num_labels": 10**9}),
        ("gpt2", {"n_layer": 10**6}),
        ("gpt2", {"n_layer": 2000}),
        ("gpt2", {"n_embd": 10**9}),
        ("mt5", {"num_layers": 10**6}),
        ("mt5", {"num_decoder_layers": 10**6}),
    ],
)
def test_a_configuration_that_its_weights_could_not_fill_is_refused_before_it_is_built(
    copied, monkeypatch, name, absurd
):
    folder = copied(name)
    edit(folder, **absurd)
    monkeypatch.setattr("concept_align.models.load.read_base", lambda *_: pytest.fail("it is built"))
    refused = refusal(folder)
    assert "config.json asks for" in refused.message and "damaged" in refused.remedy


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
    assert error.value.option == "device"


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
            "check the revision",
        ),
        (OSError("We couldn't connect to the hub to load the files"), "cannot be reached", "while online"),
        (ImportError("this tokenizer needs sentencepiece"), "sentencepiece", "pip install"),
        (RuntimeError("No GPU found. A GPU is needed for quantization."), "quantised", "unquantised"),
        (ImportError("Using fbgemm fp8 quantization requires a GPU or XPU"), "quantised", "unquantised"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out of memory", "bfloat16"),
        (OSError("x does not appear to have a file named model.safetensors"), "file .* missing", "tokenizer"),
        (ValueError("something never seen"), "something never seen", "transformers"),
    ],
)
def test_what_the_library_says_is_told_with_a_remedy(error, message, remedy):
    with pytest.raises(ModelError, match=message) as told, explained("org/model"):
        raise error
    assert remedy in told.value.remedy and told.value.__cause__ is error


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ("No module named 'google.protobuf'", "'concept-align[models,gguf]'"),
        ("requires bitsandbytes: `pip install -U bitsandbytes>=0.46.1`", "bitsandbytes"),
        (
            "Loading an AWQ quantized model requires gptqmodel. Install it: `pip install gptqmodel`",
            "gptqmodel",
        ),
        ("No module named 'torchao'", "torchao"),
        ("A valid HQQ version (>=0.2.1) is not available. Please follow the instructions", "hqq"),
        ("You need to install fugashi to use MecabTokenizer. See x", "fugashi"),
        ("XTokenizer requires the ftfy library but it was not found.", "ftfy"),
    ],
)
def test_of_what_is_missing_the_package_is_named(said, package):
    with pytest.raises(ModelError) as told, explained("x"):
        raise ImportError(said)
    assert told.value.remedy == f"pip install {package} and try again"


def test_what_the_library_says_is_one_short_line():
    with pytest.raises(ModelError) as told, explained("x"):
        raise ValueError("\x1b[31mred\nline\x00" + "x" * 5000)
    assert told.value.message.isprintable() and len(told.value.message) < 400
    assert "red line" in told.value.message


def _cut(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])


def _pickled(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _pickled(folder, b"\x80\x04cos\nsystem\nX\x01\x00\x00\x00x\x85R."),
        lambda folder: _pickled(folder, b""),
        lambda folder: _pickled(folder, b"abcdefgh" * 9),
        lambda folder: _cut(folder / "model.safetensors", 2000),
        lambda folder: _cut(folder / "tokenizer.json", 2000),
        lambda folder: (folder / "tokenizer.json").write_text("[" * 100_000),
        lambda folder: (folder / "tokenizer.json").write_text('{"model": {"type": "Newer"}}'),
        lambda folder: (folder / "tokenizer_config.json").write_text("[]"),
        lambda folder: edit(folder, num_attention_heads=0),
        lambda folder: edit(folder, num_hidden_layers=0),
        lambda folder: edit(folder, vocab_size=10**13),
        lambda folder: edit(folder, hidden_size="wide"),
        lambda folder: edit(folder, num_hidden_layers=None),
        lambda folder: edit(folder, max_position_embeddings=1),
        lambda folder: edit(folder, dtype="float99"),
        lambda folder: edit(folder, rope_scaling={"type": "zzz"}),
        lambda folder: edit(folder, layer_types=["odd"] * 4),
        lambda folder: edit(folder, hidden_act="odd"),
        lambda folder: (folder / "config.json").write_text("[]"),
    ],
)  # fmt: skip
def test_whatever_is_damaged_is_one_refusal(damage, copied):
    folder = copied("llama")
    damage(folder)
    error = refusal(folder)
    assert error.message.isprintable() and len(error.message) < 400


@pytest.mark.parametrize("size", [0, 4, 12, 37])
def test_a_cut_off_gguf_file_is_refused(size, tmp_path):
    file = tmp_path / "model.gguf"
    counts = (3).to_bytes(4, "little") + (2).to_bytes(8, "little") + (5).to_bytes(8, "little")
    file.write_bytes((b"GGUF" + counts + b"\x05" + bytes(7) + b"abcde")[:size])
    refusal(file)


def test_errors_of_ours_pass_through_and_bugs_keep_their_traceback():
    mine = UsageError("no")
    with pytest.raises(UsageError) as told, explained("x"):
        raise mine
    assert told.value is mine
    with pytest.raises(AttributeError), explained("x"):
        raise AttributeError("a bug")
