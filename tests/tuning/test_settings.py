"""Options of tuning: presets fill what is left open, impossible values are refused by name."""

import tomllib

import pytest

from concept_align.config import field_docs, from_mapping, to_mapping, to_toml
from concept_align.errors import UsageError
from concept_align.tuning.settings import TuneConfig

NAMED = {"model": "mini-decoder", "pairs": "mini"}


def config(**options: object) -> TuneConfig:
    return from_mapping(TuneConfig, {**NAMED, **options})


def test_every_option_has_its_help() -> None:
    assert set(field_docs(TuneConfig)) == set(TuneConfig.__dataclass_fields__)


@pytest.mark.parametrize("layers, layer", [(4, 3), (18, 10), (32, 18)])
def test_our_layer_is_in_the_middle(layers: int, layer: int) -> None:
    assert config().resolved(layers, "decoder").layer == layer


def test_presets_are_as_published() -> None:
    afp = config(preset="afp").resolved(24, "decoder")
    assert (afp.layer, afp.pooling, afp.standard, afp.directions) == (1, "last", "none", "one")
    assert afp.weights == (1, 1.5, 0, 0) and (afp.train, afp.lr, afp.steps) == ("full", 1e-5, 5000)
    mid = config(preset="mid-align").resolved(32, "decoder")
    assert (mid.layer, mid.temperature, mid.rank, mid.alpha, mid.dropout) == (16, 0.1, 8, 16, 0.1)
    assert mid.alternate and mid.schedule == "inverse-sqrt"


@pytest.mark.parametrize("preset", ["middle", "afp", "mid-align", "concepts"])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_nothing_is_left_open_but_what_may_be_absent(preset: str, kind: str) -> None:
    found = config(preset=preset).resolved(12, kind)  # type: ignore[arg-type]
    absent = {name for name in TuneConfig.__dataclass_fields__ if getattr(found, name) is None}
    assert absent == {"treebanks", "retain", "merge", "revision"}
    assert found.resolved(12, kind) == found  # type: ignore[arg-type]


def test_a_given_value_beats_the_preset() -> None:
    found = config(preset="afp", layer=7, weights="1,0,0.5", train="blocks:1-4").resolved(12, "decoder")
    assert (found.layer, found.weights, found.train) == (7, (1, 0, 0.5, 0), "blocks:1-4")
    assert config(control="answers-only").resolved(12, "decoder").weights == (0, 1.5, 1, 0)


def test_an_encoder_is_tuned_without_answers() -> None:
    assert config().resolved(12, "encoder").weights == (1, 0, 1, 0)
    with pytest.raises(UsageError, match="encoder follows no instructions"):
        config(instructions="parallel").resolved(12, "encoder")
    with pytest.raises(UsageError, match="no instructions"):
        config(weights="1,1,0").resolved(12, "encoder")


@pytest.mark.parametrize(
    "option, value",
    [
        ("steps", 0), ("batch", -1), ("lr", 0.0), ("temperature", float("nan")), ("held_out", 1.0),
        ("weights", "1,2"), ("weights", "1,-1,0"), ("negatives", "hard:0"), ("train", "some"),
        ("evaluate", "retrieval,taste"), ("seed", -1), ("cross", 1.5), ("preset", "mine"), ("layers", 3),
    ],
)  # fmt: skip
def test_impossible_values_are_refused(option: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        config(**{option: value})
    assert option in f"{caught.value.option} {caught.value.message}"


@pytest.mark.parametrize("layer", [0, 5, -1])
def test_a_layer_that_is_not_there_is_refused(layer: int) -> None:
    with pytest.raises(UsageError, match="no layer"):
        config(layer=layer).resolved(4, "decoder")


def test_what_decides_leaves_out_where_things_lie() -> None:
    one = config(seed=1, device="cpu", eval_every=5)
    two = config(seed=1, device="cuda", model="other", retain="text")
    assert one.decides() == two.decides() != config(seed=2).decides()


def test_it_comes_back_from_its_file() -> None:
    one = config(weights="1,1.5,1", layer="auto", instructions="parallel,structural", retain="text")
    assert from_mapping(TuneConfig, tomllib.loads(to_toml(one))) == one
    assert "merge" not in to_mapping(one)
