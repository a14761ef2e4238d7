"""Labels that do not cover each other."""

import itertools

import numpy as np
import pytest
from matplotlib.text import Text

from concept_align.report.labels import Label, end_labels, headline, place_labels, wrapped
from concept_align.report.style import single, styled


def overlapping(texts, renderer):
    boxes = [text.get_window_extent(renderer) for text in texts]
    return [(a, b) for a in range(len(boxes)) for b in range(a) if boxes[a].overlaps(boxes[b])]


@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_labels_of_crowded_points_do_not_overlap_and_stay_inside(spread):
    points = np.random.default_rng(0).normal(scale=spread, size=(25, 2))
    points[1] = points[0]
    with styled():
        figure, axis = single()
        axis.set(xlim=(-3, 3), ylim=(-3, 3))
        labels = [Label(x, y, f"lang{at}", size=6.5) for at, (x, y) in enumerate(points)]
        texts = place_labels(figure, axis, labels)
        renderer = figure.canvas.get_renderer()
        assert overlapping(texts, renderer) == []
        frame = axis.get_window_extent(renderer)
        for text in texts:
            box = text.get_window_extent(renderer)
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


def test_a_label_alone_is_beside_its_point_and_does_not_cover_it():
    with styled():
        figure, axis = single()
        axis.set(xlim=(0, 1), ylim=(0, 1))
        (text,) = place_labels(figure, axis, [Label(0.5, 0.5, "en")])
        box = text.get_window_extent(figure.canvas.get_renderer())
        at = axis.transData.transform((0.5, 0.5))
        assert not box.contains(*at)
        assert np.hypot(*(np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]) - at)) < 20


def test_labels_at_the_end_of_lines_are_in_one_column_and_apart():
    with styled():
        figure, axis = single()
        axis.set(xlim=(0, 1), ylim=(0, 1))
        texts = end_labels(figure, axis, [Label(1, 0.5 + 0.001 * at, f"language {at}") for at in range(5)])
        renderer = figure.canvas.get_renderer()
        figure.draw(renderer)  # an annotation has its place only then
        # As a text: an annotation's own box has the line to its point in it.
        boxes = [Text.get_window_extent(text, renderer) for text in texts]
        assert [text.get_text() for text in texts] == [f"language {at}" for at in range(5)]
        assert len({round(box.x0, 3) for box in boxes}) == 1
        assert all(lower.y1 <= upper.y0 for lower, upper in itertools.pairwise(boxes))


def test_lines_are_wrapped_one_by_one():
    assert wrapped("one two three\nfour", 8) == "one two\nthree\nfour"
    with styled():
        _, axis = single()
        headline(axis, "Title", "below\ntwice")
        assert axis.get_title(loc="left") == "Title\n\n"
