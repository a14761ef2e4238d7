"""What a run of tuning leaves, planted: retrieval that rises from layer 2 on, dearer text, losses."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from concept_align.seeding import stream
from concept_align.tuning.outcomes import outcomes_of
from concept_align.tuning.settings import TuneConfig
from concept_align.tuning.study import BEFORE, TUNED, Measured, before_after
from concept_align.tuning.tuned import Tuned

SEEN = ("ar", "de", "en", "fi", "fr", "ru")
UNSEEN = ("cs", "id", "is", "it", "ko")
BASE = dict(zip(BEFORE, (0.1, 0.16, 0.22, 0.13), strict=True))
GAIN = dict(zip(BEFORE, (0.16, 0.1, 0.06, 0.14), strict=True))
COST = 0.2  # nats per token more


def planted(tuned: bool, *, layers: int = 4, sentences: int = 120) -> Measured:
    """A model of ``layers`` blocks; each document has three sentences."""
    rng, parts = stream(0, "planted-tuning"), []
    units = [f"held-out:{n // 3}" for n in range(sentences)]
    for code in (*SEEN, *UNSEEN):
        luck = rng.random(sentences)
        for layer in range(layers + 1):
            for before, after in zip(BEFORE, TUNED, strict=True):
                rate = BASE[before] + 0.04 * min(layer, 3) + (GAIN[before] if tuned and layer > 1 else 0)
                hit = (luck < rate).astype(float)
                for metric, value in (("p1", hit), ("mrr", np.maximum(hit, 0.1 + 0.2 * luck))):
                    learner = after if tuned else before
                    keys = (str(layer), "retrieval", "held-out", learner, metric, code)
                    if code != "en":
                        parts.append(outcomes_of(keys, units, value, np.ones(sentences)))
        nats = 4.0 * rng.gamma(20, 1, 40)
        for metric, count in (("nats-per-token", 15.0), ("nats-per-byte", 60.0)):
            keys = ("output", "language", "text", (TUNED if tuned else BEFORE)[0], metric, code)
            names = [f"{code}:{n}" for n in range(40)]
            cost = nats + 15 * COST * tuned
            parts.append(outcomes_of(keys, names, cost, np.full(40, count)))
    return Measured("mini-decoder", "0123456789abcdef", 0, SEEN, pd.concat(parts, ignore_index=True))


def planted_history(steps: int = 100) -> pd.DataFrame:
    at = np.arange(1, steps + 1)
    noise = stream(0, "planted-history").random((3, steps))
    return pd.DataFrame(
        {
            "step": at,
            "lr": 1e-3,
            "contrast": 3.2 * np.exp(-at / 30) + 0.2 * noise[0] + 0.4,
            "answers": 4 + 1.2 * np.exp(-at / 40) + 0.3 * noise[1],
            "retention": 0.15 * (1 - np.exp(-at / 20)) + 0.05 * noise[2],
            "accuracy": 1 - 0.9 * np.exp(-at / 30),
            "loss": 5.0,
            "norm": 1.0,
        }
    )


@cache
def planted_table() -> pd.DataFrame:
    return before_after(planted(False), planted(True))


def planted_run(folder: str | Path = "runs/tuned", **changes: object) -> Tuned:
    """The run as it is loaded, without a folder."""
    config = TuneConfig(model="mini-decoder", pairs="mini", **changes)
    weights = {"contrast": 1.0, "answers": 1.5, "retention": 1.0}
    found = Tuned(Path(folder), config, {"layer": 3, "revision": "0123456789abcdef", "weights": weights})
    found.__dict__["before_after"] = planted_table().copy()
    found.__dict__["history"] = planted_history()
    return found
