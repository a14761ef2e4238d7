"""The report of layer sweeps, its figures and tables; how far zero-shot reaches."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from concept_align.errors import ConceptAlignError
from concept_align.report.probe import (
    best_layer,
    layer_table,
    layers_figure,
    probe_report,
    probe_table,
    reach_figure,
)
from concept_align.report.style import save

CODES = ("cy", "eu", "ta")


def row(model, layer, learner, language, value, **other):
    return {
        "model": model, "revision": "0123456789", "task": "upos", "layer": str(layer), "learner": learner,
        "language": language, "metric": "accuracy", "shots": 0, "draw": -1, "value": value,
        "low": value - 0.05, "high": value + 0.05, "n": 90, **other,
    }  # fmt: skip


@pytest.fixture
def probes():
    return pd.DataFrame([
        row(model, layer, learner, language, base + 0.02 * layer, shots=-1)
        for model in ("one", "two")
        for layer in (0, 1, 2, 10)
        for learner, base in (("probe", 0.6), ("majority", 0.2))
        for language in (*CODES, "mean")
    ])  # fmt: skip


def has(path, colour):
    image = imread(path)[:, :, :3]
    wanted = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return (np.abs(image - wanted).max(2) < 0.02).sum() > 20


def test_layers_are_drawn_for_every_model_and_equal_data_give_equal_bytes(probes, tmp_path):
    png, svg = save(layers_figure(probes, "upos", chosen={"one": 2}), tmp_path / "a")
    assert has(png, "#0072B2") and has(png, "#D55E00")
    again = save(layers_figure(probes, "upos", chosen={"one": 2}), tmp_path / "b")
    assert [png.read_bytes(), svg.read_bytes()] == [path.read_bytes() for path in again]
    other = save(layers_figure(probes, "upos"), tmp_path / "c")
    assert other[1].read_bytes() != svg.read_bytes()  # the ring


def test_zero_shot_is_drawn_beside_the_own_probe(probes, tmp_path):
    frame = pd.DataFrame([
        row("one", 2, learner, language, value)
        for learner, value in (("shrink", 0.4), ("majority", 0.2))
        for language in (*CODES, "mean")
    ])  # fmt: skip
    own = probes[(probes["model"] == "one") & (probes["layer"] == "2")]
    png, svg = save(reach_figure(frame, own, "shrink", title="one"), tmp_path / "a")
    assert has(png, "#0072B2") and svg.read_text().startswith("<?xml")
    short = save(reach_figure(frame[frame["language"] != "ta"], own, "shrink"), tmp_path / "b")
    assert imread(short[0]).shape[0] < imread(png).shape[0]


def test_nothing_to_draw_is_an_error(probes):
    with pytest.raises(ConceptAlignError, match="no probes"):
        layers_figure(probes, "relation")
    with pytest.raises(ConceptAlignError, match="no zero-shot"):
        reach_figure(probes, probes, "shrink")


def with_more(probes):
    """The probes with macro-F1 too, and development accuracies that are best in layer 1."""
    f1 = probes.assign(metric="macro_f1", value=probes["value"] - 0.1)
    dev = probes[probes["learner"] == "probe"].assign(metric="dev_accuracy")
    dev["value"] = 1 - (dev["layer"].astype(int) - 1).abs() / 10
    return pd.concat([probes, f1, dev], ignore_index=True)


def test_tables_are_per_cent_by_layer_and_by_language(probes):
    means = layer_table(probes, "upos", chosen={"one": 2})
    assert means.columns == ["probe of", "layer 0", "layer 1", "layer 2", "layer 10"]
    assert [row[0] for row in means.rows] == ["one", "two", "majority class"]
    assert means.rows[0][1] == "60.0 [55.0, 65.0]" and means.rows[2][1] == "20.0 [15.0, 25.0]"
    assert means.best == {(0, 3)}
    languages = probe_table(probes[probes["model"] == "one"])
    assert [row[0] for row in languages.rows] == ["Basque (eu)", "Tamil (ta)", "Welsh (cy)"]
    assert languages.rows[0][-2:] == ["80.0 [75.0, 85.0]", "90"]


def test_the_report_says_the_layer_that_development_words_choose(probes):
    report = probe_report(with_more(probes), notes=["eu: no dev split: the last epoch was taken"])
    first, second = report.findings
    assert first.startswith("one, word classes: layer 1 has the best development accuracy; there the mean")
    assert "is 62.0 [57.0, 67.0] % (majority class 22.0 %)" in first and second.startswith("two, ")
    assert [picture.name for picture in report.pictures] == ["layers-upos"]
    assert "no dev split" in report.to_html()


def test_the_layer_is_chosen_on_development_words_of_the_given_languages_alone():
    rows = pd.DataFrame(
        [
            ("4", "en", "dev_accuracy", 0.9),
            ("8", "en", "dev_accuracy", 0.5),
            ("4", "tr", "dev_accuracy", 0.1),
            ("8", "tr", "dev_accuracy", 0.9),
            ("8", "en", "accuracy", 1.0),
        ],
        columns=["layer", "language", "metric", "value"],
    )
    assert best_layer(rows, ("en",)) == 4
    assert best_layer(rows, ("tr",)) == 8
    with pytest.raises(ConceptAlignError, match="no language has a dev split"):
        best_layer(rows, ("cy",))
