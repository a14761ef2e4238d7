"""Languages by family, each with a colour: the strip next to a matrix, the leaves of a tree.

Indo-European is shown by branch, every other family whole: of the 43 languages of the registry, 29 are
Indo-European, so that its name alone would say little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..treebanks.registry import known
from .style import COLOURS

# Yellow is too light for a line, but not for a patch with an edge.
PALETTE: tuple[str, ...] = (*COLOURS[:6], "#F0E442", COLOURS[7], COLOURS[6])
OTHER_BRANCH, OTHER_FAMILY = "#5E5E5E", "#E3E3E3"
_INDO_EUROPEAN = "indo-european"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class FamilyGroup:
    """Languages that are shown alike."""

    name: str
    colour: str
    languages: tuple[str, ...]
    mixed: bool = False  # of several families: alike in nothing but that


def groups(languages: Sequence[str]) -> tuple[FamilyGroup, ...]:
    """The families (branches of Indo-European) of ``languages``, the largest first.

    Where there are more than the palette has colours for, those with the most languages keep a colour of
    their own, and the rest become "other Indo-European" and "other families".
    """
    found: dict[tuple[str, str], list[str]] = {}
    for code in languages:
        found.setdefault(_family(code), []).append(code)
    ordered = sorted(found, key=lambda key: (-len(found[key]), key[1]))
    named = ordered
    if len(ordered) > len(PALETTE):
        named = [key for key in ordered if len(found[key]) > 1][: len(PALETTE)]
    made = [
        FamilyGroup(key[1].title(), colour, tuple(found[key]))
        for key, colour in zip(named, PALETTE, strict=False)
    ]
    rest = [key for key in ordered if key not in named]
    for inside, name, colour in (
        (True, "other Indo-European", OTHER_BRANCH),
        (False, "other families", OTHER_FAMILY),
    ):
        keys = [key for key in rest if (key[0] == _INDO_EUROPEAN) == inside]
        if keys:
            of = tuple(code for code in languages if _family(code) in keys)
            one = len(keys) == 1
            made.append(FamilyGroup(keys[0][1].title() if one else name, colour, of, mixed=not one))
    return tuple(made)


def colours(languages: Sequence[str]) -> dict[str, str]:
    """The colour of each language's group."""
    return {code: group.colour for group in groups(languages) for code in group.languages}


def _family(name: str) -> tuple[str, str]:
    """Family, and the branch of it that is shown."""
    of = known(name)
    if of is None or not of.family:
        return _UNKNOWN, _UNKNOWN
    return of.family, of.branch if of.family == _INDO_EUROPEAN else of.family
