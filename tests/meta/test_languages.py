import pytest

from concept_align.errors import LearningError
from concept_align.meta.data import check_disjoint
from concept_align.treebanks import registry


def test_disjoint_languages_pass():
    check_disjoint(("en", "de"), ("et",), ("tr",))


@pytest.mark.parametrize(
    ("train", "validation", "test", "named"),
    [
        (("en", "tr"), ("et",), ("tr",), "tr among the training and the target"),
        (("en", "et"), ("et",), ("tr",), "et among the training and the validation"),
        (("en",), ("tr", "zh"), ("tr", "zh"), "tr, zh among the validation and the target"),
    ],
)
def test_an_overlap_is_refused_by_name(train, validation, test, named):
    with pytest.raises(LearningError, match=named):
        check_disjoint(train, validation, test)


def test_a_shared_family_is_refused_only_when_asked():
    family = {"en": "indo-european", "el": "indo-european", "tr": "turkic"}
    check_disjoint(("en",), (), ("el",))
    with pytest.raises(LearningError, match="indo-european"):
        check_disjoint(("en",), (), ("el",), family=family.get)
    check_disjoint(("en",), (), ("tr",), family=family.get)


def test_families_must_be_known_to_be_disjoint():
    with pytest.raises(LearningError, match="indo-european"):  # Croatian is in no treebank of the registry
        check_disjoint(("ru",), (), ("hr", "tr"), family=registry.family)
    for train, test in ((("ru", "xyz"), ("tr",)), (("ru",), ("tr", "xyz"))):
        with pytest.raises(LearningError, match="the family of xyz is not known"):
            check_disjoint(train, (), test, family=registry.family)


def test_the_default_sets_are_disjoint():
    check_disjoint(registry.TRAIN, registry.VALIDATION, registry.TARGETS)
    assert len(registry.TRAIN) == 22
