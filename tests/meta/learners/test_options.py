"""Options whose numbers no run can have: refused before anything is learned, and in what was saved."""

import dataclasses

import pytest

from concept_align.errors import UsageError
from concept_align.meta.learners.base import LEARNERS

IMPOSSIBLE = {
    "self-train": [
        ("members", 0), ("hidden", -1), ("dropout", 1.0), ("smoothing", 1e308), ("batch", 0), ("cap", 0),
        ("lr", -1.0), ("weight_decay", -1.0), ("round_epochs", 0), ("round_words", 0), ("round_lr", -1.0),
        ("sharpen", 0.0), ("adapt_epochs", 0), ("adapt_steps", 0), ("adapt_lr", float("nan")),
    ],
    "proto": [("adapt_batch", 0), ("episodes_per_step", 0), ("queries", -1), ("adapt_lr", float("inf"))],
    "pooled": [("dropout", 2.0), ("lr", -1e-9)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("learner", "option", "value"),
    [(learner, option, value) for learner, several in IMPOSSIBLE.items() for option, value in several],
)
def test_an_impossible_number_is_refused_before_anything_is_learned(learner, option, value):
    config = dataclasses.replace(LEARNERS.get(learner)(), **{option: value})
    with pytest.raises(UsageError, match=f"options of {learner}: {option} = "):
        config.fit(None, seed=0)


@pytest.mark.parametrize("learner", LEARNERS.names())
@pytest.mark.parametrize("task", ["upos", "relation"])
def test_the_presets_are_possible(learner, task):
    config = LEARNERS.get(learner)
    assert [config(**values).impossible() for values in config.presets(task).values()] == [None] * len(
        config.presets(task)
    )
