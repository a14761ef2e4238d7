"""What the demo is asked for, what it asks of every stage, and what it will do.

The stages' numbers suit some dozen sentences per language. They were chosen by the accuracy on the validation
languages and by the time they take, never by a target.
"""

import re
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..treebanks import registry
from ..treebanks.concepts import check_task
from ..treebanks.discover import TreebankFile, find_treebanks, mini_treebanks

COMMAND = "demo"
MODELS = ("mini-encoder", "mini-decoder")
TASKS = ("upos", "relation")
SOURCE = "en"
SHOTS = (0, 1, 5)
DRAWS = 5

# The probes' and learners' defaults are for thousands of sentences; here a language has 24.
PROBE: dict[str, Any] = {"epochs": 15, "batch_sentences": 8, "lr": 4e-3}
_LEAST: dict[str, Any] = {"least": 2}
LEARNERS: dict[str, dict[str, Any]] = {
    "source-probe": _LEAST,
    "pooled": {**_LEAST, "batch": 128, "epochs": 12, "lr": 2e-3},
    "proto": {
        **_LEAST, "epochs": 8, "episodes": 6, "queries": 12, "lr": 2e-3, "adapt_lr": 1e-3,
        "validation_shots": 5,
    },
    "shrink": {
        **_LEAST, "batch": 256, "pooled_epochs": 12, "pooled_lr": 3e-3, "epochs": 4, "episodes": 10,
        "queries": 6, "shots": [0, 1, 5, 10], "validation_shots": [0, 1, 5],
    },
}  # fmt: skip
# RSA is as high in untrained models: it sees how few words make up a class (experiments/alignability).
MEASURE = "cka"
PERMUTATIONS = 199
HALVES = 4
FEW_WORDS = 5  # of a concept that both languages must have, where a language has some dozen sentences


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """What a demo is asked for."""

    model: tuple[str, ...] = MODELS
    """Hugging Face model id, or a folder that holds a model; may be repeated. The default two come with the
    package."""
    treebanks: Path | None = None
    """UD release folder. By default 40 parallel sentences in 43 languages, which come with the package."""
    langs: tuple[str, ...] = ("all",)
    """Languages; they need English, another one to learn from, one to choose by and one to test in."""
    task: tuple[str, ...] = TASKS
    """What is named: upos, relation, feature:NAME."""
    limit: int | None = None
    """Of each split of a treebank, only the first sentences, so many; for large treebanks."""
    support_draws: int = DRAWS
    """Draws of labelled sentences that are averaged."""
    seed: int = 0
    """Seed of everything drawn at random."""
    out: Path = Path("demo")
    """Folder for the page, tables, figures, stores and aligners."""


@dataclass(frozen=True)
class LanguageRoles:
    """Which languages are learned from, choose layer, epoch and learner, and are tested in."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.train + self.validation + self.targets


@dataclass(frozen=True)
class DemoPlan:
    """A configuration worked out, before anything is loaded or written."""

    config: DemoConfig
    models: dict[str, str]  # short name, also of its folders -> name or path
    files: tuple[TreebankFile, ...]  # of the languages that have a role
    roles: LanguageRoles
    treebanks: Path

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.config.task))

    @property
    def out(self) -> Path:
        return Path(self.config.out)

    @property
    def mini(self) -> bool:
        """Whether the treebanks are the embedded ones."""
        return self.config.treebanks is None


def plan_demo(config: DemoConfig | None = None) -> DemoPlan:
    """What the demo of ``config`` would do.

    Raises UsageError for what is not there or too little, and for models of the same name.
    """
    config = config or DemoConfig()
    place = mini_treebanks() if config.treebanks is None else Path(config.treebanks)
    langs = None if tuple(config.langs) == ("all",) else ",".join(config.langs)
    files = find_treebanks(place, langs)
    roles = assign_roles({file.language for file in files}, langs)
    for name in config.task:
        check_task(name)
    chosen = tuple(file for file in files if file.language in roles.all)
    return DemoPlan(config, _short_names(config.model), chosen, roles, place)


def assign_roles(present: Collection[str], langs: str | None = None) -> LanguageRoles:
    """The package's own sets of languages, as far as they are ``present``.

    UsageError without the source, another language to learn from, one to choose by and one to test in.
    """
    groups = (registry.TRAIN, registry.VALIDATION, registry.TARGETS)
    roles = LanguageRoles(*(tuple(code for code in group if code in present) for group in groups))
    if SOURCE not in roles.train or len(roles.train) < 2 or not roles.validation or not roles.targets:
        raise UsageError(
            f"too few languages: {', '.join(sorted(present)) or 'none'}; needed are {SOURCE}, one more of "
            f"{', '.join(code for code in registry.TRAIN if code != SOURCE)}, one of "
            f"{', '.join(registry.VALIDATION)} and one of {', '.join(registry.TARGETS)}",
            option="treebanks" if langs is None else "langs",
            remedy="name a UD release that has them, or leave treebanks out"
            if langs is None
            else f"name more languages than {langs}",
        )
    return roles


def _short_names(models: Collection[str]) -> dict[str, str]:
    """A name for folders and tables: a local model's folder, a hub id without its slash."""
    found: dict[str, str] = {}
    for model in models:
        path = Path(model).expanduser()
        name = re.sub(r"[^\w.+-]", "-", path.resolve().name if path.exists() else model).lstrip(".")
        if name in found:
            raise UsageError(
                f"two models would be called {name}: {found[name]}, {model}",
                option="model",
                remedy="give them separate demos, each with its own out folder",
            )
        found[name] = model
    return found


def check_writable(out: Path) -> None:
    """Make the folder ``out``. UsageError where nothing can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(
            f"{out}: cannot write there: {error.strerror}",
            option="out",
            remedy="choose a folder you may write in",
        ) from error
