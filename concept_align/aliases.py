"""Names of an earlier release that go on working in this one, with a warning, and not in the next.

One table for options of the command line, one for keys of configurations and of saved files, and one for
names of things that are looked up in a registry.
"""

import warnings
from collections.abc import Collection, Mapping
from typing import Any

# Command -> option as it was -> option as it is.
OPTIONS: dict[str, dict[str, str]] = {
    "alignability": {"--draws": "--bootstrap"},
    "evaluate": {"--draws": "--support-draws"},
    "icl": {"--draws": "--demo-draws", "--selector-layer": "--select-layer"},
    "extract": {"--batch-pieces": "--batch-tokens"},
    "meta-train": {"--beside": "--context-layers"},
}

# Key as it was -> keys as they are; the first that the configuration has is meant.
KEYS: dict[str, tuple[str, ...]] = {
    "beside": ("context_layers",),
    "draws": ("support_draws", "demo_draws", "bootstrap"),
    "selector_layer": ("select_layer",),
}

# Kind of thing (that of its registry) -> name as it was -> name as it is.
NAMES: dict[str, dict[str, str]] = {"selector": {"nearest": "nearest-state"}}


def rename(values: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """``values`` with old keys by their new names, where those are among ``known``; each old one warns."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        now = None if key in known else next((name for name in KEYS.get(key, ()) if name in known), None)
        if now is None:
            found[key] = value
        else:
            warn(key, now)
            found.setdefault(now, values.get(now, value))
    return found


def current(kind: str, name: str) -> str:
    """What the ``kind`` called ``name`` is called now; an old name warns. ``NAME:VARIANT`` keeps its variant.

    >>> current("selector", "nearest-state:raw")
    'nearest-state:raw'
    """
    before, colon, variant = name.partition(":")
    now = NAMES.get(kind, {}).get(before)
    if now is None:
        return name
    warn(before, now)
    return now + colon + variant


def warn(old: str, new: str) -> None:
    """A DeprecationWarning that ``old`` is called ``new``."""
    warnings.warn(
        f"{old} is now called {new}; the old name goes with the next release", DeprecationWarning, 2
    )
