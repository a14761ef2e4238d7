"""The training text as the corpus script left it, and how much of each language and source is drawn."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

TREEBANKS = "treebanks"  # the source whose text is closest to what the models will be asked about


@dataclass(frozen=True)
class Text:
    """One source's text in one language; equal non-empty keys within a source are translations."""

    source: str
    language: str
    keys: list[str]
    lines: list[str]


def read_texts(folder: Path, sources: set[str] | None = None) -> list[Text]:
    """Every ``SOURCE/LANGUAGE.tsv`` under ``folder``, in the order of their names."""
    texts = []
    for file in sorted(folder.glob("*/*.tsv")):
        if sources is not None and file.parent.name not in sources:
            continue
        keys, lines = [], []
        for row in file.read_text(encoding="utf-8").split("\n"):
            key, tab, line = row.partition("\t")
            if tab and line:
                keys.append(key)
                lines.append(unicodedata.normalize("NFC", line))
        texts.append(Text(file.parent.name, file.stem, keys, lines))
    if not texts:
        raise SystemExit(f"{folder}: no text there; run corpus.py first")
    return texts


def temperature_shares(sizes: dict[str, int], temperature: float) -> dict[str, float]:
    """Shares proportional to size ** temperature: 1 as they are, 0 all alike."""
    weights = {name: size**temperature for name, size in sizes.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
