"""What it costs to change a model's states while it reads: one change, and many of them on the same texts.

Directions of rank 8 are taken out of all states at a layer, and what the model puts out at last is kept.
*overhead* is the time of one forward pass with the change over that of the same pass without. *vs_naive* is
the time of many changes in the plain way, a hook on the layer's block and the whole model run for each, over
that of ours: the texts are read once, and what lies above the layer is run for each. Both must give the same
states. Times are CPU seconds.

mini-decoder is changed at the layer below its last; a random decoder of Gemma 3 270M's depth and width
(18 blocks, 640 numbers a state) below its last layer and in its middle.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from side_by_side import arguments, interleaved, report

MINI = Path(__file__).parent.parent / "ud_data" / "mini" / "UD_English-Mini"
RANK, BATCH = 8, 1024  # directions; tokens


def rows(model: Any, sentences: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of ids and masks: sentences of the English mini treebank, sorted by length."""
    import numpy as np
    from torch.nn.utils.rnn import pad_sequence

    from concept_align.models.batches import batches
    from concept_align.treebanks.conllu import read

    corpora = [read(MINI / f"en_mini-ud-{split}.conllu") for split in ("test", "train")]
    texts = [text for corpus in corpora for text in corpus.texts][:sentences]
    cut = [torch.tensor(model.cutter.ids(text)) for text in texts]
    lengths = np.array([len(one) for one in cut])
    found = []
    for places in batches(lengths, BATCH):
        chosen = [cut[place] for place in places]
        ids = pad_sequence(chosen, batch_first=True, padding_value=model.pad)
        found.append((ids, pad_sequence([torch.ones_like(one) for one in chosen], batch_first=True)))
    return found


def deep(seed: int = 0) -> Any:
    """A random decoder as deep and wide as Gemma 3 270M, with the words of mini-decoder."""
    import transformers

    from concept_align.models.load import load_model
    from concept_align.models.states import TransformersModel

    tokenizer = load_model("mini-decoder").tokenizer
    torch.manual_seed(seed)
    config = transformers.Gemma3TextConfig(
        vocab_size=18_000, hidden_size=640, intermediate_size=2048, num_hidden_layers=18, use_cache=False,
        num_attention_heads=4, num_key_value_heads=1, head_dim=256, sliding_window=512,
    )  # fmt: skip
    module = transformers.Gemma3TextModel(config)
    return TransformersModel(module, tokenizer, name="18 random blocks", revision="0")


def removals(dim: int, number: int) -> list[Any]:
    import numpy as np

    from concept_align.intervention.controls import random_span

    return [random_span(dim, RANK, np.random.default_rng(seed)).removal() for seed in range(number)]


def measured(model: Any, layer: int, texts: Sequence[Any], changes: int, rounds: int) -> dict[str, float]:
    """Overhead, the ratio to the naive way, and the largest difference of the two."""
    from concept_align.models.rerun import OUTPUT, Rerun

    rerun, edits = Rerun(model), removals(model.dim, changes)
    block = model._capture.blocks[layer - 1]

    def plain() -> list[torch.Tensor]:
        with model.running():
            return [model.base(input_ids=ids, attention_mask=mask)[0] for ids, mask in texts]

    def changed() -> list[torch.Tensor]:
        with model.intervened({layer: edits[0]}):
            return plain()

    def ours() -> list[torch.Tensor]:
        found = []
        for ids, mask in texts:
            prefix = rerun.read(ids, mask, [layer])
            found += [rerun.again(prefix, {layer: edit}, [OUTPUT])[OUTPUT] for edit in edits]
        return found

    def naive() -> list[torch.Tensor]:
        found = []
        for ids, mask in texts:
            for edit in edits:
                basis = edit.read

                def take_out(_: Any, args: Any, output: Any, basis: torch.Tensor = basis) -> Any:
                    states = output[0] if isinstance(output, tuple) else output
                    left = states - (states @ basis) @ basis.T
                    return (left, *output[1:]) if isinstance(output, tuple) else left

                hook = block.register_forward_hook(take_out)
                try:
                    with model.running():
                        found.append(model.base(input_ids=ids, attention_mask=mask)[0])
                finally:
                    hook.remove()
        return found

    pairs = zip(ours(), naive(), strict=True)
    worst = max(float((a - b).norm() / b.norm()) for a, b in pairs)
    if worst > 1e-4:
        raise SystemExit(f"the ways differ by {worst:.1e}")
    ways: dict[str, Callable[[], Any]] = {"plain": plain, "changed": changed}
    once = interleaved(ways, rounds=3 * rounds, clock=time.process_time)
    many = interleaved({"ours": ours, "naive": naive}, rounds=rounds, warmup=0, clock=time.process_time)
    return {
        "overhead": once["changed"] / once["plain"],
        "vs_naive": many["naive"] / many["ours"],
        "seconds": many["ours"],
        "error": worst,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--changes", type=int, default=16, help="how many changes of the same texts")
    options = parser.parse_args()
    from concept_align.models.load import load_model

    small, large = load_model("mini-decoder", device="cpu"), deep()
    cases = {"mini": (small, small.layers - 1), "deep": (large, large.layers - 1), "middle": (large, 9)}
    table: dict[str, str] = {}
    figures: dict[str, Any] = {"changes": options.changes, "threads": torch.get_num_threads()}
    for name, (model, layer) in cases.items():
        texts = rows(model, 200 if name == "mini" and not options.quick else 40)
        found = measured(model, layer, texts, options.changes, 1 if options.quick else 3)
        rate = options.changes * sum(int(mask.sum()) for _, mask in texts) / found["seconds"]
        table[f"{model.name}, layer {layer} of {model.layers}"] = (
            f"{found['overhead']:.3f} overhead, {found['vs_naive']:.2f} times the naive rate, "
            f"{rate:,.0f} changed tokens/s, equal to {found['error']:.0e}"
        )
        figures |= {f"{name}_{key}": found[key] for key in ("overhead", "vs_naive")}
        figures[f"{name}_tokens_per_s"] = rate
    report(f"{options.changes} changes of the same texts", table, figures, only_json=options.json)


if __name__ == "__main__":
    main()
