"""The configuration of a study of in-context learning: from a file, options, or Python."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..errors import UsageError
from ..types import Standardisation

if TYPE_CHECKING:
    from ..meta.learners.base import LearnerConfig

# What is put after a query's word before the next word: what the model chose, or the gold label.
Feedback = Literal["predicted", "gold"]
AUTO = "auto"
OWN = "own"  # demonstrations in the target language itself
ANY = "any"  # demonstrations in any of the named languages, as a selector chooses
NONE = "none"  # the language of no demonstrations
# What a learned selector learns from (:mod:`.selectors.teachers`).
Teacher = Literal["gain", "self", "influence", "published"]
# What it is to choose among: candidates that it has not seen (open), or those that it learned with (fixed).
SelectorPool = Literal["open", "fixed"]
POOL = "pool"
# Variants of the selector ``learned`` that learn in a study, learned:gain, learned:gain:pool and so on.
LEARNED_BY: dict[str, tuple[Teacher, SelectorPool]] = {one: (one, "open") for one in get_args(Teacher)}
LEARNED_BY |= {f"{one}:{POOL}": (one, "fixed") for one in get_args(Teacher)}
SCORES: Literal["scores"] = "scores"  # as a layer: the scores of the labels are the features
Layer = int | Literal["scores"]


@dataclass(frozen=True)
class ICLConfig:
    """The options of a study; those that begin with ``align`` are of aligned in-context learning."""

    model: str
    """A decoder with its head: mini-decoder (shipped), a Hugging Face model id, or a folder that holds a
    model (safetensors or GGUF)."""
    treebanks: Path
    """UD release folder, one treebank's folder, a .conllu[.gz|.xz] file, or mini: what comes with the
    package."""
    task: str = "upos"
    """upos or relation."""
    langs: tuple[str, ...] = ("targets",)
    """Target languages: en,de,... or the name of a set: all, targets, family:germanic."""
    demo_langs: tuple[str, ...] = ("en",)
    """Languages of the demonstrations; own: each target's own (labelled sentences of the target, then); any:
    all named languages' sentences together, for selectors that choose among them."""
    k: tuple[int, ...] = (0, 1, 5, 10)
    """Numbers of demonstrations."""
    demo_draws: int = 3
    """Sets of demonstrations that are averaged."""
    selectors: tuple[str, ...] = ("random",)
    """How demonstrations are chosen: random, random-per-query, fixed, coverage, nearest-state,
    nearest-state:raw, nearest-concept, nearest-concept-gold (an oracle), best-on-train, learned,
    learned:TEACHER, learned:TEACHER:pool (for the candidates that were tried), learned:DIR (a saved one),
    alignability, or a selector of your own."""
    pool: Literal["each", "joint"] = "each"
    """Demonstrations in each of the languages by itself, or chosen from all of them together."""
    diversity: float = 0.0
    """What selectors that rank take off for a candidate like one that is shown already, times how alike."""
    select_langs: tuple[str, ...] = (AUTO,)
    """Languages whose training sentences best-on-train and learned learn from, none of them a target; auto:
    five."""
    select_queries: int = 40
    """Sentences of these languages together."""
    select_candidates: int = 64
    """Candidates, of all languages of demonstrations together, that are tried before each of them."""
    select_teacher: Teacher = "gain"
    """What learned learns from: the gain of the correct labels; of predicted ones (self); influence;
    published, a control."""
    select_layer: int | None = None
    """Layer of the states that selectors compare sentences by. Without, the middle one."""
    select_aligner: Path | None = None
    """A saved aligner of the same model and task: what nearest-concept and learned take the words of queries
    for. Without, the prototypes of the candidates' words say it."""
    alignability: Path | None = None
    """What alignability wrote: does it predict whose demonstrations help? The selector of that name chooses
    languages by it."""
    labels: tuple[str, ...] = ("tags", "shuffled")
    """What concepts are called: tags, english, language (the target's words), symbols, shuffled (a control).
    The first is compared with the others."""
    templates: tuple[str, ...] = ("tagged",)
    """tagged, slash, lines, or a .toml file."""
    feedback: Feedback = "predicted"
    """Label put after a word before the next one."""
    calibrate: bool = True
    """Also report accuracy with each label's mean score over the queries subtracted."""
    contextual: bool = False
    """Also subtract what labels score after the same prompt without content, before one is chosen and put
    after its word; takes twice the time."""
    queries: int = 100
    """Test sentences of a target."""
    candidates: int = 200
    """Training sentences that demonstrations are chosen from."""
    max_words: int = 40
    """Leave out longer sentences."""
    limit: int | None = None
    """Use only the first so many sentences of each split."""
    layers: tuple[int | Literal["all", "scores"], ...] = ()
    """Layers whose states learners read (aligned in-context learning), each by itself: 9, 3-9, all; scores:
    the labels' scores instead. Without, none is run."""
    learners: tuple[str, ...] = ("pooled",)
    """Learners of aligned in-context learning, each NAME or NAME:PRESET: pooled,shrink,proto:in-context."""
    options: dict = field(default_factory=dict)
    """Settings of all learners, over their presets."""
    align_langs: tuple[str, ...] = (AUTO,)
    """Training languages of the learners; auto: five, those of the demonstrations among them."""
    align_validation: tuple[str, ...] = (AUTO,)
    """Languages that choose the learners' epochs, or none; auto: one."""
    align_k: tuple[int, ...] = ()
    """Numbers of demonstrations before the learners' states. Without: 0 and the largest of k."""
    align_sentences: int = 60
    """Sentences of a training language of the learners."""
    standardise: Standardisation = "language"
    """Mean and scale that the learners' states are standardised by."""
    effects: bool = False
    """Also report what demonstrations do to concept spaces in the layers: are concepts easier to read off, do
    they move towards the demonstrations' language?"""
    seed: int = 0
    """Seed of everything drawn at random."""
    bootstrap: int = 1000
    """Resamples behind the intervals."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; pin it to make results reproducible."""
    dtype: str = "auto"
    """Data type of computation: auto, float32, bfloat16 or float16."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    offline: bool = False
    """Never contact the Hugging Face hub."""

    def decides(self) -> dict[str, Any]:
        """What every answer depends on, besides the model itself and the treebanks' files."""
        names = ("task", "queries", "candidates", "max_words", "seed", "dtype")
        limited: dict[str, Any] = {} if self.limit is None else {"limit": self.limit}
        pooled = {} if self.pool == "each" else {"pool": self.pool}
        return {name: getattr(self, name) for name in names} | limited | pooled

    def learner(self, name: str) -> "LearnerConfig":
        """The learner that ``NAME`` or ``NAME:PRESET`` names."""
        from ..meta.learners import registry as learners  # which comes with torch: the help does without

        kind, _, preset = name.partition(":")
        return learners.create(kind, preset=preset or "default", task=self.task, options=self.options)


def learns(selector: str) -> bool:
    """Does ``NAME`` or ``NAME:VARIANT`` learn in the study what helps? One in a folder has learned before."""
    kind, _, variant = selector.partition(":")
    return kind == "best-on-train" or (kind == "learned" and (not variant or variant in LEARNED_BY))


def check(config: ICLConfig) -> None:
    """Raise UsageError, with the option, for values that are impossible."""
    wrong = [k for k in (*config.k, *config.align_k) if k < 0]
    if not config.k or wrong or len(set(config.k)) < len(config.k):
        raise UsageError(
            f"impossible numbers of demonstrations {config.k}", option="k", remedy="say 0,1,5,10"
        )
    if odd := [k for k in config.align_k if k not in config.k]:
        raise UsageError(f"{odd} are not among k {config.k}", option="align_k", remedy="choose among k")
    for name in (
        "demo_draws",
        "queries",
        "candidates",
        "max_words",
        "align_sentences",
        "limit",
        "select_queries",
        "select_candidates",
    ):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"{value} is too few", option=name, remedy="say 1 or more")
    if not 0 <= config.diversity < float("inf"):
        remedy = "say 0 or more: 0.3"
        raise UsageError(f"{config.diversity} takes nothing off", option="diversity", remedy=remedy)
    for name in ("labels", "selectors", "templates"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise UsageError(f"{values} names none, or one twice", option=name, remedy="name each once")
    if config.layers:
        for learner in config.learners:
            config.learner(learner)
