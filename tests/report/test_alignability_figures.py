"""Figures of alignability: what they say, and that equal data give equal bytes."""

import numpy as np
import pandas as pd
import pytest

from concept_align.errors import ConceptAlignError, UsageError
from concept_align.report.alignability_figures import (
    concepts_figure,
    overlay_figure,
    points_of,
    sweep_figure,
    transfer_figure,
)
from concept_align.report.matrix_figures import dendrogram_figure, heatmap_figure
from concept_align.report.score_matrix import language_tree, matrix
from concept_align.report.style import save
from concept_align.statistics import Correlation


def layer(scored, number="1"):
    return matrix(scored.scores[scored.scores["layer"] == number])


def draw(kind, scored):
    concepts = pd.DataFrame({"concept": ["NOUN", "VERB"], "value": [0.4, 0.6]})
    points = np.random.default_rng(0).normal(size=(2, 3, 2))
    return {
        "sweep": lambda: sweep_figure({"one": scored.scores}),
        "heatmap": lambda: heatmap_figure(layer(scored), measure="rsa"),
        "dendrogram": lambda: dendrogram_figure(layer(scored), measure="rsa"),
        "overlay": lambda: overlay_figure(points, ["en", "fi"], ["NOUN", "VERB", "ADJ"]),
        "concepts": lambda: concepts_figure(concepts),
        "transfer": lambda: transfer_figure({"fi": 0.5, "de": 0.7}, {"fi": 0.6, "de": 0.8}, measure="RSA"),
    }[kind]()


@pytest.mark.parametrize("kind", ["sweep", "heatmap", "dendrogram", "overlay", "concepts", "transfer"])
def test_a_figure_is_written_in_three_forms_and_equal_data_give_equal_bytes(kind, scored, tmp_path):
    forms = ("png", "svg", "pdf")
    files = save(draw(kind, scored), tmp_path / "a", formats=forms)
    assert [path.suffix for path in files] == [".png", ".svg", ".pdf"]
    again = save(draw(kind, scored), tmp_path / "a", formats=forms)
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]
    pdf = files[2].read_bytes()
    assert pdf.startswith(b"%PDF") and b"Date" not in pdf and b"atplotlib" not in pdf


def test_the_axes_of_the_heatmap_follow_the_clustering(scored):
    grid = layer(scored)
    said = scored.words(heatmap_figure(grid, measure="rsa"))
    codes = [word for word in said if word in scored.languages]
    wanted = [grid.languages[at] for at in language_tree(grid).order]
    assert codes[: len(wanted)] == codes[len(wanted) :] == wanted
    assert abs(wanted.index("en") - wanted.index("de")) == abs(wanted.index("fi") - wanted.index("et")) == 1


def test_an_order_that_is_given_is_kept(scored):
    said = scored.words(heatmap_figure(layer(scored), measure="rsa", order=range(6)))
    assert [word for word in said if word in scored.languages][:6] == list(scored.languages)
    assert not any("linkage" in word for word in said)


def test_a_language_without_values_is_said_and_not_drawn_as_nought(scored):
    svg = heatmap_figure(layer(scored), measure="rsa")
    said = " ".join(scored.words(svg))
    assert "hatched, no value: Telugu" in said and "10 pairs" in said
    # Colours begin at the lowest score that is there, not at nought.
    assert "0.50" in scored.words(svg) and "0.00" not in scored.words(svg)
    said = " ".join(scored.words(dendrogram_figure(layer(scored), measure="rsa")))
    assert "not in the tree, no value: Telugu" in said and said.count("Telugu") == 1
    said = " ".join(scored.words(sweep_figure({"one": scored.scores})))
    assert "no value in any layer: Telugu" in said and "10 pairs of 5 languages" in said


def test_pairs_that_could_be_chance_are_marked_and_explained(scored):
    sure = heatmap_figure(layer(scored, "1"), measure="rsa")
    unsure = heatmap_figure(layer(scored, "0"), measure="rsa")
    assert "could be chance" not in " ".join(scored.words(sure))
    assert "dots: could be chance (q ≥ 0.05)" in " ".join(scored.words(unsure))


def test_the_leaves_of_the_tree_have_full_names_and_families(scored):
    said = scored.words(dendrogram_figure(layer(scored), measure="rsa"))
    assert {"English", "Finnish", "German", "Estonian", "French", "Germanic", "Uralic", "Romance"} <= set(
        said
    )
    with pytest.raises(ConceptAlignError, match="no tree"):
        dendrogram_figure(matrix(scored.make(layers=(1,), without=scored.languages)), measure="rsa")


def test_a_sweep_names_models_controls_and_chance(scored):
    low = scored.make(base=0.1)
    said = scored.words(
        sweep_figure(
            {"one": scored.scores, "untrained": low},
            controls=["untrained"],
        )
    )
    wanted = {"one", "untrained", "mean of one language's pairs", "permuted labels: mean ± 2 sd of a pair"}
    assert wanted <= set(said) and "layer (0: embeddings)" in said
    assert "German" in said or "English" in said  # the language with the highest mean


def test_models_of_unequal_depth_are_drawn_by_relative_depth(scored):
    deep = scored.make(layers=(0, 2, 4))
    said = scored.words(sweep_figure({"shallow": scored.scores, "deep": deep}))
    assert "depth (0: embeddings, 1: last layer)" in said and "mean of one language's pairs" not in said
    said = scored.words(sweep_figure({"a": scored.scores, "b": deep}, depth="layer"))
    assert "layer (0: embeddings)" in said


def test_a_sweep_of_two_measures_is_refused(scored):
    with pytest.raises(UsageError, match="several measures"):
        sweep_figure({"one": scored.scores, "two": scored.make(measure="cka")})


def test_an_overlay_names_concepts_languages_and_shares(scored):
    points = np.random.default_rng(0).normal(size=(3, 4, 2))
    points[1, 2] = np.nan
    points[2] = np.nan
    concepts = ["NOUN", "VERB", "ADJ", "ADP"]
    figure = overlay_figure(points, ["en", "fi", "te"], concepts, shares=(0.5, 0.25))
    said = scored.words(figure)
    assert {*concepts, "English", "Finnish", "first axis (50% of variance)"} <= set(said)
    assert "no prototypes: Telugu" in said and "Telugu" not in said
    with pytest.raises(UsageError, match=r"not \[languages, concepts, 2\]"):
        overlay_figure(points, ["en"], concepts)
    with pytest.raises(UsageError, match="no points"):
        overlay_figure(points * np.nan, ["en", "fi", "te"], concepts)


def test_points_come_from_a_table():
    table = pd.DataFrame(
        {"language": ["en", "fi"], "concept": ["NOUN", "VERB"], "x": [1.0, 2.0], "y": [3.0, 4.0]}
    )
    points, languages, concepts = points_of(table)
    assert (languages, concepts) == (("en", "fi"), ("NOUN", "VERB"))
    assert points[0, 0].tolist() == [1, 3] and np.isnan(points[0, 1]).all()


def test_concepts_are_ranked_and_those_without_a_value_are_said(scored):
    concepts = pd.DataFrame({
        "concept": ["NOUN", "VERB", "SYM"], "value": [0.4, 0.6, np.nan], "low": [0.3, 0.5, np.nan],
        "high": [0.5, 0.7, np.nan], "null_mean": 0.1, "null_sd": 0.05, "pairs": [10, 9, 0],
    })  # fmt: skip
    said = scored.words(concepts_figure(concepts, task="upos"))
    assert [word for word in said if word in ("NOUN", "VERB", "SYM")] == ["NOUN", "VERB"]  # from below
    assert "no value: SYM" in said and {"10", "9", "pairs"} <= set(said)
    with pytest.raises(UsageError, match="several values"):
        concepts_figure(pd.concat([concepts, concepts]))
    with pytest.raises(ConceptAlignError, match="no concept has a value"):
        concepts_figure(concepts.assign(value=np.nan))


def test_transfer_says_r_with_its_interval_and_who_is_missing(scored):
    codes = ["de", "fi", "fr", "et", "eu", "cy"]
    alike = {code: 0.1 * at for at, code in enumerate(codes)} | {"te": np.nan, "en": 1.0}
    accuracy = {code: 0.3 + 0.1 * at for at, code in enumerate(codes)} | {"te": 0.5}
    said = scored.words(transfer_figure(alike, accuracy, measure="RSA (Spearman)"))
    assert any(word.startswith("Alignability and transfer: r = 1.00 [1.00, 1.00], n = 6") for word in said)
    assert "not drawn, no value: Telugu" in said and set(codes) <= set(said) and "en" not in said
    found = Correlation(-0.31, -0.5, 0.1, 0.2, 6)
    said = scored.words(transfer_figure(alike, accuracy, measure="RSA", found=found))
    assert any("r = −0.31 [−0.50, 0.10], n = 6" in word for word in said)
    with pytest.raises(ConceptAlignError, match="no language has both"):
        transfer_figure({"fi": 0.1}, {"de": 0.2}, measure="RSA")
