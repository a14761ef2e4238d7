"""A causal language model with its head: states, log-probabilities.

States are numbered as everywhere: layer 0 is what enters the first block, layer n what block n puts out, the
last layer what the model itself returns.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from ..errors import ModelError, UsageError
from ..models.capture import all_hidden_states, close, find_capture, first_tensor
from ..models.faults import explained_memory
from ..models.matmul import fast_matmul
from ..models.pieces import PieceCutter
from ..models.shape import embeddings, input_device, pad_id, window

_PROBE_TEXT = "Three small cats sat on 27 mats; two dogs and a bird slept."
_PROBE_PIECES = 12
READ = 256  # distributions over the vocabulary held at once


class CausalModel:
    """A frozen causal language model and its fast tokenizer.

    ``module`` is the model with its head, ``base`` the part without. Blocks and head are proven on a
    probe: the head of the base model's states must give what the whole model gives.
    """

    def __init__(
        self, module: nn.Module, tokenizer: Any, *, name: str, revision: str, fast: bool = True
    ) -> None:
        self.name, self.revision = name, revision
        self.module, self.tokenizer = module.eval().requires_grad_(False), tokenizer
        self.base: nn.Module = module.base_model  # type: ignore[assignment]
        self.device = input_device(module)
        self.dtype: torch.dtype = next(module.parameters()).dtype
        self._fast = fast and self.device.type == "cpu" and self.dtype == torch.float32
        self.cutter = PieceCutter(tokenizer, name)
        config: Any = module.config
        self.pad = pad_id(config.get_text_config(), tokenizer)
        self.window = window(config.get_text_config(), tokenizer)
        self._refuse_misfits()
        with explained_memory(name), self.running():
            self._probe()

    def _refuse_misfits(self) -> None:
        if self.base is self.module or self.module.get_output_embeddings() is None:  # type: ignore[operator]
            raise headless(self.name, f"{type(self.module).__name__} has none")
        known = embeddings(self.module)
        if self.cutter.vocabulary < known // 10:
            raise ModelError(
                f"its tokenizer knows {self.cutter.vocabulary} pieces, the model {known}",
                where=self.name,
                remedy="the tokenizer's files (tokenizer.json) are missing or another's: fetch them again",
            )

    def _probe(self) -> None:
        tolerance = 1e-4 if self.dtype == torch.float32 else 5e-2
        row = self.cutter.ids(_PROBE_TEXT)[:_PROBE_PIECES]
        if max(row) >= embeddings(self.module):
            raise ModelError(
                f"the tokenizer gives piece {max(row)}, the model has {embeddings(self.module)}",
                where=self.name,
                remedy="the tokenizer belongs to another model: fetch both again",
            )
        self.probe_ids = torch.tensor([row], device=self.device)
        ones = torch.ones_like(self.probe_ids)
        self._capture = find_capture(self.base, self.probe_ids, ones, tolerance)
        states = all_hidden_states(self.base, self.probe_ids, ones)
        self.layers, self.dim = self._capture.layers, int(states[-1].shape[-1])
        final = first_tensor(self.base(input_ids=self.probe_ids, use_cache=False)[0])
        whole = self.module(input_ids=self.probe_ids, use_cache=False).logits
        if not close(self.logits(final[0]), whole[0], tolerance):
            raise ModelError(
                f"the head of {type(self.module).__name__} cannot be run apart from it",
                where=self.name,
                remedy="use another causal language model",
            )
        if not bool(torch.isfinite(whole).all()):
            raise ModelError(
                "its log-probabilities are not finite",
                where=self.name,
                remedy="float16 overflows in some models: use --dtype bfloat16 or float32",
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inference, with the fastest exact products."""
        with torch.inference_mode(), fast_matmul() if self._fast else nullcontext():
            yield

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """float32 [n, vocabulary] from last states [n, dim]: the whole model, its base model passed by.

        So whatever the model does to its logits (scales, soft caps) is done to these.
        """
        with _returning(self.base, states[None]):
            found = self.module(inputs_embeds=states[None], use_cache=False).logits
        return found[0].float()

    def log_probabilities(self, states: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """float32 [n, wanted], on the CPU: log-probabilities of pieces after last states [n, dim]."""
        wanted = wanted.to(states.device)
        parts = []
        for some in states.split(READ):
            logits = self.logits(some)
            parts.append((logits[:, wanted] - logits.logsumexp(1, keepdim=True)).cpu())
        found = torch.cat(parts) if parts else torch.zeros(0, len(wanted))
        if not bool(torch.isfinite(found).all()):
            raise ModelError(
                "log-probabilities are not finite",
                where=self.name,
                remedy="float16 overflows in some models: use --dtype bfloat16 or float32",
            )
        return found

    def check_layers(self, layers: Sequence[int]) -> None:
        """UsageError for a layer that the model does not have."""
        for layer in layers:
            if not 0 <= layer <= self.layers:
                raise UsageError(
                    f"there is no layer {layer}", where=self.name, remedy=f"layers are 0 to {self.layers}"
                )

    def states(
        self,
        layers: Sequence[int],
        rows: torch.Tensor,
        columns: torch.Tensor,
        *,
        cache: Any = None,
        **inputs: Any,
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        """The base model run on ``inputs``: last states [rows, new, dim], and states [places, dim] by layer.

        Those of ``layers`` are float32 on the CPU, of the places (``rows``, ``columns``) alone. ``cache`` is
        what transformers keeps of the pieces before; those of ``inputs`` are added to it.
        """
        kept: dict[int, torch.Tensor] = {}

        def keep(layer: int, states: torch.Tensor) -> None:
            kept[layer] = states[rows.to(states.device), columns.to(states.device)].float().cpu()

        blocks = self._capture.blocks
        inner = [layer for layer in layers if layer < self.layers or self._capture.final_norm == "pre"]
        with ExitStack() as hooks:
            if blocks is None:
                inputs |= {"output_hidden_states": True} if layers else {}
            else:
                for layer in inner:
                    hooks.callback(_hook(blocks, layer, keep).remove)
            if cache is not None:
                inputs[_cache_argument(self.base)] = cache
            output = self.base(**inputs, use_cache=cache is not None)
        final = first_tensor(output[0])
        for layer in layers:
            if layer not in kept:
                keep(layer, final if blocks is not None else output.hidden_states[layer])
        return final, {layer: kept[layer] for layer in layers}


def _cache_argument(base: nn.Module) -> str:
    """What the model calls its cache: ``past_key_values`` in transformers until it was renamed."""
    return "cache" if "cache" in inspect.signature(base.forward).parameters else "past_key_values"


def _hook(blocks: Sequence[nn.Module], layer: int, keep: Any) -> Any:
    if layer == 0:

        def entering(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            keep(0, first_tensor(args[0] if args else kwargs["hidden_states"]))

        return blocks[0].register_forward_pre_hook(entering, with_kwargs=True)

    def leaving(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        keep(layer, first_tensor(output))

    return blocks[layer - 1].register_forward_hook(leaving)


def headless(name: str, detail: str) -> ModelError:
    return ModelError(
        f"prompting needs a causal language model with its head: {detail}",
        where=name,
        remedy="use a decoder saved with its language-model head, for instance mini-decoder",
    )


@contextmanager
def _returning(base: nn.Module, states: torch.Tensor) -> Iterator[None]:
    """Inside, ``base`` returns ``states`` without being run."""
    base.forward = lambda *args, **kwargs: BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=states)
    try:
        yield
    finally:
        del base.forward  # the class's own again
