"""What a study of interventions works with: the model, sentences, read-outs and directions, unit by unit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..errors import ConceptAlignError, ModelError, TreebankError, UsageError
from ..evaluation.aligners import SavedAligner, read_aligner
from ..hashing import sha256_file
from ..icl.whole import open_whole, whole
from ..models.capture import OUTPUT
from ..models.frozen import FrozenModel
from ..models.origin import WEIGHTS, weights_fingerprint
from ..models.rerun import Rerun
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store.keys import layer_name
from ..treebanks import conllu
from ..treebanks.concepts import closed_columns, labels
from ..treebanks.corpus import Corpus
from .agreement import AgreementRules, agreement_pairs
from .config import ALIGNER, POOLED, UNTOUCHED
from .losses import loss_of
from .outcomes import InterventionOutcome, MeasuredReadOut, Treatment, Unit
from .plan import InterventionPlan, InterventionUnit
from .preferences import agreement_of
from .probes import ProbeReadOut, adapted, fitted_probe
from .readouts import Change, ReadOut, Tally, measured
from .texts import NO_CONCEPT, TargetText, target_text
from .treatments import Directions

# What a tally of a read-out is called in tables, and its unit.
_CALLED: dict[tuple[str, str], tuple[str, Unit]] = {
    ("loss", "nats"): ("loss", "nats"),
    ("agreement", "preference"): ("agreement", "share"),
    ("agreement", "margin"): ("agreement-margin", "nats"),
}
CACHED = 64 << 20  # bytes of features of a layer that are held
NO_WORD = "(no labelled word)"


@dataclass(frozen=True, eq=False)
class LanguageTexts:
    """What is read of a language: sentences and, where asked for, minimal pairs and what is known of them."""

    text: TargetText
    agreement: ReadOut | None
    pairs: tuple[dict[str, Any], ...]
    note: str


@dataclass(eq=False)
class InterventionSession:
    """The plan with its model; what is looked up for one unit is kept for the next of the same language."""

    plan: InterventionPlan
    model: FrozenModel
    notices: list[str]
    aligners: Mapping[str, SavedAligner] = field(default_factory=dict)  # by read-out
    _texts: dict[str, LanguageTexts] = field(default_factory=dict)
    _made: dict[Any, Any] = field(default_factory=dict)  # probes, and what they are made from

    @cached_property
    def rerun(self) -> Rerun:
        return Rerun(self.model)

    @cached_property
    def made_from(self) -> dict[str, Any]:
        """What every unit of the study depends on."""
        about = {"model": self.model.name, "revision": self.model.revision, "dtype": str(self.model.dtype)}
        return {**self.plan.config.decides(), **about, "store": self.plan.store.recipe.fingerprint()}

    @cached_property
    def directions(self) -> Directions:
        return Directions(self.plan)

    def identity(self, unit: InterventionUnit) -> dict[str, Any]:
        """What the numbers of ``unit`` depend on."""
        plan, config = self.plan, self.plan.config
        sources = self._sources(unit)
        probed = plan.sources_of(unit.language)
        states = {
            f"{code} {layer}": self._states(code, layer)
            for code in dict.fromkeys([*sources, *probed, unit.language])
            for layer in (unit.layer, *plan.reads(unit.layer))
        }
        return {
            **self.made_from,
            **asdict(unit),
            "sources": list(sources),
            "probed": list(probed),
            "interventions": [one.name for one in plan.interventions],
            "controls": config.draws(),
            "readouts": [self._known(one) for one in config.readouts],
            "read_layers": list(plan.reads(unit.layer)),
            "states": states,
            "treebank": {file.split: self._hash(file.path) for file in plan.files[unit.language]},
        }

    def _known(self, readout: str) -> Any:
        return self.aligners[readout].files if readout in self.aligners else readout

    def _hash(self, path: Path) -> str:
        key = ("sha256", path)
        if key not in self._made:
            self._made[key] = sha256_file(path)
        found: str = self._made[key]
        return found

    def _states(self, language: str, layer: int) -> str | None:
        """The hash of stored training states; None where the store has none."""
        key = ("states", language, layer)  # asked for every unit, of every source
        if key not in self._made:
            try:
                treebank = self.plan.store.treebank_of(language)
            except ConceptAlignError:
                return None
            marker = self.plan.store.marker(treebank, layer_name("train", layer))
            self._made[key] = None if marker is None else marker.sha256
        found: str | None = self._made[key]
        return found

    def _sources(self, unit: InterventionUnit) -> tuple[str, ...]:
        return self.plan.sources_of(unit.language) if unit.source == POOLED else (unit.source,)

    def outcome(self, unit: InterventionUnit) -> InterventionOutcome:
        """Everything of ``unit``, measured anew."""
        notes: list[str] = []
        there = self.texts(unit.language)
        readouts = self._readouts(unit, there, notes)
        treated = self.directions.treatments(unit, self._sources(unit), notes)
        changes = [Change(UNTOUCHED), *(one.change for one in treated)]
        treatments = [Treatment(UNTOUCHED), *(one.treatment for one in treated)]
        found = measured(self.rerun, readouts, changes, batch_tokens=self.plan.config.batch_tokens)
        measures = []
        for place, readout in enumerate(readouts):
            own = {one: found[change.name][place] for one, change in zip(treatments, changes, strict=True)}
            for name in own[treatments[0]]:
                tallies = {one: tally[name] for one, tally in own.items()}
                measures.append(_of_tallies(readout, name, tallies, self._floor(unit, readout)))
        rows = tuple(one.row for one in treated)
        return InterventionOutcome(
            unit.language, unit.layer, unit.source, tuple(measures), rows, tuple(notes), there.pairs
        )

    def _floor(self, unit: InterventionUnit, readout: ReadOut) -> int | None:
        """The majority class of the source languages' training words, for what reads concepts."""
        if not isinstance(readout, ProbeReadOut):
            return None
        source = self._source((unit.layer,), "none")
        sizes = np.zeros(len(source.concepts))
        for code in self.plan.sources_of(unit.language):
            sizes += np.bincount(source.gold(code, "train")[0], minlength=len(source.concepts))
        return int(sizes.argmax())

    def texts(self, language: str) -> LanguageTexts:
        """What is read of ``language``; its treebank is looked at once."""
        if language not in self._texts:
            config = self.plan.config
            wanted = ("train", "dev", "test") if "agreement" in config.readouts else ("test",)
            corpora = [
                conllu.read(
                    file.path, language=file.language, treebank=file.treebank, split=file.split,
                    strict=closed_columns([self.plan.task.name]),
                )
                for file in self.plan.files[language]
                if file.split in wanted
            ]  # fmt: skip
            test = next(one for one in corpora if one.source.split == "test")
            text = target_text(
                self.model, test, self.plan.task, most=config.sentences, longest=config.max_words,
                seed=config.seed,
            )  # fmt: skip
            found = self._agreement(corpora, test) if "agreement" in config.readouts else (None, (), "")
            self._texts[language] = LanguageTexts(text, *found)
        return self._texts[language]

    def _readouts(self, unit: InterventionUnit, there: LanguageTexts, notes: list[str]) -> list[ReadOut]:
        """The read-outs of ``unit``."""
        found: list[ReadOut] = []
        for name in self.plan.config.readouts:
            if name == "probe":
                found += [self._probe(unit, layer, there.text) for layer in self.plan.reads(unit.layer)]
            elif name == "loss":
                found.append(loss_of(self.model, there.text, seed=self.plan.config.seed))
            elif name == "agreement":
                found += [] if there.agreement is None else [there.agreement]
                notes += [there.note] if there.note else []
            else:
                found += self._aligner(unit, name, there.text, notes)
        if not found:
            what = f"nothing can be read of {unit.language}: {'; '.join(notes)}"
            raise UsageError(
                what, option="readouts", remedy="name probe or loss too, or leave the language out"
            )
        return found

    def _source(self, layers: tuple[int, ...], standardise: Any) -> FeatureSource:
        key = ("source", layers, standardise)
        if key not in self._made:
            spec = FeatureSpec(self.plan.task.name, layers, standardise=standardise)
            self._made[key] = FeatureSource(self.plan.store, spec, cache_bytes=CACHED)
        found: FeatureSource = self._made[key]
        return found

    def _probe(self, unit: InterventionUnit, layer: int, text: TargetText) -> ProbeReadOut:
        config = self.plan.config
        source = self._source((layer,), config.standardise)
        sources = self.plan.sources_of(unit.language)
        key = ("probe", layer, sources)
        if key not in self._made:
            self._made[key] = fitted_probe(source, sources, words=config.source_words, seed=config.seed)
        return ProbeReadOut.of(text, self._made[key], source)

    def _aligner(
        self, unit: InterventionUnit, name: str, text: TargetText, notes: list[str]
    ) -> list[ReadOut]:
        """The aligner where it was not trained, of layers that the change reaches."""
        saved = self.aligners[name]
        if unit.language in {*saved.train, *saved.validation}:
            notes.append(f"{name} was trained on {unit.language}: it is not asked there")
            return []
        if (lowest := min(saved.features.layers)) <= unit.layer:
            notes.append(f"{name} reads layer {lowest}: it is asked where an earlier one is changed")
            return []
        key = ("aligner", name)
        if key not in self._made:
            self._made[key] = (saved.load(), FeatureSource(self.plan.store, saved.features))
        aligner, source = self._made[key]
        classifier = adapted(aligner, source, unit.language, seed=self.plan.config.seed)
        return [ProbeReadOut.of(text, classifier, source, name=name)]

    def _agreement(
        self, corpora: Sequence[Corpus], test: Corpus
    ) -> tuple[ReadOut | None, tuple[dict[str, Any], ...], str]:
        """The read-out, where there are minimal pairs; what was found of each relation; why there is none."""
        language, config = test.source.language, self.plan.config
        pairs = agreement_pairs(corpora, rules=AgreementRules(longest=config.max_words), seed=config.seed)
        counts = tuple({"language": language, **asdict(one)} for one in pairs.counts)
        if not len(pairs):
            return None, counts, f"{language}: no relation with enough minimal pairs of agreement"
        codes = labels(test, self.plan.task)
        classes = tuple(codes[test.words_of(int(place))] for place in pairs.sentence)
        try:
            return agreement_of(self.model, pairs, classes), counts, ""
        except TreebankError as error:
            return None, counts, f"{language}: {error.message}"


def _of_tallies(
    readout: ReadOut, name: str, tallies: Mapping[Treatment, Tally], floor: int | None
) -> MeasuredReadOut:
    called, unit = _CALLED.get((readout.name, name), (readout.name, "share"))
    first = next(iter(tallies.values()))
    concepts = tuple(NO_WORD if one == NO_CONCEPT else one for one in first.concepts)
    layer = "output" if readout.layers == (OUTPUT,) else "+".join(map(str, readout.layers))
    found = {one: (tally.above, tally.below) for one, tally in tallies.items()}
    return MeasuredReadOut.of(called, layer, unit, concepts, found, floor=floor)


def open_interventions(
    plan: InterventionPlan, *, model: tuple[nn.Module, Any] | None = None
) -> InterventionSession:
    """The plan with its model loaded, unless a pair of transformers is given; it must be the store's.

    Raises ModelError for another model, UsageError for an aligner of another task or other states.
    """
    recipe, config = plan.store.recipe, plan.config
    aligners = {name: _saved(plan, name) for name in config.readouts if name.startswith(f"{ALIGNER}:")}
    if model is None:
        local = recipe.revision.startswith("sha256:")
        dtype = recipe.dtype if config.dtype == "auto" else config.dtype
        found = open_whole(
            config.model or recipe.model, revision=None if local else recipe.revision, dtype=dtype,
            device=config.device, offline=config.offline,
        )  # fmt: skip
    else:
        module, tokenizer = model
        base = getattr(module, "base_model", module)
        found = whole(module, tokenizer, name=recipe.model, revision=weights_fingerprint(base))
    if found.revision != recipe.revision and not _same_weights(found, recipe.revision):
        what = f"its revision is {found.revision}, that of the store's model {recipe.revision}"
        remedy = f"give the model that the store was extracted with: {recipe.model}"
        raise ModelError(what, where=found.name, option="model", remedy=remedy)
    notices = [*plan.notices, *found.notes]
    if recipe.outliers != "keep":
        notices.append("the store's states have outliers changed, those that are read again have not")
    return InterventionSession(plan, found, notices, aligners)


def _same_weights(model: FrozenModel, revision: str) -> bool:
    return revision.startswith(WEIGHTS) and weights_fingerprint(model.base) == revision


def _saved(plan: InterventionPlan, name: str) -> SavedAligner:
    folder = name.partition(":")[2]
    saved = read_aligner(folder, name, offline=plan.config.offline)
    if saved.features.task != plan.task.name:
        what = f"an aligner of {saved.features.task}"
        raise UsageError(what, where=folder, option="readouts", remedy=f"give one of {plan.task.name}")
    if saved.recipe.fingerprint() != plan.store.recipe.fingerprint():
        what = "an aligner of other states than the store's"
        raise UsageError(what, where=folder, option="readouts", remedy="train one on this store")
    return saved
