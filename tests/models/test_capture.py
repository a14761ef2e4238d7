"""Blocks are found by proof, whatever the model calls them; what is not understood still works."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from concept_align.errors import ModelError
from concept_align.models.capture import Capture, all_hidden_states, find_capture

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
ONES = torch.ones_like(IDS)


class Output(SimpleNamespace):
    def __getitem__(self, place):
        return self.last_hidden_state


class Block(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.inner, self.form = nn.Linear(6, 6), form

    def forward(self, hidden_states):
        states = hidden_states + torch.tanh(self.inner(hidden_states))
        return {"tensor": states, "tuple": (states, None), "nested": ((states, 1), 2)}[self.form]


class Model(nn.Module):
    """``norm``: none, post (hidden_states[-1] is normed) or pre (it is not, the output is)."""

    def __init__(self, form="tensor", norm="none", *, named=False, decoy=False, hidden=True):
        super().__init__()
        torch.manual_seed(0)
        self.embeddings, self.named, self.norm, self.hidden = nn.Embedding(10, 6), named, norm, hidden
        if decoy:  # a list as long as the blocks, and nearer to the root
            self.adapters = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.body = nn.Module()
        self.body.stack = nn.ModuleList(Block(form) for _ in range(3))
        self.last = nn.LayerNorm(6)

    def forward(self, input_ids, attention_mask, output_hidden_states=False, return_dict=True):
        states = self.embeddings(input_ids)
        kept = [states]
        for block in self.body.stack:
            states = block(hidden_states=states) if self.named else block(states)
            while isinstance(states, tuple):
                states = states[0]
            kept.append(states)
        final = states if self.norm == "none" else self.last(states * 3 + 1)
        if self.norm == "post":
            kept[-1] = final
        return Output(last_hidden_state=final, hidden_states=tuple(kept) if self.hidden else None)


@pytest.mark.parametrize("norm", ["none", "post", "pre"])
@pytest.mark.parametrize("form", ["tensor", "tuple", "nested"])
@pytest.mark.parametrize("named", [False, True])
@torch.inference_mode()
def test_states_equal_the_models_own_for_every_form_of_block_and_norm(form, norm, named):
    model = Model(form, norm, named=named)
    capture = find_capture(model, IDS, ONES, 1e-6)
    assert capture.final_norm == norm and capture.blocks == list(model.body.stack)
    reference = all_hidden_states(model, IDS, ONES)
    for layers in ([0], [2], [3], [3, 0], [0, 1, 2, 3]):
        found = capture.run(IDS, ONES, layers)
        assert list(found) == layers
        assert all(torch.equal(found[layer], reference[layer]) for layer in layers)


@torch.inference_mode()
def test_a_list_of_the_same_length_is_not_taken_for_the_blocks():
    model = Model(decoy=True)
    assert find_capture(model, IDS, ONES, 1e-6).blocks == list(model.body.stack)


@torch.inference_mode()
def test_a_model_without_a_list_of_blocks_gives_all_its_layers():
    model = Model("tensor", "post")
    model.body.stack = nn.Sequential(*model.body.stack)
    capture = find_capture(model, IDS, ONES, 1e-6)
    assert capture.blocks is None and capture.final_norm == "post"
    reference = all_hidden_states(model, IDS, ONES)
    assert torch.equal(capture.run(IDS, ONES, [2])[2], reference[2])


@torch.inference_mode()
def test_states_of_the_wrong_length_are_refused():
    model = Model()
    capture = Capture(model, list(model.body.stack), 3)
    model.body.stack[1].register_forward_hook(lambda *call: call[-1][:, 1:])
    with pytest.raises(ModelError, match=r"layer 2 gave states of shape \(1, 7, 6\) for \(1, 8\) tokens"):
        capture.run(IDS, ONES, [2])


@torch.inference_mode()
def test_a_model_without_hidden_states_is_refused():
    with pytest.raises(ModelError, match="no hidden states"):
        find_capture(Model(hidden=False), IDS, ONES, 1e-6)


@torch.inference_mode()
def test_an_error_inside_a_block_leaves_no_hook_behind():
    model = Model()
    capture = Capture(model, list(model.body.stack), 3)
    with pytest.raises(IndexError):
        capture.run(torch.tensor([[99]]), torch.ones(1, 1), [1, 2])
    assert not any(block._forward_hooks for block in model.body.stack)
