"""Names of an earlier release that go on working in this one, with a warning, and not in the next.

One table for options of the command line and one for keys of configurations and of saved files.
"""

import warnings
from collections.abc import Collection, Mapping
from typing import Any

# Command -> option as it was -> option as it is.
OPTIONS: dict[str, dict[str, str]] = {
    "alignability": {"--draws": "--bootstrap"},
    "evaluate": {"--draws": "--support-draws"},
    "icl": {"--draws": "--demo-draws"},
    "extract": {"--batch-pieces": "--batch-tokens"},
    "meta-train": {"--beside": "--context-layers"},
}

# Key as it was -> keys as they are; the first that the configuration has is meant.
KEYS: dict[str, tuple[str, ...]] = {
    "beside": ("context_layers",),
    "draws": ("support_draws", "demo_draws", "bootstrap"),
}


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


def warn(old: str, new: str) -> None:
    """A DeprecationWarning that ``old`` is called ``new``."""
    warnings.warn(
        f"{old} is now called {new}; the old name goes with the next release", DeprecationWarning, 2
    )
