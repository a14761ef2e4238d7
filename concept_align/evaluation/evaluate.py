"""Aligners put to the test in languages they have not seen: plan, tests, tables."""

import hashlib
import re
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save

from ..config import changed
from ..errors import UsageError
from ..hashing import digest
from ..matmul import fast_matmul
from ..meta.learners.base import Aligner
from ..outputs import PAGE_FILES, OutputLayout, output_folder
from ..progress import Progress, Silent
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store import Store
from ..treebanks.registry import select
from ..types import SPLITS
from .aligners import AnyAligner, AnyAligners, SavedAligner, named_aligners, read_aligners, saved_in
from .candidate import Adapts, Candidate, DataUseNotes, MajorityClass, TargetViews
from .comparisons import BASELINES, references
from .config import EvaluateConfig, Protocol
from .evidence import Evidence, evidence
from .plan import AlignerGroup, EvaluationPlan, check_concepts, plan_evaluation
from .protocol import Load
from .resampling import sentence_weights
from .results import MAJORITY
from .summary import low_resource, ties
from .tidy import Condition, Evaluation, tabulate

CACHE_BYTES = 2 << 30
UNITS = "units"  # the folder of finished tests
TABLES = (
    "results.csv", "results.parquet", "comparisons.csv", "gains.csv", "confusion.csv", "reliability.csv",
)  # fmt: skip
LAYOUT = OutputLayout(
    "evaluate",
    (UNITS, "evaluation.json", *TABLES, *PAGE_FILES),
    (("evaluation.json", '"protocol"'), (f"{UNITS}/*-*-*/*/*.jsonl", '"smoothing"')),
)


def evaluate(
    aligners: AnyAligners,
    store: Store | str | Path | FeatureSource | Sequence[Store | str | Path],
    *,
    langs: str | Sequence[str] | None = None,
    shots: int | Sequence[int] | None = None,
    support_draws: int | None = None,
    against: Sequence[str] | None = None,
    bootstrap: int | None = None,
    seed: int | None = None,
    features: FeatureSpec | None = None,
    config: EvaluateConfig | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Test aligners zero- and few-shot in languages they have not seen, and compare them.

    ``aligners``: of each name a folder that meta-train wrote, a hub id, or an aligner in memory, or several
    that differ in their training seed alone; or a list of them, named by their learners. ``store``: where the
    states are, or a :class:`FeatureSource`; two stores for aligners of two models. ``langs``: target
    languages, by default those set aside in training. ``features``: how words are represented, for aligners
    in memory that were not read from a folder; their source language is English, and which languages they
    have seen is not known, so ``langs`` should be given. The other options are fields of
    :class:`EvaluateConfig`, and take precedence over ``config``. With ``out``, finished tests are kept in
    ``out/units`` and taken from there next time.

    Raises UsageError for languages that the store has no test split of, LearningError for languages that an
    aligner has seen and for a store of another recipe.

    Example:
        >>> import concept_align as ca
        >>> found = ca.evaluate({"probe": "runs/probe"}, "runs/store", shots=[0, 1])
        >>> found.frame()["shots"].unique().tolist(), found.frame()["learner"].unique().tolist()
        ([0, 1], ['majority', 'probe'])
    """
    config = config or EvaluateConfig()
    given: dict[str, Any] = {
        "langs": langs, "shots": shots, "against": against,
        "support_draws": support_draws, "bootstrap": bootstrap, "seed": seed,
    }  # fmt: skip
    config = changed(config, given)
    named = named_aligners(aligners)
    if isinstance(store, Sequence) and not isinstance(store, str):
        if len(store) != 2:
            raise UsageError(f"{len(store)} stores", option="store", remedy="give one, or two for two models")
        config = changed(config, {"with_store": str(getattr(store[1], "folder", store[1]))})
        store = store[0]
    if isinstance(store, str | Path):
        store = Store.open(store)
    units, held = (None, nullcontext()) if out is None else (Path(out) / UNITS, output_folder(out, LAYOUT))
    if isinstance(store, Store) and all(saved_in(one) is not None for _, one in named):
        plan = plan_evaluation(read_aligners(aligners), store, config)
        with held:
            return run_evaluation(plan, units=units, progress=progress)
    if isinstance(store, Store):
        if features is None:
            message = "how the words of an aligner in memory are represented is not known"
            raise UsageError(message, option="features", remedy="give a FeatureSpec, or the aligner's folder")
        two = [] if config.with_store is None else [Store.open(config.with_store)]
        store = FeatureSource([store, *two], features, cache_bytes=CACHE_BYTES)
    with held:
        return _evaluate_loaded(named, store, config, units, progress)


def run_evaluation(
    plan: EvaluationPlan, *, units: Path | None = None, progress: Progress | None = None
) -> Evaluation:
    """Test every group of aligners; finished tests are kept in ``units``."""
    parts = [_evaluate_group(plan, group, units, progress) for group in plan.groups]
    notices = [f"{code}: set aside in training, but the store has no test split of it; left out"
               for code in plan.absent]  # fmt: skip
    notices += [f"{code}: {why}; left out" for code, why in plan.related.items()]
    if not any(len(part.frame()) for part in parts):
        told = "; ".join(dict.fromkeys(notice for part in parts for notice in part.notices))
        raise UsageError(f"nothing can be tested: {told}", option="shots", remedy="ask for fewer, or for 0")
    first = replace(parts[0], notices=(*parts[0].notices, *notices))
    return Evaluation.join([first, *parts[1:]], **plan.facts())


def _evaluate_group(
    plan: EvaluationPlan, group: AlignerGroup, units: Path | None, progress: Progress | None
) -> Evaluation:
    store = plan.store
    two = () if plan.other is None else (plan.other,)
    sources = {
        one: FeatureSource((store, *(two if one.other_layers else ())), one, cache_bytes=CACHE_BYTES)
        for one in group.features
    }
    models = [one.recipe for one in (store, *(two if any(one.other_layers for one in sources) else ()))]
    by_name: dict[str, list[SavedAligner]] = {}  # aligners of one name are training seeds of one learner
    for aligner in group.aligners:
        check_concepts(aligner, sources[aligner.features].concepts)
        by_name.setdefault(aligner.name, []).append(aligner)
    candidates = [
        Candidate(
            name,
            tuple(one.load() for one in seeds),
            tuple({**one.files, "store": _states(one)} for one in seeds),
            sources[seeds[0].features].load,
        )
        for name, seeds in by_name.items()
    ]
    model, revision = (" with ".join(getattr(one, name) for one in models) for name in ("model", "revision"))
    condition = Condition(model, revision, group.layer, group.task, source=group.source)
    if units is not None:
        kinds = "+".join(dict.fromkeys(one.standardise for one in group.features))
        units /= re.sub(r"[^\w+-]", "-", f"{condition.task}-{condition.layer}-{condition.source}-{kinds}")
    features = sources[group.features[0]]
    found = _measure(
        candidates, features, plan.targets, condition, plan.config, units=units, progress=progress
    )
    notes = sorted({(code, note) for one in sources.values() for code, note in one.notes.items()})
    return replace(found, notices=(*found.notices, *(f"{code}: {note}" for code, note in notes)))


def _states(aligner: SavedAligner) -> str:
    """What the states are made by that an aligner is tested on."""
    return " with ".join(recipe.fingerprint() for recipe in aligner.recipes)


def _measure(
    candidates: Sequence[Candidate],
    features: FeatureSource,
    targets: Sequence[str],
    condition: Condition,
    config: EvaluateConfig,
    **kept: Any,
) -> Evaluation:
    """As :func:`measure`; ``kept``: units and progress."""
    untrained, undeveloped = (set(targets) - set(features.languages(split)) for split in ("train", "dev"))
    chosen: dict[str, Any] = {"protocol": config.protocol, "against": config.against, **kept}
    chosen |= {"untrained": untrained, "undeveloped": undeveloped}
    with fast_matmul():
        return measure(candidates, features.load, targets, condition=condition, **chosen)


def _evaluate_loaded(
    named: Sequence[tuple[str | None, AnyAligner]],
    features: FeatureSource,
    config: EvaluateConfig,
    units: Path | None,
    progress: Progress | None,
) -> Evaluation:
    """Aligners of one kind of features, of which it may not be known what they were trained on."""
    by_name: dict[str, list[Aligner]] = {}
    for name, one in named:
        aligner = one if isinstance(one, Aligner) else Aligner.from_pretrained(one)
        by_name.setdefault(name or aligner.learner, []).append(aligner)
    candidates = [
        Candidate(name, tuple(seeds), tuple(_identity(one, features) for one in seeds))
        for name, seeds in by_name.items()
    ]
    recipes = [getattr(one, "recipe", None) for one in features.stores]
    model = " with ".join(getattr(one, "model", "arrays") for one in recipes)
    revision = " with ".join(getattr(one, "revision", "") for one in recipes)
    condition = Condition(model, revision, features.layer_name, features.task.name)
    here = [code for code in features.languages("test") if code != condition.source]
    targets = here if config.langs is None else select(",".join(config.langs), features.languages("test"))
    found = _measure(candidates, features, targets, condition, config, units=units, progress=progress)
    notes = [f"{code}: {note}" for code, note in sorted(features.notes.items())]
    said = "which languages the aligners were trained on is not known, so targets may be among them"
    return replace(found, notices=(*found.notices, *notes, said))


def _identity(aligner: Aligner, features: FeatureSource) -> dict[str, Any]:
    """What an aligner in memory is."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in aligner.tensors().items()}
    about = {"learner": aligner.learner, "settings": aligner.settings(), "features": features.describe()}
    return {"tensors": hashlib.sha256(save(tensors)).hexdigest(), "about": digest(about)}


def measure(
    aligners: Sequence[tuple[str, Adapts] | Candidate],
    load: Load,
    targets: Collection[str],
    *,
    condition: Condition,
    protocol: Protocol | None = None,
    untrained: Collection[str] = (),
    undeveloped: Collection[str] | None = None,
    against: Sequence[str] = (),
    units: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Test every learner, and the majority baseline, in every target language.

    A learner is a name and its aligner, or a :class:`Candidate` where it has an aligner for each training
    seed. ``load`` gives features of the source's train split and of each target's train and test split, for
    learners without a ``load`` of their own; ``untrained`` names targets that have no train split,
    ``undeveloped`` those that have no dev split (None: no target has), ``against`` the learners that the
    others are compared with (default: all pairs of few, else the baselines among them). With ``units``,
    finished units are kept in that folder and taken from there next time. Neither the order of aligners nor
    that of targets changes a row.

    Raises LearningError for predictions that are not concepts of the task, UsageError for no or equal names.
    """
    protocol, targets = protocol or Protocol(), sorted(set(targets))
    learners = [one if isinstance(one, Candidate) else Candidate(one[0], (one[1],)) for one in aligners]
    names = [one.name for one in learners]
    if not names or not targets or len({*names, MAJORITY}) <= len(names):
        remedy = f"give aligners under different names ({MAJORITY} is taken), and a language or more"
        raise UsageError(f"cannot evaluate aligners {names} in languages {targets}", remedy=remedy)
    source = load(condition.source, "train")
    learners.append(Candidate(MAJORITY, (MajorityClass(source.counts()),)))
    learners.sort(key=lambda one: one.name)
    basis = {name: getattr(protocol, name) for name in ("seed", "smoothing", "valid", "least")}
    basis |= {"source": condition.source, "source_counts": source.counts().tolist()}

    found: dict[tuple[str, int], dict[str, Evidence]] = {}
    training_words: dict[str, int] = {}
    notices: list[str] = []
    notes = DataUseNotes()
    each = sum(one.tests(protocol) for one in learners)
    bar = (progress or Silent()).bar(
        f"{condition.task}, layer {condition.layer}", len(targets) * each, unit="tests"
    )
    for code in targets:
        lacks = {"train": code in untrained, "dev": undeveloped is None or code in undeveloped, "test": False}
        splits = [split for split in SPLITS if not lacks[split]]
        views = TargetViews(load, code, source, protocol, splits, hashed=units is not None)
        target = views.target(load)
        notices += views.notices
        if target is None:
            bar.advance(each)
            continue
        trained = target.train is not None and target.labelled == "train"
        training_words[code] = target.train.words if target.train is not None and trained else 0
        weights = sentence_weights(target.test.sents, protocol.bootstrap, protocol.seed, code)
        done = 0
        for one in learners:
            bar.note(f"{code} {one.name}")
            view = views.of(one)
            notes.add(one, view)
            logs = one.logs(units, {**basis, **view.made_from}, view)
            for shots, draws in one.predictions(view, logs, protocol, bar):
                done += len(draws)
                found.setdefault((one.name, shots), {})[code] = evidence(
                    draws, target.test, weights, protocol, learner=one.name, seeds=len(one.aligners)
                )
        bar.advance(each - done)
    notices += ties(training_words)
    seeds = {one.name: len(one.aligners) for one in learners if one.name != MAJORITY}
    chosen = references(seeds, against)
    condition = replace(condition, low_resource=low_resource(training_words), seeds=seeds, references=chosen)
    # Gains are over something even where all learners are compared with all.
    over = chosen or tuple(name for name in BASELINES if name in seeds)[:1]
    return tabulate(
        condition, found, source.concepts, protocol, over=over, notices=[*notices, *notes.notices()]
    )
