"""Colours of families, and names of languages."""

import itertools

import numpy as np
import pytest

from concept_align.report.families import OTHER_BRANCH, OTHER_FAMILY, PALETTE, colours, groups
from concept_align.report.names import full_name, short_name
from concept_align.treebanks import registry

CORE = tuple(sorted({*registry.META_TRAIN, *registry.TARGETS}))


def test_large_families_have_a_colour_of_their_own_and_the_rest_share_two():
    made = groups(CORE)
    assert [group.name for group in made[:3]] == ["Germanic", "Romance", "Slavic"]
    assert [group.name for group in made if group.mixed] == ["other Indo-European", "other families"]
    assert len({group.colour for group in made}) == len(made) == len(PALETTE) + 2
    assert sorted(code for group in made for code in group.languages) == list(CORE)


def test_few_families_are_all_named():
    made = groups(("en", "fi", "tr", "zh"))
    assert {group.name for group in made} == {"Germanic", "Uralic", "Turkic", "Sino-Tibetan"}
    assert not any(group.mixed for group in made)


def test_every_language_has_a_colour_whatever_it_is_called():
    of = colours(("en", "UD_English-PUD", "tlh"))
    assert of["en"] == of["UD_English-PUD"] != of["tlh"]


def test_treebanks_that_were_named_have_their_own_names():
    assert (short_name("cy"), full_name("cy")) == ("cy", "Welsh")
    assert (short_name("UD_English-PUD"), full_name("UD_English-PUD")) == ("en_pud", "English (PUD)")
    assert (short_name("UD_Croatian-SET"), full_name("UD_Croatian-SET")) == ("hr_set", "Croatian (SET)")
    assert full_name("tlh") == short_name("tlh") == "tlh" and full_name("UD_Klingon-X") == "UD_Klingon-X"


# Machado, Oliveira and Fernandes 2009 (IEEE Transactions on Visualization and Computer Graphics 15), table 1,
# severity 1: what is seen of linear RGB.
SEEN = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deutan": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritan": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, seen):
    """CIELAB of ``#rrggbb`` as it is ``seen``."""
    srgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    x, y, z = XYZ @ np.clip(seen @ linear, 0, 1) / XYZ.sum(1)
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("seen", SEEN)
def test_families_can_be_told_apart_by_the_colour_blind(seen):
    found = [lab(colour, np.array(SEEN[seen])) for colour in (*PALETTE, OTHER_BRANCH, OTHER_FAMILY)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(found, 2)) > 15
