"""Before and after tuning: the same sentences, baselines that need no training, paired differences."""

import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.seeding import stream
from concept_align.tuning.model import open_tunable
from concept_align.tuning.outcomes import SEEN, UNSEEN
from concept_align.tuning.parallel import Parallel
from concept_align.tuning.retrieval import sentence_vectors
from concept_align.tuning.splits import Split
from concept_align.tuning.study import (
    BEFORE,
    NUMBERS,
    REFERENCES,
    TUNED,
    RetrievalSet,
    _ways,
    before_after,
    evaluate,
)

WORDS = {
    "en": ("The", "dog", "cat", "house", "river", "sleeps", "runs", "old", "small", "red"),
    "de": ("Der", "Hund", "Katze", "Haus", "Fluss", "schläft", "rennt", "alt", "klein", "rot"),
    "it": ("Il", "cane", "gatto", "casa", "fiume", "dorme", "corre", "vecchio", "piccolo", "rosso"),
}


@pytest.fixture(scope="module")
def model():
    return open_tunable("mini-decoder", device="cpu")


@pytest.fixture(scope="module")
def parallel():
    rng = stream(0, "study-test")
    said = [rng.choice(10, size=rng.integers(3, 7), replace=False) for _ in range(24)]
    texts = {
        code: {str(n): " ".join(words[at] for at in own) + "." for n, own in enumerate(said)}
        for code, words in WORDS.items()
    }
    return Parallel.of(texts, documents={str(n): f"d{n // 2}" for n in range(24)}, source="words")


@pytest.fixture(scope="module")
def split(parallel):
    return Split(parallel.ids[:12], parallel.ids[12:], ("en", "de"), ("it",))


@pytest.fixture(scope="module")
def both(model, parallel, split):
    sets = [RetrievalSet.of_split("words", parallel, split)]
    texts = {code: list(own.values())[:5] for code, own in parallel.texts.items()}
    return [evaluate(model, sets, split, texts=texts, tuned=tuned, seed=3) for tuned in (False, True)]


def test_every_layer_language_and_way_of_searching_has_a_row(both, model):
    before, tuned = (one.frame() for one in both)
    assert tuple(before.columns) == NUMBERS
    rows = before[before["task"] == "retrieval"]
    assert set(rows["layer"]) == {str(layer) for layer in range(model.layers + 1)}
    assert set(rows["language"]) == {"de", "it", SEEN, UNSEEN}
    assert set(rows["learner"]) == set(BEFORE)
    assert set(tuned.loc[tuned["task"] == "retrieval", "learner"]) == set(TUNED)
    cost = before[before["task"] == "language"]
    assert set(cost["language"]) == {"en", "de", "it", SEEN, UNSEEN}
    assert set(cost["layer"]) == {"output"}
    assert set(before["seed"]) == {3}
    own = before[~before["language"].isin([SEEN, UNSEEN])]
    assert ((own["low"] <= own["value"] + 1e-12) & (own["value"] <= own["high"] + 1e-12)).all()


def test_a_model_gains_nothing_over_itself(both):
    frame = before_after(*both)
    gains = frame[frame["reference"] != ""]
    assert set(zip(gains["learner"], gains["reference"], strict=True)) == set(REFERENCES)
    same = gains[(gains["learner"] != "tuned") | (gains["reference"] == "before")]
    np.testing.assert_array_equal(same["value"], 0)
    single = same[~same["language"].isin([SEEN, UNSEEN])]
    np.testing.assert_array_equal(single[["low", "high"]], 0)
    over = gains[(gains["reference"] == "standardising") & (gains["learner"] == "tuned")]
    over = over.set_index(["layer", "language", "metric"])["value"]
    at = frame[frame["reference"] == ""].set_index(["learner", "layer", "language", "metric"])["value"]
    key = ("3", UNSEEN, "p1")
    assert over[key] == pytest.approx(at["before", *key] - at["standardising", *key])


def test_vectors_are_the_same_alone_and_in_any_batch(model, parallel):
    texts = list(parallel.texts["de"].values())
    together = sentence_vectors(model, {"de": texts}, [0, 3])
    for place in (0, 7, 23):
        alone = sentence_vectors(model, {"de": [texts[place]]}, [3, 0])
        for layer in (0, 3):
            torch.testing.assert_close(
                alone[layer]["de"][0], together[layer]["de"][place], atol=1e-5, rtol=1e-5
            )
    with pytest.raises(UsageError, match="layers 0-4"):
        sentence_vectors(model, {"de": texts}, [5])


def test_what_needs_no_training_undoes_a_shift_of_a_language_and_huge_channels():
    """Two channels of 40 and 600 times the others' size hide all likeness; standardised it is there."""
    rng = torch.from_numpy(stream(0, "planted").normal(size=(160, 24)))
    scale = torch.ones(24).double()
    scale[3], scale[9] = 40, 600
    noise = torch.from_numpy(stream(1, "planted").normal(size=(160, 24)))
    shift = torch.from_numpy(stream(2, "planted").normal(size=24))
    a = rng * scale + 600
    b = (rng + 0.4 * noise + 3 * shift) * scale
    raw, centred, standardised, _ = _ways(a.float(), b.float(), 80)
    assert standardised.p1 > 0.9
    assert raw.p1 < 0.1
    assert centred.p1 < 0.5


def test_halves_share_no_document(parallel):
    one = RetrievalSet.halves("words", parallel)
    assert set(one.statistics) | set(one.held_out) == set(parallel.ids)
    documents = [{parallel.documents[name] for name in part} for part in (one.statistics, one.held_out)]
    assert not documents[0] & documents[1]
    assert len(documents[0]) == len(documents[1])


def test_sets_in_which_nothing_can_be_searched_are_noted_or_refused(model, parallel, split):
    nothing = RetrievalSet("none", parallel, parallel.ids[:1], parallel.ids[1:2])
    with pytest.raises(UsageError, match="none: no language has enough sentences"):
        evaluate(model, [nothing], split)
    with pytest.raises(UsageError, match="no sets and no texts"):
        evaluate(model, [], split)
    some = evaluate(model, [nothing, RetrievalSet.of_split("words", parallel, split)], split, layers=3)
    assert some.notes == ("none: no language has enough sentences to be searched",)


def test_no_more_sentences_are_searched_than_asked_for(model, parallel, split):
    few = evaluate(model, [RetrievalSet.of_split("words", parallel, split)], split, layers=3, most=6)
    assert set(few.outcomes.groupby(["language", "learner", "metric"])["count"].sum()) == {6}
