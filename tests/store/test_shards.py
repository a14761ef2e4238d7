import hashlib

import numpy as np
import pytest
import torch
from safetensors import safe_open

from concept_align.errors import StoreError
from concept_align.store.shards import (
    ShardWriter,
    States,
    file_size,
    map_tensors,
    shapes_of,
    write_tensors,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rows_written_in_turns_are_read_by_safetensors_as_one_tensor(tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    words, start = torch.randn(23, 6).to(dtype), torch.randn(5, 6).to(dtype)
    shapes = {"words": (dtype, (23, 6)), "start": (dtype, (5, 6))}
    with path.open("wb") as file:
        writer = ShardWriter(file, shapes, {"b": "ä", "a": "1"})
        for low, first in ((0, 0), (7, 2), (20, 4)):
            high, last = {0: (7, 2), 7: (20, 4), 20: (23, 5)}[low]
            writer.append("words", words[low:high])
            writer.append("start", start[first:last])
        digest = writer.finish(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size == writer.size == file_size(shapes, {"a": "1", "b": "ä"})
    with safe_open(path, "pt") as read:
        assert read.metadata() == {"a": "1", "b": "ä"}
        assert torch.equal(read.get_tensor("words"), words)
        assert torch.equal(read.get_tensor("start"), start)
    tensors, metadata = map_tensors(path)
    assert torch.equal(tensors["words"], words)
    assert torch.equal(tensors["start"], start)
    assert metadata == {"a": "1", "b": "ä"}
    assert tensors["words"].data_ptr() % 64 == 0


def test_equal_tensors_give_equal_bytes(tmp_path):
    tensors = {"x": torch.arange(4), "y": torch.ones(3, dtype=torch.int8), "z": torch.zeros(0, 2)}
    first = write_tensors(tmp_path / "a.safetensors", tensors, {"k": "1", "j": "2"})
    second = write_tensors(tmp_path / "b.safetensors", dict(reversed(tensors.items())), {"j": "2", "k": "1"})
    assert first == second
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert first[0] == file_size(shapes_of(tensors), {"k": "1", "j": "2"})


def test_more_or_fewer_rows_than_announced_are_refused(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        writer = ShardWriter(file, {"words": (torch.float32, (2, 3))})
        with pytest.raises(ValueError, match="more rows"):
            writer.append("words", torch.zeros(3, 3))
        writer.append("words", torch.zeros(1, 3))
        with pytest.raises(ValueError, match="fewer rows"):
            writer.finish(tmp_path / "a")
        with pytest.raises(ValueError, match="are torch"):
            writer.append("words", torch.zeros(1, 3).half())


def test_writing_to_mapped_states_leaves_the_file_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"words": torch.ones(4, 2)})
    map_tensors(path)[0]["words"].zero_()
    assert torch.equal(map_tensors(path)[0]["words"], torch.ones(4, 2))


@pytest.mark.parametrize("keep", [0, 4, 40, 90])
def test_a_cut_file_is_refused_by_name(tmp_path, keep):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"words": torch.ones(40, 2)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StoreError, match=r"a\.safetensors"):
        map_tensors(path)


def test_sentences_come_in_the_order_asked_for():
    offsets = np.array([0, 2, 2, 5, 6])
    states = States(torch.arange(12.0).view(6, 2), None, offsets, 0)
    got = states.sentences(np.array([3, 0, 1]))
    assert torch.equal(got, states.words[[5, 0, 1]])
    assert states.sentences([]).shape == (0, 2)
    assert states.sents == 4
