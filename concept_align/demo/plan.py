"""What a demo will do, worked out before anything is loaded or written."""

import re
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..treebanks import registry
from ..treebanks.concepts import check_task
from ..treebanks.discover import TreebankFile, find_treebanks, mini_treebanks
from .settings import MODELS, SOURCE, TASKS


@dataclass(frozen=True)
class Roles:
    """Which languages are learned from, choose layer, epoch and learner, and are tested in."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.train + self.validation + self.targets


@dataclass(frozen=True)
class Plan:
    """Models, treebank files, roles of languages, tasks, and the folder for all of it."""

    models: dict[str, str]  # short name, also of its folders -> name or path
    files: tuple[TreebankFile, ...]  # of the languages that have a role
    roles: Roles
    tasks: tuple[str, ...]
    out: Path
    treebanks: Path
    mini: bool  # whether the treebanks are the embedded ones


def plan(
    models: Sequence[str] | None = None,
    treebanks: str | Path | None = None,
    *,
    out: str | Path,
    langs: str | None = None,
    tasks: Sequence[str] | None = None,
) -> Plan:
    """The demo of ``models`` (default: the shipped ones) on ``treebanks`` (default: the embedded ones).

    ``langs`` is as in ``--langs``. Raises UsageError for what is not there or too little, and for tasks or
    models given twice.
    """
    place = Path(treebanks) if treebanks is not None else mini_treebanks()
    files = find_treebanks(place, langs)
    roles = assign_roles({file.language for file in files}, langs)
    names = tuple(dict.fromkeys(tasks or TASKS))
    for name in names:
        check_task(name)
    return Plan(
        _short_names(models or MODELS),
        tuple(file for file in files if file.language in roles.all),
        roles,
        names,
        Path(out),
        place,
        treebanks is None,
    )


def assign_roles(present: Collection[str], langs: str | None = None) -> Roles:
    """The package's own sets of languages, as far as they are ``present``.

    UsageError without the source, another language to learn from, one to choose by and one to test in.
    """
    roles = Roles(
        *(
            tuple(code for code in group if code in present)
            for group in (registry.TRAIN, registry.VALIDATION, registry.TARGETS)
        )
    )
    if SOURCE not in roles.train or len(roles.train) < 2 or not roles.validation or not roles.targets:
        raise UsageError(
            f"too few languages: {', '.join(sorted(present)) or 'none'}; needed are {SOURCE}, one more of "
            f"{', '.join(code for code in registry.TRAIN if code != SOURCE)}, one of "
            f"{', '.join(registry.VALIDATION)} and one of {', '.join(registry.TARGETS)}",
            where="--treebanks" if langs is None else f"--langs {langs}",
            remedy="name more languages"
            if langs is not None
            else "name a UD release that has them, or leave --treebanks out",
        )
    return roles


def _short_names(models: Sequence[str]) -> dict[str, str]:
    """A name for folders and tables: a local model's folder, a hub id without its slash."""
    found: dict[str, str] = {}
    for model in models:
        path = Path(model).expanduser()
        name = re.sub(r"[^\w.+-]", "-", path.resolve().name if path.exists() else model).lstrip(".")
        if name in found:
            raise UsageError(
                f"two models would be called {name}: {found[name]}, {model}",
                where="--model",
                remedy="give them separate demos, each with its own --out",
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
            f"cannot write there: {error.strerror}",
            where=f"--out {out}",
            remedy="choose a folder you may write in",
        ) from error
