"""A whole run of meta-training: from a store and a configuration to a folder with an aligner.

The folder holds ``config.json`` and ``model.safetensors`` (the aligner), ``training.jsonl``, ``summary.json``
(accuracy on the validation languages), ``run.toml`` (the configuration, to be given back to the command),
``provenance.json``, ``standardiser.safetensors`` and ``entropy.json`` (see :mod:`.reference`), the card,
``README.md`` and ``LICENSE``, and ``SHA256SUMS`` of all that decides or describes the aligner's answers,
which is compared whenever an aligner is read. While a run is under way, ``checkpoints/`` holds what it needs
to resume. All are the same, byte for byte, however often a run was interrupted.
"""

import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from .. import atomic, provenance
from ..checkpoint import same_run
from ..config import from_mapping, read_toml, to_mapping, to_toml
from ..errors import LearningError, UsageError
from ..matmul import fast_matmul
from ..outputs import OutputLayout, output_folder
from ..progress import Progress
from ..reading import read_json_object
from ..seeding import derive
from ..spaces.features import Sentences
from ..spaces.source import FeatureSource
from ..statistics import LEAST_BOUNDED
from ..store import Recipe, Store
from ..treebanks import registry as treebanks
from .card import edited, write_card
from .config import MetaTrainConfig
from .data import Validation, accuracy, branches_of, check_disjoint
from .hub import FILES
from .learners import registry
from .learners.base import Aligner, LearnerConfig, TrainingData
from .learners.saved import is_finished
from .reference import UsualEntropy, entropies_of, reference, write_entropy, write_reference
from .train import HISTORY

VALIDATION_SHOTS = (0, 10)
ASKED = 1000  # words of a language, of which the entropy of predictions is kept
TRAINED = "training languages"  # that scores are of where there are no validation languages
NONE = ("none",)  # written for no language at all
CHECKPOINTS = "checkpoints"
LAYOUT = OutputLayout(
    "meta-train",
    (*FILES, CHECKPOINTS),
    (("provenance.json", '"concept_align"'), (f"{CHECKPOINTS}/*.safetensors", '"training"')),
)


@dataclass(frozen=True)
class MetaTrainPlan:
    """A configuration with its languages and learner worked out, and the features it would load."""

    config: MetaTrainConfig
    features: FeatureSource
    data: TrainingData
    targets: tuple[str, ...]
    learner: LearnerConfig

    @classmethod
    def of(cls, config: MetaTrainConfig, features: FeatureSource | None = None) -> Self:
        """Work out languages and learner; ``features`` in place of those of the configuration's store.

        Raises UsageError for what is unknown or not in the store, LearningError for overlapping languages.
        """
        learner = registry.create(
            config.learner, preset=config.preset, task=config.task, options=config.options
        )
        if features is None:
            stores = [
                Store.open(folder) for folder in (config.store, config.with_store) if folder is not None
            ]
            spec = config.spec(*(store.recipe.layers for store in stores))
            for store, layers in zip(stores, (spec.layers, spec.other_layers), strict=False):
                store.layers_with_states(layers)
            features = FeatureSource(stores, spec)
        here, called = features.languages("train"), features.store.named
        train = treebanks.select(called(config.train_langs), here, option="train_langs")
        validation = _select(called(config.validation_langs), here, "validation_langs", learned=train)
        known = {*treebanks.CODES, *features.languages()}
        targets = _select(called(config.target_langs), known, "target_langs")
        source = _source(called(config.source)[0], here)
        if source not in train:
            train = (source, *train)
            said = "the source, from whose labels every learner starts: it is a training language too"
            warnings.warn(f"{source} is {said}", UserWarning, stacklevel=2)
        check_disjoint(
            train, validation, targets, family=treebanks.family if config.family_disjoint else None
        )
        concepts, branches = features.concepts, branches_of(train)
        data = TrainingData(source, train, validation, concepts, features.load, branches)
        return cls(config, features, data, targets, learner)

    @property
    def recipe(self) -> Recipe | None:
        """How the store's states were made; None for features that came without a store."""
        recipe = self.features.store.recipe
        return recipe if isinstance(recipe, Recipe) else None

    @property
    def other_recipe(self) -> Recipe | None:
        """How those of the second store were made; None without one."""
        return self.features.stores[1].recipe if len(self.features.stores) > 1 else None

    def about(self) -> dict[str, Any]:
        """What the run would do."""
        return {
            "learner": self.learner.name,
            "options": self.learner.config(),
            "source": self.data.source,
            "train": list(self.data.train),
            "validation": list(self.data.validation),
            "targets": list(self.targets),
            "features": {**self.features.describe(), "dim": self.features.dim},
        }

    def facts(self) -> dict[str, Any]:
        """What ``provenance.json`` says of the run."""
        about = {key: value for key, value in self.about().items() if key != "options"}
        about["notes"] = dict(sorted(self.features.notes.items()))
        if self.recipe is not None:
            languages = (*self.data.train, *self.data.validation)
            about["treebanks"] = {language: self.features.treebank(language) for language in languages}
            about["store"] = self.recipe.to_json()
        if self.other_recipe is not None:
            about["with_store"] = self.other_recipe.to_json()
        return provenance.collect(**about)


@dataclass(frozen=True)
class MetaTrainResult:
    """What a run made."""

    aligner: Aligner
    folder: Path | None  # None where nothing was kept
    summary: dict[str, Any]
    seconds: float  # 0 where the run had been finished before


def _source(name: str, here: Collection[str]) -> str:
    """The source as those ``here`` are called."""
    found = next((one for one in here if one.casefold() == name.casefold()), None)
    if found is None:
        raise UsageError(
            f"no training split of {name} in the store",
            option="source",
            remedy=f"there are {', '.join(here) or 'none'}; extract it, or choose another",
        )
    return found


def _select(
    langs: Sequence[str], available: Collection[str], option: str, learned: Collection[str] = ()
) -> tuple[str, ...]:
    if tuple(langs) in ((), NONE):
        return ()
    try:
        return treebanks.select(langs, available, option=option)
    except UsageError as error:
        others = [code for code in available if code not in learned]
        here = (
            f"choose from what is there and not learned from ({' '.join(others)}), or say"
            if others
            else "say"
        )
        chosen = ": the training languages then choose the epoch" if option == "validation_langs" else ""
        raise UsageError(error.message, option=option, remedy=f"{here} none{chosen}") from error


def meta_train(
    store: str | Path | Store | FeatureSource,
    *,
    task: str | None = None,
    layers: int | Sequence[int] | Literal["all"] | None = None,
    learner: str = "self-train",
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **fields: Any,
) -> Aligner:
    """Learn to align concepts across languages from labels of the training languages.

    Args:
        store: states of words, or the folder that they are in; a ``FeatureSource`` stands for both and says
            task and layers itself.
        task: ``"upos"`` (unless told otherwise), ``"relation"``, ``"feature:NAME"`` or ``"column:NAME"``.
        layers: 7, [6, 9], -1 (the last, unless told otherwise) or ``"all"``; several are concatenated.
        learner: ``self-train``, ``tagger``, ``shrink``, ``proto``, ``maml``, ``pooled``, ... or one of
            your own (``ca.register_learner``).
        out: the folder that keeps the aligner, its history and card; a run that was stopped there resumes,
            a finished one is taken as it is. Without, nothing is kept.
        settings: the learner's own, over its preset's.
        force: replace what another run left in ``out``.
        fields: further fields of :class:`MetaTrainConfig`: ``source``, ``train_langs``, ``validation_langs``,
            ``target_langs``, ``context_layers``, ``preset``, ``seed``, ...

    Returns:
        The aligner.

    Raises UsageError for what is unknown or not in the store, LearningError for languages in two roles and
    where ``out`` holds another run.

    Example:
        >>> import concept_align as ca
        >>> langs, quick = ["en", "de", "et"], {"epochs": 1, "adapts": "none"}
        >>> store = ca.extract("mini-encoder", ca.mini_treebanks(), tmp / "store", langs=langs, layers=[3])
        >>> aligner = ca.meta_train(store, layers=[3], learner="pooled", settings=quick)
        >>> aligner.learner
        'pooled'
    """
    given = {"task": task, "layers": layers}
    fields |= {name: value for name, value in given.items() if value is not None}
    made = run_meta_training(
        store, out, settings=settings, force=force, progress=progress, learner=learner, **fields
    )
    return made.aligner


def run_meta_training(
    store: str | Path | Store | FeatureSource | MetaTrainConfig | MetaTrainPlan,
    out: str | Path | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> MetaTrainResult:
    """What :func:`meta_train` does, for a configuration or a plan too; with accuracies and the time taken."""
    planned = _planned(store, options if settings is None else {**options, "options": dict(settings)})
    if out is None:
        return _trained(planned, None, progress)
    with output_folder(out, LAYOUT) as held:
        if force:
            held.disown(*edited(Path(out)))
            held.clear()
        # Where the store lies changes nothing, what it holds does: the checkpoints' identity sees to that.
        made = _finished(Path(out), planned.config) or _trained(planned, Path(out), progress)
        held.remove(CHECKPOINTS)
    return made


def _trained(planned: MetaTrainPlan, out: Path | None, progress: Progress | None) -> MetaTrainResult:
    config, began = planned.config, time.monotonic()
    if out is not None:
        atomic.write_text(out / "run.toml", to_toml(config))
    checkpoints = None if out is None else out / CHECKPOINTS
    with fast_matmul():
        aligner = planned.learner.fit(planned.data, seed=config.seed, folder=checkpoints, progress=progress)
        summary = {"validation": _validation(planned, aligner), "learner": config.learner}
        if not planned.data.validation:
            summary["scored"] = TRAINED
    if out is not None:
        _keep(planned, out, aligner, summary)
    return MetaTrainResult(aligner, out, summary, time.monotonic() - began)


def _planned(store: Any, options: dict[str, Any]) -> MetaTrainPlan:
    if isinstance(store, MetaTrainPlan) and not options:
        return store
    if isinstance(store, MetaTrainConfig):
        return MetaTrainPlan.of(from_mapping(MetaTrainConfig, {**to_mapping(store), **options}))
    if isinstance(store, FeatureSource):
        names = ("task", "layers", "context_layers", "root", "mwt", "standardise")
        if twice := sorted({*names, "with_store", "with_layers"} & set(options)):
            raise UsageError("the features say it themselves", option=twice[0], remedy="leave it out")
        given = {name: getattr(store.spec, name) for name in names}
        folder, *others = (str(getattr(one, "folder", "")) for one in store.stores)
        if others:
            given |= {"with_store": others[0], "with_layers": store.spec.other_layers}
        return MetaTrainPlan.of(MetaTrainConfig.of(store=folder, **given, **options), store)
    folder = str(store.folder if isinstance(store, Store) else store)
    return MetaTrainPlan.of(MetaTrainConfig.of(store=folder, **options))


def _keep(planned: MetaTrainPlan, out: Path, aligner: Aligner, summary: dict[str, Any]) -> None:
    """Write what a run made into its folder."""
    if (history := out / CHECKPOINTS / HISTORY).exists():
        atomic.write_bytes(out / HISTORY, history.read_bytes())
    facts = planned.facts()
    atomic.write_json(out / "provenance.json", facts)
    atomic.write_json(out / "summary.json", summary)
    write_reference(out, reference(planned.features, planned.data.train))
    if planned.recipe is not None:
        write_entropy(out, _entropy(planned, aligner))
        write_card(out, facts, summary, options=planned.learner.config(), seed=planned.config.seed)
    # Last, with the hashes of all of it: a folder that has them is finished.
    aligner.save_pretrained(out)


def _validation(planned: MetaTrainPlan, aligner: Aligner) -> dict[str, Any]:
    """Accuracy in each validation language and their mean, zero-shot and few-shot (without smoothing)."""
    seed = derive(planned.config.seed, "summary")
    validation = Validation(planned.data, least=1, seed=seed)
    by_shots: dict[int, dict[str, float]] = {shots: {} for shots in VALIDATION_SHOTS}
    # What is learned of a language's unlabelled words serves all its supports while they follow each other.
    for language, query in validation.queries.items():
        unlabelled = validation.load(language, "train").sentences if aligner.transductive else None
        for shots, languages in by_shots.items():
            support = validation.support(language, shots) if shots else None
            classifier = aligner.adapt(support, unlabelled=unlabelled, seed=seed)
            languages[language] = accuracy(classifier, query)
    return {
        str(shots): {"mean": sum(languages.values()) / len(languages), "languages": languages}
        for shots, languages in by_shots.items()
    }


def _entropy(planned: MetaTrainPlan, aligner: Aligner) -> UsualEntropy | None:
    """Zero-shot, over the training languages; None for fewer than five.

    As text is classified: of each language some hundred words, which a transductive aligner sees without
    labels. They are of the dev split where there is one, which was not learned from.
    """
    features, languages = planned.features, planned.data.train
    if len(languages) < LEAST_BOUNDED:
        return None
    held, found = features.languages("dev"), []
    for language in languages:
        loaded = features.load(language, "dev" if language in held else "train")
        x = Sentences(loaded.rows(slice(0, ASKED)), np.minimum(loaded.offsets, ASKED))
        if x.words:
            classifier = aligner.adapt(unlabelled=x if aligner.transductive else None)
            found.append(entropies_of(classifier.scores(x)))
    return UsualEntropy.of(found)


def _finished(out: Path, config: MetaTrainConfig) -> MetaTrainResult | None:
    """What a finished run of ``config`` left in ``out``; None if the folder is free or the run resumes."""
    if not (out / "run.toml").exists():
        return None
    there = read_toml(out / "run.toml", MetaTrainConfig)
    moved = replace(
        there, store=config.store, with_store=there.with_store and (config.with_store or there.with_store)
    )
    same_run(out / "run.toml", to_mapping(moved), to_mapping(config))
    if not is_finished(out):
        return None
    summary = read_json_object(out / "summary.json", error=LearningError, remedy="begin anew by force")
    return MetaTrainResult(Aligner.from_pretrained(out), out, summary, 0.0)
