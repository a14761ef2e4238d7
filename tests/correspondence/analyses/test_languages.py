import numpy as np
import pytest

from concept_align.correspondence.analyses import languages as of
from concept_align.correspondence.analyses.languages import great_circle
from concept_align.correspondence.analyses.typology import identified
from concept_align.errors import UsageError
from concept_align.treebanks import registry


def test_families_and_branches_are_those_of_the_registry():
    assert of.different(["de", "fr", "fi"], "family").loc["de"].tolist() == [0, 0, 1]
    assert of.different(["de", "fr", "fi"], "branch").loc["de"].tolist() == [0, 1, 1]


def test_scripts_are_those_of_the_treebank_that_is_named():
    table = of.different(["zh", "UD_Chinese-PUD", "sr", "de", "ru"], "script")
    assert table.loc["zh", "UD_Chinese-PUD"] == 1
    assert table.loc["sr"].tolist() == [1, 1, 0, 0, 1]


def test_a_language_outside_the_registry_has_no_value():
    table = of.different(["de", "xx", "en"], "family")
    assert np.isnan(table.loc["xx", ["de", "en"]]).all()
    assert table.loc["xx", "xx"] == 0
    assert "xx" not in of.labels(["de", "xx"], "family")


def test_size_is_that_of_the_smaller_corpus():
    words = {"de": 1000, "en": 10, "fr": 0}
    smaller = of.size(["de", "en", "fr"], words)
    assert smaller.loc["de", "en"] == pytest.approx(np.log(10))
    assert smaller.loc["de", "fr"] != smaller.loc["de", "fr"]


def test_great_circles_are_those_of_the_earth():
    places = {"en": (51.5, -0.1), "fr": (48.9, 2.4), "np": (90.0, 0.0), "sp": (-90.0, 50.0)}
    table = great_circle(["en", "fr", "np", "sp", "xx"], places)
    assert table.loc["en", "fr"] == pytest.approx(343, abs=6)
    assert table.loc["np", "sp"] == pytest.approx(np.pi * 6371)
    assert np.isnan(table.loc["en", "xx"])
    with pytest.raises(UsageError, match="no place"):
        great_circle(["en"], {"en": (120.0, 0.0)})


def test_every_language_of_the_registry_has_an_identifier_of_its_own():
    names = [name for code in registry.CODES for name in registry.ISO_639_3.get(code, (code,))]
    assert all(len(name) == 3 for name in names)
    assert len(names) == len(set(names))
    assert set(registry.ISO_639_3) <= set(registry.CODES)


def test_a_table_may_name_the_code_or_an_identifier():
    assert identified("zh", {"zho", "cmn"}) == "cmn"
    assert identified("de", {"de", "deu"}) == "de"
    assert identified("bxr", {"bxr"}) == "bxr"
    assert identified("en", {"deu"}) is None
