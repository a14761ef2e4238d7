import numpy as np
import pytest

from concept_align.errors import LearningError, UsageError
from concept_align.icl.selectors import registry
from concept_align.icl.selectors.learned import Helped
from concept_align.icl.selectors.vectors import SentenceVectors

EMPTY = SentenceVectors(np.empty((0, 4), dtype=np.float32), {})
NEEDED = {
    "nearest-state": {"queries": EMPTY, "candidates": EMPTY},
    "nearest-concept": {"queries": EMPTY, "candidates": EMPTY},
    "alignability": {"table": {}},
}


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_selector_is_made_by_its_name_and_says_what_it_looks_at(name):
    selector = registry.create(name, **NEEDED.get(name, {}))
    assert selector.name == name
    assert selector.looks_at in ("nothing", "language", "query")
    assert selector.seeded in (True, False)


def test_options_are_checked_by_name():
    assert registry.create("fixed", shortest=2).shortest == 2
    with pytest.raises(UsageError, match="unknown selector 'nearest'"):
        registry.create("nearest")
    with pytest.raises(UsageError, match="did you mean shortest"):
        registry.create("fixed", shortes=2)
    with pytest.raises(UsageError, match="coverage has no option"):
        registry.create("coverage", seed=2)
    with pytest.raises(UsageError, match="nearest-state needs queries, candidates"):
        registry.create("nearest-state")


def test_a_learned_selector_plugs_in_by_a_line_in_each_table(monkeypatch):
    monkeypatch.setitem(registry._LEARNERS, "last", ("fixed", "Fixed"))
    assert registry.learner("last", longest=9).longest == 9
    with pytest.raises(UsageError, match="unknown selector 'random'"):
        registry.learner("random")


def test_what_helped_has_a_number_for_each_query_and_candidate(sentence):
    with pytest.raises(LearningError, match="do not fit 1 queries and 2 candidates"):
        Helped([sentence(0, (0,))], [sentence(1, (0,))] * 2, np.zeros((2, 2), np.float32), EMPTY, EMPTY)
