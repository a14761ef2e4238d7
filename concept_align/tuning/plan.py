"""A configuration with its data worked out: what is tuned on, and what is left out. No weights are read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from .. import reading as files
from ..errors import UsageError
from ..hashing import digest
from ..models.faults import explained, quiet
from ..models.load import choose_device, configuration, configured_kind
from ..models.origin import Origin, locate
from ..treebanks import registry
from ..treebanks.corpus import Corpus
from ..treebanks.discover import MINI, find_treebanks
from ..types import ModelKind
from .instructions import InstructionSource
from .parallel import Parallel, cleaned, normalised
from .reading import read_pairs
from .sampling import InstructionSampler, PairSampler, TextSampler, training_texts
from .settings import TuneConfig
from .sources import open_sources
from .splits import Split, split, texts_of
from .structural import read_corpora

HELD_OUT = "held-out"
_TOLD = ("langs", "layer", "weights")  # apart from the other settings
ASIDE = 200  # lines of a language's monolingual text that are kept for measuring
_TEXT = re.compile(r"([a-z]{2,3}(?:[-_][A-Za-z]+)?)\.txt")


@dataclass(frozen=True, eq=False)
class Shape:
    """What a model's configuration says of it."""

    kind: ModelKind
    layers: int
    dim: int


@dataclass(frozen=True, eq=False)
class TunePlan:
    """What a run would do; :meth:`of` works it out."""

    given: TuneConfig
    config: TuneConfig  # with nothing left open
    origin: Origin
    shape: Shape
    parallel: Parallel
    split: Split
    retained: Mapping[str, list[str]]  # by language: text on which the model is kept as it was
    measured: Mapping[str, list[str]]  # and text whose loss is measured
    tested: Mapping[str, Parallel]  # by name: translations to be retrieved, the held-out ones first
    corpora: tuple[Corpus, ...]  # labelled sentences, where concepts are trained on
    notes: tuple[str, ...] = ()
    sources: tuple[InstructionSource, ...] = field(default=())

    @classmethod
    def of(cls, given: TuneConfig) -> Self:
        """Read what ``given`` names. Raises our errors, with the option, for whatever stands in the way."""
        origin, shape = _model(given)
        config = given.resolved(shape.layers, shape.kind, choose_device(given.device).type, dim=shape.dim)
        treebanks, corpora = _treebanks(given), tuple[Corpus, ...]()
        if given.pairs is None:
            corpora = _labelled(treebanks, given.langs)
            config, parallel = replace(config, held_out=0.0), _apart(corpora, str(treebanks))
            seen = parallel.languages
        else:
            named = {one: entry.language for one in given.langs if (entry := _treebank(one))}
            parallel = read_pairs(given.pairs, langs=("all", *named), pair_langs=given.pair_langs)
            seen = registry.select([named.get(one, one) for one in given.langs], parallel.languages)
        halved = split(parallel, held_out=config.held_out, seen=seen, seed=config.seed)
        if config.weights and config.weights[0]:
            pairs = _pairs(config, parallel, halved)
            if given.batch is None and len(pairs.ids) < (config.batch or 0):
                config = replace(config, batch=len(pairs.ids), chunk=min(config.chunk or 1, len(pairs.ids)))
        retained, measured = _texts(config, parallel, halved)
        if given.retain is None:
            retained, measured = training_texts(parallel, halved), _held(parallel, halved)
        notes = list(parallel.notes)
        if halved.left_out:
            notes.append(
                f"{len(halved.left_out)} training meanings left out: a text of theirs is held out too"
            )
        if not corpora and config.weights and config.weights[3]:
            corpora = _labelled(treebanks, halved.seen)
        trained = texts_of(parallel, halved.train)
        further = {_name(spec): _disjoint(read_pairs(spec), trained, spec) for spec in given.eval_pairs}
        known = {code for one in (parallel, *further.values()) for code in one.languages}
        wanted = {*registry.select(given.eval_langs, known, option="eval_langs"), "en"}
        measured = {code: own for code, own in measured.items() if code in wanted}
        tested = {
            name: one.only(code for code in one.languages if code in wanted)
            for name, one in {HELD_OUT: parallel, **further}.items()
        }
        names = (config.instructions or ()) if config.weights and config.weights[1] else ()
        found = open_sources(names, parallel, halved, treebanks=treebanks)
        return cls(
            given, config, origin, shape, parallel, halved, retained, measured, tested, corpora,
            tuple(notes), tuple(found),
        )  # fmt: skip

    @property
    def further(self) -> dict[str, Parallel]:
        """Translations to be retrieved besides the held-out ones, by name."""
        return {name: one for name, one in self.tested.items() if name != HELD_OUT}

    @cached_property
    def pairs(self) -> PairSampler:
        return _pairs(self.config, self.parallel, self.split)

    @cached_property
    def instructions(self) -> InstructionSampler:
        return InstructionSampler(self.sources, self.config.cross, self.config.seed)

    @cached_property
    def texts(self) -> TextSampler:
        return TextSampler(self.retained, self.config.seed)

    @property
    def weights(self) -> dict[str, float]:
        """The losses that count, by name."""
        from .settings import LOSSES

        assert self.config.weights is not None
        return {name: weight for name, weight in zip(LOSSES, self.config.weights, strict=True) if weight}

    def identity(self) -> dict[str, Any]:
        """What every trained number depends on, besides the place in which it is computed."""
        return {**self.config.decides(), **self.data()}

    def data(self) -> dict[str, Any]:
        """The model and the files that are learned from, by what they hold."""
        return {
            "revision": self.origin.revision,
            "pairs": self.parallel.digest,
            "retain": digest(dict(self.retained)) if "retention" in self.weights else "",
            "labelled": [corpus.source.sha256 for corpus in self.corpora],
            "instructed": [source.digest for source in self.sources],
        }

    @property
    def measured_on(self) -> dict[str, str]:
        """The translations that are retrieved before and after, by what they hold."""
        return {name: one.digest for name, one in self.tested.items()}

    def facts(self) -> dict[str, Any]:
        """What is told of the run, in its folder and before it."""
        config, split = self.config, self.split
        path = Path(self.given.model).expanduser()
        return {
            "model": path.resolve().name if path.exists() else self.given.model,
            "revision": self.origin.revision,
            "kind": self.shape.kind,
            "layers": self.shape.layers,
            "dim": self.shape.dim,
            "layer": config.layer,
            "weights": self.weights,
            "pairs": {
                "source": self.parallel.source, "digest": self.parallel.digest, "train": len(split.train),
                "held_out": len(split.held_out), "split": digest([split.train, split.held_out]),
            },
            "seen": list(split.seen),
            "unseen": list(split.unseen),
            "settings": {
                name: value for name, value in config.decides().items() if name not in _TOLD
            },
            "notes": list(self.notes),
        }  # fmt: skip


def _model(given: TuneConfig) -> tuple[Origin, Shape]:
    with quiet(), explained(given.model):
        origin = locate(given.model, given.revision, given.offline)
        whole = configuration(origin)
        config: Any = whole.get_text_config()
        kind = configured_kind(whole)
        return origin, Shape(kind, int(config.num_hidden_layers), int(config.hidden_size))


def _treebank(name: str) -> registry.Language | None:
    """What is known of a treebank called ``name``; None for the code of a language or the name of a set."""
    found = registry.known(name) if "_" in name or "-" in name else None
    return None if found is None or name.startswith("-") else found


def _treebanks(given: TuneConfig) -> str | None:
    """Where labelled sentences are: as told, else the treebanks of the translations."""
    if given.treebanks is not None or given.pairs is None:
        return given.treebanks
    kind, _, path = given.pairs.partition(":")
    return path if kind == "treebanks" else MINI if given.pairs == MINI else None


def _labelled(treebanks: str | None, langs: Sequence[str]) -> tuple[Corpus, ...]:
    """Labelled training sentences of those of ``langs``, codes or names of sets, that have some."""
    if treebanks is None:
        what = "labelled sentences are wanted, and no treebanks named"
        raise UsageError(what, option="treebanks", remedy="name a UD release, or mini")
    there = dict.fromkeys(file.language for file in find_treebanks(treebanks, every=True))
    return tuple(read_corpora(treebanks, registry.select(langs, there)))


def _apart(corpora: Sequence[Corpus], source: str) -> Parallel:
    """The labelled sentences themselves, where there are no translations: each in its own language alone."""
    texts: dict[str, dict[str, str]] = {}
    for corpus in corpora:
        own = texts.setdefault(corpus.source.language, {})
        own |= {f"{corpus.source.treebank}:{at}": text for at, text in enumerate(corpus.texts)}
    return Parallel.of(texts, source=source, apart=True)


def _pairs(config: TuneConfig, parallel: Parallel, halved: Split) -> PairSampler:
    control = config.control if config.control in ("shuffled", "same-language") else "none"
    return PairSampler(
        parallel,
        halved,
        pairing=config.pairing,
        control=control,
        negatives=config.negatives,
        seed=config.seed,
    )


def _texts(
    config: TuneConfig, parallel: Parallel, halved: Split
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Of a folder of monolingual text, what the model is kept on and what is measured, by language.

    The last lines of a file are measured, at most a quarter of them; no line stands in a held-out document.
    """
    if config.retain is None:
        return {}, {}
    folder, held = config.retain, texts_of(parallel, halved.held_out)
    try:
        found = {m[1]: path for path in sorted(folder.iterdir()) if (m := _TEXT.fullmatch(path.name))}
    except OSError as error:
        what = f"cannot read: {error.strerror or error}"
        raise UsageError(what, option="retain", where=str(folder), remedy="name a folder of text") from error
    if not found:
        raise UsageError(
            "no text here",
            option="retain",
            where=str(folder),
            remedy="name files by language: de.txt, en.txt",
        )
    kept, measured = {}, {}
    for language, path in found.items():
        lines = [cleaned(line) for line in files.read_text(path, error=UsageError).splitlines()]
        lines = [line for line in dict.fromkeys(lines) if line and normalised(line) not in held]
        aside = min(ASIDE, len(lines) // 4)
        if len(lines) > aside:
            kept[language] = lines[: len(lines) - aside]
        if aside:
            measured[language] = lines[len(lines) - aside :]
    return kept, measured


def _held(parallel: Parallel, halved: Split) -> dict[str, list[str]]:
    """The held-out sentences of every language."""
    texts = {
        language: [own[one] for one in halved.held_out if one in own]
        for language, own in parallel.texts.items()
    }
    return {language: own for language, own in texts.items() if own}


def _name(spec: str) -> str:
    """What a further set of translations is called: its kind, or the file's name."""
    kind, _, path = spec.partition(":")
    return kind if path and kind in ("tatoeba", "paws-x", "treebanks") else Path(spec).stem


def _disjoint(parallel: Parallel, trained: frozenset[str], spec: str) -> Parallel:
    """Without what is trained on."""
    texts = {
        language: {one: text for one, text in own.items() if normalised(text) not in trained}
        for language, own in parallel.texts.items()
    }
    return Parallel.of(texts, documents=parallel.documents, source=spec, notes=parallel.notes)
