"""A language model whose weights may learn: states with gradients, the head on chosen places.

A :class:`FrozenModel` finds its blocks, its head and what it reads; here the same model is run so that
gradients flow. Sentences are sorted by length and read in batches of little padding, no block runs after the
last layer that is asked for, and logits are computed at chosen places alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import ModelError
from ..icl.whole import kind_of, open_whole, whole
from ..layers import resolve_layers
from ..matmul import fast_matmul
from ..models.batches import batches
from ..models.capture import first_tensor
from ..models.faults import explained
from ..models.frozen import FrozenModel
from ..models.heads import HeadedModel
from ..models.origin import weights_fingerprint
from ..models.states import reads_padding
from ..types import ModelKind

BATCH_TOKENS = 512  # rows times longest row of what is read at once on a CPU: more is no faster


class TunableModel:
    """A model and its tokenizer, to be trained: see :func:`open_tunable`.

    ``module`` is the whole model of transformers, with its head where it has one; ``blocks`` are its blocks
    in order, None where they are not to be found. Layers are numbered as everywhere: 0 is what enters the
    first block. The model stays in evaluation mode, so its own dropout is off.
    """

    def __init__(self, frozen: FrozenModel) -> None:
        self._frozen, self._capture = frozen, frozen._capture
        self.module, self.tokenizer = frozen.module, frozen.tokenizer
        self.name, self.revision, self.architecture = frozen.name, frozen.revision, frozen.architecture
        self.kind: ModelKind = kind_of(frozen)
        self.layers, self.dim, self.blocks = frozen.layers, frozen.dim, frozen._capture.blocks
        self.tokens, self.pad, self.max_tokens = frozen.cutter, frozen.pad, frozen.max_pieces
        self.device, self.dtype, self.notes = frozen.device, frozen.dtype, frozen.notes
        self.probe_ids = frozen.probe_ids  # [1, tokens] of a short text
        self.mask_token: int | None = getattr(frozen.tokenizer, "mask_token_id", None)
        self.has_head = isinstance(frozen, HeadedModel)
        with frozen.running():
            self._equal = reads_padding(frozen.base, frozen.probe_ids, frozen.pad, frozen.tolerance)
        for part in self.module.modules():  # what the probe left in inference mode has no place in a gradient
            for name, buffer in part.named_buffers(recurse=False):
                if buffer.is_inference():
                    setattr(part, name, buffer.clone())

    @contextmanager
    def running(self) -> Iterator[None]:
        """The fastest exact matrix products; a training step, its backward pass too, belongs inside.

        Attention is made of such products too: torch's own kernel for the CPU is slower on short texts.
        """
        if not self._frozen.fast:
            yield
            return
        with fast_matmul(), sdpa_kernel(SDPBackend.MATH):
            yield

    def hidden(
        self,
        ids: Int[torch.Tensor, "rows length"],
        mask: Int[torch.Tensor, "rows length"],
        layers: Sequence[int],
    ) -> dict[int, torch.Tensor]:
        """States [rows, length, dim] of each of ``layers``, with gradients; 0 where there is padding.

        Rows are padded on the right. Negative layers count from the last.
        """
        numbers = {layer: resolve_layers(layer, self.layers)[0] for layer in layers}
        wanted = tuple(numbers.values())
        found = self._read(ids, mask, lambda some, seen: self._capture.run(some, seen, wanted))
        return {layer: found[number] for layer, number in numbers.items()}

    def last(
        self, ids: Int[torch.Tensor, "rows length"], mask: Int[torch.Tensor, "rows length"]
    ) -> Float[torch.Tensor, "rows length width"]:
        """The states that the head reads, with gradients."""

        def run(some: torch.Tensor, seen: torch.Tensor) -> dict[int, torch.Tensor]:
            return {0: first_tensor(self._frozen.base(input_ids=some, attention_mask=seen)[0])}

        return self._read(ids, mask, run)[0]

    def logits(self, states: Float[torch.Tensor, "n width"]) -> Float[torch.Tensor, "n vocabulary"]:
        """Of last states; float32, or float64 where the model is. ModelError for a model without a head."""
        if not isinstance(self._frozen, HeadedModel):
            raise ModelError(
                "it has no language-model head",
                where=self.name,
                remedy="let weights be 1,0,0 (contrast alone), or use a model saved with its head",
            )
        return self._frozen.logits(states)

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, run: Any) -> dict[int, torch.Tensor]:
        """``run`` on batches of like lengths; its states of all rows, in their order."""
        if not bool(mask[:, 0].all()):
            raise ModelError("texts are padded on the left, or empty", remedy="pad them on the right")
        ids, mask = ids.to(self.device), mask.to(self.device)
        lengths = mask.sum(1).cpu().numpy()
        budget = BATCH_TOKENS if self.device.type == "cpu" else max(1, ids.numel())
        groups = batches(lengths, budget, equal_lengths=self._equal)
        parts: dict[int, list[torch.Tensor]] = {}
        for rows in groups:
            own = torch.from_numpy(rows).to(self.device)
            most = int(lengths[rows[0]])  # longest first
            for layer, states in run(ids[own, :most], mask[own, :most]).items():
                kept = states.masked_fill(mask[own, :most, None] == 0, 0)
                wider = (0, 0, 0, ids.shape[1] - most)
                parts.setdefault(layer, []).append(nn.functional.pad(kept, wider))
        order = torch.cat([torch.from_numpy(rows) for rows in groups]).argsort().to(self.device)
        return {layer: torch.cat(some)[order] for layer, some in parts.items()}


def open_tunable(
    name: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    offline: bool = False,
) -> TunableModel:
    """The model called ``name``, with its language-model head where that is stored, to be trained.

    Options are those of :func:`concept_align.load_model`; ModelError for what cannot be loaded.

    Example:
        >>> from concept_align.tuning.model import open_tunable
        >>> model = open_tunable("mini-decoder", device="cpu")
        >>> model.kind, model.layers, model.dim
        ('decoder', 4, 256)
    """

    with explained(name):
        return TunableModel(open_whole(name, revision=revision, dtype=dtype, device=device, offline=offline))


def tunable(module: nn.Module, tokenizer: Any, *, name: str | None = None) -> TunableModel:
    """A loaded model of transformers and its fast tokenizer, to be trained; its revision hashes weights."""
    known = name or str(getattr(module.config, "_name_or_path", "") or type(module).__name__)
    with explained(known):
        return TunableModel(whole(module, tokenizer, name=known, revision=weights_fingerprint(module)))
