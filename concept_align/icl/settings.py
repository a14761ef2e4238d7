"""The configuration of a study of in-context learning: from a file, options, or Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import from_mapping, read_toml, to_mapping
from ..errors import UsageError
from ..meta.learners import registry as learners
from ..meta.learners.base import Learner
from ..types import Standardisation
from .base import FEEDBACKS, Feedback

AUTO = "auto"

# What decides neither a prompt nor an answer, so that a study may go on with another value of it.
_FREE: tuple[str, ...] = (
    "model", "treebanks", "revision", "device", "offline", "langs", "demo_langs", "k", "draws", "selectors",
    "labels", "templates", "feedback", "calibrate", "contextual", "layers", "learners", "options",
    "bootstrap", "effects",
)  # fmt: skip
# What, beside that, decides what is learned in aligned in-context learning.
_ALIGNS = ("align_langs", "align_validation", "align_k", "align_sentences", "standardise")


@dataclass(frozen=True)
class StudyConfig:
    """The options of a study; those that begin with ``align`` are of aligned in-context learning."""

    model: str
    treebanks: str
    task: str = "upos"
    langs: str = "targets"
    demo_langs: str = "en"  # "own": the target itself (then k are labelled sentences of the target)
    k: tuple[int, ...] = (0, 1, 5, 10)  # demonstrations
    draws: int = 3  # sets of them
    selectors: tuple[str, ...] = ("random",)
    labels: tuple[str, ...] = ("tags", "shuffled")
    templates: tuple[str, ...] = ("tagged",)
    feedback: Feedback = "predicted"
    calibrate: bool = True  # as well, with the mean score of each label over the queries taken off
    contextual: bool = False  # as well, less what labels get after the same prompt without content
    queries: int = 100  # test sentences of a language
    candidates: int = 200  # training sentences that demonstrations are chosen from
    max_words: int = 40  # of a sentence
    layers: str = ""  # of aligned in-context learning; "": none is run
    learners: tuple[str, ...] = ("pooled",)  # NAME or NAME:PRESET
    options: dict = field(default_factory=dict)  # of all learners, over their presets
    align_langs: str = AUTO  # training languages beside the demonstrations'
    align_validation: str = AUTO
    align_k: tuple[int, ...] = ()  # none: no demonstrations, and the most
    align_sentences: int = 60  # a training language
    standardise: Standardisation = "language"
    effects: bool = False  # what demonstrations do to concept spaces, at the most of them
    seed: int = 0
    bootstrap: int = 1000
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    offline: bool = False

    def decides(self) -> dict[str, Any]:
        """What a finished test depends on, beside the model itself and the treebanks' files."""
        values = to_mapping(self)
        return {key: value for key, value in values.items() if key not in (*_FREE, *_ALIGNS)}

    def learner(self, name: str) -> Learner:
        """The learner that ``NAME`` or ``NAME:PRESET`` names."""
        kind, _, preset = name.partition(":")
        return learners.create(kind, preset=preset or "default", task=self.task, options=self.options)


def configure(path: Path | None, values: Mapping[str, Any]) -> StudyConfig:
    """The configuration in the file ``path``, and ``values`` (those that are not None) over it."""
    given = {key: value for key, value in values.items() if value is not None}
    if path is not None:
        base = to_mapping(read_toml(path, StudyConfig))
        return from_mapping(StudyConfig, {**base, **given}, where=str(path))
    for key in ("model", "treebanks"):
        if key not in given:
            raise UsageError(f"no {key} is named", where=f"--{key}", remedy=f"give --{key}, or a --config")
    return from_mapping(StudyConfig, given, where="options")


def check(config: StudyConfig) -> None:
    """UsageError for options that cannot be."""
    wrong = [k for k in (*config.k, *config.align_k) if k < 0]
    if not config.k or wrong or len(set(config.k)) < len(config.k):
        raise UsageError(
            f"impossible numbers of demonstrations {config.k}", where="--k", remedy="say 0,1,5,10"
        )
    if odd := [k for k in config.align_k if k not in config.k]:
        raise UsageError(f"{odd} are not among --k {config.k}", where="--align-k", remedy="choose among --k")
    for name in ("draws", "queries", "candidates", "max_words", "align_sentences"):
        if getattr(config, name) < 1:
            raise UsageError(
                f"{getattr(config, name)} is too few", where=f"--{name.replace('_', '-')}", remedy="say 1"
            )
    if config.feedback not in FEEDBACKS:
        raise UsageError(
            f"unknown feedback {config.feedback!r}",
            where="--feedback",
            remedy=f"use {' or '.join(FEEDBACKS)}",
        )
    for name in ("labels", "selectors", "templates"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise UsageError(f"{values} names none, or one twice", where=f"--{name}", remedy="name each once")
    if config.layers:
        for learner in config.learners:
            config.learner(learner)
