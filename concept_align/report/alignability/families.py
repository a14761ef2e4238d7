"""Languages by family, each with a colour and a marker: the strip beside a matrix, the leaves of a tree.

Indo-European is shown by branch, every other family whole: of the 43 languages of the registry, 29 are
Indo-European, so that its name alone would say little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import UsageError
from ...treebanks.registry import Language, find, language
from ..names import language_name
from ..style import COLOURS

# Yellow is too light for a line, but not for a patch with an edge.
PALETTE: tuple[str, ...] = (*COLOURS[:6], "#F0E442", COLOURS[7], COLOURS[6])
# The lighter one is that of grids, which pages turn dark where they turn black into white.
OTHER_BRANCH, OTHER_FAMILY = "#5E5E5E", "#E3E3E3"
_INDO_EUROPEAN = "indo-european"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Group:
    """Languages that are shown alike."""

    name: str
    colour: str
    languages: tuple[str, ...]
    mixed: bool = False  # of several families: alike in nothing but that


def groups(languages: Sequence[str]) -> tuple[Group, ...]:
    """The families (branches of Indo-European) of ``languages``, the largest first.

    Where there are more than the palette has colours for, those with the most languages keep a colour of
    their own, and the rest become "other Indo-European" and "other families".
    """
    found: dict[tuple[str, str], list[str]] = {}
    for code in languages:
        found.setdefault(_key(code), []).append(code)
    ordered = sorted(found, key=lambda key: (-len(found[key]), key[1]))
    named = ordered
    if len(ordered) > len(PALETTE):
        named = [key for key in ordered if len(found[key]) > 1][: len(PALETTE)]
    made = [
        Group(_title(key[1]), colour, tuple(found[key])) for key, colour in zip(named, PALETTE, strict=False)
    ]
    rest = [key for key in ordered if key not in named]
    for inside, name, colour in (
        (True, "other Indo-European", OTHER_BRANCH),
        (False, "other families", OTHER_FAMILY),
    ):
        keys = [key for key in rest if (key[0] == _INDO_EUROPEAN) == inside]
        if keys:
            of = tuple(code for code in languages if _key(code) in keys)
            one = len(keys) == 1
            made.append(Group(_title(keys[0][1]) if one else name, colour, of, mixed=not one))
    return tuple(made)


def colours(languages: Sequence[str]) -> dict[str, str]:
    """The colour of each language's group."""
    return {code: group.colour for group in groups(languages) for code in group.languages}


def short_name(name: str) -> str:
    """What stands on an axis: a code; of a treebank that was named by its folder, the prefix of its files."""
    entry = find(name)
    return name if entry is None else entry.prefix


def full_name(name: str) -> str:
    """``Welsh`` for ``cy``; ``English (PUD)`` for ``UD_English-PUD``."""
    entry = find(name)
    return language_name(name) if entry is None else f"{entry.name} ({entry.treebank.rpartition('-')[2]})"


def _known(name: str) -> Language | None:
    entry = find(name)
    try:
        return language(entry.language if entry else name)
    except UsageError:
        return None


def _key(name: str) -> tuple[str, str]:
    known = _known(name)
    if known is None:
        return _UNKNOWN, _UNKNOWN
    return known.family, known.branch if known.family == _INDO_EUROPEAN else known.family


def _title(name: str) -> str:
    """``Afro-Asiatic`` for ``afro-asiatic``."""
    return "-".join(part.capitalize() for part in name.split("-"))
