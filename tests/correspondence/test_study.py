"""The front doors: build_geometry, alignability and the study, from Python's values."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_model import FakeModel

from concept_align.correspondence.build import build_geometry
from concept_align.correspondence.config import AlignabilityConfig
from concept_align.correspondence.measures import MEASURES, register_measure
from concept_align.correspondence.pairs import alignability
from concept_align.correspondence.study import alignability_study
from concept_align.errors import LearningError, StoreError, UsageError
from concept_align.evaluation.config import ProbeSweep
from concept_align.evaluation.probing import run_sweep
from concept_align.extraction.run import extract_files
from concept_align.meta.data import check_disjoint
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.treebanks.discover import find_treebanks, mini_treebanks

QUICK = {"permutations": 19, "min_count": 5, "bootstrap": 4, "halves": 2}
FEW = {"halves": 2, "bootstrap": 4}
WIDE = 2304  # wider than what is kept in 32 bits


@pytest.fixture
def own_measure():
    """A measure of a user's own in a handful of lines."""

    @register_measure("own-overlap", batched=True)
    def overlap(a, b):
        """The correlation of all inner products."""
        a, b = (gram.flatten(-2) - gram.flatten(-2).mean(-1, keepdim=True) for gram in (a, b))
        return torch.nn.functional.cosine_similarity(a, b, dim=-1)

    yield "own-overlap"
    MEASURES._made.pop("own-overlap")


def test_a_store_is_compared_in_one_call(mini_store):
    store = Store.open(mini_store)
    found = alignability(store, task="upos", measures=["cka"], layers=[2, -1], langs=["en", "de"], **QUICK)
    geometry = build_geometry(store, layers=[2, 4], langs=["en", "de"], bootstrap=4, halves=2)
    again = alignability(geometry, measures="cka", permutations=19, min_count=5)
    assert found.layers == ("2", "4") and found.languages == ("en", "de")
    assert found.frame().equals(again.frame())
    part = alignability(geometry, measures="cka", layers=4, permutations=0, min_count=5)
    assert part.layers == ("4",)
    assert set(alignability(store, langs="family:indo-european", layers=4, **QUICK).languages) == {
        "de",
        "en",
        "fr",
    }


def test_sources_of_features_are_compared_too(mini_store):
    store = Store.open(mini_store)
    sources = [FeatureSource(store, FeatureSpec("upos", layers)) for layers in ((2,), (2, 4))]
    found = alignability(sources, measures=["cka"], langs=["en", "de", "fr"], **QUICK)
    assert found.layers == ("2", "2+4")
    one = alignability(sources[1], measures=["cka"], langs=["en", "de", "fr"], **QUICK)
    assert np.allclose(
        one.matrix("cka", "2+4").to_numpy(), found.matrix("cka", "2+4").to_numpy(), equal_nan=True
    )
    other = alignability(sources[0], sources[1], measures=["cka"], langs=["en", "de"], **QUICK)
    assert set(other.frame()["against"].str.split(":").str[-1]) == {"2+4"}


def test_models_wider_than_2048_dimensions_are_compared(tmp_path):
    """Features of that width are kept in 16 bits."""
    files = find_treebanks(mini_treebanks(), "de,en", ["train"])
    extract_files(FakeModel(dim=WIDE), files, tmp_path, layers=[1], save_dtype="float32")
    store = Store.open(tmp_path)
    geometry = build_geometry(store, bootstrap=4, halves=2)
    assert geometry.dims == (WIDE,)
    features = FeatureSource(store, FeatureSpec("upos", (1,))).load("en", "train")
    assert features.stored.dtype == torch.float16
    there = np.flatnonzero(features.counts().numpy())
    means = torch.stack([features.x[features.y == k].double().mean(0) for k in there])
    expected = (means @ means.T).numpy()
    np.testing.assert_allclose(
        geometry.gram[0, 1][np.ix_(there, there)], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )
    found = alignability(geometry, measures=["cka", "rsa"], permutations=19, min_count=5)
    assert found.frame()[["value", "low", "ceiling"]].notna().all(axis=None)
    whitened = build_geometry(store, langs=["en"], whiten=True, bootstrap=0, halves=0)
    assert np.isfinite(whitened.gram[0, 0][np.ix_(there, there)]).all()


def test_an_own_measure_has_null_interval_and_ceiling(mini_store, own_measure):
    frame = alignability(
        Store.open(mini_store), measures=[own_measure, "cka"], langs=["en", "de", "fr"], **QUICK
    ).frame()
    own = frame[frame["measure"] == own_measure]
    assert len(own) == 2 * 3
    assert own[["value", "low", "high", "null_mean", "p", "q", "ceiling"]].notna().all(axis=None)


def test_a_study_takes_pythons_values_and_resumes(mini_store, tmp_path, own_measure):
    asked = {"store": mini_store, "langs": ["de", "en", "eu", "fr"], "measures": [own_measure], **QUICK}
    found = alignability_study(**asked, layers=[4], shuffled=False, out=tmp_path)
    assert found.scores["measure"].unique().tolist() == [own_measure] and len(found.scores) == 6
    assert [one.layer for one in found.findings] == ["4"]
    assert found.table("families")["labels"].tolist() == ["family", "branch", "script"]
    kept = list(tmp_path.rglob("*"))
    before = {path: path.stat().st_mtime_ns for path in kept}
    again = alignability_study(**asked, layers=[4], shuffled=False, out=tmp_path)
    assert again.scores.equals(found.scores)
    assert before == {path: path.stat().st_mtime_ns for path in kept}
    assert {*kept} == {*tmp_path.rglob("*")}


def test_options_that_cannot_be_are_refused_by_name(mini_store):
    with pytest.raises(UsageError, match="by itself"):
        AlignabilityConfig.of(store=mini_store, measures=["cka", "rsa/mahalanobis"])
    with pytest.raises(UsageError) as error:
        AlignabilityConfig.of(store=mini_store, space="sphere")
    assert error.value.option == "space"
    with pytest.raises(UsageError, match="did you mean 'permutations'"):
        AlignabilityConfig.of(store=mini_store, permutation=3)
    with pytest.raises(UsageError) as error:
        AlignabilityConfig.of(store=mini_store, measures=["ckaa"])
    assert error.value.option == "measures" and "cka" in error.value.remedy


def test_every_option_has_a_help_text():
    from dataclasses import fields

    from concept_align.config import field_docs

    assert set(field_docs(AlignabilityConfig)) == {field.name for field in fields(AlignabilityConfig)}


@pytest.fixture(scope="module")
def some_test_only(tmp_path_factory):
    """A store in which two of four languages have no train split."""
    folder = tmp_path_factory.mktemp("test-only")
    files = find_treebanks(mini_treebanks(), "de,en", ["train", "test"])
    files += find_treebanks(mini_treebanks(), "et,tr", ["test"])
    extract_files(FakeModel(), files, folder, layers=[1, 2])
    return folder


def test_languages_without_the_split_are_left_out_with_a_notice(some_test_only):
    options = {"store": some_test_only, "layers": [1], "measures": ["cka"], **QUICK}
    found = alignability_study(**options)
    assert set(found.frame()["source"]) | set(found.frame()["target"]) == {"de", "en"}
    assert found.notices[0] == (
        "left out: no train split of et, tr is in the store; split test compares them too"
    )
    everything = alignability_study(**options, split="test")
    assert {*everything.frame()["source"], *everything.frame()["target"]} == {"de", "en", "et", "tr"}
    assert not any("left out" in notice for notice in everything.notices)
    with pytest.raises(UsageError, match="no train split of et, tr is in the store"):
        alignability_study(**options, langs="et,tr")


def test_a_geometry_of_the_test_split_is_that_of_its_words(some_test_only, tmp_path):
    store = Store.open(some_test_only)
    geometry = build_geometry(store, layers=[1], split="test", probes=tmp_path, space="probe", **FEW)
    source = FeatureSource(store, FeatureSpec("upos", (1,)))
    assert geometry.languages == ("de", "en", "et", "tr")
    for place, language in enumerate(geometry.languages):
        assert geometry.counts[place].tolist() == source.load(language, "test").counts().tolist()
    train = build_geometry(store, layers=[1], probes=tmp_path, space="probe", **FEW)
    assert train.languages == ("de", "en") and set(train.provenance["notes"]) == {"et", "tr"}
    with pytest.raises(UsageError, match="no train states in these layers of et"):
        build_geometry(store, layers=[1], langs="et")


def test_a_treebank_stands_for_its_language_where_there_are_two(tmp_path):
    files = find_treebanks(mini_treebanks(), "de,en,nl", ["train", "test"])
    second = [replace(file, treebank="UD_German-Zwei") for file in files if file.language == "de"]
    extract_files(FakeModel(), [*files, *second], tmp_path, layers=[1])
    options = {"store": tmp_path, "layers": [1], "measures": ["cka"], **QUICK}
    found = alignability_study(**options, langs="en,UD_German-Zwei")
    assert {*found.frame()["source"], *found.frame()["target"]} == {"en", "UD_German-Zwei"}
    for langs in ("de,en", "all"):
        with pytest.raises(StoreError, match="more than one treebank of 'de'") as caught:
            alignability_study(**options, langs=langs)
    (told,) = re.findall(r"all,-de,[\w-]+", str(caught.value))
    found = alignability_study(**options, langs=told)
    assert {*found.frame()["source"], *found.frame()["target"]} == {"en", "nl", "UD_German-Mini"}
    swept = run_sweep(Store.open(tmp_path), ProbeSweep(langs="UD_German-Zwei", epochs=1), None)
    assert swept.languages == ("UD_German-Zwei",)


def test_two_treebanks_of_one_language_are_one_language_to_learn_from_and_test():
    with pytest.raises(LearningError, match="de among the training and the target languages"):
        check_disjoint({"UD_German-Zwei"}, (), {"UD_German-Mini"})
    check_disjoint({"UD_German-Zwei"}, (), {"UD_Dutch-Mini"})
