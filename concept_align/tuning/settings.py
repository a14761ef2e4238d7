"""The options of tuning, without torch, and what the presets make of those that are left open.

``TuneConfig`` is what a user says; :meth:`TuneConfig.resolved` is what a run is made from, with every number
in it. Published settings (Li et al. 2023, arXiv 2311.08089; Liu & Niehues 2025, arXiv 2502.14830) are presets
beside ours, so that no difference in results can hide in a default.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from ..config import to_mapping
from ..errors import UsageError
from ..types import ModelKind, Reading

Preset = Literal["middle", "afp", "mid-align", "concepts"]
SentencePooling = Literal["mean", "last", "weighted-mean"]
SentenceStandard = Literal["language", "none"]
Directions = Literal["both", "one"]
Pairing = Literal["any", "pivot", "fixed"]
Schedule = Literal["cosine", "inverse-sqrt", "constant"]
Control = Literal["none", "shuffled", "same-language", "answers-only"]
LOSSES = ("contrast", "answers", "retention", "concepts")  # in the order of their weights


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """What a run is made from; what is None is decided by the preset, the model and the device."""

    model: str
    """A decoder or encoder: mini-decoder, mini-encoder (shipped), a Hugging Face model id, or a folder."""
    pairs: str | None = None
    """Translations: treebanks:DIR, mini, FILE.tsv (a column per language), A.txt,B.txt (aligned by line),
    FILE.jsonl, tatoeba:DIR or paws-x:DIR. The preset concepts needs none."""
    langs: tuple[str, ...] = ("all",)
    """Languages that are tuned: en,de,... or the name of a set. Others that the translations have are only
    tested (unseen)."""
    pair_langs: tuple[str, ...] = ()
    """Languages of files that do not say theirs: de,en for A.txt,B.txt."""
    treebanks: str | None = None
    """Where word classes and relations come from (instructions of structure, preset concepts): a UD release
    folder, or mini. Without, the treebanks of the translations."""
    instructions: tuple[str, ...] | None = None
    """Cross-lingual instructions that the answer loss trains on: parallel (translation), structural (word
    classes of a sentence), or files. Default for decoders: parallel."""
    preset: Preset = "middle"
    """middle (ours: a middle layer, means, standardised), concepts (ours: word classes or relations of
    labelled sentences, no translations), afp and mid-align (as published)."""
    task: str = "upos"
    """Concepts that the preset concepts trains on: upos or relation."""
    layer: int | Literal["auto"] | None = None
    """Layer whose states are aligned; auto: that with the best retrieval on training sentences. Default of
    middle: 0.55 of the layers."""
    pooling: SentencePooling | None = None
    """How a sentence's vector is made of its tokens' states."""
    standard: SentenceStandard | None = None
    """language: vectors less their language's mean, over the scale of each channel (of the model before)."""
    temperature: float | None = None
    """Temperature of the contrast."""
    directions: Directions | None = None
    """Contrast in both directions, or from the first sentence of a pair to the second alone."""
    negatives: str = "other"
    """Sentences that a translation is told from: other (the other side's), both (those of its own language
    too), hard:K (K nearest of the other side, by the model before)."""
    pairing: Pairing = "any"
    """Languages of a pair: any two, pivot (one is English), fixed (the same two for each sentence)."""
    weights: tuple[float, ...] | None = None
    """Weights of the losses: contrast, answers, retention[, concepts]."""
    alternate: bool | None = None
    """Take steps of contrast and of the other losses in turn, rather than their sum."""
    train: str | None = None
    """What learns: lora (needs peft), full, or blocks:1-10."""
    rank: int | None = None
    """Rank of LoRA."""
    alpha: float | None = None
    """Scale of LoRA, over its rank."""
    dropout: float | None = None
    """Dropout of LoRA."""
    lr: float | None = None
    """Largest learning rate (AdamW)."""
    schedule: Schedule | None = None
    """How the learning rate falls: cosine, inverse-sqrt, constant."""
    warmup: float = 0.03
    """Share of the steps in which the learning rate rises."""
    clip: float = 1.0
    """Largest norm of a step's gradient; 0: any."""
    steps: int | None = None
    """Steps of the optimiser."""
    batch: int | None = None
    """Pairs of translations a step (sentences, for the preset concepts)."""
    answers: int | None = None
    """Instructions a step; as many texts for retention."""
    chunk: int | None = None
    """Pairs run at once; a larger batch goes by chunks, with the same gradient."""
    length: int | None = None
    """Tokens of a sentence, at most."""
    prompt_length: int | None = None
    """Tokens of an instruction with its answer, at most."""
    answer_tokens: int = 64
    """Tokens of an answer, at most."""
    cross: float = 0.5
    """Probability that an instruction is answered in another language than it is in."""
    retain: Path | None = None
    """Folder of monolingual text (CODE.txt) on which the model is kept as it was. Without, the training
    sentences."""
    read: Reading = "once"
    """twice: a decoder reads a labelled sentence twice, and its second copy's states are used, which see the
    whole sentence (preset concepts)."""
    control: Control = "none"
    """none, or a control: shuffled pairs, pairs of a language with itself, answers-only (no contrast)."""
    held_out: float = 0.33
    """Share of the documents that are never trained on."""
    evaluate: tuple[str, ...] = ("retrieval", "language")
    """What is measured before and after: retrieval (of held-out translations), language (nats per token), or
    none."""
    eval_pairs: tuple[str, ...] = ()
    """Further translations to be retrieved: tatoeba:DIR, paws-x:DIR, FILE.tsv."""
    eval_langs: tuple[str, ...] = ("all",)
    """Languages that are measured, English among them where it is there."""
    eval_every: int = 0
    """Also look at held-out retrieval every so many steps (it chooses nothing); 0: never."""
    save_every: int = 0
    """Keep a checkpoint every so many steps; 0: once a minute."""
    merge: bool | None = None
    """Write the whole tuned model, which other commands take as --model. Default: up to 8 billion
    parameters."""
    seed: int = 0
    """Seed of everything drawn at random."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; pin it to make results reproducible."""
    dtype: str = "auto"
    """Data type of computation: auto, float32, bfloat16 or float16."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    offline: bool = False
    """Never contact the Hugging Face hub."""

    def __post_init__(self) -> None:
        check(self)

    def resolved(self, layers: int, kind: ModelKind, device: str = "cpu", *, dim: int = 1024) -> Self:
        """The same with nothing left open, for a model of ``layers`` blocks of ``dim`` channels.

        ``device`` is its type, ``cpu`` or ``cuda``. Raises UsageError where it cannot be done: instructions
        for an encoder, a layer that the model lacks.

        >>> found = TuneConfig(model="mini-decoder", pairs="mini").resolved(4, "decoder", dim=256)
        >>> found.layer, found.weights, found.train
        (3, (1.0, 1.5, 1.0, 0.0), 'lora')
        """
        found = _defaults(self.preset, layers, kind, device != "cpu")
        if self.preset in ("middle", "concepts"):
            found["lr"] = _rate(self.train or found["train"], dim)
        given = {name: getattr(self, name) for name in found if getattr(self, name) is not None}
        found |= given
        weights = (*found["weights"], 0.0)[: len(LOSSES)]
        if self.control == "answers-only":
            weights = (0.0, *weights[1:])
        if kind == "encoder" and self.instructions:
            raise UsageError(
                "an encoder follows no instructions",
                option="instructions",
                remedy="leave them out, or use a decoder",
            )
        if weights[1] and not found["instructions"]:
            if "weights" in given or self.control == "answers-only":
                raise UsageError(
                    "the answer loss has no instructions to train on",
                    option="instructions",
                    remedy="name some with a decoder, for instance parallel, or give answers the weight 0",
                )
            weights = (weights[0], 0.0, *weights[2:])
        if not any(weights):
            raise UsageError("all losses have the weight 0", option="weights", remedy="say 1,1.5,1")
        layer = found["layer"]
        if layer != "auto" and not 0 < layer <= layers:
            raise UsageError(
                f"no layer {layer} to tune: the model has 1-{layers}",
                option="layer",
                remedy=f"choose 1-{layers}",
            )
        found |= {"weights": weights, "chunk": min(found["chunk"], found["batch"])}
        return replace(self, **found)

    def decides(self) -> dict[str, Any]:
        """What every trained number depends on, besides the files and the model."""
        return {key: value for key, value in to_mapping(self).items() if key not in _DECIDES_NOTHING}


# Where things are; what they hold is known otherwise.
PLACES = frozenset({"model", "pairs", "treebanks", "retain", "revision", "eval_pairs"})
_DECIDES_NOTHING = PLACES | {
    "evaluate", "eval_langs", "eval_every", "save_every", "merge", "device", "offline",
}  # fmt: skip


def _rate(train: str, dim: int) -> float:
    """The learning rate of our presets: small models (the minis) bear, and need, a higher one."""
    if train == "lora":
        return 2e-3 if dim < 512 else 5e-4
    return 3e-4 if dim < 512 else 1e-5


def _defaults(preset: Preset, layers: int, kind: ModelKind, gpu: bool) -> dict[str, Any]:
    """The preset's value of every option that may be left open."""
    answers = kind == "decoder"
    lora = {"train": "lora", "rank": 16, "alpha": 32.0, "dropout": 0.0}
    ours = {
        "layer": -(-55 * layers // 100), "pooling": "mean", "standard": "language", "temperature": 0.05,
        "directions": "both", "alternate": False, "schedule": "cosine",
        "steps": 1000 if gpu else 300, "batch": 256 if gpu else 32, "answers": 64 if gpu else 16,
        "chunk": 64 if gpu else 32, "length": 64, "prompt_length": 128, "weights": (1.0, 1.5, 1.0),
        "instructions": ("parallel",) if answers else (), "lr": 5e-4, **lora,
    }  # fmt: skip
    if preset == "concepts":
        return {**ours, "weights": (0.0, 0.0, 1.0, 1.0), "instructions": ()}
    if preset == "afp":
        return {
            **ours, "layer": 1, "pooling": "last", "standard": "none", "directions": "one",
            "weights": (1.0, 1.5, 0.0), "train": "full", "lr": 1e-5, "steps": 5000, "batch": 2, "answers": 2,
            "length": 512, "prompt_length": 512,
        }  # fmt: skip
    if preset == "mid-align":
        return {
            **ours, "layer": max(1, layers // 2), "standard": "none", "temperature": 0.1, "directions": "one",
            "weights": (1.0, 1.0, 0.0), "alternate": True, "rank": 8, "alpha": 16.0, "dropout": 0.1,
            "schedule": "inverse-sqrt", "batch": 32, "answers": 32,
        }  # fmt: skip
    return ours


def check(config: TuneConfig) -> None:
    """Raise UsageError, with the option, for values that are impossible."""
    positive = ("steps", "batch", "answers", "chunk", "length", "prompt_length", "answer_tokens", "rank")
    for name in positive:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"{value} is too few", option=name, remedy="say 1 or more")
    for name in ("temperature", "lr", "alpha"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise UsageError(f"{value} is not positive", option=name, remedy="say more than 0")
    for name, most in (("warmup", 1.0), ("held_out", 0.9), ("cross", 1.0), ("dropout", 0.9)):
        value = getattr(config, name)
        if value is not None and not 0 <= value <= most:
            raise UsageError(f"{value} is no share", option=name, remedy=f"say 0 to {most}")
    for name in ("eval_every", "save_every", "clip", "seed"):
        if not getattr(config, name) >= 0:
            raise UsageError(f"{getattr(config, name)} is below 0", option=name, remedy="say 0 or more")
    _check_words(config)


def _check_words(config: TuneConfig) -> None:
    if config.pairs is None and (config.preset != "concepts" or config.treebanks is None):
        if config.preset == "concepts":
            what, option = "there are no labelled sentences to learn from", "treebanks"
        else:
            what, option = "there are no translations to learn from", "pairs"
        raise UsageError(what, option=option, remedy="name some; mini is what comes with the package")
    weights = config.weights
    if weights is not None and (len(weights) not in (3, 4) or not all(0 <= one < 1e9 for one in weights)):
        raise UsageError(f"{weights} are not weights of the losses", option="weights", remedy="say 1,1.5,1")
    if not re.fullmatch(r"other|both|hard:[1-9]\d*", config.negatives):
        raise UsageError(
            f"unknown negatives {config.negatives!r}", option="negatives", remedy="say other, both or hard:8"
        )
    if config.train is not None and not re.fullmatch(r"lora|full|blocks:\d+(-\d+)?", config.train):
        raise UsageError(
            f"{config.train!r} says not what learns", option="train", remedy="say lora, full or blocks:1-10"
        )
    if odd := sorted({*config.evaluate} - {"retrieval", "language", "none"}):
        raise UsageError(f"unknown evaluation {odd[0]!r}", option="evaluate", remedy="say retrieval,language")
    if config.preset == "concepts" and config.control not in ("none", "shuffled"):
        raise UsageError(
            "this control is of translations", option="control", remedy="use shuffled (labels) with concepts"
        )
