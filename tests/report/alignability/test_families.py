"""Colours of families, and names of languages."""

from concept_align.report.alignability.families import PALETTE, colours, full_name, groups, short_name
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
    assert full_name("tlh") == "tlh"
