"""What the demo asks of every stage: numbers that suit some dozen sentences a language.

They were chosen by the accuracy on the validation languages and by the time they take, never by a target.
"""

from typing import Any

MODELS = ("mini-encoder", "mini-decoder")
TASKS = ("upos", "relation")
SOURCE = "en"
SHOTS = (0, 1, 5)
DRAWS = 5

# The probes' and learners' defaults are for thousands of sentences; here a language has 24.
PROBE: dict[str, Any] = {"epochs": 15, "batch_sentences": 8, "lr": 4e-3}
_LEAST: dict[str, Any] = {"least": 2}
LEARNERS: dict[str, dict[str, Any]] = {
    "source-probe": _LEAST,
    "pooled": {**_LEAST, "batch": 128, "epochs": 12, "lr": 2e-3},
    "proto": {
        **_LEAST,
        "epochs": 8,
        "episodes": 6,
        "queries": 12,
        "lr": 2e-3,
        "adapt_lr": 1e-3,
        "validation_shots": 5,
    },
    "shrink": {
        **_LEAST,
        "batch": 256,
        "pooled_epochs": 12,
        "pooled_lr": 3e-3,
        "epochs": 4,
        "episodes": 10,
        "queries": 6,
        "shots": [0, 1, 5, 10],
        "validation_shots": [0, 1, 5],
    },
}
