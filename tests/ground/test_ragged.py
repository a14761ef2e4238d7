import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concept_align import ragged


@given(st.lists(st.integers(0, 5), max_size=8), st.data())
def test_taken_rows_are_those_of_the_sentences_one_after_another(lengths, data):
    offsets = ragged.offsets_of(lengths)
    words = [list(range(offsets[s], offsets[s + 1])) for s in range(len(lengths))]
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6)) if lengths else []
    rows, own = ragged.take(offsets, chosen)
    assert rows.tolist() == [row for s in chosen for row in words[s]]
    assert np.diff(own).tolist() == [lengths[s] for s in chosen] and own[0] == 0


@given(st.lists(st.integers(0, 5), max_size=8))
def test_every_item_knows_its_sentence(lengths):
    offsets = ragged.offsets_of(lengths)
    assert ragged.sentence_of(offsets).tolist() == [s for s, n in enumerate(lengths) for _ in range(n)]
    assert ragged.lengths(offsets).tolist() == lengths
