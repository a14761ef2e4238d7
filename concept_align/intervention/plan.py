"""What a study of interventions runs: languages, layers and units that follow from its options and its store.

A unit is all that is measured in one language while directions of one source are changed at one layer. The
directions for a language never come from its own words, but where the matrix asks what they do at home.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..layers import resolve_layers
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store.store import Store
from ..treebanks.concepts import Task, labels
from ..treebanks.discover import TreebankFile, find_treebanks
from ..treebanks.registry import TARGETS, TRAIN, family, select
from ..types import UNLABELLED
from .config import AUTO, POOLED, InterveneConfig, Intervention
from .found import scores_of

MOST = 8  # directions, unless told otherwise
FEWEST = 2  # source languages of the pooled directions


@dataclass(frozen=True, order=True)
class InterventionUnit:
    """What is measured at once, and kept; ``source`` is POOLED, or the language whose directions they are."""

    layer: int
    source: str
    language: str

    @property
    def name(self) -> str:
        """Of the folder it is kept in."""
        return f"layer-{self.layer:02d}-{self.source}-{self.language}"


@dataclass(frozen=True)
class InterventionPlan:
    """The options with what they name looked up; the model has not been touched."""

    config: InterveneConfig
    store: Store
    task: Task
    layers: tuple[int, ...]
    read_layers: tuple[int, ...]
    sources: tuple[str, ...]
    languages: tuple[str, ...]
    interventions: tuple[Intervention, ...]
    rank: int
    files: Mapping[str, tuple[TreebankFile, ...]]  # all splits of the treebank of each language
    notices: tuple[str, ...] = field(default=())

    def sources_of(self, language: str) -> tuple[str, ...]:
        """The languages whose words say where concepts lie, for directions that act in ``language``."""
        return tuple(code for code in self.sources if not self._kin(code, language))

    def _kin(self, source: str, language: str) -> bool:
        if source == language:
            return True
        own = family(language)
        return self.config.family_disjoint and own is not None and family(source) == own

    def reads(self, layer: int) -> tuple[int, ...]:
        """The layers that probes read where ``layer`` is changed."""
        return tuple(one for one in self.read_layers if one > layer)

    def units(self) -> list[InterventionUnit]:
        """Every unit once, layer by layer and language by language; those of pooled directions first."""
        return [
            InterventionUnit(layer, source, language)
            for layer in self.layers
            for language in self.languages
            for source in (POOLED, *(self.sources if self.config.matrix else ()))
        ]

    def facts(self) -> dict[str, Any]:
        """What would be done, in plain values."""
        return {
            "model": self.config.model or self.store.recipe.model,
            "task": self.task.name,
            "layers": list(self.layers),
            "read_layers": list(self.read_layers),
            "source_langs": list(self.sources),
            "langs": list(self.languages),
            "rank": self.rank,
            "interventions": [one.name for one in self.interventions],
            "controls": self.config.draws(),
            "readouts": list(self.config.readouts),
            "units": len(self.units()),
        }


def plan(config: InterveneConfig) -> InterventionPlan:
    """Look everything up. UsageError and StoreError for what is not there, before any work is done."""
    store = Store.open(config.store)
    if store.recipe.read != "once":
        what = "its states are those of sentences read twice, and interventions read them once"
        raise UsageError(what, where=str(config.store), remedy="extract with read once into another folder")
    if config.alignability is not None:
        scores_of(config.alignability, config.task)
    layers, read_layers = _layers(config, store)
    trained = _stored(store, (*layers, *read_layers))
    tested = {file.language: file for file in _found(config.treebanks, ["test"])}
    sources, languages = _languages(config, store, trained, tested)
    source = FeatureSource(store, FeatureSpec(config.task, layers))
    sources, without = _labelled(config, source, sources)
    interventions = config.asked(source.concepts)
    if config.where not in ("all", "words", *source.concepts):
        what = f"{config.where!r} is no concept of {config.task}"
        remedy = f"say all, words or one of {', '.join(source.concepts)}"
        raise UsageError(what, option="where", remedy=remedy)
    most = min(len(source.concepts) - 1, store.recipe.dim - 1)
    rank = min(config.rank or MOST, most)
    notices = [f"{code}: {note}" for code, note in sorted(source.notes.items()) if code in sources]
    if without:
        notices.append(
            f"{', '.join(without)}: no training word has a label of {config.task}, so no directions"
        )
    if config.rank is not None and config.rank > most:
        notices.append(
            f"rank {most} in the place of {config.rank}: {len(source.concepts)} means span no more"
        )
    found = InterventionPlan(
        config, store, source.task, layers, read_layers, sources, languages, interventions, rank,
        _files(config.treebanks, tested, languages), tuple(notices),
    )  # fmt: skip
    for code in languages:
        if len(found.sources_of(code)) < FEWEST:
            kin = " of other families" if config.family_disjoint else ""
            what = f"{len(found.sources_of(code))} source languages{kin} for directions that act in {code}"
            remedy = f"name {FEWEST} or more, or fewer languages that are read"
            raise UsageError(what, option="source_langs", remedy=remedy)
    return found


def _layers(config: InterveneConfig, store: Store) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Those that are changed, and those that probes read."""
    stored, last = store.layers_with_states(), store.recipe.layers
    # The last layer is what the model itself returns, after its last block: nothing comes later.
    early = tuple(layer for layer in stored if layer < max(stored[-1], last))
    if not early:
        what = f"states of layer {', '.join(map(str, stored))} alone: nothing is read after the last one"
        raise UsageError(what, where=str(config.store), remedy="extract an earlier layer too")
    if config.layers == AUTO:
        layers = early[len(early) // 2 :][:1]
    elif config.layers == "all":
        layers = early
    else:
        layers = store.layers_with_states(resolve_layers(config.layers, last))
        if late := [layer for layer in layers if layer not in early]:
            what = f"layer {late[0]} is the last: nothing is read after it"
            raise UsageError(what, option="layers", remedy=f"choose from {', '.join(map(str, early))}")
    if config.read_layers == AUTO:
        read = stored[-1:]
    elif config.read_layers == "all":
        read = tuple(layer for layer in stored if layer > min(layers))
    else:
        read = store.layers_with_states(resolve_layers(config.read_layers, last))
    if "probe" in config.readouts and (blind := [one for one in layers if one >= max(read)]):
        what = f"no layer is read after layer {blind[0]}, which is changed"
        remedy = f"change layers below {max(read)}, or read later ones"
        raise UsageError(what, option="read_layers", remedy=remedy)
    return layers, read


def _stored(store: Store, layers: Sequence[int]) -> tuple[str, ...]:
    """Languages with the states of all ``layers`` of their training words."""
    held = [set(store.languages("train", layer)) for layer in set(layers)]
    return tuple(sorted(set.intersection(*held)))


def _found(path: Path, splits: Sequence[str]) -> list[TreebankFile]:
    return find_treebanks(path, None, splits)


def _files(
    path: Path, tested: Mapping[str, TreebankFile], languages: Sequence[str]
) -> dict[str, tuple[TreebankFile, ...]]:
    """All splits of the treebank whose test split is read."""
    every = _found(path, ["train", "dev", "test"])
    return {
        code: tuple(file for file in every if file.treebank == tested[code].treebank) for code in languages
    }


def _labelled(
    config: InterveneConfig, source: FeatureSource, sources: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of ``sources`` with labelled training words, and those without; UsageError for a named one."""
    store = source.store
    known = {
        code: labels(store.annotations(store.treebank_of(code), "train"), source.task) for code in sources
    }
    without = tuple(code for code, found in known.items() if not (found != UNLABELLED).any())
    if named := [code for code in without if code in config.source_langs]:
        what = f"no training word of {', '.join(named)} has a label of {config.task}"
        raise UsageError(what, option="source_langs", remedy="leave out what is not labelled")
    return tuple(code for code in sources if code not in without), without


def _languages(
    config: InterveneConfig, store: Store, trained: Sequence[str], tested: Mapping[str, TreebankFile]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Source languages, and those that are read."""
    if config.source_langs == (AUTO,):
        core = tuple(code for code in TRAIN if code in trained)
        sources = core if len(core) >= FEWEST else tuple(trained)
    else:
        sources = select(store.named(config.source_langs), trained, option="source_langs")
    held = set(store.languages())
    if config.langs == (AUTO,):
        known = [code for code in sorted(tested) if code in held] or sorted(tested)
        known = [code for code in known if code not in sources] or known
        languages = tuple(code for code in TARGETS if code in known) or tuple(known)
    else:
        languages = select(",".join(config.langs), tuple(tested), option="langs")
    lacking = [code for code in languages if code not in held]
    if config.standardise == "language" and "probe" in config.readouts and lacking:
        what = f"the store holds no words of {', '.join(lacking)} to standardise states by"
        remedy = "extract them, or let standardise be global or none"
        raise UsageError(what, option="langs", remedy=remedy)
    return sources, languages
