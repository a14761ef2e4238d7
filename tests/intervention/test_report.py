import numpy as np
import pandas as pd
import pytest
from planted_interventions import study

from concept_align.errors import UsageError
from concept_align.report.intervene import intervene_report, write_intervene
from concept_align.report.intervene_findings import finding_of, intervene_findings
from concept_align.report.intervene_tables import intervention_name, main_layer, readout_name, tables


@pytest.fixture(scope="module")
def found():
    return study(layers=(1, 2), sources=("en", "fr"))


def test_findings_say_what_is_used_and_what_is_not(found):
    said = intervene_findings(study())
    (used,) = [one for one in said if one.startswith("Removing all concepts at layer 2 takes probe")]
    assert "from 80" in used or "from 81" in used
    assert "What is read there depends on these directions: -4" in used
    assert "beyond directions of as much variance" in used
    (idle,) = [one for one in said if one.startswith("Swapping noun-verb at layer 2 takes probe")]
    assert "Nothing is due to these directions" in idle
    assert any("flattered" in one for one in intervene_findings(found))


@pytest.mark.parametrize(("readout", "unit", "harm"), [("loss", "nats", 1), ("agreement", "share", -1)])
def test_what_does_less_harm_than_its_control_is_not_called_used(readout, unit, harm):
    at = {"layer": 2, "readout": readout, "read_layer": "output", "unit": unit, "n": 17, "p": 0.001}
    at |= {"p_holm": 0.001, "control": "", "against": ""}
    ways = {"untouched": 0.5, "remove": 0.5 + harm * 0.1}

    def said(excess):
        rows = [{**at, "intervention": name, "value": value, "low": value - 0.01, "high": value + 0.01}
                for name, value in ways.items()]  # fmt: skip
        rows.append({**at, "intervention": "remove", "against": "matched", "value": excess,
                     "low": excess - 0.01, "high": excess + 0.01})  # fmt: skip
        return finding_of(pd.DataFrame(rows), "remove", readout, "output", "matched")

    assert "The model uses these directions" in said(harm * 0.05)
    assert "They do less harm than the control" in said(-harm * 0.05)


def test_the_layer_that_is_shown_is_the_one_with_the_largest_effect(found):
    assert main_layer(found.frame()) == 2


def test_every_table_has_its_numbers(found):
    made = {table.title: table for table in tables(found)}
    values = made["Layer 2 changed: what is read after it"]
    assert values.columns == ["", "probe accuracy, layer 4, %", "the model's loss, nats"]
    assert [row[0] for row in values.rows[:3]] == ["untouched", "majority class", "removing all concepts"]
    assert any(title.startswith("By concept of the word") for title in made)
    assert "Directions" in made
    assert all(len(row) == len(table.columns) for table in made.values() for row in table.rows)


def test_the_page_is_written_and_written_again_with_the_same_bytes(found, tmp_path):
    for name in ("a", "b"):
        write_intervene(found, tmp_path / name)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir() if path.is_file()}
                     for name in ("a", "b"))  # fmt: skip
    assert first == second
    assert {"effects.csv", "matrix.csv", "directions.csv", "index.html", "summary.md"} <= set(first)
    assert (tmp_path / "a" / "treatments.png").exists()
    assert "A notice." in first["index.html"].decode()


def test_the_matrix_is_asked_for_by_read_out(found):
    square = found.matrix("probe", layer=2)
    assert list(square.index) == ["en", "fr"]
    assert (square.to_numpy() < 0).all()
    assert found.matrix("probe", layer=2, intervention="swap:noun-verb").abs().to_numpy().max() < 0.2
    for wanted in ({"readout": "sense"}, {"readout": "probe", "layer": 3}):
        with pytest.raises(UsageError, match="no such matrix"):
            found.matrix(**wanted)
    with pytest.raises(UsageError, match="no directions of single languages"):
        study().matrix()


@pytest.mark.parametrize("plot", ["plot_layers", "plot_treatments", "plot_concepts", "plot_matrix"])
@pytest.mark.parametrize("readout", ["probe", "loss"])
def test_figures_are_drawn_of_each_read_out(found, plot, readout):
    axes = getattr(found, plot)(readout).axes
    assert axes
    assert np.isfinite(axes[0].dataLim.get_points()).all()


def test_a_report_without_matrix_and_of_one_layer_has_no_such_parts():
    text = intervene_report(study(), figures=False).to_markdown()
    assert "flattered" not in text
    assert "matrix.csv" not in text


def test_names_are_for_people():
    assert intervention_name("steer:NOUN-VERB:2") == "steering NOUN-VERB:2"
    assert intervention_name("remove:NOUN") == "removing NOUN"
    assert readout_name("probe", "4") == "probe accuracy, layer 4"
    assert readout_name("loss", "output") == "the model's loss"
