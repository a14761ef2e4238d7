"""The one interface of everything that learns to classify concepts across languages.

A *learner* is a configuration that can ``fit``; what it learned is an *aligner*, a frozen thing that can
be saved; an aligner ``adapt``s to a language, given a support set or none, into a *classifier*.
"""

import math
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from jaxtyping import Bool
from safetensors.torch import save

from ... import atomic, ragged
from ...config import checked, from_mapping
from ...errors import LearningError, UsageError
from ...integrity import SUMS, write_sums
from ...matmul import few_threads
from ...progress import Progress
from ...registration import Registry
from ...spaces.features import Features, Sentences
from ...tensors import read_safetensors
from ...types import Split
from .. import hub
from .classifier import AnyWords, Classifier, read_as
from .saved import AGAIN, SCHEMA, check_numbers, names_of, read_config

_COUNTS = ("batch", "members", "episodes_per_step")  # options that end so must be above 0
_SHARES = ("dropout", "smoothing")  # below 1


@dataclass(frozen=True)
class TrainingData:
    """The languages a learner may see. ``load`` may be called again and again; it caches.

    The three sets of languages are disjoint from each other and from the languages a run is tested on
    (the source belongs to ``train``); :func:`concept_align.meta.data.check_disjoint` refuses others.
    """

    source: str
    train: tuple[str, ...]  # includes the source
    validation: tuple[str, ...]
    concepts: tuple[str, ...]
    load: Callable[[str, Split], Features]
    branches: Mapping[str, str] = field(default_factory=dict)  # language -> branch, where known


class Aligner(hub.HubUpload):
    """What a learner learned: tensors and a configuration, nothing else.

    A subclass says how to adapt (``_adapt``) and what there is to save (``settings``, ``tensors``,
    ``from_parts``).

    Example:
        >>> import concept_align as ca
        >>> words = ca.FeatureSource(ca.Store.open("runs/store"), ca.FeatureSpec("upos", (3,)))
        >>> aligner = ca.Aligner.from_pretrained("runs/probe")
        >>> classifier = aligner.adapt(words.load("tr", "train").of_sentences(range(10)))
        >>> classifier.predict(words.load("tr", "test").x)[:3]
        [..., ..., ...]
    """

    learner: str  # its name in the registry
    known: Bool[torch.Tensor, " concepts"]  # what it can predict
    concepts: tuple[str, ...] | None = None  # their names; None where nothing tells them
    folder: Path | None = None  # where it was read from or saved to
    # Whether ``adapt`` looks at unlabelled words; who adapts need not load them where it does not.
    transductive: bool = False
    # Whether a word's neighbours change what it is taken for: ``_adapt`` is given unlabelled Sentences.
    sequential: ClassVar[bool] = False
    # What ``adapt`` is meant to be given: a support set, or (the upper bound) all labelled training words.
    wants: ClassVar[Literal["support", "everything"]] = "support"

    def __repr__(self) -> str:
        place = f", in {self.folder}" if self.folder else ""
        return f"{type(self).__name__}({getattr(self, 'learner', '?')}, {len(self.known)} concepts{place})"

    @property
    def dim(self) -> int | None:
        """Dimension of the words it was trained on; None where any will do."""
        return None

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: AnyWords | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> Classifier:
        """A classifier for the language of ``support``; zero-shot without one.

        ``unlabelled`` are further words of the language, without labels: learners that are not
        ``transductive`` pass over them. ``valid`` (bool [concepts]) restricts what may be predicted: support
        words of other concepts have no part. ``seed`` decides whatever adapting draws at random.

        Raises UsageError for words of another dimension or a ``valid`` of another length, LearningError where
        no concept is valid.
        """
        given = {"support": None if support is None else support.dim}
        looks = None if unlabelled is None else Sentences.of(unlabelled).stored
        given["unlabelled"] = None if looks is None else int(looks.shape[1])
        for name, dim in given.items():
            if dim is not None and self.dim is not None and dim != self.dim:
                raise UsageError(
                    f"words of {dim} dimensions for an aligner of {self.dim}",
                    option=name,
                    remedy="give words represented as they were for training",
                )
        if valid is not None and (valid.dtype != torch.bool or valid.shape != self.known.shape):
            raise UsageError(
                f"{valid.dtype} {list(valid.shape)} is not a mask of {len(self.known)} concepts",
                option="valid",
                remedy="give a bool tensor [concepts]",
            )
        known = self._known(support)
        allowed = known if valid is None else known & valid.to(known.device)
        labelled = None if support is None else _of_concepts(support, allowed)
        given_words = [None if labelled is None else labelled.stored, looks]
        numbers = sum(one.numel() for one in given_words if one is not None)
        seen = None if unlabelled is None else read_as(unlabelled, self.sequential)
        try:
            with few_threads(numbers):
                return replace(self._adapt(labelled, allowed, seen, seed), concepts=self.concepts)
        except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
            raise LearningError(
                f"its equations have no solution: {error}",
                where=f"adapt {self.learner}",
                remedy="check that the words' states are finite and not all alike, or run meta-train again",
            ) from error

    @abstractmethod
    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        """A classifier of the ``valid`` concepts from a ``support`` with at least one word, all valid."""

    def _known(self, support: Features | None) -> Bool[torch.Tensor, " concepts"]:
        """What can be predicted once ``support`` has been seen."""
        return self.known

    def settings(self) -> dict[str, Any]:
        """What JSON holds of it, beside its tensors."""
        return {}

    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """Every learned number, by name."""

    @classmethod
    @abstractmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        """The inverse of :meth:`settings` and :meth:`tensors`; ``config``: the learner's configuration, from
        ``settings["config"]``."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``model.safetensors``, ``config.json`` and, last, the hashes of all that decides its answers:
        a folder with ``SHA256SUMS`` is complete."""
        self._save(Path(folder))
        self.folder = Path(folder)

    def _save(self, folder: Path) -> None:
        tensors = {name: value.detach().contiguous() for name, value in self.tensors().items()}
        atomic.write_bytes(folder / "model.safetensors", save(tensors))
        config = {"schema": SCHEMA, "learner": self.learner, "settings": self.settings(), "hashes": SUMS}
        if self.concepts is not None:
            config["concepts"] = list(self.concepts)
        atomic.write_json(folder / "config.json", config)
        write_sums(folder, hub.SUMMED)

    def _write(self, folder: Path) -> None:
        if self.folder is not None and (self.folder / SUMS).exists():
            read_config(self.folder)  # hashes of what is damaged would make it look whole
        for name in hub.FILES:
            if self.folder is not None and (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)
        self._save(folder)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, revision: str | None = None, offline: bool = False
    ) -> Self:
        """What :meth:`save_pretrained` wrote, or :meth:`push_to_hub` uploaded; its config names the learner.

        ``folder`` may be a hub id, with its ``revision``; ``offline`` takes what was downloaded before.
        Raises LearningError where it is not what was saved, of an unknown learner, or no aligner of this
        class.
        """
        folder = hub.locate(folder, revision=revision, offline=offline)
        saved, path = read_config(folder), Path(folder) / "model.safetensors"
        name, settings = saved["learner"], saved["settings"]
        if name not in LEARNERS.names():
            raise LearningError(
                f"made by the learner {name!r}, which is not known here",
                where=str(folder),
                remedy=f"import what registers it; known: {', '.join(LEARNERS.names())}",
            )
        learner = LEARNERS.get(name)
        if not issubclass(learner.aligner, cls):
            raise LearningError(
                f"a {name} aligner, not a {cls.__name__}",
                where=str(folder),
                remedy="use Aligner.from_pretrained, which reads any",
            )
        tensors, _ = read_safetensors(path, error=LearningError, remedy=AGAIN)
        where = str(Path(folder) / "config.json")
        kept = checked(dict, settings.get("config", {}), "config", where=where)
        config = from_mapping(learner, {**learner.unsaid, **kept}, where=where)
        try:
            if any(bool(value.isnan().any()) for value in tensors.values()):
                raise ValueError("a learned number is none (NaN)")
            check_numbers(config)
            found = learner.aligner.from_parts(config, settings, tensors)
            found.folder, found.concepts = folder, names_of(folder, saved)
            found.check()
        except (
            UsageError,
            KeyError,
            ValueError,
            RuntimeError,
            TypeError,
            AttributeError,
            OverflowError,
        ) as error:
            raise LearningError(
                f"the aligner cannot be read: {error}", where=str(path), remedy=AGAIN
            ) from error
        return found

    def check(self) -> None:
        """ValueError where its parts cannot belong together."""
        known = self.known
        if known.dtype != torch.bool or known.dim() != 1 or not bool(known.any()):
            raise ValueError("what it can predict is not told")
        if self.concepts is not None and len(self.concepts) != len(known):
            raise ValueError(f"{len(self.concepts)} names for {len(known)} concepts")


@dataclass(frozen=True)
class LearnerConfig(ABC):
    """A learner: a frozen dataclass of its options that can be fitted.

    ``register_learner`` makes a subclass known by its name, to Python and to the command line.
    """

    name: ClassVar[str]
    aligner: ClassVar[type[Aligner]]
    # What options that an aligner's file does not name were worth when it was written.
    unsaid: ClassVar[Mapping[str, Any]] = {}
    positive: ClassVar[tuple[str, ...]] = ()  # further options that must be above 0

    def impossible(self) -> tuple[str, str] | None:
        """``name = value`` of an option whose number no run can have, and what it may be."""
        for name, value in self.config().items():
            listed = value if isinstance(value, list) else [value]
            numbers = [one for one in listed if type(one) in (int, float)]
            wanted = ""
            if not all(map(math.isfinite, numbers)):
                wanted = "a finite number"
            elif min(numbers, default=0) < 0:
                wanted = "none below 0"
            elif name.endswith(_COUNTS) or name in self.positive:
                wanted = "a number above 0" if min(numbers, default=1) <= 0 else ""
            elif name in _SHARES:
                wanted = "a number below 1" if max(numbers, default=0) >= 1 else ""
            if wanted:
                return f"{name} = {str(value)[:20]}", wanted
        return None

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """Named values of some options, which may depend on the task; ``default`` is among them."""
        return {"default": {}}

    def config(self) -> dict[str, Any]:
        """The options as JSON has them: lists for tuples."""
        found = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    @property
    def bars(self) -> int:
        """How many bars of progress a fit has, one after the other."""
        return 1

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> Aligner:
        """Train. With ``folder``, checkpoints go there and an interrupted fit resumes exactly.

        UsageError for options whose numbers are impossible.
        """
        if (found := self.impossible()) is not None:
            raise UsageError(found[0], where=f"options of {self.name}", remedy=f"give {found[1]}")
        aligner = self._fit(data, seed=seed, folder=folder, progress=progress)
        aligner.concepts = tuple(data.concepts)
        return aligner

    @abstractmethod
    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> Aligner:
        """Train, as :meth:`fit` is asked to."""


# A learner of another package is an entry point of the group, or registered by ``register_learner``.
LEARNERS: Registry[type[LearnerConfig]] = Registry(
    "learner",
    option="learner",
    entry_point_group="concept_align.learners",
    builtin={
        name: f"{__package__}.{place}"
        for name, place in {
            "source-probe": "source_probe:SourceProbe",
            "pooled": "pooled:Pooled",
            "proto": "proto:Proto",
            "shrink": "shrink:Shrink",
            "self-train": "self_train:SelfTrain",
            "tagger": "tagger:Tagger",
            "closed-form": "closed_form:ClosedForm",
            "procrustes": "source_probe:Procrustes",
            "ridge": "source_probe:Ridge",
            "target-only": "target:TargetOnly",
            "oracle": "target:Oracle",
            "maml": "gradient:Maml",
            "fomaml": "gradient:Fomaml",
            "anil": "gradient:Anil",
            "meta-sgd": "gradient:MetaSgd",
            "reptile": "gradient:Reptile",
        }.items()
    },
)


def _of_concepts(support: Features, allowed: torch.Tensor) -> Features | None:
    """The words of ``support`` whose concepts are ``allowed`` (bool [concepts]), its sentences as they are;
    None where there is none."""
    counted = allowed[support.y]
    if not bool(counted.any()):
        return None
    if bool(counted.all()):
        return support
    ends = ragged.offsets_of(counted.numpy())
    return Features(
        support.language, support.concepts, support.rows(counted), support.y[counted], ends[support.offsets]
    )
