import re

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from concept_align.errors import ConceptAlignError
from concept_align.evaluation.results import combine
from concept_align.report.evaluation_figures import languages_figure, shots_figure
from concept_align.report.style import COLOURS, across, look, rendered, save


def pixels(path):
    return imread(path)[:, :, :3]


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("figure", [shots_figure, languages_figure])
def test_a_figure_is_written_and_shows_every_learner_in_its_colour(made, tmp_path, figure):
    png, svg = save(figure(made.frame), tmp_path / "figure")
    image = pixels(png)
    assert min(image.shape[:2]) > 300
    for style in look(["proto", "shrink"]).values():
        wanted = np.array([int(style["color"][i : i + 2], 16) / 255 for i in (1, 3, 5)])
        assert (np.abs(image - wanted).max(2) < 0.02).sum() > 20
    assert svg.read_text().startswith("<?xml")


@pytest.mark.parametrize("figure", [shots_figure, languages_figure])
def test_equal_data_give_equal_bytes(made, tmp_path, figure):
    first, second = (
        [path.read_bytes() for path in save(figure(made.frame), tmp_path / name)] for name in ("a", "b")
    )
    assert first == second
    assert not re.search(rb"\d{4}-\d{2}-\d{2}T", first[1])


def test_layers_and_tasks_are_facets(made, tmp_path):
    frame = combine([made.make(task, layer).frame() for task in ("upos", "relation") for layer in "79"])
    alone, _ = save(shots_figure(made.frame), tmp_path / "one")
    several, _ = save(shots_figure(frame), tmp_path / "four")
    assert pixels(several).size > 2 * pixels(alone).size


def test_a_title_and_an_upper_end_change_the_figure_of_one_setting(made):
    (axis,) = shots_figure(made.frame, title="model, words", top=90).axes
    assert axis.get_title(loc="left") == "model, words" and axis.get_ylim() == (0, 90)


@pytest.mark.parametrize(("facets", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (6, 3), (8, 2)])
def test_facets_fill_their_rows(facets, columns):
    assert across(facets) == columns


def test_a_learner_keeps_its_colour_whichever_is_best():
    assert look(sorted(["shrink", "proto"])) == look(sorted(["proto", "shrink"]))


def test_no_two_of_many_learners_look_alike():
    looks = look([f"learner {n}" for n in range(30)])
    assert len({(style["color"], style["marker"]) for style in looks.values()}) == 30


def test_colours_stand_out_from_white():
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in COLOURS)


def test_the_style_ends_with_the_figure(made, tmp_path):
    before = dict(matplotlib.rcParams)
    save(shots_figure(made.frame), tmp_path / "figure")
    assert dict(matplotlib.rcParams) == before


def test_nothing_to_draw_is_an_error(made):
    with pytest.raises(ConceptAlignError, match="no results"):
        languages_figure(made.frame, shots=99)


def test_a_notebook_shows_a_figure_by_itself(made):
    assert shots_figure(made.frame)._repr_png_().startswith(b"\x89PNG")
    assert rendered(shots_figure(made.frame), "pdf").startswith(b"%PDF")


def test_a_majority_class_far_below_is_told_in_words_and_does_not_press_the_learners_together(made):
    (axis,) = shots_figure(made.frame).axes
    (said,) = [text.get_text() for text in axis.texts]
    assert said.startswith("majority class") and axis.get_ylim()[0] > 30


def test_a_majority_class_near_by_or_on_an_axis_from_zero_is_drawn(made):
    near = made.make(learners={"shrink": 0.7, "proto": 0.65, "majority": 0.6})
    for frame, options in ((near.frame(), {}), (made.frame, {"title": "model", "top": 90})):
        (axis,) = shots_figure(frame, **options).axes
        assert not axis.texts and len(axis.lines) == 3
