"""JSON lines as AFP's data maker writes them (Li et al. 2023, arXiv 2311.08089; its published code).

Each row has ``sent0`` and ``sent1``, which say the same. ``clm_text`` and ``clm_prompt_len`` are read by
:mod:`..instructions`; other fields, and the order of fields, mean nothing. The maker repeats each pair up to
three times: a repeated pair is one meaning.
"""

from collections.abc import Sequence
from pathlib import Path

from ...errors import place
from ..parallel import Parallel, normalised
from .rows import objects_of, text_of


def read(path: Path, languages: Sequence[str]) -> Parallel:
    """The pairs of ``path``, ``sent0`` in the first of two ``languages``; an id is the number of the line."""
    texts: dict[str, dict[str, str]] = {language: {} for language in languages}
    seen: set[tuple[str, ...]] = set()
    repeated = 0
    for number, row in objects_of(path):
        pair = [text_of(row, key, place(path, number)) for key in ("sent0", "sent1")]
        known = tuple(map(normalised, pair))
        repeated += known in seen
        if known not in seen:
            seen.add(known)
            for language, text in zip(languages, pair, strict=True):
                texts[language][str(number)] = text
    notes = [f"{repeated:,} rows repeat an earlier pair and count once"] if repeated else []
    return Parallel.of(texts, source=str(path), notes=notes)
