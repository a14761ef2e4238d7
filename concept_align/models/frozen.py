"""What every frozen model of transformers is checked for before anything is read from it.

Its tokenizer must be its own, it must run on text alone, and which blocks give which layer is proven on a
probe against the model's own hidden states (:mod:`.capture`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from ..errors import ModelError
from ..matmul import fast_matmul
from ..types import FinalNorm
from .capture import all_hidden_states, find_capture
from .edits import StateEdit, Where, check_layers, editing
from .faults import explained_memory, out_of_memory
from .pieces import PieceCutter

_PROBE_TEXT = "Three small cats sat on 27 mats; две кошки спят, 猫が好きです. Why not?"
_PROBE_PIECES = 12
_SHORTEST = 4  # tokens that the probes need
_UNLIMITED = 1_000_000
# What configurations call the tokens that a model reads at once.
_LIMITS = ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length", "max_seq_len",
           "max_encoder_position_embeddings", "n_ctx")  # fmt: skip
# Windows are tried up to here with one block, and up to there with what comes before the blocks.
_TRIED, _EMBEDDED = 2049, 8192


class FrozenModel:
    """A model of transformers in evaluation mode, and its fast tokenizer.

    ``module`` is the whole model and ``base`` the part of it that gives hidden states (the same where there
    is no head). ``config`` is the part of its configuration that is about text. ``notes`` says what was
    unusual.
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        module: nn.Module,
        tokenizer: Any,
        *,
        name: str,
        revision: str,
        base: nn.Module | None = None,
        architecture: str | None = None,
        fast: bool = True,
    ) -> None:
        self.name, self.revision = name, revision
        self.architecture = architecture or type(module).__name__
        self.module, self.tokenizer = module.eval(), tokenizer
        self.base = module if base is None else base
        self.device = input_device(module)
        self.dtype: torch.dtype = next(module.parameters()).dtype
        self.tolerance = 1e-4 if self.dtype == torch.float32 else 5e-2  # of states that should be equal
        self.fast = fast and self.device.type == "cpu" and self.dtype == torch.float32
        self.cutter = PieceCutter(tokenizer, name)
        config: Any = module.config
        config = config if self.base is module else config.get_text_config()
        self.pad = pad_id(config, tokenizer)
        self.max_pieces = window(config, tokenizer, self.base)
        self._embeddings = embeddings(module)
        self._refuse_misfits()
        with explained_memory(name), self.running():
            self._probe()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inference, with the fastest exact matrix products."""
        with torch.inference_mode(), fast_matmul() if self.fast else nullcontext():
            yield

    @contextmanager
    def intervened(self, edits: Mapping[int, StateEdit], at: Where | None = None) -> Iterator[None]:
        """Inside, whatever runs the model has its states changed by ``edits``, by layer.

        ``at`` [rows, length] says which tokens' states, where every forward pass reads as many of them;
        without it all are changed, as for the generation of text. Afterwards, and after an exception, the
        model is as it was. ModelError where its blocks are not known; UsageError for a layer that it does not
        have, or whose states nothing in it reads.

        >>> from concept_align.models.edits import Shift
        >>> from concept_align.models.load import load_model
        >>> model = load_model("mini-decoder")
        >>> shift = Shift(torch.ones(model.dim), 0.5)
        >>> with model.running():
        ...     before = model.module(input_ids=model.probe_ids)[0]
        ...     with model.intervened({2: shift}):
        ...         within = model.module(input_ids=model.probe_ids)[0]
        ...     after = model.module(input_ids=model.probe_ids)[0]
        >>> torch.equal(before, within), torch.equal(before, after)
        (False, True)
        """
        check_layers(self._capture, edits, self.name)
        with editing(self._capture, edits, at):
            yield

    def _refuse_misfits(self) -> None:
        """transformers makes an empty tokenizer where the files of one are missing, and says nothing."""
        if not self._embeddings:
            what = f"{self.architecture} does not read text"
            raise ModelError(what, where=self.name, remedy="use a text model")
        if self.cutter.vocabulary < self._embeddings // 10:
            raise ModelError(
                f"its tokenizer knows {self.cutter.vocabulary} tokens, the model {self._embeddings}",
                where=self.name,
                remedy="the tokenizer's files (tokenizer.json) are missing or another's: fetch them again",
            )

    def _refuse_unknown_tokens(self, largest: int) -> None:
        if largest >= self._embeddings:
            what = f"the tokenizer gives token {largest}, the model has {self._embeddings}"
            remedy = "the tokenizer belongs to another model: fetch both again"
            raise ModelError(what, where=self.name, remedy=remedy)

    def _probe(self) -> None:
        """Find out layers and width, on ``probe_ids`` [1, tokens]."""
        row = self.cutter.ids(_PROBE_TEXT)[: min(_PROBE_PIECES, self.max_pieces)]
        if len(row) < _SHORTEST:
            what, remedy = f"its tokenizer makes {len(row)} tokens of a sentence", "fetch its tokenizer again"
            if self.max_pieces < _SHORTEST:
                what = f"its context length of {self.max_pieces} tokens is too short to read sentences"
                remedy = "mend its configuration, or use another model"
            raise ModelError(what, where=self.name, remedy=remedy)
        self._refuse_unknown_tokens(max(row))
        self.probe_ids = torch.tensor([row], device=self.device)
        ones = torch.ones_like(self.probe_ids)
        try:
            states = all_hidden_states(self.base, self.probe_ids, ones)
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            what = f"{self.architecture} does not run on text alone ({error})"[:300]
            raise ModelError(what, where=self.name, remedy="use a text encoder or decoder") from error
        self._capture = find_capture(self.base, self.probe_ids, ones, self.tolerance)
        self.layers = self._capture.layers
        self.final_norm: FinalNorm = self._capture.final_norm
        self.dim = int(states[0].shape[-1])
        widths = {int(layer.shape[-1]) for layer in states[:-1]}
        last = int(states[-1].shape[-1])
        if last != self.dim and self._capture.blocks is not None and self.final_norm == "pre":
            what = f"its last states are projected to {last} numbers, layer {self.layers} is before that"
            self.notes += (f"{self.architecture}: {what}",)
        elif widths != {self.dim} or last != self.dim:
            raise ModelError("its layers differ in width", where=self.name, remedy="use another model")
        self._probed(states)
        self._prove_window()

    def _prove_window(self) -> None:
        """Lower ``max_pieces`` to what the model reads, where it reads fewer tokens than it says."""
        if self.device.type != "cpu":
            return  # where a place is out of a table, a GPU cannot be used again
        known = self._capture.blocks is not None
        unsure = self.max_pieces < _TRIED or self.max_pieces == _UNLIMITED
        if unsure:
            length = min(self.max_pieces, _TRIED)
        elif known:
            length = min(self.max_pieces, _EMBEDDED)
        else:
            return
        row = self.probe_ids.repeat(1, length // self.probe_ids.shape[1] + 1)

        def reads(tokens: int) -> bool:
            ids = row[:, :tokens]
            try:
                self._capture.run(ids, torch.ones_like(ids), [min(1, self.layers) if unsure else 0])
            except Exception as error:
                return out_of_memory(error)  # it says nothing of the window
            return True

        if reads(length):
            return
        low, high = self.probe_ids.shape[1], length  # the first is read, the second not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if reads(middle) else (low, middle)
        self.notes += (f"{self.architecture}: reads {low} tokens at once, not {self.max_pieces}",)
        self.max_pieces = low

    def _probed(self, states: tuple[torch.Tensor, ...]) -> None:
        """What a kind of model is checked for beyond that, with the probe's ``states`` [1, tokens, dim]."""


# --- what a model or its configuration says of itself, under the names each of them uses ---


def input_device(module: nn.Module) -> torch.device:
    """Where ids go in; weights that accelerate keeps elsewhere are run on its first device."""
    weight = next(module.parameters())
    if weight.device.type != "meta":
        return weight.device
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def embeddings(module: nn.Module) -> int:
    """How many tokens the model has embeddings for; 0 where it embeds something else."""
    layer: Any = module.get_input_embeddings()  # type: ignore[operator]
    weight = getattr(layer, "weight", None)
    return int(weight.shape[0]) if isinstance(weight, torch.Tensor) and weight.ndim == 2 else 0


def pad_id(config: Any, tokenizer: Any) -> int:
    """The model's own padding id (XLM-R counts positions by it), else any: the mask hides it."""
    for number in (getattr(config, "pad_token_id", None), tokenizer.pad_token_id):
        if isinstance(number, int) and 0 <= number < getattr(config, "vocab_size", number + 1):
            return number
    return 0


def window(config: Any, tokenizer: Any, module: nn.Module) -> int:
    """How many tokens the model says it reads at once; a million where positions are unbounded."""
    said = [getattr(config, name, None) for name in _LIMITS]
    said.append(getattr(tokenizer, "model_max_length", None))
    limits = [limit for limit in said if isinstance(limit, int) and limit > 0]
    # Where a table of positions has a place for padding, positions begin after it, as RoBERTa's.
    for name, part in module.named_modules():
        table = isinstance(part, nn.Embedding) and "position" in name.rpartition(".")[2]
        if table and part.padding_idx is not None:
            limits.append(part.num_embeddings - part.padding_idx - 1)
    return min([_UNLIMITED, *limits])
