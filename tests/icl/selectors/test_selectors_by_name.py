"""Selectors by name: built in, and a user's own."""

import pandas as pd
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.icl.selectors import SELECTORS, SelectorInputs, create, register_selector

SCORES = pd.DataFrame(
    [
        {"model": "m", "revision": "r", "task": "upos", "space": "raw", "against": "", "layer": layer}
        | {"measure": measure, "source": "en", "target": "de", "value": value}
        for measure, layer, value in (("rsa", "3", 0.5), ("rsa", "4", 0.7), ("cka", "3", 0.9))
    ]
)


class NoTraining:
    """Gains that nobody asks for."""

    teacher, seed, folder, facts = "gain", 0, None, {}

    def gains(self, teacher):
        raise AssertionError

    def made_from(self, teacher):
        return {"teacher": teacher}


INPUTS = SelectorInputs(
    ("a",), lambda language: [], lambda some: torch.zeros(0, 2), 2, SCORES, training=NoTraining()
)


@pytest.mark.parametrize("name", SELECTORS.names())
def test_every_selector_is_made_by_its_name_and_says_what_it_looks_at(name):
    selector = create(name, INPUTS)
    assert selector.name == name.removesuffix("-per-query")
    assert selector.looks_at in ("nothing", "language", "query")
    assert selector.seeded in (True, False)


def test_alignability_is_that_of_the_first_measure_at_its_best_layer():
    assert create("alignability", INPUTS).table[("en", "de")] == 0.7
    with pytest.raises(UsageError, match="needs a table of alignability"):
        create("alignability", SelectorInputs(("a",), INPUTS.pools, INPUTS.word_states, 2))


def test_an_unknown_name_is_refused_with_the_near_one():
    with pytest.raises(UsageError, match="unknown selector 'neerest-state'") as found:
        create("neerest-state", INPUTS)
    assert found.value.option == "selectors"
    assert "nearest-state" in found.value.remedy


def test_a_name_of_the_last_release_is_known_with_a_warning():
    with pytest.warns(DeprecationWarning, match="nearest is now called nearest-state"):
        assert create("nearest", INPUTS).name == "nearest-state"


def test_variants_are_those_that_a_selector_has():
    assert create("nearest-state:raw", INPUTS).states.standard == "raw"
    without = SelectorInputs(("a",), INPUTS.pools, INPUTS.word_states, 2)
    with pytest.raises(UsageError, match="best-on-train learns from gains"):
        create("best-on-train", without)
    with pytest.raises(UsageError, match="random has no variants"):
        create("random:raw", INPUTS)


@pytest.fixture
def registry():
    known = dict(SELECTORS._made)
    yield
    SELECTORS._made.clear()
    SELECTORS._made.update(known)


def test_a_selector_of_the_users_own_is_known_by_its_name(registry, candidates, query):
    @register_selector("fewest-words")
    class ShortestSelector:
        name = "fewest-words"
        seeded = False

        def select(self, query, candidates, k, *, seed):
            return sorted(range(len(candidates)), key=lambda place: len(candidates[place].words))[:k]

    assert "fewest-words" in SELECTORS.names()
    assert create("fewest-words", INPUTS).select(query, candidates, 2, seed=0) == [0, 10]
    with pytest.raises(UsageError, match="exists already"):
        register_selector("random")(ShortestSelector)
