"""Seconds of a training step: contrast against sentence-transformers, answers against all logits.

32 pairs of translations from the mini treebanks (one to three sentences of German and English each, 31 tokens
on average, as PUD's sentences), mini-decoder, all weights that are reached learn, AdamW. *ours* reads up to
layer 3 of 4 and stops; *ours, last layer* and *sentence-transformers* read all of it. Before anything is
timed the two must agree on loss and gradient, with the special tokens counted as sentence-transformers does.

The answer loss is of 16 translation instructions, with its gradient: at answer places alone, and as a causal
model of transformers computes it, from logits of all places. *head* is the same from last states on, without
the blocks, which both run alike.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import arguments, interleaved, report

MINI = Path(__file__).parent.parent / "ud_data" / "mini"
PAIRS, ANSWERS, LAYER = 32, 16, 3


def texts(seed: int = 0) -> tuple[list[str], list[str]]:
    """One to three sentences of the same places in both treebanks."""
    from concept_align.treebanks.conllu import read

    names = ("UD_German-Mini/de_mini", "UD_English-Mini/en_mini")
    sides = [read(MINI / f"{name}-ud-train.conllu").texts for name in names]
    rng = np.random.default_rng(seed)
    chosen = [rng.integers(len(sides[0]), size=rng.integers(1, 4)) for _ in range(PAIRS)]
    a, b = ([" ".join(own[at] for at in some) for some in chosen] for own in sides)
    return a, b


def rows(model: Any, some: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, some))
    ids = torch.tensor([own + [model.pad] * (longest - len(own)) for own in some])
    mask = torch.tensor([[1] * len(own) + [0] * (longest - len(own)) for own in some])
    return ids, mask


def trainer(parameters: list[Any], loss_of: Callable[[], Any], around: Any) -> Callable[[], float]:
    """A step of AdamW."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.0)

    def step() -> float:
        with around():
            optimizer.zero_grad()
            loss = loss_of()
            loss.backward()
            optimizer.step()
        return loss.item()

    return step


def contrast_steps() -> tuple[dict[str, Callable[[], Any]], dict[str, Any]]:
    """Ways to take a step; what was compared before."""
    from contextlib import nullcontext

    from concept_align.models.shipped import shipped_model
    from concept_align.tuning.adapters import learn
    from concept_align.tuning.contrast import contrast
    from concept_align.tuning.model import open_tunable
    from concept_align.tuning.pooling import pooled

    a, b = texts()

    def ours(layer: int) -> tuple[Any, Callable[[], Any]]:
        model = open_tunable("mini-decoder", device="cpu")
        learning = learn(model, "full", upto=layer, keep=False)

        def loss() -> Any:
            ids, mask = rows(model, [model.tokens.ids(text) for text in a + b])
            vectors = pooled(model.hidden(ids, mask, [layer])[layer], mask.bool())
            return contrast(vectors[:PAIRS], vectors[PAIRS:], both=False).loss

        step = trainer([one for _, one in learning.parameters()], loss, model.running)
        return model, loss, step

    ways: dict[str, Callable[[], Any]] = {}
    _, _, ways["ours"] = ours(LAYER)
    model, loss, ways["ours, last layer"] = ours(4)
    compared: dict[str, Any] = {"tokens": int(rows(model, [model.tokens.ids(t) for t in a + b])[1].sum())}
    try:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer import losses
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    except ImportError:
        print("sentence-transformers is not installed: skipped", file=sys.stderr)
        return ways, compared
    word = Transformer(str(shipped_model("mini-decoder")))
    peer = SentenceTransformer(modules=[word, Pooling(word.get_embedding_dimension())], device="cpu")
    theirs = losses.MultipleNegativesRankingLoss(peer, scale=20.0)

    def their_loss() -> Any:
        return theirs([dict(peer.preprocess(some)) for some in (a, b)], torch.zeros(PAIRS))

    grads = []
    for own, module in ((loss, model.module), (their_loss, peer)):
        found = own()
        found.backward()
        embeddings = next(p for n, p in module.named_parameters() if "embed_tokens" in n)
        grads.append((found.item(), embeddings.grad.clone()))
        module.zero_grad()
    difference = max(abs(grads[0][0] - grads[1][0]), float((grads[0][1] - grads[1][1]).abs().max()))
    if difference > 1e-4:
        raise SystemExit(f"losses {grads[0][0]} and {grads[1][0]}, largest difference {difference:.1e}")
    compared["largest_difference"] = f"{difference:.1e}"
    ways["sentence-transformers"] = trainer(list(peer.parameters()), their_loss, nullcontext)
    return ways, compared


def answer_steps() -> tuple[dict[str, Callable[[], Any]], dict[str, Any]]:
    """Ways to find the answer loss and its gradient; what was compared before."""
    from concept_align.tuning.answers import answer_loss
    from concept_align.tuning.model import open_tunable

    model = open_tunable("mini-decoder", device="cpu")
    prompts, answers = (some[:ANSWERS] for some in texts(1))
    begins = [model.tokens.ids(f"{text} Translate into English:")[:-1] for text in prompts]
    ends = [model.tokens.ids(text)[1:] for text in answers]
    ids, mask = rows(model, [own + end for own, end in zip(begins, ends, strict=True)])
    first = torch.tensor([len(own) for own in begins])[:, None]
    answer = mask.bool() & (torch.arange(ids.shape[1])[None] >= first)
    labels = ids.masked_fill(~answer, -100)

    def ours() -> Any:
        with model.running():
            said, count = answer_loss(model.logits, model.last(ids, mask), ids, answer)
            loss = said / count
            model.module.zero_grad()
            loss.backward()
        return loss

    def full() -> Any:
        with model.running():
            loss = model.module(input_ids=ids, attention_mask=mask, labels=labels).loss
            model.module.zero_grad()
            loss.backward()
        return loss

    states = model.last(ids, mask).detach().requires_grad_()

    def ours_head() -> Any:
        with model.running():
            said, count = answer_loss(model.logits, states, ids, answer)
            (said / count).backward()

    def full_head() -> Any:
        with model.running():
            logits = model.module.lm_head(states).float()[:, :-1].flatten(0, 1)
            torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=-100).backward()

    difference = abs(ours().item() - full().item())
    if difference > 1e-4:
        raise SystemExit(f"answer losses differ by {difference:.1e}")
    ways = {"answers": ours, "all logits": full, "answers, head": ours_head, "all logits, head": full_head}
    return ways, {"answer_share": float(answer.sum() / mask.sum()), "places": int(mask.numel())}


def cpu_seconds(way: Callable[[], Any], rounds: int) -> float:
    """The least of a few turns: other work on the machine counts for nothing in it, or little."""
    found = []
    for _ in range(rounds):
        begin = time.process_time()
        way()
        found.append(time.process_time() - begin)
    return min(found)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rounds = 3 if options.quick else 7
    steps, compared = contrast_steps()
    seconds = interleaved(steps, rounds)
    asked, counted = answer_steps()
    seconds |= interleaved(asked, rounds)
    figures: dict[str, Any] = {
        "contrast_step_cpu_s": cpu_seconds(steps["ours"], rounds),
        **compared,
        **counted,
    }
    if (theirs := seconds.get("sentence-transformers")) is not None:
        figures["vs_sentence_transformers"] = theirs / seconds["ours"]
        figures["last_layer_vs_sentence_transformers"] = theirs / seconds["ours, last layer"]
    figures["answers_vs_full_logits"] = seconds["all logits, head"] / seconds["answers, head"]
    figures["with_blocks_vs_full_logits"] = seconds["all logits"] / seconds["answers"]
    figures["threads"] = options.threads
    report(
        f"seconds a step: {PAIRS} pairs, then {ANSWERS} instructions, mini-decoder",
        {way: f"{value:9.3f}" for way, value in seconds.items()},
        figures,
        only_json=options.json,
    )


if __name__ == "__main__":
    main()
