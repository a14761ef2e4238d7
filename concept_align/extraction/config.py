"""The options of an extraction, without torch: what the command line reads its own from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..errors import UsageError
from ..treebanks.concepts import check_task
from ..types import SPLITS, MwtPolicy, Outliers, Pooling, Reading, RootPolicy, Split

BATCH_TOKENS = 1024
SaveDtype = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class ExtractionSettings:
    """What is asked of any model and treebanks.

    ``pooling`` defaults to mean for encoders and last for decoders; ``save_dtype`` "auto" is the compute
    dtype if that has 16 bits, else float16. Under ``max_words_per_concept`` the statistics hold exactly
    the first N represented words of each concept; states hold the sentences that, in the file's order, had
    a word of a concept of ``tasks`` still below N. ``limit`` reads only the first so many sentences of
    each file; what is there of more sentences stays.
    """

    limit: int | None = None
    """Only the first N sentences of each split, to try things out. Without, a later run completes them."""
    pooling: Pooling | None = None
    """State of a word: its first token's, its last one's, or the mean. By default the mean for encoders, else
    the last."""
    read: Reading = "once"
    """twice: a decoder reads each sentence twice, and the second copy's states are kept, which see the whole
    sentence; takes twice the time."""
    outliers: Outliers = "keep"
    """Words whose state is over 10 times as long as the median of its layer: keep, clip to that, or drop (the
    mean of the others stands for them)."""
    save_dtype: SaveDtype = "auto"
    """Data type on disk; auto: as computed, float32 as float16 where it fits."""
    max_words: int = 128
    """Leave out longer sentences."""
    max_words_per_concept: int | None = None
    """Stop at so many words of every concept of the tasks."""
    sink: Literal["states", "statistics"] = "states"
    """Keep states of words, or class statistics only."""
    tasks: tuple[str, ...] = ("upos", "relation")
    """What statistics and max_words_per_concept are about: upos, relation, feature:NAME (feature:Case) or
    column:NAME (column:XPOS)."""
    root: RootPolicy = "start"
    """Head of root words, for statistics: start (the sentence-start state) or exclude."""
    mwt: MwtPolicy = "share"
    """Words of multiword tokens, for statistics: share the surface's state, first only, or skip."""
    second_moments: bool = False
    """With statistics, keep the sum of x x' as well."""
    batch_tokens: int = BATCH_TOKENS
    """Tokens that are computed at once; changes speed, and results by rounding alone."""
    lenient: bool = False
    """Leave out broken sentences instead of stopping."""
    labels: Path | None = None
    """CSV file column,from,to (DEPREL,dobj,obj): what labels of another scheme are called in UD."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(dict.fromkeys(self.tasks)))
        for task in self.tasks:
            check_task(task, option="tasks")
        for name in ("limit", "max_words", "batch_tokens", "max_words_per_concept"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{value} is too few", option=name, remedy="give 1 or more")
        if self.sink not in ("states", "statistics"):
            raise UsageError(f"unknown sink {self.sink!r}", option="sink", remedy="use states or statistics")
        if self.read not in get_args(Reading):
            raise UsageError(f"unknown reading {self.read!r}", option="read", remedy="use once or twice")
        if self.outliers not in get_args(Outliers):
            remedy = f"use {', '.join(get_args(Outliers))}"
            raise UsageError(f"unknown value {self.outliers!r}", option="outliers", remedy=remedy)
        if self.sink == "statistics" and self.outliers != "keep":
            what = "class statistics are summed before the median of a layer is known"
            raise UsageError(what, option="outliers", remedy="keep outliers, or keep states")
        if self.save_dtype not in get_args(SaveDtype):
            remedy = f"use {', '.join(get_args(SaveDtype))}"
            raise UsageError(f"unknown data type {self.save_dtype!r}", option="save_dtype", remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class ExtractConfig(ExtractionSettings):
    """What an extraction is asked for; where it goes is said beside it."""

    model: str
    """mini-encoder or mini-decoder (shipped), a Hugging Face model id, or a folder that holds a model
    (safetensors or GGUF)."""
    treebanks: Path
    """UD release folder, one treebank's folder, a .conllu[.gz|.xz] file, or mini: what comes with the
    package."""
    layers: tuple[int, ...] | Literal["all"]
    """Layers: 7, 0-12, 3,6,9, -1 (the last) or all; 0 is the embeddings."""
    langs: tuple[str, ...] = ("all",)
    """Languages: en,de,..., or the name of a set: all, targets, train, family:germanic, script:Cyrl; with -
    before one it is left out (all,-en)."""
    splits: tuple[Split, ...] = SPLITS
    """Which of train,dev,test."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; pin it to make results reproducible."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Data type of computation."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    device_map: str | None = None
    """auto: spread a model that does not fit over the devices."""
    offline: bool = False
    """Never contact the Hugging Face hub."""
