"""Made-up treebanks in CoNLL-U for tests: valid trees over random words, multiword tokens included."""

from pathlib import Path

import numpy as np

from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.discover import TreebankFile
from concept_align.types import Split

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyzäöş"))


def sentence(number: int, length: int, rng: np.random.Generator, *, last: str | None = None) -> str:
    """A sentence of ``length`` words; the second and third are one multiword token where there are three."""
    words = ["".join(rng.choice(LETTERS, size=rng.integers(1, 12))) for _ in range(length)]
    if last is not None:
        words[-1] = last
    fused = length >= 3 and number % 2 == 0
    surface = [words[0], words[1] + words[2], *words[3:]] if fused else words
    lines = [f"# sent_id = s{number}", f"# text = {' '.join(surface)}"]
    for place, word in enumerate(words, 1):
        if fused and place == 2:
            lines.append(f"2-3\t{surface[1]}" + "\t_" * 8)
        head = 0 if place == 1 else int(rng.integers(1, place))
        relation = "root" if head == 0 else str(rng.choice([r for r in RELATIONS if r != "root"]))
        feats = "Case=Nom" if place % 3 == 0 else "Number=Sing" if place % 3 == 1 else "_"
        lines.append(f"{place}\t{word}\t{word}\t{rng.choice(UPOS)}\t_\t{feats}\t{head}\t{relation}\t_\t_")
    return "\n".join(lines) + "\n\n"


def write(
    folder: Path,
    language: str,
    split: Split,
    lengths: list[int],
    *,
    seed: int = 0,
    last: dict[int, str] | None = None,
) -> TreebankFile:
    """A treebank's file of sentences of the given lengths; ``last`` replaces the last word of some."""
    rng = np.random.default_rng([seed, *language.encode(), *split.encode()])
    treebank = f"UD_{language.upper()}-Fake"
    path = folder / treebank / f"{language}_fake-ud-{split}.conllu"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (sentence(n, length, rng, last=(last or {}).get(n)) for n, length in enumerate(lengths))
    path.write_text("".join(text))
    return TreebankFile(treebank, language, split, path)
