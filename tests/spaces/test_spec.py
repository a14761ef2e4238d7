import pytest

from concept_align.errors import UsageError
from concept_align.spaces.spec import FeatureSpec


@pytest.mark.parametrize(
    "spec",
    [
        FeatureSpec("upos", (7,)),
        FeatureSpec("upos", [6, 10], context_layers=[10], mwt="skip"),
        FeatureSpec("relation", (3,), root="exclude", standardise="none"),
        FeatureSpec("feature:Case", (3,), standardise="global", reference=("de", "en")),
    ],
)
def test_what_is_told_of_a_spec_gives_it_back(spec):
    assert FeatureSpec.from_json(spec.describe()) == spec
    assert FeatureSpec.from_json(spec.describe()).fingerprint() == spec.fingerprint()


def test_a_spec_of_the_last_release_is_read():
    old = {"task": "upos", "layers": [6, 10], "beside": [10], "mwt": "share", "standardise": "language"}
    assert FeatureSpec.from_json(old) == FeatureSpec("upos", (6, 10), context_layers=(10,))


def test_only_what_has_a_part_in_the_features_is_told():
    assert "root" not in FeatureSpec("upos", (7,)).describe()
    assert FeatureSpec("upos", (7,)).fingerprint() == FeatureSpec("upos", (7,), root="exclude").fingerprint()
    assert FeatureSpec("upos", (7,)).fingerprint() != FeatureSpec("upos", (8,)).fingerprint()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("layers", {"layers": ()}),
        ("context_layers", {"context_layers": (2,)}),
        ("root", {"root": "none"}),
        ("mwt", {"mwt": "all"}),
        ("standardise", {"standardise": "both"}),
    ],
)
def test_impossible_choices_name_the_argument(name, values):
    with pytest.raises(UsageError) as raised:
        FeatureSpec(**{"task": "upos", "layers": (1,)} | values)
    assert raised.value.option == name
