"""A model started in the middle gives what the whole model gives, and is as it was afterwards."""

from functools import cache

import pytest
import torch
import zoo
from jaxtyping import TypeCheckError
from tiny_models import TINY

from concept_align.errors import ModelError, UsageError
from concept_align.icl.causal import load_causal
from concept_align.models.capture import Capture, find_capture
from concept_align.models.edits import Edit, Shift
from concept_align.models.load import load_model
from concept_align.models.rerun import OUTPUT, Rerun

DRAW = torch.Generator().manual_seed(5)


@cache
def mini():
    return load_model("mini-decoder", device="cpu")


def batch(model, rows=3, length=9, padded=4):
    """ids and mask [rows, length]; the last row is padded."""
    ids = torch.randint(5, 300, (rows, length), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[-1, -padded:] = 0
    ids[-1, -padded:] = model.pad
    return ids, mask


def removal(dim, rank=2, seed=0):
    basis, _ = torch.linalg.qr(torch.randn(dim, rank, generator=torch.Generator().manual_seed(seed)))
    centre = torch.randn(dim, generator=torch.Generator().manual_seed(seed + 1))
    return Edit(basis, basis.T.contiguous(), centre, torch.zeros(rank))


def by_hook(model, ids, mask, edits, keep, at=None):
    """The plain way: the whole model with its states changed."""
    with model.running(), model.intervened(edits, at):
        return model._capture.run(ids, mask, keep)


def traces(model):
    """What hangs on the model's parts; transformers puts hooks of its own there."""
    return [
        (len(part._forward_hooks), len(part._forward_pre_hooks), vars(part).get("forward"))
        for part in model.module.modules()
    ]


@pytest.mark.parametrize("name", TINY)
def test_what_lies_above_is_what_the_whole_model_gives(name, model_of):
    model = model_of(name)
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix, before = rerun.read(ids, mask, [*range(model.layers + 1), OUTPUT]), traces(model)
    at = mask.bool() & (torch.rand(mask.shape, generator=DRAW) < 0.5)
    for layer in range(model.layers):
        edits = {layer: removal(model.dim, seed=layer)}
        assert layer == 0 or rerun.starts(layer)
        for where in (None, at):
            keep = [OUTPUT, *range(layer, model.layers + 1)]
            ours = rerun.again(prefix, edits, keep, where)
            plain = by_hook(model, ids, mask, edits, keep, where)
            assert list(ours) == keep
            assert all(torch.equal(ours[one], plain[one]) for one in keep)
            assert not torch.equal(ours[OUTPUT], prefix.states[OUTPUT])
    assert traces(model) == before


@pytest.mark.parametrize("name", ["bart", "deberta-v2", "lfm2", "opt-350m", "qwen3_moe"])
def test_models_that_hand_on_more_than_states_give_it_too(name):
    model = zoo.model_of(name)
    rerun, ids = Rerun(model), model.probe_ids
    prefix = rerun.read(ids, torch.ones_like(ids), [1, 2, OUTPUT])
    edits = {1: removal(model.dim), 2: Shift(torch.ones(model.dim), 0.3)}
    edits = {layer: edit for layer, edit in edits.items() if layer < model.layers}
    ours = rerun.again(prefix, edits, [OUTPUT])[OUTPUT]
    assert torch.equal(ours, by_hook(model, ids, prefix.mask, edits, [OUTPUT])[OUTPUT])
    untouched = rerun.again(prefix, {1: lambda states, at: states}, [OUTPUT])[OUTPUT]
    assert torch.equal(untouched, prefix.states[OUTPUT])


def test_no_edit_changes_no_bit_and_what_is_below_is_as_it_was():
    model = mini()
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix = rerun.read(ids, mask, [0, 2, 3, model.layers, OUTPUT])
    for edits in ({}, {2: lambda states, at: states}):
        found = rerun.again(prefix, edits, [0, 2, 3, OUTPUT])
        assert all(torch.equal(found[layer], prefix.states[layer]) for layer in found)
    below = rerun.again(prefix, {2: removal(model.dim)}, [0, 3])
    assert torch.equal(below[0], prefix.states[0]) and not torch.equal(below[3], prefix.states[3])


def test_only_chosen_places_are_changed_where_they_are_changed():
    model = mini()
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix = rerun.read(ids, mask, [2])
    at = torch.zeros_like(mask, dtype=torch.bool)
    at[1, 4] = True
    found = rerun.again(prefix, {2: removal(model.dim)}, [2, 3], at)
    moved = (found[2] != prefix.states[2]).any(-1)
    assert torch.equal(moved, at)
    three = rerun.read(ids, mask, [3]).states[3]
    assert torch.equal(
        (found[3] != three).any(-1)[1], torch.arange(9) >= 4
    )  # later tokens see it, others not
    assert torch.equal(found[3][[0, 2]], three[[0, 2]])


def test_a_row_reads_the_same_alone_and_among_others():
    model = mini()
    rerun, (ids, mask) = Rerun(model), batch(model)
    edits = {1: removal(model.dim), 3: Shift(torch.ones(model.dim), 0.1)}
    together = rerun.again(rerun.read(ids, mask, [1]), edits, [OUTPUT])[OUTPUT]
    for row, tokens in enumerate(mask.sum(1).tolist()):
        own = ids[row : row + 1, :tokens]
        alone = rerun.again(rerun.read(own, torch.ones_like(own), [1]), edits, [OUTPUT])[OUTPUT]
        assert torch.allclose(together[row, :tokens], alone[0], atol=1e-4)


def test_blocks_below_are_not_run_nor_those_above_what_is_kept():
    model = mini()
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix = rerun.read(ids, mask, [2])
    rerun.starts(2)
    ran = []
    hooks = [
        block.mlp.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, block in enumerate(model._capture.blocks, 1)
    ]
    try:
        rerun.again(prefix, {2: removal(model.dim)}, [3])
    finally:
        for hook in hooks:
            hook.remove()
    assert ran == [3]


@torch.inference_mode()
def test_the_head_of_a_causal_model_reads_what_is_kept_last():
    model = load_causal("mini-decoder", device="cpu")
    rerun, (ids, mask) = Rerun(model), batch(model)
    edits = {2: removal(model.dim)}
    last = rerun.again(rerun.read(ids, mask, [2]), edits, [OUTPUT])[OUTPUT]
    with model.running(), model.intervened(edits):
        whole = model.module(input_ids=ids, attention_mask=mask, use_cache=False).logits
    assert torch.allclose(model.logits(last[0]), whole[0], atol=1e-4)


def test_text_is_generated_under_an_intervention_and_as_before_afterwards():
    model = load_causal("mini-decoder", device="cpu")
    ids = model.probe_ids[:, :6]

    def said():
        return model.module.generate(ids, max_new_tokens=8, do_sample=False, use_cache=True)

    before = said()
    with model.intervened({2: Shift(torch.randn(model.dim, generator=DRAW), 20.0)}):
        within = said()
    assert torch.equal(before, said()) and not torch.equal(before, within)


class Broken(Exception):
    pass


def broken(states, at=None):
    raise Broken


def test_an_exception_leaves_no_trace():
    model = mini()
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix, before = rerun.read(ids, mask, [2, OUTPUT]), traces(model)
    for edits in ({2: broken}, {2: removal(model.dim), 3: broken}, {0: broken}):
        with pytest.raises(Broken):
            rerun.again(prefix, edits, [OUTPUT])
        assert traces(model) == before
    with pytest.raises(Broken), model.intervened({2: broken}):
        raise Broken
    assert traces(model) == before
    assert torch.equal(rerun.read(ids, mask, [OUTPUT]).states[OUTPUT], prefix.states[OUTPUT])


def test_what_a_user_put_in_the_place_of_a_blocks_forward_is_there_afterwards():
    model = load_model("mini-decoder", device="cpu")
    block = model._capture.blocks[0]
    own = block.forward
    block.forward = own
    rerun, (ids, mask) = Rerun(model), batch(model)
    rerun.again(rerun.read(ids, mask, [2]), {2: removal(model.dim)}, [OUTPUT])
    assert vars(block)["forward"] is own


class Skipping(torch.nn.Module):
    """Its last block reads what the first one put out as well."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(10, 6)
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(6, 6) for _ in range(3))

    def forward(self, input_ids, attention_mask, output_hidden_states=False, return_dict=True):
        states = self.embed(input_ids)
        one = self.blocks[0](states)
        two = self.blocks[1](one)
        three = self.blocks[2](two + one)
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(three, hidden_states=(states, one, two, three))


class Bare:
    """As much of a frozen model as is asked for here."""

    def __init__(self, module):
        self.module, self.name, self.tolerance = module, "bare", 1e-6
        self.probe_ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
        self._capture = find_capture(module, self.probe_ids, torch.ones_like(self.probe_ids), 1e-6)
        self.layers = self._capture.layers

    running = torch.inference_mode


def test_a_model_that_cannot_be_started_in_the_middle_is_run_as_a_whole():
    with torch.inference_mode():
        model = Bare(Skipping())
    rerun = Rerun(model)
    assert rerun.starts(1) and not rerun.starts(2)
    ids = model.probe_ids
    prefix = rerun.read(ids, torch.ones_like(ids), [1, 2, OUTPUT])
    shift = Shift(torch.ones(6), 2.0)
    found = rerun.again(prefix, {2: shift}, [OUTPUT])[OUTPUT]
    last = model.module.blocks[2]
    assert torch.allclose(found, last(prefix.states[2] + 2 + prefix.states[1]), atol=1e-6)


def test_what_cannot_be_changed_is_refused(monkeypatch):
    model = mini()
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix = rerun.read(ids, mask, [1])
    edit = removal(model.dim)
    assert model.final_norm == "post"
    with pytest.raises(UsageError, match="after the last block"):
        rerun.again(prefix, {model.layers: edit}, [OUTPUT])
    with pytest.raises(UsageError, match="no layer 99"), model.intervened({99: edit}):
        pass
    with pytest.raises(UsageError, match="layer 2 is not among those that were read"):
        rerun.again(prefix, {2: edit}, [OUTPUT])
    with pytest.raises(UsageError, match="no layer"):
        rerun.again(prefix, {1: edit}, [])
    with pytest.raises(UsageError, match="places"):
        rerun.again(prefix, {1: edit}, [OUTPUT], torch.ones(1, 9, dtype=torch.bool))
    monkeypatch.setattr(model, "_capture", Capture(model.module, None, model.layers))
    with pytest.raises(ModelError, match="blocks were not found"):
        Rerun(model)


def test_the_last_layer_is_changed_where_nothing_norms_it(model_of):
    model = model_of("bert")
    rerun, (ids, mask) = Rerun(model), batch(model)
    prefix = rerun.read(ids, mask, [model.layers])
    edit = removal(model.dim)
    found = rerun.again(prefix, {model.layers: edit}, [model.layers, OUTPUT])
    assert torch.equal(found[OUTPUT], edit(prefix.states[model.layers]))
    assert torch.equal(found[model.layers], found[OUTPUT])


def test_edits_do_what_their_equations_say():
    states = torch.randn(2, 5, 8, generator=DRAW)
    edit = removal(8)
    gone = edit(states)
    assert torch.allclose((gone - edit.centre) @ edit.read, torch.zeros(2, 5, 2), atol=1e-5)
    assert torch.allclose(edit(gone), gone, atol=1e-5)
    target = torch.tensor([1.0, -2.0])
    moved = Edit(edit.read, edit.write, edit.centre, target)(states)
    assert torch.allclose((moved - edit.centre) @ edit.read, target.expand(2, 5, 2), atol=1e-5)
    own = (states - edit.centre) @ edit.read
    kept = Edit(edit.read, edit.write, edit.centre, own.flatten(0, 1))(gone)  # what was taken is put back
    assert torch.allclose(kept, states, atol=1e-5)
    direction = torch.arange(8.0)
    back = Shift(direction, -2.0)(Shift(direction, 2.0)(states))
    assert torch.allclose(back, states, atol=1e-5)
    half = edit(states.half())
    assert half.dtype == torch.float16 and torch.allclose(half.float(), gone, atol=1e-2)


def test_coordinates_that_do_not_fit_are_refused():
    edit = removal(8)
    with pytest.raises((UsageError, TypeCheckError)):
        Edit(edit.read, edit.read, edit.centre, torch.zeros(2))
    patch = Edit(edit.read, edit.write, edit.centre, torch.zeros(3, 2))
    with pytest.raises(UsageError, match="3 places, and 10"):
        patch(torch.zeros(2, 5, 8))
    at = torch.zeros(2, 5, dtype=torch.bool)
    at[0, :3] = True
    assert patch(torch.zeros(2, 5, 8), at).shape == (2, 5, 8)
