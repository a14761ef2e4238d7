"""Learners by name: built in, from entry points, or registered by a decorator."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...config import from_mapping
from ...errors import UsageError
from ...registration import suggest
from .base import LEARNERS, LearnerConfig

C = TypeVar("C", bound=type[LearnerConfig])


def register_learner(name: str) -> Callable[[C], C]:
    """A decorator that makes a :class:`LearnerConfig` known as ``name``.

    ``meta-train --learner`` knows it too where it is an entry point of the group ``concept_align.learners``.
    UsageError for a name that is taken.

    Example:
        >>> import concept_align as ca
        >>> from dataclasses import dataclass
        >>> class NearestMeanAligner(ca.Aligner):
        ...     "What the learner learned: see the guide on learners of one's own."
        >>> @ca.register_learner("nearest-mean")
        ... @dataclass(frozen=True)
        ... class NearestMean(ca.LearnerConfig):
        ...     aligner = NearestMeanAligner
        ...     least: int = 10
        ...
        ...     def _fit(self, data, *, seed, folder=None, progress=None):
        ...         return NearestMeanAligner(...)
    """

    def register(config: C) -> C:
        config.name = name
        if not hasattr(config.aligner, "learner"):
            config.aligner.learner = name
        LEARNERS.register(name)(config)
        return config

    return register


def create(
    name: str, *, preset: str = "default", task: str = "upos", options: Mapping[str, Any] | None = None
) -> LearnerConfig:
    """The learner called ``name``: a preset's values (some depend on the task), then ``options`` over them.

    Raises UsageError for an unknown learner, preset or option.
    """
    kind = LEARNERS.get(name)
    presets = kind.presets(task)
    if preset not in presets:
        raise UsageError(
            f"{name} has no preset {preset!r}", option="preset", remedy=suggest(preset, sorted(presets))
        )
    return from_mapping(kind, {**presets[preset], **(options or {})}, where="[options]")
