"""Engines by name. To add one: a module here and a line in ``_PLACES``."""

import importlib

from ...errors import UsageError
from .base import Engine

# name -> (module, class); imported when asked for
_PLACES: dict[str, tuple[str, str]] = {
    "fast": ("fast", "Fast"),
    "functional": ("functional", "Functional"),
    "learn2learn": ("learn2learn", "Learn2Learn"),
}
NAMES = tuple(_PLACES)


def check(name: str) -> None:
    """Raise UsageError for a name that is no engine's."""
    if name not in _PLACES:
        raise UsageError(f"unknown engine {name!r}", where="engine", remedy=f"use {', '.join(NAMES)}")


def engine(name: str) -> Engine:
    """The engine called ``name``. UsageError for an unknown one."""
    check(name)
    module, kind = _PLACES[name]
    found: Engine = getattr(importlib.import_module(f".{module}", __package__), kind)()
    return found
