import numpy as np
import pandas as pd
import pytest

from concept_align.demo.contrasts import FEW, FLOOR, MANY, MODELS, OWN, contrasts
from concept_align.seeding import stream

CODES = [f"l{place:02d}" for place in range(17)]
ROW = {"task": "upos", "metric": "accuracy", "draw": -1, "shots": 0}


def rows(model, learner, base, *, shots=0, spread=0.02, layer="2", **other):
    noise = stream(0, model, learner, shots).normal(size=len(CODES)) * spread
    noise -= noise.mean()
    return [
        {**ROW, "model": model, "learner": learner, "shots": shots, "layer": layer, "language": code,
         "value": base + part, **other}
        for code, part in zip(CODES, noise, strict=True)
    ] + [{**ROW, "model": model, "learner": learner, "shots": shots, "layer": layer, "language": "mean",
          "value": 9.0}]  # fmt: skip


@pytest.fixture(scope="module")
def found():
    frame, probes, layers, chosen = [], [], {}, {}
    for model in ("a", "b"):
        frame += rows(model, "majority", 0.2) + rows(model, "source-probe", 0.4)
        frame += rows(model, "shrink", 0.4) + rows(model, "shrink", 0.6, shots=5)
        probes += rows(model, "probe", 0.7, shots=-1) + rows(model, "probe", 0.0, shots=-1, layer="1")
        layers[model, "upos"], chosen[model, "upos"] = 2, "shrink"
    return contrasts(pd.DataFrame(frame), pd.DataFrame(probes), layers, chosen)


def test_planted_differences_are_found_and_summaries_are_no_languages(found):
    assert len(found) == 9
    planted = {FLOOR: 0.2, FEW: 0.2, OWN: 0.3}
    for one in found:
        assert one.n == 17
        if one.kind in planted:
            assert one.difference == pytest.approx(planted[one.kind], abs=1e-9)
            assert one.low < one.difference < one.high
            assert one.better_in == 17 and one.clear
            assert one.p == pytest.approx(2 / 2**17)


def test_where_nothing_is_planted_nothing_is_clear(found):
    for one in found:
        if one.kind in (MANY, MODELS):
            assert not one.clear
            assert one.low < 0 < one.high


def test_holm_never_lowers_a_p(found):
    assert all(one.p_holm >= one.p for one in found)
    assert {one.kind for one in found} == {FLOOR, MANY, FEW, OWN, MODELS}


def test_the_baseline_is_not_compared_with_itself():
    frame = pd.DataFrame(rows("a", "majority", 0.2) + rows("a", "source-probe", 0.4)
                         + rows("a", "source-probe", 0.5, shots=5))  # fmt: skip
    probes = pd.DataFrame(rows("a", "probe", 0.7, shots=-1))
    found = contrasts(frame, probes, {("a", "upos"): 2}, {("a", "upos"): "source-probe"})
    assert [one.kind for one in found] == [FLOOR, FEW, OWN]
    assert all(np.isfinite(one.p_holm) for one in found)
