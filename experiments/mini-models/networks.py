"""The two architectures, and the heads and losses they are trained with.

Encoder: ModernBERT (Warner et al. 2024). Decoder: Qwen3. Both have sliding-window attention of a few pieces
in three of four layers: with little text the neighbours must be found at once, and a window finds them
without learning to. Heads that predict word classes (``classes.py``) are dropped after training.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from batches import Batch, Corruption, corrupt
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizer import BOS, EOS, PAD
from torch import nn
from transformers import (
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

KINDS = ("encoder", "decoder")
WIDTH = 256
EMBEDDING_SCALE = {"encoder": 0.02, "decoder": 0.1}
PARTS = ("classes", "seen")
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

    words: float = 0.25  # the word itself: a softmax over all pieces, at ``sampled`` positions
    classes: float = 1.0  # the classes of hidden words (encoder) or of the next word (decoder)
    seen: float = 1.0  # the classes of the words that are there to see
    shared: float = 0.5  # of the shared inventory, relative to a language's own
    replaced: float = 3.0  # encoder: was this piece replaced (Clark et al. 2020)
    sampled: int = 192  # positions of a batch at which words are predicted
    classed: int = 700  # and classes, by each head


class ByLanguage(nn.Module):
    """Logits over the classes of a word's own language."""

    def __init__(self, languages: int, width: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(languages, width, classes) * width**-0.5)

    def forward(self, states: torch.Tensor, language: torch.Tensor) -> torch.Tensor:
        """[n, classes] of ``states`` [n, width], which are sorted by ``language`` [n]."""
        spoken, sizes = language.unique_consecutive(return_counts=True)
        runs = states.split(sizes.tolist())
        return torch.cat([run @ self.weight[code] for code, run in zip(spoken.tolist(), runs, strict=True)])


class Trainee(nn.Module):
    """A model with the heads it is trained with."""

    def __init__(self, kind: str, model: PreTrainedModel, counts: dict[str, Any], weights: Weights) -> None:
        super().__init__()
        self.kind, self.model, self.weights = kind, model, weights
        width, languages = model.config.hidden_size, len(counts["languages"])
        self.own = nn.ModuleDict({part: ByLanguage(languages, width, counts["own"]) for part in PARTS})
        self.shared = nn.ModuleDict({part: nn.Linear(width, counts["shared"]) for part in PARTS})
        self.replaced = nn.Linear(width, 1)

    def _put(self, values: NDArray) -> torch.Tensor:
        return torch.from_numpy(values).to(self.replaced.weight.device)

    def start(self, vectors: torch.Tensor) -> None:
        """Start the piece embeddings at ``vectors`` [pieces, width], which are of variance 1.

        The encoder normalises them; in the decoder they must not drown in what the first block adds.
        """
        with torch.no_grad():
            self.model.get_input_embeddings().weight.copy_(vectors * EMBEDDING_SCALE[self.kind])

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
        parts |= self._classes(batch, states, {"classes": hidden, "seen": ~hidden}, generator)
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
        own, shared, language = self._put(batch.own), self._put(batch.shared), self._put(batch.language)
        for part in PARTS:
            # The decoder's ``seen`` is the word just read, its ``classes`` those of the next piece's word.
            of = slice(None) if self.kind == "encoder" else slice(1, None) if part == "classes" else slice(-1)
            known = own[:, of] >= 0
            at = _some(known & where[part] if part in where else known, self.weights.classed, generator)
            spoken, order = language[:, of][at].sort()
            found = states[at][order]
            weight = getattr(self.weights, part)
            for name, logits, label in (
                ("own", self.own[part](found, spoken), own),
                ("shared", self.shared[part](found), shared),
            ):
                loss = F.cross_entropy(logits.float(), label[:, of][at][order])
                parts[f"{part}-{name}"] = weight * (1.0 if name == "own" else self.weights.shared) * loss
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
