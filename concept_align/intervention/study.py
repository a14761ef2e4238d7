"""A study of interventions: every unit measured once, and kept as it is finished.

What lies in a study's folder: ``study.json``, what its numbers were made from; ``units``, a folder for each
language, layer and source with what was counted.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from ..cache import Kept
from ..config import to_mapping
from ..icl.runner import STUDY, claim
from ..outputs import PAGE_FILES, OutputLayout, output_folder
from ..progress import Progress, Silent
from ..store.store import Store
from .config import InterveneConfig
from .evidence import InterventionEvidence, matrix_of
from .found import PREDICTED, Interventions, predicted_by_alignability
from .outcomes import InterventionOutcome, load_outcome, save_outcome
from .plan import plan
from .session import InterventionSession, open_interventions

__all__ = ["KEPT", "LAYOUT", "estimate_interventions", "intervene", "open_interventions", "run_interventions"]

UNITS = "units"
KEPT = (STUDY, UNITS)
# Columns of what outcomes say of directions and of relations; a kept outcome has forgotten their order.
SPANS = (
    "language", "layer", "source", "intervention", "control", "draw", "rank", "variance", "share", "overlap",
    "note",
)  # fmt: skip
PAIRS = ("language", "relation", "feature", "observed", "agreeing", "found", "why_not")
RESULTS = ("effects.*", "matrix*.csv", "directions.csv", "agreement.csv", "intervene.json", "run.toml")
LAYOUT = OutputLayout("intervene", (*KEPT, *RESULTS, *PAGE_FILES), ())


def intervene(
    store: str | Path | Store,
    *,
    treebanks: str | Path = "mini",
    layers: int | Sequence[int] | str = "auto",
    task: str = "upos",
    langs: str | Sequence[str] = "auto",
    source_langs: str | Sequence[str] = "auto",
    interventions: str | Sequence[str] = "remove",
    model: str | Path | tuple[nn.Module, Any] | None = None,
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Interventions:
    """Take concepts out of a model while it reads, and see what is lost.

    Args:
        store: what :func:`concept_align.extract` made, with states of ``layers`` and of later ones.
        treebanks: where the sentences come from that the model reads (their test splits).
        layers: those whose states are changed, each by itself.
        task: whose concepts.
        langs: languages that are read.
        source_langs: languages whose stored words say where concepts lie.
        interventions: ``"remove"``, ``"remove-one"``, ``"pair:NOUN-VERB"``, ``"swap:NOUN-VERB"``, ...
        model: the store's, where it is not found under the store's name: a name, a folder, or a loaded
            ``(model, tokenizer)`` pair.
        out: a folder where what is finished is kept, so that a stopped run resumes; ``force`` begins anew.
        settings: the other fields of the configuration: see ``concept-align intervene --help``.

    Raises UsageError for options that are impossible and for a folder of another study, ModelError where the
    model is not the store's or has no head for what is to be measured.

    Example:
        >>> import concept_align as ca, tempfile
        >>> folder, few = tempfile.mkdtemp(), ["en", "de", "fi", "ga"]
        >>> store = ca.extract("mini-decoder", ca.mini_treebanks(), folder, layers=[2, 4], langs=few)
        >>> quick = {"sentences": 5, "bootstrap": 100, "readouts": ["probe"], "controls": ["matched:2"]}
        >>> found = ca.intervene(store, layers=2, langs=["ga"], source_langs=["en", "de", "fi"], **quick)
        >>> sorted(set(found.frame()["against"]))
        ['', 'matched', 'untouched']
    """
    loaded = model if isinstance(model, tuple) else None
    settings |= {"treebanks": treebanks, "layers": layers, "task": task, "langs": langs}
    settings |= {"source_langs": source_langs, "interventions": interventions}
    settings |= {"store": store.folder if isinstance(store, Store) else Path(store)}
    settings |= {} if model is None or loaded else {"model": str(model)}
    config = InterveneConfig.of(**settings)
    session = open_interventions(plan(config), model=loaded)
    return run_interventions(session, out, force=force, progress=progress)


def run_interventions(
    session: InterventionSession,
    out: str | Path | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Interventions:
    """Measure everything in the folder ``out``, or resume there; without one nothing is kept.

    Raises UsageError where the folder holds a study of another model or configuration, unless ``force``.
    """
    if out is None:
        return _run(session, None, progress)
    with output_folder(out, LAYOUT, force=force):
        claim(Path(out), session.made_from)
        return _run(session, Path(out), progress)


def _run(session: InterventionSession, out: Path | None, progress: Progress | None) -> Interventions:
    plan = session.plan
    kept = Kept(None if out is None else out / UNITS, save_outcome, load_outcome)
    units = plan.units()
    made = {unit: session.identity(unit) for unit in units}
    there = {unit: kept.find(unit.name, made[unit]) for unit in units}
    found = {unit: outcome for unit, outcome in there.items() if outcome is not None}
    about = f"{plan.task.name}, {session.model.name}"
    bar = (progress or Silent()).bar(about, len(units), done=len(found), unit="languages and layers")
    for unit in units:
        if unit not in found:
            bar.note(unit.name)
            found[unit] = session.outcome(unit)
            kept.put(unit.name, made[unit], found[unit])
            bar.advance()
    return _counted(session, [found[unit] for unit in units])


def _counted(session: InterventionSession, outcomes: Sequence[InterventionOutcome]) -> Interventions:
    plan, config = session.plan, session.plan.config
    evidence = InterventionEvidence(
        session.model.name, session.model.revision, plan.task.name, config.seed, config.bootstrap
    )
    effects = evidence.effects(outcomes)
    matrix = matrix_of(effects)
    predicted = pd.DataFrame(columns=list(PREDICTED))
    if config.alignability is not None:
        predicted = predicted_by_alignability(matrix, config.alignability, plan.task.name, seed=config.seed)
    directions = pd.DataFrame([row for one in outcomes for row in one.spans], columns=list(SPANS))
    agreement = pd.DataFrame([row for one in outcomes for row in one.pairs], columns=list(PAIRS))
    agreement = agreement.drop_duplicates(ignore_index=True)
    notices = [*session.notices, *(note for one in outcomes for note in one.notes)]
    facts: Mapping[str, Any] = {**session.made_from, **plan.facts(), "config": to_mapping(config)}
    return Interventions(
        effects, matrix, directions, agreement, predicted, facts, tuple(dict.fromkeys(notices))
    )


def estimate_interventions(session: InterventionSession) -> dict[str, Any]:
    """What would be measured, for people and machines, and the ``seconds`` it would take.

    The first unit is measured and multiplied.
    """
    units = session.plan.units()
    began = time.monotonic()
    session.outcome(units[0])
    seconds = (time.monotonic() - began) * len(units)
    return {**session.plan.facts(), "seconds": round(seconds, 1), "notices": list(session.notices)}
