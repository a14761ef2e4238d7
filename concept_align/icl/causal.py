"""A causal language model with its head: states, log-probabilities.

States are numbered as everywhere: layer 0 is what enters the first block, layer n what block n puts out, the
last layer what the model itself returns.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from jaxtyping import Float, Float32, Int64
from torch import nn
from transformers.models.auto import modeling_auto

from .. import ragged
from ..errors import ModelError
from ..layers import resolve_layers
from ..models.capture import close, first_tensor
from ..models.faults import explained
from ..models.heads import BLOCK, READ, HeadedModel
from ..models.load import complain_of, configured_kind, opened, pretrained
from ..models.origin import Origin, weights_fingerprint
from ..models.states import TransformersModel
from .base import PromptSentence


def token_nats(
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    states: Float[torch.Tensor, "n dim"],
    wanted: Int64[torch.Tensor, " n"],
) -> Float[torch.Tensor, " n"]:
    """- log p of each ``wanted`` token after its own last state; a few hundred distributions at once."""
    parts = zip(states.split(READ), wanted.to(states.device).split(READ), strict=True)
    said = [nn.functional.cross_entropy(logits_of(some), own, reduction="none") for some, own in parts]
    return torch.cat(said) if said else states.new_zeros(0)


class CausalModel(HeadedModel):
    """A frozen causal language model and its fast tokenizer.

    ``module`` is the model with its head, ``base`` the part without. Blocks and head are proven on a
    probe: the head of the base model's states must give what the whole model gives, and no state may depend
    on later tokens.
    """

    calling: ClassVar[dict[str, Any]] = {"use_cache": False}

    def __init__(
        self, module: nn.Module, tokenizer: Any, *, name: str, revision: str, fast: bool = True
    ) -> None:
        base: nn.Module = module.base_model  # type: ignore[assignment]
        if base is module:  # not called by the name that the class says
            base = getattr(module, "model", module)
        if base is module or module.get_output_embeddings() is None:  # type: ignore[operator]
            raise headless(name, f"{type(module).__name__} has none")
        super().__init__(module, tokenizer, base=base, name=name, revision=revision, fast=fast)

    def _probed(self, states: tuple[torch.Tensor, ...]) -> None:
        final, whole = self._find_head()
        before = first_tensor(self.base(input_ids=self.probe_ids[:, :-3], use_cache=False)[0])
        if not close(before, final[:, :-3], 2 * self.tolerance):
            remedy = "use a decoder, for instance mini-decoder"
            raise ModelError("its tokens see those after them", where=self.name, remedy=remedy)
        self._refuse_overflow(whole)
        on_cpu = self.device.type == "cpu"  # parts of logits stay near the processor there
        self._linear_head = self._find_linear_head(final) if on_cpu else None

    def log_probabilities(
        self, states: Float[torch.Tensor, "n dim"], wanted: Int64[torch.Tensor, " wanted"]
    ) -> Float32[torch.Tensor, "n wanted"]:
        """On the CPU: log-probabilities of the ``wanted`` tokens after last states."""
        wanted = wanted.to(states.device)
        parts = []
        for some in states.split(READ):
            if self._linear_head is not None:
                parts.append(_said(self._linear_head, some, wanted))
                continue
            logits = self.logits(some)
            parts.append((logits[:, wanted] - logits.logsumexp(1, keepdim=True)).cpu())
        found = torch.cat(parts) if parts else torch.zeros(0, len(wanted))
        self._refuse_overflow(found)
        return found

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
        what transformers keeps of the tokens before; those of ``inputs`` are added to it.
        """
        kept: dict[int, torch.Tensor] = {}

        def keep(layer: int, states: torch.Tensor) -> None:
            kept[layer] = states[rows.to(states.device), columns.to(states.device)].float().cpu()

        known = self._capture.blocks is not None
        if not known and layers:
            inputs["output_hidden_states"] = True
        if cache is not None:  # ``past_key_values`` in transformers until it was renamed
            named = inspect.signature(self.base.forward).parameters
            inputs["cache" if "cache" in named else "past_key_values"] = cache
        with self._capture.taking(layers, keep):
            output = self.base(**inputs, use_cache=cache is not None)
        final = first_tensor(output[0])
        for layer in layers:
            if layer not in kept:
                keep(layer, final if known else output.hidden_states[layer])
        return final, {layer: kept[layer] for layer in layers}


def _said(head: nn.Linear, states: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """log p of the ``wanted`` tokens; logits of the others are summed part by part, and never all held."""
    none = [None] * -(-len(head.weight) // BLOCK)
    blocks = zip(head.weight.split(BLOCK), none if head.bias is None else head.bias.split(BLOCK), strict=True)
    parts = [_precise(nn.functional.linear(states, *block)).logsumexp(1) for block in blocks]
    bias = None if head.bias is None else head.bias[wanted]
    logits = _precise(nn.functional.linear(states, head.weight[wanted], bias))
    return logits - torch.stack(parts).logsumexp(0)[:, None]


def _precise(logits: torch.Tensor) -> torch.Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def headless(name: str, detail: str) -> ModelError:
    return ModelError(
        f"prompting needs a causal language model with its head: {detail}",
        where=name,
        remedy="use a decoder saved with its language-model head, for instance mini-decoder",
    )


def load_causal(
    name: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    offline: bool = False,
) -> CausalModel:
    """The causal language model called ``name``, with its head.

    Options are those of :func:`concept_align.load_model`. Raises ModelError for an encoder, and where the
    head is not stored (unless it is tied to the embeddings).
    """

    def read(origin: Origin, config: Any, kind: torch.dtype) -> nn.Module:
        known = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        if configured_kind(config) != "decoder" or config.model_type not in known:
            raise headless(name, f"a {config.model_type} is not a causal language model")
        module, missing = pretrained(transformers.AutoModelForCausalLM, origin, config, kind, None)
        if missing and all("head" in key or "embed_out" in key for key in missing):
            raise headless(origin.path, f"{missing[0]} is not stored")
        complain_of(missing, origin)
        return module

    def probed(module: nn.Module, tokenizer: Any, origin: Origin) -> CausalModel:
        module.config.use_cache = False  # type: ignore[union-attr]
        return CausalModel(module, tokenizer, name=name, revision=origin.revision)

    return opened(name, read, probed, revision, dtype, device, None, offline)


def in_memory(module: nn.Module, tokenizer: Any) -> CausalModel:
    """A loaded model of transformers with its head, and its fast tokenizer; its revision hashes weights."""
    config: Any = module.config
    name = str(getattr(config, "_name_or_path", "") or type(module).__name__)
    with explained(name):
        return CausalModel(module, tokenizer, name=name, revision=weights_fingerprint(module))


def plain_reader(model: CausalModel) -> TransformersModel:
    """``model`` without its head, as a reader of plain sentences."""
    about: dict[str, Any] = {"name": model.name, "revision": model.revision, "fast": model.fast}
    return TransformersModel(model.base, model.tokenizer, **about)


def word_states(
    model: CausalModel, layer: int
) -> Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words dim"]]:
    """What reads the words of sentences, without a prompt, at ``layer`` (from the end where negative).

    Words stand with spaces between them, as in prompts. ModelError for a sentence that cannot be read.
    """
    (layer,) = resolve_layers(layer, model.layers)
    reader = cache(lambda: plain_reader(model))

    def read(sentences: Sequence[PromptSentence]) -> Float32[torch.Tensor, "words dim"]:
        spans = []
        for sentence in sentences:
            begins = ragged.offsets_of([len(word) + 1 for word in sentence.words])
            spans.append(np.stack([begins[:-1], begins[1:] - 1], axis=1).astype(np.int32))
        pieces = []
        for found in reader().pieces_many([" ".join(sentence.words) for sentence in sentences], spans):
            if isinstance(found, ModelError):
                raise found
            pieces.append(found)
        windows = reader().word_states(pieces, [layer], pooling="mean")
        return torch.cat([window.words[layer] for window in windows])

    return read
