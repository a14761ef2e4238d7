"""Things by name: built in, registered by a decorator, or offered by an installed package.

A package of the user's own makes its learner known to the command line with, in its ``pyproject.toml``,

    [project.entry-points."concept_align.learners"]
    my-learner = "my_package.learner:MyLearner"
"""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from . import aliases
from .errors import UsageError

T = TypeVar("T")


def suggest(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """The remedy for an unknown word: the nearest known one, else ``otherwise``, or all of them."""
    names = list(known)
    meant = nearest(word, names)
    return f"did you mean {meant[0]!r}?" if meant else otherwise or f"use {', '.join(names)}"


def nearest(word: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Those of ``known`` that ``word`` may mean, in any case of letters, the nearest first."""
    names = {name.casefold(): name for name in known}
    return [names[one] for one in difflib.get_close_matches(word.casefold(), names, n=most, cutoff=cutoff)]


class Registry(Generic[T]):
    """``kind`` is what the things are called in errors, ``option`` the argument that names one.

    ``builtin``: name -> ``"module:attribute"``, imported when asked for.
    """

    def __init__(self, kind: str, *, option: str, entry_point_group: str, builtin: Mapping[str, str]) -> None:
        self.kind, self.option, self.entry_point_group = kind, option, entry_point_group
        self._places = dict(builtin)
        self._made: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that makes what it stands over known as ``name``. UsageError for a name that is
        taken."""

        def take(made: T) -> T:
            known = self._made.get(name)
            # The same definition run again (a notebook's cell) replaces itself.
            again = known is not None and _qualified(known) == _qualified(made)
            # What an entry point names may be defined under this very decorator.
            if not again and (known is not None or name in self._places):
                raise UsageError(f"the {self.kind} {name!r} exists already", remedy="choose another name")
            self._made[name] = made
            return made

        return take

    def names(self) -> tuple[str, ...]:
        """All names: built in, then those of entry points, then registered ones."""
        return tuple(dict.fromkeys([*self._all_places(), *self._made]))

    def get(self, name: str) -> T:
        """What is called ``name``. UsageError, with the nearest name, for an unknown one."""
        if name not in self.names():
            name = aliases.current(self.kind, name)
        if name not in self._made:
            places = self._all_places()
            if name not in places:
                raise UsageError(
                    f"unknown {self.kind} {name!r}",
                    option=self.option,
                    remedy=suggest(name, self.names()),
                )
            module, _, attribute = places[name].partition(":")
            made = getattr(importlib.import_module(module), attribute)
            self._made.setdefault(name, made)  # unless importing it has registered it
        return self._made[name]

    def _all_places(self) -> dict[str, str]:
        found = entry_points(group=self.entry_point_group)
        return self._places | {one.name: one.value for one in found if one.name not in self._places}


def _qualified(made: object) -> tuple[str, str]:
    return str(getattr(made, "__module__", "")), str(getattr(made, "__qualname__", repr(made)))
