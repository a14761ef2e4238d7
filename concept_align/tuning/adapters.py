"""Which weights of a model learn: low-rank adapters of its linear maps, some blocks, or all of it.

    lora         y = W x + (alpha / rank) B A x    A, B learn, W is kept (Hu et al. 2022, arXiv 2106.09685)
    blocks:1-10  the weights of those blocks
    full         the embeddings and all blocks up to the last wanted layer, or everything

Adapters are peft's, put on every linear map of blocks 1..upto, by exact names. Embeddings and head are
never adapted: where the two are tied, as in most small models, a merged model would be read back wrongly.
The model as it was stays at hand (:meth:`Learning.before`): adapters are switched off, and of what learns in
place a copy is kept.
"""

import copy
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ..errors import LearningError, ModelError, UsageError
from ..seeding import derive
from .model import TunableModel

REMEDY = "let train be lora, full, or blocks:FIRST-LAST, for instance blocks:1-10"


class Learning:
    """What learns in a model; made by :func:`learn`.

    ``how`` is as it was given, ``adapter`` peft's wrapper around the model's module, None without one.
    """

    def __init__(self, model: TunableModel, how: str, adapter: Any, seed: int, keep: bool) -> None:
        self.model, self.how, self.adapter, self._seed = model, how, adapter, seed
        named = [(name, one) for name, one in model.module.named_parameters() if one.requires_grad]
        if not named:
            raise LearningError("there is nothing that could learn", where=model.name, remedy=REMEDY)
        self._named = sorted(named, key=lambda one: one[0])
        copied = adapter is None and keep
        self._original = [one.detach().clone() for _, one in self._named] if copied else None

    def parameters(self) -> list[tuple[str, nn.Parameter]]:
        """What learns, by name, always in the same order."""
        return list(self._named)

    def state(self) -> dict[str, torch.Tensor]:
        """The tensors of what learns, by name, as they are now: not copies."""
        return {name: one.detach() for name, one in self._named}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take up what :meth:`state` gave; LearningError where names or shapes are others."""
        own = self.state()
        wrong = sorted(own.keys() ^ state.keys())
        wrong += [name for name in own if not wrong and own[name].shape != state[name].shape]
        if wrong:
            what = f"what was saved is not what learns here: {wrong[0]} and {len(wrong) - 1} others differ"
            raise LearningError(what, where=self.model.name, remedy="train with the same model and train")
        for name, tensor in own.items():
            tensor.copy_(state[name])

    @contextmanager
    def before(self) -> Iterator[None]:
        """Inside, the model computes what it did before anything was learned; without gradients.

        A backward pass does not belong inside. LearningError where no copy was kept.
        """
        with torch.no_grad():
            if self.adapter is not None:
                with self.adapter.disable_adapter():
                    yield
                return
            if self._original is None:
                what = "no copy of the weights before training was kept"
                raise LearningError(what, where=self.model.name, remedy="call learn(..., keep=True)")
            now = [one.data for _, one in self._named]
            self._put(self._original)
            try:
                yield
            finally:
                self._put(now)

    def _put(self, tensors: list[torch.Tensor]) -> None:
        for (_, one), tensor in zip(self._named, tensors, strict=True):
            one.data = tensor

    @contextmanager
    def dropping(self, step: int) -> Iterator[None]:
        """Inside, the dropout of adapters is on, drawn from the seed and ``step`` alone; outside it is off.

        A step belongs inside with its backward pass. torch's generators are left as they were.
        """
        drops = [
            part
            for name, part in self.model.module.named_modules()
            if "lora_dropout" in name and isinstance(part, nn.Dropout)
        ]
        if not drops:
            yield
            return
        with torch.random.fork_rng(devices=_devices(self.model)):
            torch.manual_seed(derive(self._seed, "tune", "dropout", step))
            for part in drops:
                part.train()
            try:
                yield
            finally:
                for part in drops:
                    part.eval()

    def merged(self) -> nn.Module:
        """The model with what was learned, as a plain module of transformers.

        Adapters are added to the maps of a copy; without any it is the model's own module.
        """
        if self.adapter is None:
            return self.model.module
        with _quiet():
            plain: nn.Module = copy.deepcopy(self.adapter).merge_and_unload()
        return plain

    def adapter_files(self) -> dict[str, bytes]:
        """The adapter as peft saves it: the contents of its files, by name; nothing without an adapter."""
        if self.adapter is None:
            return {}
        from peft import get_peft_model_state_dict
        from safetensors.torch import save

        state = get_peft_model_state_dict(self.adapter, save_embedding_layers=False)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(state.items())}
        about = self.adapter.peft_config["default"].to_dict()
        about |= {"base_model_name_or_path": self.model.name, "inference_mode": True}
        return {
            "adapter_config.json": json.dumps(about, indent=2, sort_keys=True, default=_plain).encode()
            + b"\n",
            "adapter_model.safetensors": save(tensors, {"format": "pt"}),
        }


def learn(
    model: TunableModel,
    how: str = "lora",
    *,
    upto: int | None = None,
    rank: int = 16,
    alpha: float = 32,
    dropout: float = 0.0,
    seed: int = 0,
    keep: bool = True,
) -> Learning:
    """Let some weights of ``model`` learn, and no others.

    Args:
        model: is changed in place: adapters are put into its module.
        how: ``lora``, ``full``, ``blocks:1-10`` (blocks count from 1).
        upto: the last layer that a loss reads: no adapter above block ``upto``, and of ``full`` only what
            that layer depends on. None: all.
        rank, alpha, dropout: of adapters.
        seed: of the adapters' first values, and of their dropout.
        keep: a copy of what learns, where it learns in place, for :meth:`Learning.before`.

    UsageError for another ``how``; ModelError where the blocks, or linear maps in them, are not to be found.

    Example:
        >>> from concept_align.tuning.adapters import learn
        >>> from concept_align.tuning.model import open_tunable
        >>> learning = learn(open_tunable("mini-decoder", device="cpu"), "blocks:2", upto=3)
        >>> sum(tensor.numel() for _, tensor in learning.parameters())
        656000
    """
    if not (upto is None or 0 <= upto <= model.layers):
        remedy = f"its layers are 0-{model.layers}"
        raise UsageError(f"no layer {upto} in {model.name}", option="layer", remedy=remedy)
    spelt = re.fullmatch(r"blocks:(\d+)(?:-(\d+))?", how)
    if how not in ("lora", "full") and spelt is None:
        raise UsageError(f"nothing learns by {how!r}", option="train", remedy=REMEDY)
    for one in model.module.parameters():
        one.requires_grad_(False)
    adapter = None
    if how == "lora":
        adapter = _adapted(model, _maps(model, upto), rank, alpha, dropout, seed)
    elif spelt is not None:
        first, last = int(spelt[1]), int(spelt[2] or spelt[1])
        if not 1 <= first <= last <= model.layers:
            remedy = f"its blocks are 1-{model.layers}"
            raise UsageError(f"{model.name} has no {how}", option="train", remedy=remedy)
        for block in _blocks(model)[first - 1 : last]:
            _let_learn(list(block.parameters()))
    else:
        weights = list(model.module.parameters())
        _let_learn(weights)
        if upto is not None:
            ids = model.probe_ids
            states = model.hidden(ids, torch.ones_like(ids), [upto])[upto]
            learning = [one for one in weights if one.requires_grad]
            found = torch.autograd.grad(states.float().sum(), learning, allow_unused=True)
            for one, gradient in zip(learning, found, strict=True):
                one.requires_grad_(gradient is not None)
    return Learning(model, how, adapter, seed, keep)


def _let_learn(weights: list[nn.Parameter]) -> None:
    for one in weights:
        one.requires_grad_(one.is_floating_point())


def _blocks(model: TunableModel) -> list[nn.Module]:
    if model.blocks is None:
        what = f"the blocks of {model.architecture} are not to be found"
        raise ModelError(what, where=model.name, remedy="let train be full, or use another model")
    return list(model.blocks)


def _maps(model: TunableModel, upto: int | None) -> list[str]:
    """The names of all linear maps of blocks 1..upto in the model's module."""
    inside = {id(part) for block in _blocks(model)[:upto] for part in block.modules()}
    names = [
        name
        for name, part in model.module.named_modules()
        if id(part) in inside and isinstance(part, nn.Linear | Conv1D)
    ]
    if not names:
        what = (
            f"blocks 1-{model.layers if upto is None else upto} of {model.architecture} have no linear maps"
        )
        raise ModelError(
            what, where=model.name, remedy="let train be full or blocks, or choose a layer above"
        )
    return names


def _adapted(
    model: TunableModel, names: list[str], rank: int, alpha: float, dropout: float, seed: int
) -> Any:
    """peft's wrapper around the model's module, which holds the adapters from now on."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise LearningError(
            "adapters need the package peft",
            option="train",
            remedy="pip install 'concept-align[tune]', or let train be full or blocks",
        ) from error
    if rank < 1 or not 0 <= dropout < 1:
        what = f"rank {rank} with dropout {dropout} is impossible"
        raise UsageError(what, option="rank", remedy="let rank be 1 or more, dropout from 0 to below 1")
    settings: dict[str, Any] = {"r": rank, "lora_alpha": alpha, "lora_dropout": dropout}
    turned = [isinstance(model.module.get_submodule(name), Conv1D) for name in names]
    settings["fan_in_fan_out"] = all(turned)
    with torch.random.fork_rng(devices=_devices(model)), _quiet():
        torch.manual_seed(derive(seed, "tune", "adapter"))
        adapter = get_peft_model(model.module, LoraConfig(**settings, target_modules=names))
    adapter.eval()  # its dropout too: see Learning.dropping
    held = {name.rpartition(".lora_A.")[0] for name, one in adapter.named_parameters() if one.requires_grad}
    if len({name for name in held if name}) != len(names):
        what = f"{len(held)} maps took an adapter, not {len(names)}"
        raise ModelError(what, where=model.name, remedy="let train be full or blocks")
    return adapter


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what peft says of a name that transformers is about to change, and of maps of both kinds."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out is set", UserWarning)
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        yield


def _devices(model: TunableModel) -> list[torch.device]:
    return [model.device] if model.device.type == "cuda" else []


def _plain(value: Any) -> Any:
    """What JSON has no word for: sets as sorted lists, names of kinds as text."""
    return sorted(value) if isinstance(value, set) else str(getattr(value, "value", value))
