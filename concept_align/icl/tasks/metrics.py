"""How right a written text is: exact match, and chrF.

Exact match compares texts in Unicode's composed form (NFC), without blanks around them; letters' case counts.
chrF (Popović 2015, W15-3049) is computed by sacrebleu with its defaults (Post 2018, W18-6319), from 0 to 1
here: ``chrf`` is the mean of sentences, which intervals and pairs are of, ``chrf-corpus`` that of all
sentences at once, which the field quotes.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError


def exact(texts: Sequence[str], gold: Sequence[str]) -> NDArray[np.float64]:
    """[texts] 1 where the text is the right one, else 0.

    >>> exact(["gehen ", "Gehen"], ["gehen", "gehen"]).tolist()
    [1.0, 0.0]
    """

    def plain(text: str) -> str:
        return unicodedata.normalize("NFC", text.strip())

    return np.array([plain(a) == plain(b) for a, b in zip(texts, gold, strict=True)], dtype=np.float64)


def chrf(texts: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
    """[texts] chrF of each. UsageError where sacrebleu is not installed."""
    metric = _chrf()
    pairs = zip(texts, references, strict=True)
    return np.array([metric.sentence_score(text, [reference]).score / 100 for text, reference in pairs])


def corpus_chrf(texts: Sequence[str], references: Sequence[str]) -> float:
    """chrF of all texts at once."""
    return float(_chrf().corpus_score(list(texts), [list(references)]).score / 100)


def _chrf() -> Any:
    try:
        from sacrebleu.metrics import CHRF
    except ImportError as fault:
        remedy = "pip install 'concept-align[generate]'"
        raise UsageError("chrF needs the package sacrebleu", option="task", remedy=remedy) from fault
    return CHRF()
