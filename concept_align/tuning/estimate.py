"""What a run would read and cost, before any weight is read.

Operations are those of matrix products: 2 for each weight and token forward, as many again for what flows
back to the states, and again for gradients of the weights themselves, where they learn.
"""

import time
from typing import Any

import torch
import transformers

from ..models.capture import block_lists
from ..models.faults import explained, quiet
from ..models.frozen import pad_id, window
from ..models.load import choose_device, choose_dtype, configuration, loading_options
from ..models.pieces import PieceCutter
from .plan import TunePlan
from .tokens import TextTokens

SHOWN = 3  # instructions
SIZE = 1024  # of the product that is timed


def estimate(plan: TunePlan) -> dict[str, Any]:
    """What is trained on, tokens of a step, operations, memory and time; and some instructions."""
    config, facts = plan.config, plan.facts()
    sizes, tokens = _sizes(plan)
    device = choose_device(config.device)
    bytes_each = choose_dtype(config.dtype if config.train == "lora" else "float32", device).itemsize
    a_step = _tokens(plan, tokens)
    learned = _learned(plan, sizes)
    operations = _operations(plan, sizes, a_step) * (config.steps or 0)
    # Weights, then of what learns: itself and its gradient, two moments, and its copy from before.
    memory = sizes["all"] * bytes_each + learned * (12 if config.train == "lora" else 16)
    shown = plan.instructions.rows(0, SHOWN) if plan.sources else []
    return {
        "model": f"{facts['model']} ({facts['kind']}, {facts['layers']} layers)",
        "preset": config.preset,
        "layer": config.layer,
        "losses": facts["weights"],
        "learns": f"{config.train}, about {learned:,} weights",
        "seen": facts["seen"],
        "unseen": facts["unseen"],
        "meanings trained on": len(plan.pairs.ids if "contrast" in plan.weights else plan.split.train),
        "meanings held out": facts["pairs"]["held_out"],
        "steps": config.steps,
        "tokens a step": a_step,
        "operations": f"{operations:.1e}",
        "memory": f"{memory / 1e9:.1f} GB, without activations",
        "seconds": round(operations / speed(device)),
        "instructions": [{"prompt": one.prompt, "answer": one.answer} for one in shown],
        "notes": facts["notes"],
    }


def speed(device: torch.device) -> float:
    """Operations a second of this machine's matrix products, measured now."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    one = torch.ones(SIZE, SIZE, device=device, dtype=dtype)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        float((one @ one)[0, 0])
        times.append(time.perf_counter() - began)
    return 2 * SIZE**3 / min(times)


def _sizes(plan: TunePlan) -> tuple[dict[str, int], TextTokens]:
    """Weights of the model, of one block and of the head; and its tokenizer."""
    with quiet(), explained(plan.given.model), torch.device("meta"):
        config = configuration(plan.origin)
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            plan.origin.path, **loading_options(plan.origin)
        )
        module = transformers.AutoModel.from_config(config)
        count = sum(one.numel() for one in module.parameters())
        blocks = next(iter(block_lists(module, plan.shape.layers)), None)
        block = sum(one.numel() for one in blocks[0].parameters()) if blocks else count // plan.shape.layers
        text = config.get_text_config()
        most = window(text, tokenizer, module)
        tokens = TextTokens(
            PieceCutter(tokenizer, plan.given.model), pad_id(text, tokenizer), most, tokenizer.eos_token_id
        )
    return {"all": count, "block": block, "head": int(text.vocab_size) * plan.shape.dim}, tokens


def _tokens(plan: TunePlan, tokens: TextTokens) -> dict[str, int]:
    """Tokens of the first step, by loss."""
    config, weights, found = plan.config, plan.weights, {}
    assert config.length and config.prompt_length and config.batch and config.answers
    if "contrast" in weights:
        a, b = plan.pairs.texts(plan.pairs.rows(0, config.batch))
        found["contrast"] = int(tokens.texts([*a, *b], config.length).mask.sum())
    if "answers" in weights:
        rows = plan.instructions.rows(0, config.answers)
        batch, _ = tokens.instructions(rows, config.prompt_length, config.answer_tokens)
        found["answers"] = int(batch.mask.sum())
    if "retention" in weights:
        texts = [text for _, text in plan.texts.rows(0, config.answers)]
        found["retention"] = int(tokens.texts(texts, config.prompt_length).mask.sum())
    return found


def _upto(plan: TunePlan) -> int:
    layer = plan.config.layer
    return layer if isinstance(layer, int) else plan.shape.layers


def _learned(plan: TunePlan, sizes: dict[str, int]) -> int:
    how, layers = plan.config.train or "lora", plan.shape.layers
    deep = layers if {"answers", "retention"} & set(plan.weights) else _upto(plan)
    if how == "lora":
        # About as many weights as maps of the model's width would have: four of attention, three beside.
        return deep * 7 * 2 * plan.shape.dim * (plan.config.rank or 1)
    if how == "full":
        return sizes["all"] - (layers - deep) * sizes["block"]
    first, _, last = how.removeprefix("blocks:").partition("-")
    return (int(last or first) - int(first) + 1) * sizes["block"]


def _operations(plan: TunePlan, sizes: dict[str, int], tokens: dict[str, int]) -> float:
    """Of one step."""
    config, layers = plan.config, plan.shape.layers
    passes = 4 if config.train == "lora" else 6
    chunked = 2 if (config.chunk or 0) < (config.batch or 0) else 0
    found = tokens.get("contrast", 0) * _upto(plan) * sizes["block"] * (passes + chunked)
    found += tokens.get("answers", 0) * (layers * sizes["block"] * passes + sizes["head"] * 4)
    found += tokens.get("retention", 0) * (layers * sizes["block"] * (passes + 2) + sizes["head"] * 10)
    return float(found)
