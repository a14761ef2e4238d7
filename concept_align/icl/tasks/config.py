"""The configuration of ``concept-align ask``: from a file, options, or Python."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ...errors import UsageError
from ..config import ANY, NONE


@dataclass(frozen=True)
class AskConfig:
    """The options of questions put to a model."""

    model: str
    """A decoder with its head: mini-decoder (shipped), a Hugging Face model id, or a folder that holds a
    model (safetensors or GGUF)."""
    task: str
    """What is asked, and where the questions are: paws-x:DIR, xcopa:DIR, translation:TREEBANKS,
    lemma:TREEBANKS, inflection:TREEBANKS, choices:FILE.jsonl, texts:FILE.jsonl, or a task of your own,
    TASK.toml or TASK.toml:PATH."""
    langs: tuple[str, ...]
    """Languages of the questions."""
    demo_langs: tuple[str, ...] = ("en",)
    """Languages of the demonstrations; own: each question's own; any: all named languages' questions
    together, for selectors that choose among them."""
    k: tuple[int, ...] = (0, 4)
    """Numbers of demonstrations."""
    demo_draws: int = 3
    """Sets of demonstrations that are averaged."""
    selectors: tuple[str, ...] = ("random",)
    """How demonstrations are chosen: random (the same for all questions), random-per-query, fixed,
    nearest-state, or a selector of your own that looks at no labels."""
    select_layer: int | None = None
    """Layer of the states that nearest-state compares questions by. Without, the middle one."""
    wording: Literal["own", "english"] = "own"
    """Words between the parts of a question: of its own language, or English."""
    calibrate: bool = True
    """Also report what is chosen by calibrated scores; of tasks with choices."""
    constrained: bool = False
    """Of tasks whose answers are written: only right answers of the language's questions can be written."""
    stand_ins: bool = False
    """Also report stand-ins for fluency and for meaning of what is written."""
    limit: int | None = 200
    """Questions of a language: of parallel questions the same in every language."""
    candidates: int = 200
    """Questions of a language that demonstrations are chosen from."""
    options: dict = field(default_factory=dict)
    """Settings of the task, over those of its file."""
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
        """What every answer depends on, besides the model itself and the questions."""
        names = ("task", "wording", "constrained", "limit", "candidates", "options", "seed", "dtype")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, order=True)
class Asking:
    """``k`` demonstrations in ``source`` (NONE without) before the questions of ``language``."""

    source: str
    language: str
    selector: str
    k: int
    draw: int

    @property
    def name(self) -> str:
        return f"{self.source}-{self.language}-{self.selector}-{self.k}-{self.draw}"


def check_ask(config: AskConfig) -> None:
    """Raise UsageError, with the option, for values that are impossible."""
    if not config.langs or len(set(config.langs)) < len(config.langs):
        raise UsageError("names no language, or one twice", option="langs", remedy="say de,fr")
    if not config.k or min(config.k) < 0 or len(set(config.k)) < len(config.k):
        raise UsageError(f"impossible numbers of demonstrations {config.k}", option="k", remedy="say 0,4")
    for name in ("demo_draws", "candidates", "bootstrap", "limit"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"{value} is too few", option=name, remedy="say 1 or more")
    for name in ("selectors", "demo_langs"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise UsageError(f"{values} names none, or one twice", option=name, remedy="name each once")
    if config.demo_langs == (ANY,):
        remedy = "name the languages too: en,de,any"
        raise UsageError("any is of the languages that are named", option="demo_langs", remedy=remedy)


def askings(config: AskConfig, seeded: dict[str, bool]) -> list[Asking]:
    """Every one once: those without demonstrations first. A selector that is not ``seeded`` has one draw."""
    found = [Asking(NONE, code, config.selectors[0], 0, 0) for code in config.langs if 0 in config.k]
    for source in config.demo_langs:
        for selector in config.selectors:
            for k in sorted(set(config.k) - {0}):
                for draw in range(config.demo_draws if seeded[selector] else 1):
                    found += [Asking(source, code, selector, k, draw) for code in config.langs]
    return found
