"""The model cards: ``README.md`` beside the shipped weights, from the runs' settings and ``results.csv``."""

import argparse
from pathlib import Path

import pandas as pd
from evaluate import HERE, measured
from networks import KINDS
from stages import stages

WEIGHTS = HERE.parents[1] / "concept_align" / "models" / "weights"
FACTS = {
    "encoder": {
        "pipeline": "fill-mask",
        "auto": "AutoModelForMaskedLM",
        "architecture": "ModernBERT",
        "what": "A very small masked language model of 43 languages.",
        "window": "three pieces to either side",
        "objective": "hidden words, and which pieces were replaced",
    },
    "decoder": {
        "pipeline": "text-generation",
        "auto": "AutoModelForCausalLM",
        "architecture": "Qwen3",
        "what": "A very small causal language model of 43 languages.",
        "window": "the four pieces before",
        "objective": "the next piece",
    },
}
CARD = """\
---
license: cc-by-nc-sa-4.0
library_name: transformers
pipeline_tag: {pipeline}
language: [af, ar, bg, ca, cy, de, el, en, es, et, eu, fa, fi, fr, ga, he, hi, hu, hy, id, is, it,
  ja, ko, lt, lv, mr, nl, nn, pl, pt, ro, ru, sk, sr, sv, ta, te, tr, uk, ur, vi, zh]
---

# mini-{kind}

{what}

It exists so that `concept-align` can be tried, tested and taught without a hub, a GPU or a download. It is a
toy: do not use it for text that people will read, and do not generalise from its states to those of larger
models.

```python
from concept_align.models.shipped import shipped_model
from transformers import {auto}, AutoTokenizer

folder = shipped_model("mini-{kind}")  # or: concept-align extract --model mini-{kind}
model, tokenizer = {auto}.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
```

Needs transformers 5: older ones do not know which of its layers look at neighbours only.

## What it is

- {architecture}, 4 blocks of width 256, 4 heads, 18,000 pieces with byte fallback, {weights} weights, kept in
  half precision, computed in float32.
- Three of the four blocks attend to {window}; the third to everything. Rows were 128 pieces long
  in training; it takes up to 512, untested beyond 128.
- Trained from nothing on {seen} million pieces ({steps} steps of {batch}) in {hours} on one processor core.
  It learned to tell {objective}, and, everywhere, unsupervised word classes of the word's own
  language (`experiments/mini-models/README.md` of the project).

## Text and licence

29 million words of 43 languages: training parts of Universal Dependencies treebanks, some of which are for
non-commercial use, help texts and interface messages of free software, and the Universal Declaration of Human
Rights. No dev, test or PUD sentence of UD is among them. Norwegian is Nynorsk in the treebank text, Bokmål in
the rest; Hindi has no treebank text; Armenian, Telugu, Irish and Urdu have the least of all. Most text other
than the treebanks speaks of software.

The weights are under **CC BY-NC-SA 4.0** (`../LICENSE`), unlike the project's code.

## What it knows

Accuracy on word classes on the UD test parts, own-language probe (`concept-align probe`), means over 43
languages, and zero-shot over 17:

{measured}

Numbers by language: `experiments/mini-models/results.csv`.
"""


def card(kind: str, work: Path, rows: pd.DataFrame) -> str:
    """The card of one model."""
    runs = stages(work / kind)
    minutes = sum(run.seconds for run in runs) / 60
    size = (WEIGHTS / f"mini-{kind}" / "model.safetensors").stat().st_size // 2
    return CARD.format(
        kind=kind,
        weights=f"{size / 1e6:.1f} million",
        seen=f"{sum(run.pieces for run in runs) / 1e6:.0f}",
        hours=f"{minutes / 60:.1f} hours",
        steps=f"{sum(run.settings['steps'] for run in runs):,}",
        batch=f"{runs[-1].batch:,}",
        measured="\n".join(measured(kind, rows)),
        **FACTS[kind],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    args = parser.parse_args()
    rows = pd.read_csv(HERE / "results.csv", dtype={"source": str})
    for kind in KINDS:
        (WEIGHTS / f"mini-{kind}" / "README.md").write_text(card(kind, args.work, rows))


if __name__ == "__main__":
    main()
