"""Plans: which tests there are, and which configurations are refused."""

import fake_scorer
import pytest

from concept_align.config import from_mapping
from concept_align.errors import LearningError, UsageError
from concept_align.icl.config import ANY, NONE, OWN, ICLConfig
from concept_align.icl.plan import Variant, plan
from concept_align.treebanks.discover import mini_treebanks

MINI = str(mini_treebanks())


@pytest.fixture
def planned():
    return fake_scorer.make_plan


def config(**options):
    usual = {"model": "mini-decoder", "treebanks": MINI, "langs": "ga,tr,ta", "demo_langs": "en,de"}
    return from_mapping(ICLConfig, {**usual, **options})


def test_prompts_without_demonstrations_are_asked_once_for_all_sources(planned):
    tests = planned().trials()
    none = [test for test in tests if test.k == 0]
    assert {test.source for test in none} == {NONE}
    assert len(none) == 2 * 2  # targets, kinds of labels
    assert len(tests) == 2 * 2 + 2 * 2 * 2 * 2  # and sources, draws
    assert len(set(tests)) == len(tests)


def test_a_language_is_no_target_of_its_own_demonstrations():
    made = plan(config(langs="ga,de", demo_langs="en,de"))
    assert made.targets_of("de") == ("ga",)
    assert made.targets_of("en") == ("ga", "de")


def test_own_demonstrations_are_in_the_target():
    made = plan(config(demo_langs="en,own"))
    assert made.sources == ("en", OWN)
    assert made.targets_of(OWN) == made.targets


def test_training_languages_are_five_with_the_source_and_no_targets():
    made = plan(config(layers="2"))
    assert len(made.train) == 5
    assert made.train[:2] == ("en", "de")
    assert not {*made.train, *made.validation} & set(made.targets)
    assert made.trained_on("de")[0] == "de"
    assert made.align_k == (0, 10)


def test_a_target_among_the_training_languages_is_refused():
    with pytest.raises(LearningError, match="ga among the training and the target"):
        plan(config(layers="2", align_langs="fr,ga"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": ()}, "impossible numbers"),
        ({"k": (1, 1)}, "impossible numbers"),
        ({"demo_draws": 0}, "too few"),
        ({"task": "feature:Case"}, "labels of features"),
        ({"langs": "xx"}, "unknown language"),
        ({"demo_langs": ""}, "no language of demonstrations"),
        ({"labels": ("tags", "tags")}, "twice"),
        ({"layers": "2", "learners": ("poled",)}, "unknown learner"),
        ({"layers": "2", "learners": ("proto:none",)}, "no preset"),
        ({"layers": "2", "demo_langs": "own"}, "that is no target"),
        ({"align_k": (3,)}, "not among"),
        ({"limit": 0}, "too few"),
        ({"demo_langs": "any"}, "no language of demonstrations"),
        ({"selectors": "alignability"}, "chooses among languages"),
        ({"selectors": "alignability", "demo_langs": "en,any", "alignability": "a", "layers": 2}, "in one"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        plan(config(**options))


def test_variants_are_named_by_what_is_not_usual():
    assert Variant("tags").name == "icl-tags"
    assert Variant("symbols", "coverage", "slash", "gold").name == "icl-symbols-coverage-slash-gold-feedback"


def test_languages_are_chosen_by_alignability_where_any_may_be():
    made = plan(config(demo_langs="en,de,any", selectors="random,alignability", alignability="scores"))
    assert made.sources == ("en", "de", ANY)
    assert made.named == ("en", "de")
    found = {(trial.source, trial.variant.selector) for trial in made.trials() if trial.k}
    assert found == {("en", "random"), ("de", "random"), (ANY, "random"), (ANY, "alignability")}


def test_a_configuration_of_the_last_release_is_read_with_a_warning():
    with pytest.warns(DeprecationWarning, match="draws is now called demo_draws"):
        found = config(draws=2, layers="0-2,scores", align_langs="auto")
    assert found.demo_draws == 2
    assert found.layers == (0, 1, 2, "scores")
    assert found.align_langs == ("auto",)
    assert config(layers="all").layers == ("all",)
