"""The two architectures, and the heads and losses they are trained with.

Encoder: ModernBERT (Warner et al. 2024). Decoder: Qwen3. Both have sliding-window attention of a few pieces
in three of four layers: with little text the neighbours must be found at once, and a window finds them
without learning to. Heads that predict word classes (``classes.py``) are dropped after training.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from batches import Batch, Corruption, corrupt
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizer import BOS, EOS, PAD
from torch import nn
from transformers import ModernBertConfig, ModernBertForMaskedLM, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

KINDS = ("encoder", "decoder")
WIDTH = 256
# What each kind's heads predict: which part of the loss, and of which word the class.
HEADS = {
    "encoder": (
        ("classes", "own"), ("classes", "shared"), ("seen", "own"), ("seen", "shared"), ("near", "left"), ("near", "right"),
    ),
    "decoder": (("classes", "own"), ("classes", "shared"), ("seen", "own"), ("seen", "shared"), ("near", "left")),
}
LAYERS = ("sliding_attention", "sliding_attention", "full_attention", "sliding_attention")


def network(kind: str, pieces: int) -> PreTrainedModel:
    """An untrained model of ``kind``."""
    if kind == "encoder":
        return ModernBertForMaskedLM(
            ModernBertConfig(
                vocab_size=pieces,
                hidden_size=WIDTH,
                intermediate_size=384,
                num_hidden_layers=len(LAYERS),
                num_attention_heads=4,
                layer_types=list(LAYERS),
                local_attention=6,  # three pieces to either side
                max_position_embeddings=512,
                pad_token_id=PAD,
                bos_token_id=BOS,
                eos_token_id=EOS,
                cls_token_id=BOS,
                sep_token_id=EOS,
                tie_word_embeddings=True,
            )
        )
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=pieces,
            hidden_size=WIDTH,
            intermediate_size=512,
            num_hidden_layers=len(LAYERS),
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=64,
            layer_types=list(LAYERS),
            use_sliding_window=True,
            sliding_window=5,  # four pieces back
            max_position_embeddings=512,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
            tie_word_embeddings=True,
            use_cache=False,
        )
    )


@dataclass(frozen=True)
class Weights:
    """Of the losses."""

    words: float = 0.5  # the word itself: a softmax over all pieces, at ``sampled`` positions
    classes: float = 1.0  # the classes of hidden words (encoder) or of the next word (decoder)
    seen: float = 0.5  # the classes of the words that are there to see
    near: float = 0.5  # the classes of the words to the left and (encoder) to the right
    replaced: float = 3.0  # encoder: was this piece replaced (Clark et al. 2020)
    sampled: int = 256  # positions of a batch at which words are predicted
    classed: int = 700  # and classes, by each head


class Trainee(nn.Module):
    """A model with the heads it is trained with."""

    def __init__(self, kind: str, model: PreTrainedModel, own: int, shared: int, weights: Weights) -> None:
        super().__init__()
        self.kind, self.model, self.weights = kind, model, weights
        width = model.config.hidden_size
        sizes = {"own": own, "shared": shared, "left": own, "right": own}
        heads = {f"{part}-{name}": nn.Linear(width, sizes[name]) for part, name in HEADS[kind]}
        self.heads = nn.ModuleDict(heads)
        self.replaced = nn.Linear(width, 1)

    def _put(self, values: NDArray) -> torch.Tensor:
        return torch.from_numpy(values).to(self.replaced.weight.device)

    def start(self, vectors: torch.Tensor) -> None:
        """Start the piece embeddings at ``vectors`` [pieces, width], scaled to what the model starts with."""
        with torch.no_grad():
            embeddings = self.model.get_input_embeddings().weight
            embeddings.copy_(vectors * embeddings.std())

    def forward(self, batch: Batch, generator: Generator) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch and its parts."""
        return self._encoder(batch, generator) if self.kind == "encoder" else self._decoder(batch, generator)

    def _encoder(self, batch: Batch, generator: Generator) -> tuple[torch.Tensor, dict[str, float]]:
        given, fates = corrupt(batch, Corruption(), generator)
        fate, pieces = self._put(fates), self._put(batch.pieces)
        states = self.model.model(input_ids=self._put(given)).last_hidden_state
        inside = self._put(batch.word >= 0)
        hidden = fate > 0
        parts = {}
        at = _some(hidden, self.weights.sampled, generator)
        logits = self.model.decoder(self.model.head(states[at])).float()
        parts["words"] = self.weights.words * F.cross_entropy(logits, pieces[at])
        visible = inside & (fate != 1)
        guess = self.replaced(states[visible]).float().squeeze(1)
        truth = (fate[visible] == 2).float()
        parts["replaced"] = self.weights.replaced * F.binary_cross_entropy_with_logits(guess, truth)
        parts |= self._classes(batch, states, {"classes": hidden, "seen": ~hidden, "near": inside}, generator)
        return _sum(parts)

    def _decoder(self, batch: Batch, generator: Generator) -> tuple[torch.Tensor, dict[str, float]]:
        pieces = self._put(batch.pieces)
        states = self.model.model(input_ids=pieces[:, :-1]).last_hidden_state
        inside = self._put(batch.word[:, 1:] >= 0) | (pieces[:, 1:] == EOS)
        at = _some(inside, self.weights.sampled, generator)
        parts = {}
        logits = self.model.lm_head(states[at]).float()
        parts["words"] = self.weights.words * F.cross_entropy(logits, pieces[:, 1:][at])
        parts |= self._classes(batch, states, {}, generator)
        return _sum(parts)

    def _classes(
        self, batch: Batch, states: torch.Tensor, where: dict[str, torch.Tensor], generator: Generator
    ) -> dict[str, torch.Tensor]:
        """The losses of the class heads. The decoder's ``classes`` are those of the next piece's word."""
        parts = {}
        for part, name in HEADS[self.kind]:
            label = self._put(getattr(batch, name))
            if self.kind == "decoder":
                label = label[:, 1:] if part == "classes" else label[:, :-1]
            known = label >= 0 if self.kind == "decoder" else (label >= 0) & where[part]
            at = _some(known, self.weights.classed, generator)
            loss = F.cross_entropy(self.heads[f"{part}-{name}"](states[at]).float(), label[at])
            parts[f"{part}-{name}"] = 0.5 * getattr(self.weights, part) * loss
        return parts


def _some(mask: torch.Tensor, most: int, generator: Generator) -> torch.Tensor:
    """``mask`` with at most ``most`` of its places, drawn at random."""
    places = mask.flatten().nonzero().squeeze(1)
    chosen = torch.from_numpy(generator.permutation(len(places))[:most]).to(mask.device)
    kept = torch.zeros(mask.numel(), dtype=torch.bool, device=mask.device)
    kept[places[chosen]] = True
    return kept.view_as(mask)


def _sum(parts: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    total = torch.stack(list(parts.values())).sum()
    return total, {name: float(part.detach()) for name, part in parts.items()}
