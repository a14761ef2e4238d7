"""Everything that is asked of the concept spaces in one or several stores, as tables.

Scores of all pairs and layers come first, then controls; the other questions are asked in the layer where
the mean of the first measure is highest.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..cache import Kept
from ..errors import UsageError
from ..hashing import digest
from ..outputs import PAGE_FILES, OutputLayout, output_folder
from ..progress import Progress, Silent
from ..showing import Showable
from ..store.store import Store
from ..types import RootPolicy
from .analyses import languages as facts
from .analyses.concepts import concept_scores
from .analyses.groups import contrast
from .analyses.models import compare_models
from .analyses.overlay import Overlay, overlay
from .analyses.predictors import predictors
from .analyses.transfer import transfer
from .build import build_geometry, source_has_states
from .config import AlignabilityConfig
from .geometry import Geometry
from .pairs import compare_geometries
from .plan import AlignabilityPlan
from .table import COLUMNS, Alignability

SCHEMA = 1
SHUFFLED = "labels shuffled over words"
OF_CONTROLS = 200  # permutations at most: their means are asked for, not their pairs
FLOOR = "majority"  # among the learners of a table of results: not a learner at all
FACTS = ("family", "branch", "script")
MAP = 8  # languages in the map of prototypes, unless some are named

KEPT = ("spaces", "probes", "scores")
LAYOUT = OutputLayout(
    "alignability",
    (
        *KEPT, "alignability.*", "across.*", "means.csv", "controls.csv", "concepts.csv", "families.csv",
        "predictors.csv", "transfer.csv", "models.csv", *PAGE_FILES,
    ),
    (("alignability.json", '"geometry"'), ("scores/*/made_from.json", '"geometry"'),
     ("spaces/*/*/*.json", '"made_from"')),
)  # fmt: skip

Question = Literal["concepts", "families", "predictors", "transfer"]


@dataclass(frozen=True)
class TaskFindings:
    """What one model and task gave; tables are empty where a question could not be asked."""

    model: str
    task: str
    layer: str  # with the highest mean of the first measure
    geometry: Geometry
    scores: Alignability
    concepts: pd.DataFrame
    families: pd.DataFrame
    predictors: pd.DataFrame
    transfer: pd.DataFrame
    overlay: Overlay | None


@dataclass(frozen=True)
class AlignabilityStudy(Showable):
    """Scores of all models and tasks, and what was asked of them."""

    plan: AlignabilityPlan
    findings: Sequence[TaskFindings]  # one per model and task
    controls: Mapping[str, pd.DataFrame]  # by what they are, scores of all models and tasks
    models: pd.DataFrame  # the first store's model against the others
    across: pd.DataFrame  # scores of one model's spaces with another's
    notices: tuple[str, ...] = field(default=())

    report_maker = "alignability:study_report"

    def frame(self) -> pd.DataFrame:
        """The tidy scores of all models and tasks."""
        return self.scores

    @property
    def scores(self) -> pd.DataFrame:
        """The tidy scores of all models and tasks."""
        return pd.concat([one.scores.frame() for one in self.findings], ignore_index=True)

    def plot_concepts(self, *, at: int = 0, path: str | Path | None = None) -> Any:
        """Which concepts correspond best: a Matplotlib figure of the ``at``-th model and task."""
        return self._plot("alignability:concepts_of", self.findings[at], path=path)

    def plot_map(self, *, at: int = 0, path: str | Path | None = None) -> Any:
        """Prototypes of several languages in one plane: a Matplotlib figure of the ``at``-th model and
        task. UsageError where too few languages share enough concepts."""
        return self._plot("alignability:map_of", self.findings[at], path=path)

    def table(self, name: Question) -> pd.DataFrame:
        """The rows of all models and tasks."""
        frames = []
        for one in self.findings:
            if not len(getattr(one, name)):
                continue
            frame = getattr(one, name)
            about = {key: getattr(one, key) for key in ("model", "task", "layer") if key not in frame}
            frames.append(pd.DataFrame({**about, **frame}))
        return _together(frames)


def alignability_study(
    config: AlignabilityConfig | AlignabilityPlan | None = None,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> AlignabilityStudy:
    """Compare the concept spaces of stores, and ask everything that can be asked of the scores.

    ``options`` are the fields of :class:`AlignabilityConfig` by name, instead of a ``config``. With ``out``,
    spaces and scores are kept in that folder, and a stopped study resumes. What cannot be asked (too few
    languages, no results) is said in ``notices``. Raises UsageError and StoreError before any work is done.

    >>> import concept_align as ca
    >>> few = {"measures": ["cka"], "layers": [3], "min_count": 3, "permutations": 99, "bootstrap": 0}
    >>> found = ca.alignability_study(store="runs/store", task=["upos"], **few)
    >>> found.frame()["measure"].unique().tolist()
    ['cka']
    """
    chosen = AlignabilityConfig.of(**options) if config is None else config
    plan = chosen if isinstance(chosen, AlignabilityPlan) else AlignabilityPlan.of(chosen)
    if out is None:
        return _Study(plan, None, progress).run()
    with output_folder(out, LAYOUT):
        return _Study(plan, Path(out), progress).run()


class _Study:
    """A plan being carried out: every geometry and table of scores once, kept in ``out``."""

    def __init__(self, plan: AlignabilityPlan, out: Path | None, progress: Progress | None) -> None:
        self.plan, self.config, self.out, self.progress = plan, plan.config, out, progress or Silent()
        self.notices: list[str] = [*plan.notices]
        self.kept = Kept(self._inside("scores"), lambda place, one: one.save(place), Alignability.load)

    def run(self) -> AlignabilityStudy:
        findings: list[TaskFindings] = []
        controls: dict[str, list[pd.DataFrame]] = {}
        for store in self.plan.stores:
            for task in self.config.task:
                geometry = self.geometry(store, task)
                notes = geometry.provenance.get("notes", {})
                scores = self.scores(geometry)
                self.notices += [f"{name}: {note}" for name, note in notes.items()]
                findings.append(self.ask(store, task, geometry, scores))
                if self.config.shuffled and source_has_states(store):
                    controls.setdefault(SHUFFLED, []).append(self.control(store, task, shuffled=True))
        for name, store in self.plan.controls.items():
            controls.setdefault(name, []).extend(self.control(store, task) for task in self.config.task)
        return AlignabilityStudy(
            self.plan,
            findings,
            {name: _together(parts) for name, parts in controls.items()},
            self.models(findings),
            self.across(findings),
            tuple(dict.fromkeys(self.notices)),
        )

    def _inside(self, *names: str) -> Path | None:
        return None if self.out is None else self.out.joinpath(*names)

    def geometry(self, store: Store, task: str, **changes: Any) -> Geometry:
        config, name = self.config, store.folder.name
        root: RootPolicy = config.root if store.recipe.has_start else "exclude"
        if not source_has_states(store):
            self.progress.bar("concept spaces", 0)  # so that there is one for every geometry
        return build_geometry(
            store,
            task=task,
            layers=self.plan.layers,
            langs=self.plan.languages,
            root=root,
            mwt=config.mwt,
            standardise=config.standardise,
            split=config.split,
            folder=self._inside("spaces", name, task.replace(":", "-")),
            probes=self._inside("probes", name),
            progress=self.progress,
            **(vars(config.sampling()) | changes),
        )

    def control(self, store: Store, task: str, *, shuffled: bool = False) -> pd.DataFrame:
        """Scores of a control, which is asked for its mean alone."""
        geometry = self.geometry(store, task, halves=0, bootstrap=0, shuffled=shuffled)
        return self.scores(geometry, min(self.config.permutations, OF_CONTROLS)).frame()

    def scores(self, geometry: Geometry, permutations: int | None = None) -> Alignability:
        """Measure by measure, so that what is finished is kept."""
        held, options = content(geometry), self.options
        options |= {} if permutations is None else {"permutations": permutations}
        parts, measures = [], self.config.chosen_measures()
        for measure in measures:
            known_by = getattr(measure, "fingerprint", repr(measure))
            about = {"schema": SCHEMA, "geometry": held, "measure": known_by, **options}
            name = digest(about)[:16]
            if (found := self.kept.find(name, about)) is None:
                found = compare_geometries(geometry, measures=[measure], progress=self.progress, **options)
                self.kept.put(name, about, found)
            else:
                self.progress.bar(measure.name, 0)  # so that there is one for every measure
            parts.append(found)
        about = {**parts[0].provenance, "measures": [measure.name for measure in measures]}
        return Alignability(_together([part.frame() for part in parts]), about)

    @property
    def options(self) -> dict[str, Any]:
        """How spaces are compared."""
        return {name: getattr(self.config, name) for name in ("min_count", "permutations", "seed", "debias")}

    def ask(self, store: Store, task: str, geometry: Geometry, scores: Alignability) -> TaskFindings:
        """All questions of one model and task, in the layer where the first measure's mean is highest."""
        config, layer, measure = self.config, scores.best_layer(), scores.measures[0]
        one = geometry.restricted(layers=[layer])
        one = one.debiased() if scores.provenance["debias"] else one
        words = dict(zip(geometry.languages, geometry.counts.sum(1).tolist(), strict=True))
        grid = scores.matrix(measure, layer, both=True)
        names = [str(name) for name in grid.index]
        apart = {fact: facts.different(names, fact) for fact in FACTS} | {"size": facts.size(names, words)}
        shown = [name for name in self.plan.shown if name in geometry.languages]
        shown = shown or _diverse(geometry, config.source)
        few: dict[str, Any] = {"min_count": config.min_count, "seed": config.seed}
        questions: dict[str, Callable[[], Any]] = {
            "concepts": partial(concept_scores, one, permutations=min(config.permutations, 199), **few),
            "families": partial(_families, grid, config.seed),
            "predictors": partial(
                predictors,
                grid,
                apart | dict(self.plan.distances),
                strata=facts.labels(names, "family"),
                permutations=config.permutations,
                seed=config.seed,
            ),
            "transfer": partial(self.transfer, scores, words),
            "overlay": partial(overlay, one, layer, langs=shown, **few),
        }
        found: dict[str, Any] = {}
        for name, question in questions.items():
            try:
                found[name] = question()
            except UsageError as error:  # too few languages, concepts or results: said, and the rest goes on
                self.notices.append(f"{task}, {name}: {error.message}")
                found[name] = None if name == "overlay" else pd.DataFrame()
        return TaskFindings(store.recipe.model, task, layer, geometry, scores, **found)

    def transfer(self, scores: Alignability, words: Mapping[str, int]) -> pd.DataFrame:
        results = self.plan.results
        if results is None:
            return pd.DataFrame()
        learners = [name for name in dict.fromkeys(results["learner"]) if name != FLOOR]
        return transfer(
            scores.frame(),
            results,
            source=self.config.source,
            words=words,
            learners=learners,
            seed=self.config.seed,
        )

    def models(self, findings: Sequence[TaskFindings]) -> pd.DataFrame:
        """The first model against each of the others, each at its best layer."""
        frames = []
        for first, other in self.model_pairs(findings):
            for of in ("excess", "z"):
                try:
                    frame = compare_models(first.scores, other.scores, of=of, seed=self.config.seed)
                except UsageError as error:
                    self.notices.append(f"{first.task}, models: {error.message}")
                    continue
                about = {"task": first.task, "first": first.model, "second": other.model}
                frames.append(pd.DataFrame({**about, **frame}))
        return _together(frames)

    def across(self, findings: Sequence[TaskFindings]) -> pd.DataFrame:
        """Each language's space in the first model with each language's in another, at both best layers."""
        frames = [
            compare_geometries(
                first.geometry.restricted(layers=[first.layer]),
                other.geometry.restricted(layers=[other.layer]),
                measures=self.config.chosen_measures(),
                progress=self.progress,
                **self.options,
            ).frame()
            for first, other in self.model_pairs(findings)
        ]
        return _together(frames) if frames else pd.DataFrame(columns=list(COLUMNS))

    def model_pairs(self, findings: Sequence[TaskFindings]) -> Iterable[tuple[TaskFindings, TaskFindings]]:
        for task in self.config.task:
            first, *others = (one for one in findings if one.task == task)
            yield from ((first, other) for other in others)


def content(geometry: Geometry) -> str:
    """A digest of everything in ``geometry`` that scores depend on."""
    code = hashlib.blake2b(digest_size=16)
    names = (geometry.label, geometry.task, geometry.space, geometry.layers, geometry.languages,
             geometry.concepts, geometry.dims, geometry.whitened)  # fmt: skip
    code.update(json.dumps(names).encode())
    for array in (geometry.counts, geometry.gram, geometry.noise, geometry.halves, geometry.replicates):
        if array is None:
            code.update(b"none")
            continue
        code.update(str((array.dtype, array.shape)).encode())
        for part in array:  # piece by piece: a stack of replicates may be large
            code.update(np.ascontiguousarray(part).data)
    return code.hexdigest()


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _families(grid: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Are languages with the same family, branch or script more alike than others?"""
    names = [str(name) for name in grid.index]
    rows = []
    for name in FACTS:
        found = contrast(grid, facts.labels(names, name), seed=seed)
        rows.append({"labels": name, **asdict(found), "left_out": ";".join(found.left_out)})
    return pd.DataFrame(rows)


def _diverse(geometry: Geometry, source: str) -> list[str]:
    """``MAP`` languages: the source, then new families, new branches, and what else there is; large first."""
    size = dict(zip(geometry.languages, geometry.counts.sum(1), strict=True))
    left = sorted(geometry.languages, key=lambda name: (name != source, -size[name]))
    shown: list[str] = []
    for labels in (facts.labels(left, "family"), facts.labels(left, "branch"), {}):
        known = {labels.get(name, name) for name in shown}
        for name in left:
            if name not in shown and labels.get(name, name) not in known and len(shown) < MAP:
                known.add(labels.get(name, name))
                shown.append(name)
    return shown
