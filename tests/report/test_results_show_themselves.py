"""Results have pages, texts and figures of their own."""

import matplotlib.figure
import pytest

import concept_align as ca


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown") / "store"
    return ca.extract(
        "mini-encoder", ca.mini_treebanks(), folder, langs=["en", "de", "fr", "tr"], layers=[1, 3]
    )


@pytest.fixture(scope="module")
def found(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown") / "probe"
    languages = {"train_langs": ["en", "de", "fr"], "validation_langs": ["none"], "target_langs": ["tr"]}
    aligner = ca.meta_train(store, layers=[3], learner="source-probe", out=folder, **languages)
    return ca.evaluate({"probe": aligner}, store, shots=[0, 1], support_draws=2, bootstrap=100)


@pytest.fixture(scope="module")
def scores(store):
    return ca.alignability(store, measures=["cka", "rsa"], min_count=2, bootstrap=10, halves=2)


@pytest.mark.parametrize("name", ["found", "scores"])
def test_a_result_is_a_page_and_a_text(name, request, tmp_path):
    result = request.getfixturevalue(name)
    page = result.to_html(tmp_path / "page.html")
    assert page.startswith("<!doctype html>") and (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert result.to_markdown().startswith("# ")
    assert "<" in result._repr_html_()


def test_figures_are_figures_and_are_saved_where_asked(found, scores, tmp_path):
    path = tmp_path / "new" / "figure.png"
    drawn = [
        found.plot_shots(path=path),
        found.plot_languages(),
        found.plot_confusion(learner="probe"),
        found.plot_reliability(),
        scores.plot_layers("rsa"),
        scores.plot_pairs("cka", layer=3),
    ]
    assert all(isinstance(figure, matplotlib.figure.Figure) for figure in drawn)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ca.ConceptAlignError, match="end it in"):
        found.plot_shots(path=tmp_path / "figure.csv")


def test_a_sweep_of_probes_shows_itself(store):
    result = ca.probe(store, langs=["en", "de"], layers=[1, 3])
    assert isinstance(result.plot_layers(), matplotlib.figure.Figure)
    assert "layer" in result.to_markdown() and result.to_html().startswith("<!doctype html>")
    assert repr(result) == "ProbeSweepResult(2 languages, layers 1, 3)"


def test_the_whole_line_in_one_call(tmp_path):
    languages = ["en", "de", "fr", "tr"]
    given = {"learner": "source-probe", "shots": [0], "out": tmp_path / "run"}
    result = ca.run("mini-encoder", ca.mini_treebanks(), langs=languages, **given)
    assert result.languages["targets"] == ("tr",) and "tr" not in result.languages["train"]
    assert set(result.frame()["language"]) >= {"tr", "mean"} and "<" in result._repr_html_()
