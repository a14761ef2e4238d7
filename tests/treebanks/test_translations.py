"""Equal ids are translations where the lengths of texts say so too."""

import numpy as np

from concept_align.treebanks.translations import LEAST, length_agreement, translated


def test_lengths_of_translations_go_together_and_those_of_shifted_lines_do_not():
    rng = np.random.default_rng(0)
    length = rng.integers(3, 200, size=300)
    a = {str(n): "x" * size for n, size in enumerate(length)}
    b = {str(n): "y" * int(size * rng.uniform(0.7, 1.4)) for n, size in enumerate(length)}
    shifted = {str(n): b[str((n + 1) % 300)] for n in range(300)}
    assert length_agreement(a, b) > 0.8
    assert abs(length_agreement(a, shifted)) < 0.2
    assert length_agreement(a, dict.fromkeys(a, "z")) is None  # all equally long
    few = {one: b[one] for one in list(b)[: LEAST - 1]}
    assert length_agreement(a, few) is None
    assert translated(a, b) == list(a) and translated(a, few) == list(few)
    assert translated(a, shifted) == []


def test_of_few_shared_ids_half_of_the_smaller_treebank_is_needed():
    a = {str(n): "x" for n in range(40)}
    b = {str(n): "y" for n in range(30, 50)}
    assert translated(a, b) == [str(n) for n in range(30, 40)] == translated(b, a)
    assert translated(a, {**b, "50": "y"}) == []
    assert translated(a, {}) == []
