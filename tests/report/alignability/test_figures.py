"""Figures of alignability: what they say, and that equal data give equal bytes."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="figures are an extra: concept-align[plots]")

from concept_align.errors import ConceptAlignError, UsageError
from concept_align.report.alignability import (
    concepts_figure,
    dendrogram_figure,
    heatmap_figure,
    matrix,
    ordering,
    overlay_figure,
    points_of,
    sweep_figure,
    transfer_figure,
)
from concept_align.statistics import Correlation

SVG = ("svg",)


def layer(made, number="1"):
    return matrix(made.scores[made.scores["layer"] == number])


def draw(kind, made, stem):
    concepts = pd.DataFrame({"concept": ["NOUN", "VERB"], "value": [0.4, 0.6]})
    points = np.random.default_rng(0).normal(size=(2, 3, 2))
    return {
        "sweep": lambda: sweep_figure({"one": made.scores}, stem),
        "heatmap": lambda: heatmap_figure(layer(made), stem, measure="rsa"),
        "dendrogram": lambda: dendrogram_figure(layer(made), stem, measure="rsa"),
        "overlay": lambda: overlay_figure(points, ["en", "fi"], ["NOUN", "VERB", "ADJ"], stem),
        "concepts": lambda: concepts_figure(concepts, stem),
        "transfer": lambda: transfer_figure(
            {"fi": 0.5, "de": 0.7}, {"fi": 0.6, "de": 0.8}, stem, measure="RSA"
        ),
    }[kind]()


@pytest.mark.parametrize("kind", ["sweep", "heatmap", "dendrogram", "overlay", "concepts", "transfer"])
def test_a_figure_is_written_in_three_forms_and_equal_data_give_equal_bytes(kind, made, tmp_path):
    files = draw(kind, made, tmp_path / "a")
    assert [path.suffix for path in files] == [".png", ".svg", ".pdf"]
    again = draw(kind, made, tmp_path / "b")
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]
    pdf = files[2].read_bytes()
    assert pdf.startswith(b"%PDF") and b"Date" not in pdf and b"atplotlib" not in pdf


def test_the_axes_of_the_heatmap_follow_the_clustering(made, tmp_path):
    grid = layer(made)
    said = made.words(heatmap_figure(grid, tmp_path / "a", formats=SVG, measure="rsa")[0])
    codes = [word for word in said if word in made.languages]
    wanted = [grid.languages[at] for at in ordering(grid).order]
    assert codes[: len(wanted)] == codes[len(wanted) :] == wanted
    assert abs(wanted.index("en") - wanted.index("de")) == abs(wanted.index("fi") - wanted.index("et")) == 1


def test_an_order_that_is_given_is_kept(made, tmp_path):
    said = made.words(
        heatmap_figure(layer(made), tmp_path / "a", formats=SVG, measure="rsa", order=range(6))[0]
    )
    assert [word for word in said if word in made.languages][:6] == list(made.languages)
    assert not any("linkage" in word for word in said)


def test_a_language_without_values_is_said_and_not_drawn_as_nought(made, tmp_path):
    svg = heatmap_figure(layer(made), tmp_path / "a", formats=SVG, measure="rsa")[0]
    said = " ".join(made.words(svg))
    assert "hatched, no value: Telugu" in said and "10 pairs" in said
    # Colours begin at the lowest score that is there, not at nought.
    assert "0.50" in made.words(svg) and "0.00" not in made.words(svg)
    said = " ".join(made.words(dendrogram_figure(layer(made), tmp_path / "b", formats=SVG, measure="rsa")[0]))
    assert "not in the tree, no value: Telugu" in said and said.count("Telugu") == 1
    said = " ".join(made.words(sweep_figure({"one": made.scores}, tmp_path / "c", formats=SVG)[0]))
    assert "no value in any layer: Telugu" in said and "10 pairs of 5 languages" in said


def test_pairs_that_could_be_chance_are_marked_and_explained(made, tmp_path):
    sure = heatmap_figure(layer(made, "1"), tmp_path / "a", formats=SVG, measure="rsa")[0]
    unsure = heatmap_figure(layer(made, "0"), tmp_path / "b", formats=SVG, measure="rsa")[0]
    assert "could be chance" not in " ".join(made.words(sure))
    assert "dots: could be chance (q ≥ 0.05)" in " ".join(made.words(unsure))


def test_the_leaves_of_the_tree_have_full_names_and_families(made, tmp_path):
    said = made.words(dendrogram_figure(layer(made), tmp_path / "a", formats=SVG, measure="rsa")[0])
    assert {"English", "Finnish", "German", "Estonian", "French", "Germanic", "Uralic", "Romance"} <= set(
        said
    )
    with pytest.raises(ConceptAlignError, match="no tree"):
        dendrogram_figure(
            matrix(made.make(layers=(1,), without=made.languages)), tmp_path / "b", formats=SVG, measure="rsa"
        )


def test_a_sweep_names_models_controls_and_chance(made, tmp_path):
    low = made.make(base=0.1)
    said = made.words(
        sweep_figure(
            {"one": made.scores, "untrained": low},
            tmp_path / "a",
            formats=SVG,
            controls=["untrained"],
        )[0]
    )
    wanted = {"one", "untrained", "mean of one language's pairs", "permuted labels: mean ± 2 sd of a pair"}
    assert wanted <= set(said) and "layer (0: embeddings)" in said
    assert "German" in said or "English" in said  # the language with the highest mean


def test_models_of_unequal_depth_are_drawn_by_relative_depth(made, tmp_path):
    deep = made.make(layers=(0, 2, 4))
    said = made.words(sweep_figure({"shallow": made.scores, "deep": deep}, tmp_path / "a", formats=SVG)[0])
    assert "depth (0: embeddings, 1: last layer)" in said and "mean of one language's pairs" not in said
    said = made.words(
        sweep_figure({"a": made.scores, "b": deep}, tmp_path / "b", formats=SVG, depth="layer")[0]
    )
    assert "layer (0: embeddings)" in said


def test_a_sweep_of_two_measures_is_refused(made, tmp_path):
    with pytest.raises(UsageError, match="several measures"):
        sweep_figure({"one": made.scores, "two": made.make(measure="cka")}, tmp_path / "a", formats=SVG)


def test_an_overlay_names_concepts_languages_and_shares(made, tmp_path):
    points = np.random.default_rng(0).normal(size=(3, 4, 2))
    points[1, 2] = np.nan
    points[2] = np.nan
    concepts = ["NOUN", "VERB", "ADJ", "ADP"]
    files = overlay_figure(
        points, ["en", "fi", "te"], concepts, tmp_path / "a", formats=SVG, shares=(0.5, 0.25)
    )
    said = made.words(files[0])
    assert {*concepts, "English", "Finnish", "first axis (50% of variance)"} <= set(said)
    assert "no prototypes: Telugu" in said and "Telugu" not in said
    with pytest.raises(UsageError, match=r"not \[languages, concepts, 2\]"):
        overlay_figure(points, ["en"], concepts, tmp_path / "a", formats=SVG)
    with pytest.raises(UsageError, match="no points"):
        overlay_figure(points * np.nan, ["en", "fi", "te"], concepts, tmp_path / "a", formats=SVG)


def test_points_come_from_a_table():
    table = pd.DataFrame(
        {"language": ["en", "fi"], "concept": ["NOUN", "VERB"], "x": [1.0, 2.0], "y": [3.0, 4.0]}
    )
    points, languages, concepts = points_of(table)
    assert (languages, concepts) == (("en", "fi"), ("NOUN", "VERB"))
    assert points[0, 0].tolist() == [1, 3] and np.isnan(points[0, 1]).all()


def test_concepts_are_ranked_and_those_without_a_value_are_said(made, tmp_path):
    concepts = pd.DataFrame({
        "concept": ["NOUN", "VERB", "SYM"], "value": [0.4, 0.6, np.nan], "low": [0.3, 0.5, np.nan],
        "high": [0.5, 0.7, np.nan], "null_mean": 0.1, "null_sd": 0.05, "pairs": [10, 9, 0],
    })  # fmt: skip
    said = made.words(concepts_figure(concepts, tmp_path / "a", formats=SVG, task="upos")[0])
    assert [word for word in said if word in ("NOUN", "VERB", "SYM")] == ["NOUN", "VERB"]  # from below
    assert "no value: SYM" in said and {"10", "9", "pairs"} <= set(said)
    with pytest.raises(UsageError, match="several values"):
        concepts_figure(pd.concat([concepts, concepts]), tmp_path / "b", formats=SVG)
    with pytest.raises(ConceptAlignError, match="no concept has a value"):
        concepts_figure(concepts.assign(value=np.nan), tmp_path / "b", formats=SVG)


def test_transfer_says_r_with_its_interval_and_who_is_missing(made, tmp_path):
    codes = ["de", "fi", "fr", "et", "eu", "cy"]
    alike = {code: 0.1 * at for at, code in enumerate(codes)} | {"te": np.nan, "en": 1.0}
    accuracy = {code: 0.3 + 0.1 * at for at, code in enumerate(codes)} | {"te": 0.5}
    said = made.words(
        transfer_figure(alike, accuracy, tmp_path / "a", formats=SVG, measure="RSA (Spearman)")[0]
    )
    assert any(word.startswith("Alignability and transfer: r = 1.00 [1.00, 1.00], n = 6") for word in said)
    assert "not drawn, no value: Telugu" in said and set(codes) <= set(said) and "en" not in said
    found = Correlation(-0.31, -0.5, 0.1, 0.2, 6)
    said = made.words(
        transfer_figure(alike, accuracy, tmp_path / "b", formats=SVG, measure="RSA", found=found)[0]
    )
    assert any("r = −0.31 [−0.50, 0.10], n = 6" in word for word in said)
    with pytest.raises(ConceptAlignError, match="no language has both"):
        transfer_figure({"fi": 0.1}, {"de": 0.2}, tmp_path / "c", formats=SVG, measure="RSA")
