"""How far apart languages are by what the registry and the store know: kinship, script, size of corpus.

A table is languages x languages, symmetric, 0 on the diagonal, NaN where a language is not known.
"""

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...treebanks import registry


def known(name: str) -> registry.Language | registry.Entry | None:
    """What the registry says of a language code or a treebank (its script may be another); None: nothing."""
    return registry.language(name) if name in registry.CODES else registry.find(name)


def code(name: str) -> str:
    """The language code of a code or treebank; ``name`` itself where the registry does not know it."""
    entry = registry.find(name)
    return name if entry is None else entry.language


def family(languages: Sequence[str]) -> pd.DataFrame:
    """1 where two languages are of different families, 0 where they are of one."""
    return different(languages, _fact("family"))


def branch(languages: Sequence[str]) -> pd.DataFrame:
    """1 where two languages are of different branches, 0 where they are of one (Germanic, Slavic, ...)."""
    return different(languages, _fact("branch"))


def kinship(languages: Sequence[str]) -> pd.DataFrame:
    """0: one branch; 1: one family, different branches; 2: different families."""
    return family(languages) + branch(languages)


def script(languages: Sequence[str]) -> pd.DataFrame:
    """1 where the word forms are in different scripts, 0 where they are in one."""
    return different(languages, _fact("script"))


def size(
    languages: Sequence[str], words: Mapping[str, int], how: Literal["smaller", "ratio"] = "smaller"
) -> pd.DataFrame:
    """Of the numbers of stored training ``words``: the log of the smaller, or the absolute log ratio.

    The smaller corpus bounds what can be measured: its prototypes are the noisier ones. The ratio says how
    unlike the two corpora are.
    """
    logs = np.array([log(words[name]) if words.get(name, 0) > 0 else np.nan for name in languages])
    pairs = np.minimum.outer(logs, logs) if how == "smaller" else np.abs(np.subtract.outer(logs, logs))
    if how == "ratio":
        return _table(pairs, languages)
    return pd.DataFrame(pairs, index=list(languages), columns=list(languages))


def distances(languages: Sequence[str], words: Mapping[str, int] | None = None) -> dict[str, pd.DataFrame]:
    """Family, branch, script and, where ``words`` are given, size: predictors of every score of pairs."""
    found = {"family": family(languages), "branch": branch(languages), "script": script(languages)}
    return found if words is None else {**found, "size": size(languages, words)}


def families(languages: Sequence[str]) -> dict[str, str]:
    """The family of each language that the registry knows; strata for a Mantel test, labels for clusters."""
    return {name: entry.family for name in languages if (entry := known(name)) is not None}


def different(languages: Sequence[str], label: Callable[[str], str | None]) -> pd.DataFrame:
    """1 where two languages have different labels, 0 where they have one, NaN where one has none (None)."""
    labels = [label(name) for name in languages]
    lacking = np.array([text is None for text in labels])
    texts = np.array([text or "" for text in labels], dtype=object)
    pairs = (texts[:, None] != texts[None, :]).astype(np.float64)
    pairs[lacking] = pairs[:, lacking] = np.nan
    return _table(pairs, languages)


def _fact(name: str) -> Callable[[str], str | None]:
    def fact(language: str) -> str | None:
        entry = known(language)
        return None if entry is None else str(getattr(entry, name))

    return fact


def _table(pairs: NDArray[np.float64], languages: Sequence[str]) -> pd.DataFrame:
    np.fill_diagonal(pairs, 0.0)
    return pd.DataFrame(pairs, index=list(languages), columns=list(languages))
