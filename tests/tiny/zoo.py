"""Tiny random models of many architectures, whatever their configurations call their sizes."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import transformers
from tiny_models import BLOCKS, DIM, TOKENIZERS, VOCABULARY
from torch import nn

from concept_align.icl.causal import CausalModel
from concept_align.models.states import TransformersModel

_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": DIM,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
_GROUPED = _SHAPE | {"num_key_value_heads": 2, "head_dim": 8}
_BOTH: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": DIM,
    "encoder_layers": BLOCKS,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "pad_token_id": 1,
}
_VISION = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
_OPT = {key: value for key, value in _SHAPE.items() if key != "intermediate_size"} | {"ffn_dim": 48}

# Those that differ most: what they lack, pad, project, count or forget.
CONFIGS: dict[str, Callable[[], Any]] = {
    "openai-gpt": lambda: transformers.OpenAIGPTConfig(
        vocab_size=VOCABULARY, n_embd=DIM, n_layer=BLOCKS, n_head=4
    ),
    "mamba": lambda: transformers.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=DIM, num_hidden_layers=BLOCKS, state_size=8
    ),
    "lfm2": lambda: transformers.Lfm2Config(
        **_SHAPE, num_key_value_heads=2, layer_types=["conv", "full_attention"] * 2
    ),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=DIM, n_layer=BLOCKS, n_head=4
    ),
    "qwen3-moe": lambda: transformers.Qwen3MoeConfig(
        **_GROUPED, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16
    ),
    "gemma3-vision": lambda: transformers.Gemma3Config(
        text_config=_GROUPED | {"sliding_window": 8},
        vision_config=_VISION | {"image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
    ),
    "opt-350m": lambda: transformers.OPTConfig(**_OPT, word_embed_proj_dim=16, do_layer_norm_before=False),
    "mpt": lambda: transformers.MptConfig(
        vocab_size=VOCABULARY, d_model=DIM, n_heads=4, n_layers=BLOCKS, max_seq_len=40
    ),
    "luke": lambda: transformers.LukeConfig(
        **_SHAPE, pad_token_id=1, max_position_embeddings=42, entity_vocab_size=10, entity_emb_size=8
    ),
    "led": lambda: transformers.LEDConfig(**_BOTH, max_encoder_position_embeddings=40, attention_window=8),
    "bart": lambda: transformers.BartConfig(**_BOTH, max_position_embeddings=40),
    "xlnet": lambda: transformers.XLNetConfig(
        vocab_size=VOCABULARY, d_model=DIM, n_layer=BLOCKS, n_head=4, d_inner=48
    ),
    "deberta-v2": lambda: transformers.DebertaV2Config(
        **_SHAPE, relative_attention=True, pos_att_type=["c2p", "p2c"], max_position_embeddings=40
    ),
    "t5gemma": lambda: transformers.T5GemmaConfig(
        encoder=_GROUPED | {"sliding_window": 8},
        decoder=_GROUPED | {"sliding_window": 8, "cross_attention_hidden_size": DIM},
        vocab_size=VOCABULARY,
    ),
    "reformer": lambda: transformers.ReformerConfig(
        vocab_size=VOCABULARY,
        hidden_size=DIM,
        attn_layers=["local", "local"],
        num_attention_heads=4,
        attention_head_size=8,
        feed_forward_size=48,
        axial_pos_embds=False,
        max_position_embeddings=256,
        local_attn_chunk_length=8,
        is_decoder=False,
    ),
    "gemma3n": lambda: transformers.Gemma3nTextConfig(
        **_GROUPED | {"num_hidden_layers": 6},
        vocab_size_per_layer_input=VOCABULARY,
        hidden_size_per_layer_input=8,
        laurel_rank=4,
        num_kv_shared_layers=2,
        layer_types=["sliding_attention", "full_attention"] * 3,
        activation_sparsity_pattern=[0.0] * 6,
    ),
}


def drawn(config: Any, *, head: bool = False) -> nn.Module:
    """A random model of ``config``, with its language-model head where ``head``; norms and biases too."""
    maker = transformers.AutoModelForCausalLM if head else transformers.AutoModel
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module = maker.from_config(config)
        for name, weight in module.named_parameters():
            if not weight.dtype.is_floating_point:
                continue
            if weight.ndim == 1 and not name.endswith(("A_log", "dt_bias", ".D")):
                weight.add_(0.3 * torch.randn_like(weight))
            elif weight.ndim > 1 and weight.std() < 0.1:  # the usual 0.02 leaves small models all but linear
                weight.mul_(5)
    return module.eval()


def module_of(name: str) -> nn.Module:
    """The base model, of an encoder-decoder the encoder."""
    module = drawn(CONFIGS[name]())
    return module.get_encoder() if module.config.is_encoder_decoder else module


def model_of(name: str) -> TransformersModel:
    return TransformersModel(module_of(name), TOKENIZERS["unigram"](), name=name, revision="random")


@cache
def causal(name: str) -> CausalModel:
    module = drawn(CONFIGS[name](), head=True)
    return CausalModel(module, TOKENIZERS["byte_fallback"](), name=name, revision="random")
