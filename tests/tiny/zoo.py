"""Tiny random models of many architectures, whatever their configurations call their sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import transformers
from naive_scorer import NaiveScorer
from tiny_models import BLOCKS, DIM, GROUPED, SHAPE, TOKENIZERS, VOCABULARY
from tiny_prompts import demonstrations, long_labels, queries
from torch import nn
from transformers.models.auto import modeling_auto

from concept_align.errors import ConceptAlignError
from concept_align.icl.causal import CausalModel, load_causal
from concept_align.icl.config import Feedback
from concept_align.icl.scoring import CausalScorer
from concept_align.models.faults import quiet
from concept_align.models.load import load_model
from concept_align.models.protocol import Pieces
from concept_align.models.states import TransformersModel

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
_OPT = {key: value for key, value in SHAPE.items() if key != "intermediate_size"} | {"ffn_dim": 48}

# Those that differ most: what they lack, pad, project, count or forget.
CONFIGS: dict[str, Callable[[], Any]] = {
    "openai-gpt": lambda: transformers.OpenAIGPTConfig(
        vocab_size=VOCABULARY, n_embd=DIM, n_layer=BLOCKS, n_head=4
    ),
    "mamba": lambda: transformers.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=DIM, num_hidden_layers=BLOCKS, state_size=8
    ),
    "lfm2": lambda: transformers.Lfm2Config(
        **SHAPE, num_key_value_heads=2, layer_types=["conv", "full_attention"] * 2
    ),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=DIM, n_layer=BLOCKS, n_head=4
    ),
    "qwen3_moe": lambda: transformers.Qwen3MoeConfig(
        **GROUPED, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16
    ),
    "gemma3": lambda: transformers.Gemma3Config(
        text_config=GROUPED | {"sliding_window": 8},
        vision_config=_VISION | {"image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
    ),
    "opt-350m": lambda: transformers.OPTConfig(**_OPT, word_embed_proj_dim=16, do_layer_norm_before=False),
    "mpt": lambda: transformers.MptConfig(
        vocab_size=VOCABULARY, d_model=DIM, n_heads=4, n_layers=BLOCKS, max_seq_len=40
    ),
    "luke": lambda: transformers.LukeConfig(
        **SHAPE, pad_token_id=1, max_position_embeddings=42, entity_vocab_size=10, entity_emb_size=8
    ),
    "led": lambda: transformers.LEDConfig(**_BOTH, max_encoder_position_embeddings=40, attention_window=8),
    "bart": lambda: transformers.BartConfig(**_BOTH, max_position_embeddings=40),
    "xlnet": lambda: transformers.XLNetConfig(
        vocab_size=VOCABULARY, d_model=DIM, n_layer=BLOCKS, n_head=4, d_inner=48
    ),
    "deberta-v2": lambda: transformers.DebertaV2Config(
        **SHAPE, relative_attention=True, pos_att_type=["c2p", "p2c"], max_position_embeddings=40
    ),
    "esm": lambda: transformers.EsmConfig(
        **SHAPE,
        pad_token_id=1,
        mask_token_id=4,
        max_position_embeddings=400,
        position_embedding_type="rotary",
    ),
    "funnel": lambda: transformers.FunnelConfig(
        vocab_size=VOCABULARY,
        block_sizes=[2, 2],
        d_model=DIM,
        n_head=4,
        d_head=8,
        d_inner=48,
        architectures=["FunnelModel"],
    ),
    "dbrx": lambda: transformers.DbrxConfig(
        d_model=DIM,
        n_heads=4,
        n_layers=BLOCKS,
        max_seq_len=400,
        vocab_size=VOCABULARY,
        attn_config={"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8.0},
        ffn_config={"ffn_hidden_size": 48, "hidden_size": DIM, "moe_num_experts": 4, "moe_top_k": 2},
    ),
    "t5gemma": lambda: transformers.T5GemmaConfig(
        encoder=GROUPED | {"sliding_window": 8},
        decoder=GROUPED | {"sliding_window": 8, "cross_attention_hidden_size": DIM},
        vocab_size=VOCABULARY,
    ),
    "t5gemma2": lambda: transformers.T5Gemma2Config(
        encoder={
            "text_config": GROUPED | {"sliding_window": 8},
            "vision_config": _VISION | {"image_size": 28, "patch_size": 14},
            "mm_tokens_per_image": 4,
        },
        decoder=GROUPED | {"sliding_window": 8},
        vocab_size=VOCABULARY,
        image_token_index=5,
        eoi_token_index=6,
    ),
    "llama4": lambda: transformers.Llama4Config(
        text_config=sizes(transformers.Llama4TextConfig),
        vision_config=_VISION
        | {"image_size": 28, "patch_size": 14, "vision_output_dim": 16}
        | {"projector_input_dim": 16, "projector_output_dim": 16},
        image_token_index=5,
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
    "gemma3n_text": lambda: transformers.Gemma3nTextConfig(
        **GROUPED | {"num_hidden_layers": 6},
        vocab_size_per_layer_input=VOCABULARY,
        hidden_size_per_layer_input=8,
        laurel_rank=4,
        num_kv_shared_layers=2,
        layer_types=["sliding_attention", "full_attention"] * 3,
        activation_sparsity_pattern=[0.0] * 6,
    ),
}


# What configurations call their sizes; whatever else they hold stays.
_SIZES: dict[int, str] = {
    VOCABULARY: "vocab_size vocab_size_per_layer_input unpadded_vocab_size",
    DIM: "hidden_size d_model n_embd embedding_size emb_dim embedding_dim dim attention_hidden_size "
    "word_embed_proj_dim linear_proj_dim true_hidden_size pooler_hidden_size",
    2: "decoder_layers num_decoder_layers num_key_value_heads num_experts_per_tok "
    "num_experts_per_token moe_topk moe_k linear_num_key_heads swa_num_key_value_heads "
    "topk_group n_group num_expert_group n_groups mamba_n_groups "
    "index_n_heads num_kv_heads mamba_ngroups n_mamba_heads num_codebooks first_k_dense_replace "
    "num_dense_layers kv_n_heads num_mem_blocks",
    BLOCKS: "num_hidden_layers n_layer n_layers num_layers encoder_layers num_blocks num_encoder_layers "
    "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads "
    "num_experts n_routed_experts num_local_experts moe_num_experts linear_num_value_heads "
    "linear_num_heads swa_num_attention_heads qk_rope_head_dim qk_nope_head_dim mamba_n_heads "
    "rotary_dim num_ngram prompt_length num_encoder_attention_heads",
    8: "head_dim d_kv kv_lora_rank q_lora_rank v_head_dim qk_head_dim index_head_dim linear_head_dim "
    "linear_key_head_dim linear_value_head_dim swa_head_dim sliding_window sliding_window_size "
    "state_size mamba_d_state mamba_dt_rank time_step_rank hidden_size_per_layer_input "
    "attention_head_size d_head kv_channels local_attention window_size attention_window "
    "chunk_size mamba_chunk_size block_size d_rel ssm_state_size mamba_head_dim swa_v_head_dim "
    "swa_rope_head_dim compress_rates o_lora_rank dim_head max_relative_positions",
    16: "moe_intermediate_size shared_expert_intermediate_size mamba_d_head attention_head_dim "
    "moe_shared_expert_intermediate_size expert_ffn_hidden_size shared_intermediate_size "
    "d_inner_head",
    48: "intermediate_size encoder_ffn_dim decoder_ffn_dim ffn_dim d_ff d_inner n_inner dim_ff "
    "ffn_hidden_size hidden_dim feed_forward_size dense_intermediate_size intermediate_size_mlp "
    "dense_ffn_hidden_size",
    400: "max_position_embeddings n_positions max_seq_len max_encoder_position_embeddings "
    "max_source_positions max_target_positions",
}
_SIZE_OF = {name: size for size, names in _SIZES.items() for name in names.split()}
_PER_LAYER = ("layer_types", "mlp_layer_types", "layers_block_type", "indexer_types", "layer_rope_theta",
              "no_rope_layers", "block_types", "hybrid_layer_pattern")  # fmt: skip


# What their rules ask for besides.
_MLA = {"num_key_value_heads": 4, "head_dim": 4}
_RULES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("axk1", "deepseek_v3", "longcat_flash", "youtu", "glm4_moe_lite"), _MLA),
    **dict.fromkeys(("bailing_hybrid", "kimi_linear", "minicpm3", "sarvam_mla"), _MLA | {"head_dim": 8}),
    **dict.fromkeys(("axk2", "deepseek_v32", "glm_moe_dsa"), _MLA | {"index_n_heads": 4}),
    **{name: {"head_dim": 8} for name in ("hunyuan_v1_dense", "hunyuan_v1_moe", "ministral")},
    **{name: {"attention_hidden_size": 64, "attention_head_dim": 16} for name in ("zamba", "zamba2")},
    "bamba": {"attn_layer_indices": [1, 3]},
    "ctrl": {"dff": 48},
    "deepseek_v2": _MLA | {"num_experts_per_tok": 2, "topk_group": 1, "n_group": 1},
    "deepseek_v4": {"compress_rates": None},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2}
    | {"n_group": 1, "topk_group": 1},
    "dory": {"n_input_layers": 1, "n_output_layers": 1},
    "esmc": {"num_key_value_heads": 4},
    "falcon_h1": {"mamba_d_ssm": 64},
    "fsmt": {"src_vocab_size": VOCABULARY, "tgt_vocab_size": VOCABULARY},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"num_heads": 8},
    "mobilebert": {"intra_bottleneck_size": DIM},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "neomme": {"head_dim": 16},
    "perceiver": {"num_latents": 8, "d_latents": DIM, "num_blocks": 1, "num_self_attends_per_block": 2},
    "roc_bert": {"pronunciation_vocab_size": 90, "shape_vocab_size": 90},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "zaya": {"num_experts_per_tok": 1},
}


def sizes(kind: type[Any]) -> dict[str, Any]:
    """Arguments that make a configuration of ``kind`` tiny, one of each sort of layer kept."""
    held = vars(kind())
    parts = {
        name: part for name, part in getattr(kind, "sub_configs", {}).items() if hasattr(part, "model_type")
    }
    small = {name: _SIZE_OF[name] for name, value in held.items() if name in _SIZE_OF and value is not None}
    for name, value in held.items():
        if name in _PER_LAYER and isinstance(value, list | tuple):
            sorts = list(dict.fromkeys(value))
            small[name] = [sorts[place % len(sorts)] for place in range(BLOCKS)]
        elif name.endswith(("token_id", "token_index")) and isinstance(value, int) and value >= VOCABULARY:
            small[name] = 5
    small |= {name: sizes(part) for name, part in parts.items() if held.get(name) is not None}
    small |= {"pad_token_id": 1} if "pad_token_id" in held else {}
    return small | _RULES.get(getattr(kind, "model_type", ""), {})


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


# --- what is asked of each architecture ---

TOLERANCE = 1e-4
LARGEST = 5_000_000  # parameters of what counts as tiny
EQUAL = "equal"


@dataclass(frozen=True)
class Tried:
    """What came of an architecture: ``equal``, ``refused: ...``, ``failed: ...``; empty where not asked."""

    name: str
    kind: str
    states: str
    window: str = ""
    prompts: str = ""
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return any(found.startswith("failed") for found in (self.states, self.window, self.prompts))


def config_of(name: str) -> Any:
    return CONFIGS[name]() if name in CONFIGS else (kind := transformers.CONFIG_MAPPING[name])(**sizes(kind))


def saved(name: str, folder: Path) -> bool:
    """Write the model and a tokenizer to ``folder``, with its head where there is one; whether there is."""
    config = config_of(name)
    head = config.model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    head = head and not getattr(config, "is_encoder_decoder", False)
    with torch.device("meta"):
        empty = transformers.AutoModel.from_config(config)
    if (size := sum(weight.numel() for weight in empty.parameters())) > LARGEST:
        raise ValueError(f"{size} parameters are not tiny")
    with quiet():
        try:
            module = drawn(config, head=head)
        except (ValueError, AssertionError):  # a head that is not for this configuration
            if not head:
                raise
            head, module = False, drawn(config)
        if head and module.config.model_type != config.model_type:  # the head of a part
            head, module = False, drawn(config)
        module.save_pretrained(folder)
        # transformers makes a tokenizer of bytes of whatever is beside these.
        of_bytes = name.startswith(("qwen", "gpt2"))
        kind = "byte_level_nfc" if of_bytes else "byte_fallback" if head else "unigram"
        TOKENIZERS[kind]().save_pretrained(folder)
    return head


def rows(*lengths: int) -> list[Pieces]:
    """Sentences of as many tokens, a word each."""
    found = []
    for number, tokens in enumerate(lengths):
        ids = (np.arange(tokens, dtype=np.int32) * (7 + number) + 31 * number) % 300 + 5
        places = np.arange(tokens, dtype=np.int32)
        found.append(Pieces(ids, places, places + 1, -1))
    return found


def tried(name: str, folder: Path) -> Tried:
    """Save a tiny model, load it, and compare batches with sentences alone, and fast with plain prompts."""
    head = saved(name, folder)
    kind, states, window, notes = "", "", "", ()
    try:
        model: Any = load_model(str(folder), device="cpu")
        kind, notes = model.kind, model.notes
        states, window = _states(model), _window(model)
    except ConceptAlignError as error:
        states = f"refused: {error.message}"
    except Exception as error:
        states = f"failed: {type(error).__name__}: {error}"
    prompts = ""
    if head:
        try:
            prompts, told = _prompts(load_causal(str(folder), device="cpu"))
            notes += told
        except ConceptAlignError as error:
            prompts = f"refused: {error.message}"
        except Exception as error:
            prompts = f"failed: {type(error).__name__}: {error}"
    return Tried(name, kind, states, window, prompts, tuple(dict.fromkeys(notes)))


def _differ(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference of a word's states, as a part of their size."""
    return float(((a - b).norm(dim=1) / b.norm(dim=1).clamp(min=1e-6)).max())


def _states(model: TransformersModel) -> str:
    layers = list(range(model.layers + 1))
    some = rows(*(min(tokens, model.max_pieces) for tokens in (5, 12, 9, 12, 3, 21, 8)))
    (crowd,) = model.word_states(some, layers, pooling="first", batch_pieces=4096)
    bounds = crowd.offsets
    for place, one in enumerate(some):
        (alone,) = model.word_states([one], layers, pooling="first", batch_pieces=4096)
        ids = torch.from_numpy(one.ids.astype(np.int64))[None]
        with torch.inference_mode():
            own = model.module(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        for layer in layers:
            mine = crowd.words[layer][bounds[place] : bounds[place + 1]]
            theirs = own.hidden_states[layer][0]
            if (found := _differ(mine, alone.words[layer])) > TOLERANCE:
                return f"failed: sentence {place}, layer {layer}: {found:.2g} from it alone"
            if mine.shape == theirs.shape and (found := _differ(mine, theirs)) > TOLERANCE:
                return f"failed: sentence {place}, layer {layer}: {found:.2g} from the model's own"
    return EQUAL


def _window(model: TransformersModel) -> str:
    if model.max_pieces > 2048:
        return ""
    (found,) = model.word_states(rows(model.max_pieces), [model.layers], pooling="first", batch_pieces=1)
    return str(model.max_pieces) if found.words[model.layers].isfinite().all() else "failed: not finite"


def _prompts(model: CausalModel) -> tuple[str, tuple[str, ...]]:
    scorer, asked = CausalScorer(model), queries(2, 1)
    room = max(scorer.room(query, long_labels()) for query in asked)
    prompt, layers = scorer.prompt(demonstrations(1), long_labels(), room=room), (1, model.layers)
    for feedback in get_args(Feedback):
        fast = scorer.score(prompt, asked, feedback=feedback, layers=layers)
        plain = NaiveScorer(model).score(prompt, asked, feedback=feedback, layers=layers)
        for mine, theirs in zip(fast, plain, strict=True):
            if (found := float((mine.scores - theirs.scores).abs().max())) > 10 * TOLERANCE:
                return f"failed: {feedback}: {found:.2g} from the plain way", scorer.notes
            for layer in layers:
                if (found := _differ(mine.states[layer], theirs.states[layer])) > 10 * TOLERANCE:
                    return f"failed: {feedback}, layer {layer}: {found:.2g} from the plain way", scorer.notes
    return EQUAL, scorer.notes
