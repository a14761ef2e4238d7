"""A run of tuning that takes a second: a tiny random decoder and translations without a sense."""

from pathlib import Path
from typing import Any

import numpy as np
from tiny_models import draw_sentence, tiny_folder

SCRIPTS = {"en": "Latin", "ru": "Cyrillic", "el": "Greek"}
QUICK = {
    "steps": 4, "batch": 6, "answers": 3, "held_out": 0.3, "langs": "en,ru", "evaluate": "retrieval",
    "rank": 2, "save_every": 1, "device": "cpu",
}  # fmt: skip


def translations(path: Path, rows: int = 24) -> Path:
    """A table of ``rows`` meanings, in documents of two, in three languages."""
    rng, lines = np.random.default_rng(0), ["sent_id\tdoc\t" + "\t".join(SCRIPTS)]
    for row in range(rows):
        texts = [draw_sentence(script, rng)[0].replace("  ", " ") for script in SCRIPTS.values()]
        lines.append(f"s{row}\td{row // 2}\t" + "\t".join(f"{text} {row}" for text in texts))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_run(folder: Path, name: str = "llama") -> dict[str, Any]:
    """Model and translations in ``folder``, and options of a run on them, as ``ca.tune`` takes them."""
    model = tiny_folder(folder / "model", name, head=name in ("llama", "qwen3", "gpt2", "gemma3"))
    pairs = translations(folder / "pairs.tsv")
    return {"model": str(model), "pairs": str(pairs), **QUICK}


def words(options: dict[str, Any]) -> list[str]:
    """The same as the command line writes them."""
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
