"""Selectors by name. To add one: a module here and a line in ``_PLACES``; learned ones, :mod:`.learned`."""

import difflib
import importlib
from dataclasses import MISSING, fields
from typing import Any

from ...errors import UsageError
from ..base import Selector
from .learned import SelectorLearner

# name -> (module, selector)
_PLACES: dict[str, tuple[str, str]] = {
    "random": ("random", "Random"),
    "fixed": ("fixed", "Fixed"),
    "coverage": ("coverage", "Coverage"),
    "nearest-state": ("nearest_state", "NearestState"),
    "nearest-concept": ("nearest_concept", "NearestConcept"),
    "alignability": ("alignability", "ByAlignability"),
}
# name -> (module, learner): those whose selector is fitted before it can select.
_LEARNERS: dict[str, tuple[str, str]] = {}
NAMES = tuple(_PLACES)


def create(name: str, **options: Any) -> Selector:
    """The selector called ``name``. UsageError for an unknown name or option, or one that is missing."""
    selector: Selector = _made(_PLACES, name, options)
    return selector


def learner(name: str, **options: Any) -> SelectorLearner:
    """What learns the selector called ``name``: its ``fit`` returns the selector."""
    found: SelectorLearner = _made(_LEARNERS, name, options)
    return found


def _made(table: dict[str, tuple[str, str]], name: str, options: dict[str, Any]) -> Any:
    if name not in table:
        raise UsageError(
            f"unknown selector {name!r}",
            where="--selectors",
            remedy=f"use {', '.join(table) or 'a selector that is not learned'}",
        )
    module, kind = table[name]
    cls = getattr(importlib.import_module(f".{module}", __package__), kind)
    known = {field.name: field for field in fields(cls)}
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1) or list(known)
            raise UsageError(
                f"{name} has no option {option!r}",
                where="--selectors",
                remedy=f"did you mean {', '.join(near)}?" if near else "it has none",
            )
    needed = [
        key
        for key, field in known.items()
        if field.default is MISSING and field.default_factory is MISSING and key not in options
    ]
    if needed:
        raise UsageError(f"{name} needs {', '.join(needed)}", where="--selectors", remedy="give them by name")
    return cls(**options)
