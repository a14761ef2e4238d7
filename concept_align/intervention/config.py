"""The options of a study of interventions, without torch: what the command line reads its own from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ..config import from_mapping
from ..errors import UsageError
from ..registration import suggest
from ..treebanks.concepts import check_task, is_relational
from ..types import Standardisation

AUTO: Literal["auto"] = "auto"
UNTOUCHED, MAJORITY = "untouched", "majority"  # in the place of an intervention
MATCHED = "matched"  # the main control: as much variance, in directions that know no concept
POOLED = "pooled"  # the source of directions that are learned from several languages together
Method = Literal["means", "probe", "leace"]
Kind = Literal["remove", "remove-one", "pair", "swap", "steer"]
ALIGNER, TASK = "aligner", "task"
READOUTS = ("probe", "loss", "agreement")
CONTROLS = (MATCHED, "random", "components", "language", "shuffled")
DRAWN = (MATCHED, "random")  # controls with chance in them
_WRITE = "write remove, remove-one, remove:NOUN, pair:NOUN-VERB, swap:NOUN-VERB or steer:NOUN-VERB:2"


@dataclass(frozen=True)
class Intervention:
    """What is done to states: ``remove`` (of all concepts, or of one), ``pair``, ``swap`` or ``steer``."""

    kind: Kind
    concepts: tuple[str, ...] = ()
    factor: float = 1.0

    @property
    def name(self) -> str:
        """As it is asked for: ``remove``, ``remove:NOUN``, ``swap:NOUN-VERB``, ``steer:NOUN-VERB:2``."""
        ends = ":" + "-".join(self.concepts) if self.concepts else ""
        return f"{self.kind}{ends}" + (f":{self.factor:g}" if self.kind == "steer" else "")

    @classmethod
    def parse(cls, text: str, concepts: Sequence[str]) -> "list[Intervention]":
        """What ``text`` asks for, of a task's ``concepts``; ``remove-one`` is one for each of them.

        >>> [one.name for one in Intervention.parse("remove-one", ["NOUN", "VERB"])]
        ['remove:NOUN', 'remove:VERB']
        """
        kind, _, rest = text.partition(":")
        if text == "remove":
            return [cls("remove")]
        if text == "remove-one":
            return [cls("remove", (name,)) for name in concepts]
        if kind == "remove":
            return [cls("remove", (_concept(rest, concepts),))]
        if kind not in ("pair", "swap", "steer"):
            raise UsageError(f"unknown intervention {text!r}", option="interventions", remedy=_WRITE)
        factor = 1.0
        if kind == "steer" and ":" in rest:
            rest, _, number = rest.rpartition(":")
            try:
                factor = float(number)
            except ValueError:
                factor = math.nan
            if not math.isfinite(factor):
                what = f"{number!r} in {text!r} is no factor"
                raise UsageError(what, option="interventions", remedy=_WRITE)
        return [cls(kind, _pair(rest, concepts), factor)]  # type: ignore[arg-type]


def _concept(name: str, concepts: Sequence[str]) -> str:
    if name not in concepts:
        remedy = suggest(name, concepts, f"concepts are {', '.join(concepts)}")
        raise UsageError(f"unknown concept {name!r}", option="interventions", remedy=remedy)
    return name


def _pair(text: str, concepts: Sequence[str]) -> tuple[str, str]:
    """Two different concepts with ``-`` between them; either may have one in its name."""
    parts = text.split("-")
    for place in range(1, len(parts)):
        pair = "-".join(parts[:place]), "-".join(parts[place:])
        if set(pair) <= set(concepts) and pair[0] != pair[1]:
            return pair
    if len(parts) == 2 and parts[0] != parts[1]:
        _concept(parts[0], concepts)
        _concept(parts[1], concepts)
    raise UsageError(f"{text!r} is no pair of concepts", option="interventions", remedy=_WRITE)


@dataclass(frozen=True, kw_only=True)
class InterveneConfig:
    """The options of ``concept-align intervene``."""

    store: Path
    """Folder that extract wrote, with states of the layers that are changed and of those that are read."""
    treebanks: Path = Path("mini")
    """Where the sentences that the model reads come from: UD release folder, one treebank's folder, a
    .conllu[.gz|.xz] file, or mini."""
    model: str | None = None
    """The store's model, where it is not found under the name that the store knows."""
    task: str = "upos"
    """Whose concepts: upos, feature:NAME (feature:Number) or column:NAME."""
    layers: tuple[int, ...] | Literal["auto", "all"] = AUTO
    """Layers that are changed, each by itself: 7, 3-9, all. auto: the middle one of those stored."""
    read_layers: tuple[int, ...] | Literal["auto", "all"] = AUTO
    """Later layers that probes read. auto: the last one stored."""
    langs: tuple[str, ...] = (AUTO,)
    """Languages that are read: en,de,... or the name of a set: all, targets, family:germanic. auto: those of
    the set targets (else all) that the store knows, but the source languages."""
    source_langs: tuple[str, ...] = (AUTO,)
    """Languages whose labelled words say where concepts lie; a language that is read is never among them.
    auto: the set train, where the store has two of it, else all that are stored."""
    family_disjoint: bool = False
    """For each language that is read, leave out source languages of its family."""
    matrix: bool = False
    """Also take the directions of each source language by itself to every language that is read."""
    method: Method = "means"
    """Directions of concepts: of their means, of a linear probe's weights, or LEACE, after which no linear
    probe tells concepts apart on the words it was made from."""
    centred: bool = True
    """Take means less their language's own, so that directions between languages are left alone."""
    rank: int | None = None
    """Number of directions. By default one fewer than concepts, 8 at most (of leace, all there are)."""
    interventions: tuple[str, ...] = ("remove",)
    """What is done: remove (all concepts), remove-one (each by itself), remove:NOUN, pair:NOUN-VERB (what
    tells two apart), swap:NOUN-VERB (words of the two change places), steer:NOUN-VERB:2 (towards the
    second)."""
    where: str = "all"
    """Which tokens are changed: all, words (no special ones), or those of words of one concept."""
    readouts: tuple[str, ...] = READOUTS
    """What is measured: probe (accuracy), loss (the model's own, in nats), agreement (minimal pairs),
    aligner:FOLDER (a saved aligner, zero-shot)."""
    controls: tuple[str, ...] = (f"{MATCHED}:5", "random", "components", "language", "shuffled")
    """Other directions that are treated alike, NAME or NAME:DRAWS: matched (of as much variance), random,
    components (principal ones), language, shuffled (labels), task:NAME (concepts of another task)."""
    standardise: Standardisation = "language"
    """Mean and scale of the states that probes read: of the language's own unlabelled words (which the store
    must hold), global (of the stored languages together), or none."""
    alignability: Path | None = None
    """What alignability wrote: does it predict, in the matrix, whose directions act where?"""
    source_words: int = 5000
    """Labelled words of a source language, at most."""
    sentences: int = 100
    """Sentences that are read of a language, at most."""
    max_words: int = 40
    """Leave out longer sentences."""
    batch_tokens: int = 1024
    """Tokens that are computed at once."""
    seed: int = 0
    """Seed of everything drawn at random."""
    bootstrap: int = 1000
    """Resamples behind the intervals."""
    dtype: str = "auto"
    """Data type of computation; auto: that of the store."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    offline: bool = False
    """Never contact the Hugging Face hub."""

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def of(cls, **options: Any) -> Self:
        """From Python's values: one name where several may stand, text for a path."""
        return from_mapping(cls, options)

    def asked(self, concepts: Sequence[str]) -> tuple[Intervention, ...]:
        """The interventions, each once. UsageError for what ``concepts`` have not."""
        found = [one for text in self.interventions for one in Intervention.parse(text, concepts)]
        return tuple(dict.fromkeys(found))

    def draws(self) -> dict[str, int]:
        """How often each control is drawn: ``{"matched": 5, "random": 1, "task:relation": 1}``."""
        return dict(_control(text) for text in self.controls)

    def decides(self) -> dict[str, Any]:
        """What every measured number of a study depends on, besides the files and the model."""
        names = (
            "task", "method", "centred", "where", "standardise", "source_words", "sentences", "max_words",
            "seed", "rank",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _control(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition(":")
    if not name or not number.isdigit():
        name, number = text, "1"
    known = name in CONTROLS or (name.startswith(f"{TASK}:") and len(name) > len(TASK) + 1)
    if not known:
        remedy = suggest(name, CONTROLS, f"controls are {', '.join(CONTROLS)}, {TASK}:NAME")
        raise UsageError(f"unknown control {text!r}", option="controls", remedy=remedy)
    draws = int(number)
    if draws < 1 or (draws > 1 and name not in DRAWN):
        what = f"{draws} draws of {name}"
        raise UsageError(what, option="controls", remedy=f"only {', '.join(DRAWN)} are drawn; once or more")
    return name, draws


def check(config: InterveneConfig) -> None:
    """Raise UsageError, with the option, for values that are impossible."""
    for task in (config.task, *(name[len(TASK) + 1 :] for name in config.draws() if name.startswith(TASK))):
        check_task(task)
        if is_relational(task):
            what = "a relation is of two words, and directions are those of one word's state"
            raise UsageError(what, option="task", remedy="use upos, feature:NAME or column:NAME")
    for name in ("source_words", "sentences", "max_words", "batch_tokens", "bootstrap", "rank"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"{value} is too few", option=name, remedy="say 1 or more")
    for name in ("interventions", "readouts"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise UsageError(f"{values} names none, or one twice", option=name, remedy="name each once")
    if len(config.draws()) < len(config.controls):
        raise UsageError(f"{config.controls} names one twice", option="controls", remedy="name each once")
    for readout in config.readouts:
        if readout not in READOUTS and not (readout.startswith(f"{ALIGNER}:") and len(readout) > 8):
            remedy = suggest(readout, READOUTS, f"say {','.join(READOUTS)} or {ALIGNER}:FOLDER")
            raise UsageError(f"unknown read-out {readout!r}", option="readouts", remedy=remedy)
    if config.alignability is not None and not config.matrix:
        what = "alignability is of pairs of languages, and directions of one source each were not asked for"
        raise UsageError(what, option="alignability", remedy="say matrix too")
