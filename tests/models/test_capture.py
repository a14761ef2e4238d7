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


@torch.inference_mode()
def test_states_longer_than_the_input_are_refused_where_blocks_are_not_known():
    """As Reformer's, which pads to a multiple: rows of a batch would be taken for one another's."""
    model = Model()
    model.body.stack[1].register_forward_hook(lambda *call: nn.functional.pad(call[-1], (0, 0, 0, 2)))
    with pytest.raises(ModelError, match=r"layer 2 gave states of shape \(1, 10, 6\) for \(1, 8\) tokens"):
        find_capture(model, IDS, ONES, 1e-6)
    with pytest.raises(ModelError, match="layer 2 gave"):
        Capture(model, None, 3).run(IDS, ONES, [2])


@torch.inference_mode()
def test_blocks_that_pad_to_a_multiple_are_not_believed_at_a_length_that_is_one():
    class Padding(Model):
        def forward(self, input_ids, attention_mask, **options):
            tokens = input_ids.shape[1]
            missing = -tokens % 8
            ids = nn.functional.pad(input_ids, (0, missing))
            found = super().forward(ids, attention_mask, **options)
            found.last_hidden_state = found.last_hidden_state[:, :tokens]
            found.hidden_states = tuple(states[:, :tokens] for states in found.hidden_states)
            return found

    capture = find_capture(Padding(), IDS, ONES, 1e-6)
    assert capture.blocks is None
    assert capture.run(IDS[:, :5], ONES[:, :5], [2])[2].shape == (1, 5, 6)


@torch.inference_mode()
def test_where_the_last_state_is_projected_the_one_before_is_taken():
    class Projected(Model):
        def forward(self, *inputs, **options):
            found = super().forward(*inputs, **options)
            found.hidden_states = (*found.hidden_states[:-1], found.hidden_states[-1][..., :3])
            found.last_hidden_state = found.hidden_states[-1]
            return found

    model = Projected()
    capture = find_capture(model, IDS, ONES, 1e-6)
    assert capture.final_norm == "pre" and capture.blocks == list(model.body.stack)
    found = capture.run(IDS, ONES, [1, 3])
    assert torch.equal(found[1], all_hidden_states(model, IDS, ONES)[1])
    assert torch.equal(found[3][..., :3], all_hidden_states(model, IDS, ONES)[3])


@torch.inference_mode()
def test_a_model_that_draws_at_random_is_refused():
    model = Model()
    model.body.stack[1].register_forward_hook(lambda *call: call[-1] + torch.randn_like(call[-1]))
    with pytest.raises(ModelError, match="other states each time"):
        find_capture(model, IDS, ONES, 1e-4)
