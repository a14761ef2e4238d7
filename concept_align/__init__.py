"""Do a language model's structural concepts correspond across languages, and can that be put to work?

    import concept_align as ca

    store   = ca.extract("mini-encoder", ca.mini_treebanks(), "runs/store", layers=[1, 2, 3])
    scores  = ca.alignability(store, task="upos", measures=["cka", "rsa"])
    aligner = ca.meta_train(store, task="upos", layers=[3], learner="self-train", out="runs/self")
    found   = ca.evaluate({"self": aligner}, store, shots=[0, 1, 5])
    tagger  = ca.TextAligner.from_pretrained("runs/self")

or all of it in one call: ``ca.run("mini-encoder", ca.mini_treebanks(), task="upos")``.

Verbs: extract, load_model, read_conllu, find_treebanks, fetch_treebanks, mini_treebanks, probe, alignability,
alignability_study, build_geometry, meta_train, evaluate, icl_study, select.fit, ask, intervene, tune, run.
Things: Corpus, Store, FeatureSpec, FeatureSource, Features, ConceptSpace, Geometry, Alignability, Aligner,
Classifier, TextAligner, Protocol, Evaluation, ICLStudy, LearnedSelector, AskFound, TaskRow, Interventions,
Tuned, Run. Own learners, measures, selectors and readers of tasks: register_learner (with LearnerConfig),
register_measure, register_selector, register_task_reader.

Importing the package does nothing: no configuration is read, no folder made, no seed set, no device
touched; torch is loaded by the first name that needs it. The rooms are described in
``docs/architecture.md``.
"""

from importlib import import_module

from .version import __version__

TYPE_CHECKING = False  # not from typing: a command is to hear Ctrl-C as early as it can
if TYPE_CHECKING:
    from typing import Any

    from .apply.aligner import TextAligner
    from .correspondence.build import build_geometry
    from .correspondence.geometry import Geometry
    from .correspondence.measures import register_measure
    from .correspondence.pairs import alignability
    from .correspondence.study import alignability_study
    from .correspondence.table import Alignability
    from .errors import ConceptAlignError
    from .evaluation.config import Protocol
    from .evaluation.evaluate import evaluate
    from .evaluation.probing import probe
    from .evaluation.tidy import Evaluation
    from .extraction.run import extract
    from .icl import select
    from .icl.selectors import register_selector
    from .icl.selectors.shared_head import LearnedSelector
    from .icl.study import ICLStudy, icl_study
    from .icl.tasks import register_task_reader
    from .icl.tasks.ask import AskFound, ask
    from .icl.tasks.questions import TaskRow
    from .intervention.found import Interventions
    from .intervention.study import intervene
    from .meta.learners.base import Aligner, LearnerConfig
    from .meta.learners.classifier import Classifier
    from .meta.learners.registry import register_learner
    from .meta.run import meta_train
    from .models.load import load_model
    from .models.shipped import shipped_model
    from .pipeline import Run, run
    from .spaces.features import Features
    from .spaces.prototypes import ConceptSpace
    from .spaces.source import FeatureSource
    from .spaces.spec import FeatureSpec
    from .store.store import Store
    from .treebanks.conllu import read_conllu
    from .treebanks.corpus import Corpus
    from .treebanks.discover import find_treebanks, mini_treebanks
    from .treebanks.fetch import fetch_treebanks
    from .tuning.run import tune
    from .tuning.tuned import Tuned

# name -> where it is (``:``, it is that module); imported when it is asked for (PEP 562)
_PLACES = {
    "extract": "extraction.run", "load_model": "models.load", "read_conllu": "treebanks.conllu",
    "find_treebanks": "treebanks.discover", "fetch_treebanks": "treebanks.fetch",
    "mini_treebanks": "treebanks.discover", "probe": "evaluation.probing",
    "alignability": "correspondence.pairs", "alignability_study": "correspondence.study",
    "build_geometry": "correspondence.build",
    "meta_train": "meta.run", "evaluate": "evaluation.evaluate", "icl_study": "icl.study", "run": "pipeline",
    "Corpus": "treebanks.corpus", "Store": "store.store", "FeatureSpec": "spaces.spec",
    "FeatureSource": "spaces.source", "Features": "spaces.features", "ConceptSpace": "spaces.prototypes",
    "Geometry": "correspondence.geometry", "Alignability": "correspondence.table",
    "Aligner": "meta.learners.base", "Classifier": "meta.learners.classifier", "TextAligner": "apply.aligner",
    "Protocol": "evaluation.config", "Evaluation": "evaluation.tidy", "ICLStudy": "icl.study",
    "Run": "pipeline", "LearnerConfig": "meta.learners.base",
    "register_learner": "meta.learners.registry", "register_measure": "correspondence.measures",
    "select": "icl.select:", "LearnedSelector": "icl.selectors.shared_head",
    "register_selector": "icl.selectors", "register_task_reader": "icl.tasks",
    "ask": "icl.tasks.ask", "AskFound": "icl.tasks.ask", "TaskRow": "icl.tasks.questions",
    "shipped_model": "models.shipped",
    "intervene": "intervention.study", "Interventions": "intervention.found",
    "tune": "tuning.run", "Tuned": "tuning.tuned", "ConceptAlignError": "errors",
}  # fmt: skip

__all__ = [
    "Alignability", "Aligner", "AskFound", "Classifier", "ConceptAlignError", "ConceptSpace", "Corpus",
    "Evaluation", "FeatureSource", "FeatureSpec", "Features", "Geometry", "ICLStudy", "Interventions",
    "LearnedSelector", "LearnerConfig", "Protocol", "Run", "Store", "TaskRow", "TextAligner", "Tuned",
    "__version__", "alignability", "alignability_study", "ask", "build_geometry", "evaluate", "extract",
    "fetch_treebanks", "find_treebanks", "icl_study", "intervene", "load_model", "meta_train",
    "mini_treebanks", "probe", "read_conllu", "register_learner", "register_measure", "register_selector",
    "register_task_reader", "run", "select", "shipped_model", "tune",
]  # fmt: skip


def __getattr__(name: str) -> "Any":
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = _PLACES[name]
    module = import_module(f".{place.removesuffix(':')}", __name__)
    value = module if place.endswith(":") else getattr(module, name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
