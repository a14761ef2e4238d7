"""One step's gradients of a tiny model, by one process or its share of several.

``python gathered_worker.py FILE ROWS``, with the environment that torchrun makes; process 0 writes the file.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_tunables import padded, tiny_tunable

from concept_align.tuning.adapters import learn
from concept_align.tuning.answers import answer_loss
from concept_align.tuning.contrast import contrast
from concept_align.tuning.gathered import gathered, reduce_gradients
from concept_align.tuning.pooling import pooled
from concept_align.tuning.processes import count, rank, summed, together

LENGTHS = (9, 4, 7, 5, 8, 3, 6)


def gradients(rows: int) -> dict[str, torch.Tensor]:
    """Of contrast and answers of ``rows`` pairs, in float64; the same in every process."""
    model = tiny_tunable(double=True)
    learning = learn(model, "full", upto=3)
    model.module.get_output_embeddings().weight.requires_grad_(True)  # read by answers alone
    sides = []
    for seed in (1, 2):
        ids, mask = (one[rank() :: count()] for one in padded(LENGTHS[:rows], model.pad, seed))
        vectors = pooled(model.hidden(ids, mask, [3])[3], mask.bool())
        sides.append(gathered(vectors, rows))
    ids, mask = (one[rank() :: count()] for one in padded(LENGTHS[:rows], model.pad, 3))
    answer = mask.bool()
    answer[:, :2] = False
    said, number = answer_loss(model.logits, model.last(ids, mask), ids, answer)
    total = summed({"tokens": float(number)}, model.device)["tokens"]
    (contrast(*sides, temperature=0.3).loss + 1.5 * said / total).backward()
    weights = dict(model.module.named_parameters())
    reduce_gradients([one for _, one in sorted(weights.items()) if one.requires_grad])
    assert learning.parameters()
    return {name: one.grad for name, one in weights.items() if one.grad is not None}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with together("cpu"):
        found = gradients(int(sys.argv[2]))
        if rank() == 0:
            save_file(found, str(Path(sys.argv[1])))
