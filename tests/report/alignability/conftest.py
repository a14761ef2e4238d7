"""Tables of scores made up of known numbers."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.table import COLUMNS

LANGUAGES = ("en", "fi", "de", "et", "te", "fr")


def make(
    languages=LANGUAGES,
    layers=(0, 1, 2),
    measure="rsa",
    model="some/model",
    base=0.5,
    without=("te",),
    **other,
):
    """Germanic and Uralic languages are more alike; layer 1 is the best; Telugu has no values."""
    rows = []
    kin = [{"en", "de"}, {"fi", "et"}]
    for at, source in enumerate(languages):
        for target in languages[at + 1 :]:
            gone = source in without or target in without
            for layer in layers:
                value = base + 0.3 * ({source, target} in kin) - 0.1 * abs(layer - 1)
                rows.append({
                    "model": model, "revision": "0123456789ab", "layer": str(layer), "task": "upos",
                    "space": "raw", "measure": measure, "source": source, "target": target,
                    "value": value, "low": np.nan, "high": np.nan, "null_mean": 0.02, "null_sd": 0.1,
                    "z": np.nan, "p": np.nan, "q": 0.01 if value > 0.45 else 0.2, "ceiling": 0.9,
                    "n": 15, "left_out": "", "dim": 32, "against": "", "note": "", **other,
                })  # fmt: skip
                if gone:
                    rows[-1] |= dict.fromkeys(("value", "null_mean", "null_sd", "q", "ceiling"), np.nan)
                    rows[-1]["note"] = "too few concepts"
    return pd.DataFrame(rows)[list(COLUMNS)]


def words(svg):
    """Every text of a figure, in the order in which it was drawn: matplotlib leaves them as comments."""
    return re.findall(r"<!-- (.*?) -->", svg.read_text("utf-8"), re.S)


@pytest.fixture
def made():
    return SimpleNamespace(make=make, scores=make(), languages=LANGUAGES, words=words)
