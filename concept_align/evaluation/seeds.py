"""Which saved aligners are one learner: those that differ in their training seed alone.

Aligners under one given name must be so; aligners without names are taken together where they are.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .trained import Trained, read_trained

Place = tuple[Any, ...]  # task, layers, source: what tells rows of equally named learners apart


def read_all(folders: Sequence[str]) -> list[Trained]:
    """The aligners in ``folders``, each ``DIR`` or ``NAME=DIR``, in the order of their training seeds.

    Those that come out with one name (at one task, layers and source) are the training seeds of one learner.
    Without a name an aligner is called by its learner; by its folder where aligners of that learner with
    another configuration are among them. Raises UsageError where two of one name differ in more than that.
    """
    given: list[tuple[bool, Trained]] = []
    for text in folders:
        name, equals, folder = text.partition("=")
        named = bool(equals) and "/" not in name and not Path(text).is_dir()
        given.append((named, read_trained(folder if named else text, name if named else None)))
    chosen: dict[tuple[Place, str], list[Trained]] = {}
    for named, one in given:
        if named:
            chosen.setdefault((_place(one), one.name), []).append(one)
    unnamed: dict[tuple[Place, str], list[list[Trained]]] = {}
    for named, one in given:
        if not named:
            alike = unnamed.setdefault((_place(one), one.learner), [])
            same = [group for group in alike if group[0].configuration == one.configuration]
            same[0].append(one) if same else alike.append([one])
    for (place, learner), alike in unnamed.items():
        alone = len(alike) == 1 and (place, learner) not in chosen
        for group in alike:
            name = learner if alone else _common_name([one.folder for one in group])
            if (place, name) in chosen:
                raise UsageError(
                    f"several aligners called {name}",
                    where="--aligner",
                    remedy="name them: --aligner NAME=DIR",
                )
            chosen[place, name] = [one.called(name) for one in group]
    for group in chosen.values():
        _check_seeds(group)
    return [one for group in chosen.values() for one in sorted(group, key=_order)]


def _place(one: Trained) -> Place:
    return one.represented.task, one.represented.layers, one.represented.source


def _order(one: Trained) -> tuple[bool, int, str]:
    return one.seed is None, one.seed or 0, str(one.folder)


def _common_name(folders: Sequence[Path]) -> str:
    """The folder's name; of several, how their names begin: ``small`` of small-seed0 and small-seed1."""
    places = [folder.resolve() for folder in folders]
    if len(places) == 1:
        return places[0].name
    letters = zip(*(place.name for place in places), strict=False)
    same = takewhile(lambda at: len(set(at)) == 1, letters)
    common = re.sub(r"(^|[-_.])(seed|s)?[-_.]*\d*$", "", "".join(at[0] for at in same))
    if not common and len({place.parent for place in places}) == 1:
        common = places[0].parent.name
    if not common:
        raise UsageError(
            f"no name for what {', '.join(map(str, folders))} have in common",
            where="--aligner",
            remedy="give them one: --aligner NAME=DIR, the same NAME for each",
        )
    return common


def _check_seeds(group: Sequence[Trained]) -> None:
    """Refuse aligners of one name that are not one learner's training seeds. UsageError."""
    first = group[0]
    for number, one in enumerate(group[1:], start=1):
        different = _differences(first.configuration, one.configuration)
        if different:
            raise UsageError(
                f"{first.folder} and {one.folder} are both called {one.name}, but differ in more than the "
                f"seed: {'; '.join(different)}",
                where="--aligner",
                remedy="give them different names: --aligner NAME=DIR",
            )
        for other in group[:number]:
            same = one.folder.resolve() == other.folder.resolve()
            if same or (one.seed is not None and one.seed == other.seed):
                twice = str(one.folder) if same else f"seed {one.seed} ({other.folder}, {one.folder})"
                raise UsageError(
                    f"{twice} is given twice under the name {one.name}",
                    where="--aligner",
                    remedy="give each training seed once, or another name: --aligner NAME=DIR",
                )


def _differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two nested configurations differ, with the values."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [
            line
            for key in sorted({*a, *b})
            for line in _differences(a.get(key), b.get(key), f"{path}.{key}" if path else key)
        ]
    return [] if a == b else [f"{path} {_short(a)} and {_short(b)}"]


def _short(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
