"""The configuration of a study of in-context learning: from a file, options, or Python."""

from dataclasses import dataclass, field
from typing import Any

from ..config import to_mapping
from ..errors import UsageError
from ..meta.learners import registry as learners
from ..meta.learners.base import LearnerConfig
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
    """A decoder with its head: mini-decoder (shipped), a Hugging Face model id, or a folder that holds a
    model (safetensors or GGUF)."""
    treebanks: str
    """UD release folder, one treebank's folder, or a .conllu[.gz|.xz] file."""
    task: str = "upos"
    """upos or relation."""
    langs: str = "targets"
    """Target languages: en,de,... or the name of a set: all, targets, family:germanic."""
    demo_langs: str = "en"
    """Languages of the demonstrations; own: each target's own (then k are labelled sentences of it)."""
    k: tuple[int, ...] = (0, 1, 5, 10)
    """Numbers of demonstrations."""
    draws: int = 3
    """Sets of demonstrations that are averaged."""
    selectors: tuple[str, ...] = ("random",)
    """How demonstrations are chosen: random, fixed, coverage."""
    labels: tuple[str, ...] = ("tags", "shuffled")
    """What concepts are called: tags, english, language (the target's words), symbols, shuffled (a control).
    The first is compared with the others."""
    templates: tuple[str, ...] = ("tagged",)
    """tagged, slash, lines, or a .toml file."""
    feedback: Feedback = "predicted"
    """Label put behind a word before the next one."""
    calibrate: bool = True
    """Also report accuracy with each label's mean score over the queries subtracted."""
    contextual: bool = False
    """Also subtract what labels score after the same prompt without content, before one is chosen and put
    behind its word; takes twice the time."""
    queries: int = 100
    """Test sentences of a target."""
    candidates: int = 200
    """Training sentences that demonstrations are chosen from."""
    max_words: int = 40
    """Leave out longer sentences."""
    layers: str = ""
    """Layers whose states learners read (aligned in-context learning), each by itself: 9, 3-9, all; scores:
    the labels' scores instead. Without, none is run."""
    learners: tuple[str, ...] = ("pooled",)
    """Learners of aligned in-context learning, each NAME or NAME:PRESET: pooled,shrink,proto:in-context."""
    options: dict = field(default_factory=dict)
    """Settings of all learners, over their presets."""
    align_langs: str = AUTO
    """Training languages of the learners; auto: five, those of the demonstrations among them."""
    align_validation: str = AUTO
    """Languages that choose the learners' epochs, or none; auto: one."""
    align_k: tuple[int, ...] = ()
    """Numbers of demonstrations before the learners' states; without: 0 and the largest of --k."""
    align_sentences: int = 60
    """Sentences of a training language of the learners."""
    standardise: Standardisation = "language"
    """Mean and scale that the learners' states are standardised by."""
    effects: bool = False
    """Also report what demonstrations do to concept spaces in --layers: are concepts easier to read off, do
    they move towards the demonstrations' language?"""
    seed: int = 0
    """Seed of everything drawn at random."""
    bootstrap: int = 1000
    """Resamples behind the intervals."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; pin it to make results reproducible."""
    dtype: str = "auto"
    """Data type of computation: auto, float32, bfloat16 or float16."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    offline: bool = False
    """Never contact the Hugging Face hub."""

    def decides(self) -> dict[str, Any]:
        """What a finished test depends on, beside the model itself and the treebanks' files."""
        values = to_mapping(self)
        return {key: value for key, value in values.items() if key not in (*_FREE, *_ALIGNS)}

    def learner(self, name: str) -> LearnerConfig:
        """The learner that ``NAME`` or ``NAME:PRESET`` names."""
        kind, _, preset = name.partition(":")
        return learners.create(kind, preset=preset or "default", task=self.task, options=self.options)


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
