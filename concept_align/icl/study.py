"""A study of in-context learning: every trial once, and the evidence."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from ..config import from_mapping
from ..correspondence.table import Alignability
from ..errors import UsageError
from ..evaluation.tidy import Evaluation
from ..layers import resolve_layers
from ..outputs import output_folder
from ..progress import Progress, Silent
from ..showing import Showable, reporter
from .base import PromptSentence, labelled_corpus, tagged_sentences
from .causal import CausalModel, in_memory, load_causal, word_states
from .classified import classifier, selecting_aligner
from .config import OWN, SCORES, ICLConfig, Layer
from .effects import Effects
from .evidence import AnswerEvidence, labelled, majority_class
from .nats import nats_table
from .plan import ICLPlan, plan
from .runner import LAYOUT, TrialRunner, claim
from .scoring import CausalScorer
from .selection import Selection
from .selectors import Selector, SelectorInputs, create, look_up
from .selectors.shared_head import LearnedSelector
from .selectors.simple import RandomSelector
from .session import PromptSession
from .usefulness import UsefulnessReport, usefulness_report
from .wording import label_set, template

Selectors = Sequence[str] | Mapping[str, Selector]


@dataclass(frozen=True, eq=False)
class ICLStudy(Showable):
    """What a study found, and what decided its numbers."""

    plan: ICLPlan
    evaluation: Evaluation  # a condition for every language of demonstrations and layer
    notices: list[str]
    facts: Mapping[str, Any]
    effects: Effects | None = None  # of demonstrations on concept spaces
    nats: pd.DataFrame | None = None  # what demonstrations are worth, where the gold labels are fed back

    report_maker = "icl:icl_report"

    def report(self, *, figures: bool = True) -> Any:
        """Findings, tables and figures, as a :class:`concept_align.report.builder.Report`."""
        return reporter(self.report_maker)(self, figures=figures)

    def _repr_html_(self) -> str:
        return str(self.report(figures=False)._repr_html_())

    def frame(self) -> pd.DataFrame:
        """The tidy table: one number per row, with its interval; ``shots`` counts demonstrations."""
        return self.evaluation.frame()

    def comparisons(self) -> pd.DataFrame:
        """Paired tests over targets: one row per pair of ways of answering and number of demonstrations."""
        return self.evaluation.comparisons()

    def gains(self) -> pd.DataFrame:
        """Differences to no demonstrations and to probes, target by target and concept by concept."""
        return self.evaluation.gains()

    def plot_demonstrations(self, *, path: str | Path | None = None, **options: Any) -> Any:
        """Accuracy against the number of demonstrations: a Matplotlib figure. ``options``: ``metric``."""
        return self._plot("icl_figures:k_figure", self.frame(), path=path, **options)

    def plot_layers(self, *, path: str | Path | None = None) -> Any:
        """Classifiers of the states by layer, with and without demonstrations: a Matplotlib figure."""
        plain = self.plan.variants[0].name
        return self._plot("icl_figures:layers_figure", self.frame(), path=path, plain=plain)

    def usefulness(self) -> UsefulnessReport | None:
        """Does alignability predict which demonstrations help? None where the study was given no scores."""
        path = self.plan.config.alignability
        if path is None:
            return None
        learner, k = self.plan.variants[0].name, max(self.plan.config.k)
        return usefulness_report(self.frame(), Alignability.load(path).frame(), learner=learner, k=k)


def icl_study(
    model: str | Path | tuple[nn.Module, Any],
    treebanks: str | Path,
    *,
    task: str = "upos",
    langs: str | Sequence[str] = "targets",
    demo_langs: str | Sequence[str] = "en",
    k: int | Sequence[int] = (0, 1, 5, 10),
    selectors: str | Selectors = "random",
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> ICLStudy:
    """Ask a causal language model for the concepts of words, after demonstrations in other languages.

    ``model`` is a name, a folder, or a loaded ``(model, tokenizer)`` pair of transformers; ``treebanks`` a UD
    release folder. ``langs`` are the targets, ``demo_langs`` the languages of demonstrations: codes, or the
    name of a set ("targets", "family:germanic"). ``k``: numbers of demonstrations. ``selectors``: how
    demonstrations are chosen, names or selectors by name. ``settings`` are the other fields of
    :class:`.config.ICLConfig`. With ``out``, finished trials are kept in that folder and a stopped study
    resumes; ``force`` begins anew there.

    Raises UsageError for options that are impossible and for a folder of another study, ModelError for a
    model without a language-model head, LearningError for a target that learners are trained on.

    >>> from concept_align.treebanks.discover import mini_treebanks
    >>> few = {"k": [0, 1], "demo_draws": 1, "queries": 2, "bootstrap": 100, "calibrate": False}
    >>> found = icl_study("mini-decoder", mini_treebanks(), langs=["ga"], **few)
    >>> sorted(found.frame()["learner"].unique())
    ['icl-shuffled', 'icl-tags', 'majority']
    """
    loaded = None if isinstance(model, str | Path) else in_memory(*model)
    given = dict(selectors) if isinstance(selectors, Mapping) else {}
    settings |= {"task": task, "langs": langs, "demo_langs": demo_langs, "k": k}
    settings |= {"model": str(model) if loaded is None else loaded.name, "treebanks": Path(treebanks)}
    config = from_mapping(ICLConfig, settings | {"selectors": list(given) or selectors})
    planned = plan(config, own=given)
    session = open_session(planned, model=loaded, selectors=given, folder=out, progress=progress)
    return run(session, out, force=force, progress=progress)


def open_session(
    plan: ICLPlan,
    *,
    model: CausalModel | None = None,
    selectors: Mapping[str, Selector] | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> PromptSession:
    """What the prompts of ``plan`` are made of, with its model loaded unless ``model`` is given.

    ``selectors`` of the user's own go by the names that the plan gives. What selectors learn from is kept in
    ``folder``, that of the study; nothing is measured before a trial is taken. What is cheap to get wrong is
    looked at before the model is loaded.
    """
    config, given = plan.config, dict(selectors or {})
    templates = {name: template(name) for name in config.templates}
    for kind in config.labels:
        for language in plan.targets if kind == "language" else plan.targets[:1]:
            label_set(kind, plan.task.concepts, language=language)
    for name in config.selectors:
        if name not in given:
            look_up(name, plan.targets)
    trained, layer = None, config.select_layer
    if config.select_aligner is not None:
        trained = selecting_aligner(config.select_aligner, plan.task, layer, offline=config.offline)
    scores = None if config.alignability is None else Alignability.load(config.alignability).frame()
    if scores is not None:
        scores = scores[scores["task"] == plan.task.name]
    if model is None:
        options = {name: getattr(config, name) for name in ("revision", "dtype", "device", "offline")}
        model = load_causal(config.model, **options)

    @cache
    def read(language: str, split: str) -> list[PromptSentence]:
        if (language, split) not in plan.files:
            raise UsageError(f"there is no {split} split of {language}", where=str(config.treebanks))
        corpus = labelled_corpus(plan.files[language, split], plan.task, progress)
        return tagged_sentences(corpus, plan.task, limit=config.limit, longest=config.max_words)

    scorers = {name: CausalScorer(model, one) for name, one in templates.items()}
    session = PromptSession(plan, scorers, given, read)
    layer = model.layers // 2 if layer is None else layer
    classify = None if trained is None else classifier(trained, model)
    place = None if folder is None else Path(folder)
    inputs = SelectorInputs(
        plan.task.concepts,
        session.pools,
        word_states(model, layer),
        layer,
        scores,
        classify,
        {} if trained is None else trained.files,
        config.diversity,
        Selection(session, place, classify, progress) if plan.select else None,
    )
    for name in config.selectors:
        if name not in given:
            given[name] = create(name, inputs)
        elif isinstance(learned := given[name], LearnedSelector):
            learned.refuse_targets(plan.targets)
            given[name] = learned.with_inputs(inputs)
    for scorer in scorers.values():
        for note in scorer.notes:
            session.note(note)
    return session


def run(
    session: PromptSession,
    out: str | Path | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> ICLStudy:
    """Run the plan of ``session`` in the folder ``out``, or resume it there; without one nothing is kept.

    Neither the order of languages nor an interruption changes an answer. Raises UsageError where the folder
    holds a study of another configuration, unless ``force`` says to begin anew.
    """
    plan = session.plan
    scorer = session.scorers[plan.config.templates[0]]
    made_from = {**plan.config.decides(), "model": scorer.name, "revision": scorer.revision}
    if out is None:
        return _run(session, None, made_from, progress)
    with output_folder(out, LAYOUT, force=force):
        claim(Path(out), made_from, session.choices())
        return _run(session, Path(out), made_from, progress)


def _run(
    session: PromptSession, folder: Path | None, made_from: dict[str, Any], progress: Progress | None
) -> ICLStudy:
    plan = session.plan
    scorer = session.scorers[plan.config.templates[0]]
    concepts = plan.task.concepts
    gold = {language: labelled(language, concepts, session.queries(language)) for language in plan.targets}
    trials = plan.trials()
    runner = TrialRunner(session, folder, layers_of(plan.config, scorer.layers), made_from, gold)
    bar = (progress or Silent()).bar(f"{plan.config.task}, {scorer.name}", len(trials), unit="tests")
    for trial in trials:
        bar.note(f"{trial.language} {trial.variant.name}, {trial.k} in {trial.source}")
        runner.take(trial)
        bar.advance()
    shown = [code for code in plan.asked if code != OWN]
    shown += plan.targets if OWN in plan.sources else ()
    majority = {code: majority_class(session.candidates(code), len(concepts)) for code in shown}
    answers = {key: log.done for key, log in runner.logs.items()}
    effects = runner.effects.found()
    notices = list(session.notices)
    found = AnswerEvidence(plan, scorer.name, scorer.revision, gold, majority).evaluation(answers, notices)
    gold_fed = plan.config.feedback == "gold"
    nats = nats_table(plan, {key: log.done for key, log in runner.nats.items()}) if gold_fed else None
    return ICLStudy(plan, found, notices, made_from, effects, nats)


def layers_of(config: ICLConfig, last: int) -> tuple[Layer, ...]:
    """The layers of aligned in-context learning in a model of ``last`` layers; SCORES among them."""
    numbers = [layer for layer in config.layers if isinstance(layer, int)]
    found = resolve_layers("all" if "all" in config.layers else numbers, last)
    return (*found, *((SCORES,) if SCORES in config.layers else ()))


def estimate(session: PromptSession, *, few: int = 2) -> dict[str, Any]:
    """What a study would run, for people and machines, and the ``seconds`` it would take.

    ``few`` queries of the first target are timed for every number of demonstrations, chosen at random, and
    multiplied; so are the single demonstrations that selectors learn from. What fitting learners and reading
    states for a choice take is not in it.
    """
    plan = session.plan
    trials, queries = plan.trials(), session.queries(plan.targets[0])
    timed = replace(session, selectors=dict.fromkeys(session.selectors, RandomSelector()))
    each: dict[int, tuple[float, float]] = {}  # k -> seconds of a prompt, of a query
    for k in plan.config.k:
        trial = next(trial for trial in trials if trial.k == k and trial.language == plan.targets[0])
        taken = []
        for count in (1, 1 + few):
            began = time.monotonic()
            timed.answers(trial, queries[:count])
            taken.append(time.monotonic() - began)
        own = max(taken[1] - taken[0], 0.0) / few
        each[k] = (max(taken[0] - own, 0.0), own)
    asked = {code: len(session.queries(code)) for code in plan.targets}
    seconds = sum(each[trial.k][1] * asked[trial.language] for trial in trials)
    # Targets share a prompt, unless it is in their own language or chosen for a query.
    prompts: dict[tuple[Any, ...], tuple[int, int]] = {}
    for trial in trials:
        looks_at = session.looks_at(trial.variant)
        alone = trial.language if trial.source == OWN or looks_at != "nothing" else ""
        many = asked[trial.language] if trial.k and looks_at == "query" else 1
        prompts[trial.source, trial.variant.name, trial.k, trial.draw, alone] = (trial.k, many)
    seconds += sum(each[k][0] * many for k, many in prompts.values())
    for k in plan.align_k:
        for source in plan.named if k else plan.named[:1]:
            languages = len({*plan.trained_on(source), *plan.validation})
            seconds += languages * each[k][1] * plan.config.align_sentences
            seconds += languages * each[k][0] * plan.config.demo_draws
    pairs = plan.config.select_queries * plan.config.select_candidates if plan.select else 0
    if pairs:
        one = each.get(1) or each[min((k for k in each if k), default=0)]
        seconds += pairs * one[1] + plan.config.select_candidates * one[0]
    return {
        "model": plan.config.model,
        "task": plan.task.name,
        "targets": list(plan.targets),
        "demonstrations": list(plan.sources),
        "pool": plan.config.pool,
        "select_langs": list(plan.select),
        "select_pairs": pairs,
        "train": list(plan.train),
        "validation": list(plan.validation),
        "variants": [variant.name for variant in plan.variants],
        "k": list(plan.config.k),
        "demo_draws": plan.config.demo_draws,
        "tests": len(trials),
        "queries": sum(asked[trial.language] for trial in trials),
        "seconds": round(seconds),
        "notices": list(session.notices),
    }
