"""Figures of layer sweeps, and of how far zero-shot reaches."""

import numpy as np
import pandas as pd
import pytest

from concept_align.errors import ConceptAlignError
from concept_align.report.layers import layers_figure
from concept_align.report.reach import reach_figure

matplotlib = pytest.importorskip("matplotlib", reason="figures are an extra: concept-align[plots]")

CODES = ("cy", "eu", "ta")


def row(model, layer, learner, language, value, **other):
    return {
        "model": model, "task": "upos", "layer": str(layer), "learner": learner, "language": language,
        "metric": "accuracy", "shots": 0, "draw": -1, "value": value, "low": value - 0.05,
        "high": value + 0.05, "n": 90, **other,
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
    image = matplotlib.image.imread(path)[:, :, :3]
    wanted = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return (np.abs(image - wanted).max(2) < 0.02).sum() > 20


def test_layers_are_drawn_for_every_model_and_equal_data_give_equal_bytes(probes, tmp_path):
    import matplotlib.image  # noqa: F401

    png, svg = layers_figure(probes, "upos", tmp_path / "a", chosen={"one": 2})
    assert has(png, "#0072B2") and has(png, "#D55E00")
    again = layers_figure(probes, "upos", tmp_path / "b", chosen={"one": 2})
    assert [png.read_bytes(), svg.read_bytes()] == [path.read_bytes() for path in again]
    other = layers_figure(probes, "upos", tmp_path / "c")
    assert other[1].read_bytes() != svg.read_bytes()  # the ring


def test_zero_shot_is_drawn_beside_the_own_probe(probes, tmp_path):
    import matplotlib.image

    frame = pd.DataFrame([
        row("one", 2, learner, language, value)
        for learner, value in (("shrink", 0.4), ("majority", 0.2))
        for language in (*CODES, "mean")
    ])  # fmt: skip
    own = probes[(probes["model"] == "one") & (probes["layer"] == "2")]
    png, svg = reach_figure(frame, own, "shrink", tmp_path / "a", title="one")
    assert has(png, "#0072B2") and svg.read_text().startswith("<?xml")
    short = reach_figure(frame[frame["language"] != "ta"], own, "shrink", tmp_path / "b")
    assert matplotlib.image.imread(short[0]).shape[0] < matplotlib.image.imread(png).shape[0]


def test_nothing_to_draw_is_an_error(probes, tmp_path):
    with pytest.raises(ConceptAlignError, match="no probes"):
        layers_figure(probes, "relation", tmp_path / "a")
    with pytest.raises(ConceptAlignError, match="no zero-shot"):
        reach_figure(probes, probes, "shrink", tmp_path / "a")
