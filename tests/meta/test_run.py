"""Runs from Python: what may stand for a store, old files, and a learner of the user's own."""

import json
import math
from dataclasses import dataclass, replace

import mini_aligner
import planted as languages
import pytest
import torch

from concept_align.class_sums import mean_by_class
from concept_align.config import read_toml
from concept_align.errors import LearningError, UsageError
from concept_align.evaluation.aligners import read_aligner
from concept_align.evaluation.config import EvaluateConfig
from concept_align.evaluation.plan import plan_evaluation
from concept_align.meta.config import MetaTrainConfig
from concept_align.meta.hub import SUMMED
from concept_align.meta.learners.base import LEARNERS, Aligner, LearnerConfig
from concept_align.meta.learners.classifier import Classifier
from concept_align.meta.learners.registry import create, register_learner
from concept_align.meta.maps import distance_logits
from concept_align.meta.reference import entropies_of
from concept_align.meta.run import MetaTrainPlan, meta_train, run_meta_training
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.treebanks.concepts import UPOS

LANGS = {"train_langs": ["en", "de", "fr"], "validation_langs": "et", "target_langs": "tr"}
QUICK = {"learner": "pooled", "settings": {"hidden": 8, "epochs": 1, "adapts": "none"}, **LANGS}

# Of five languages, of which every file is kept.
OF_FIVE = {**QUICK, "layers": 1, "train_langs": "all", "validation_langs": "none", "target_langs": "fi"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("planted") / "store"
    return languages.write_store(place, languages.Planted(sents=40), ("en", "de", "fr", "et", "tr"))


def test_a_folder_a_store_and_features_give_the_same_aligner(folder, tmp_path):
    store = Store.open(folder)
    kinds = {"folder": folder, "store": store, "features": FeatureSource(store, FeatureSpec("upos", (1,)))}
    for name, given in kinds.items():
        made = run_meta_training(
            given, tmp_path / name, **QUICK, **({} if name == "features" else {"layers": 1})
        )
        assert made.folder == tmp_path / name and made.seconds > 0
    files = ("config.json", "model.safetensors", "provenance.json", "standardiser.safetensors", "run.toml")
    for name in ("store", "features"):
        for file in files:
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "folder" / file).read_bytes(), file
    assert run_meta_training(folder, tmp_path / "store", layers=1, **QUICK).seconds == 0


def test_features_say_themselves_what_they_are_made_of(folder):
    features = FeatureSource(Store.open(folder), FeatureSpec("upos", (1,)))
    with pytest.raises(UsageError, match="layers"):
        run_meta_training(features, layers=1, **QUICK)


def test_without_a_folder_nothing_is_kept(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run_meta_training(folder, layers=[1], **QUICK)
    assert made.folder is None and set(made.summary["validation"]) == {"0", "10"}
    assert not list(tmp_path.iterdir())


def test_a_configuration_of_the_last_release_is_read(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'store = "s"\nlayers = "6,9"\nbeside = "9"\ntrain_langs = "en,de"\nvalidation_langs = "et"\n'
    )
    with pytest.warns(DeprecationWarning, match="context_layers"):
        config = read_toml(path, MetaTrainConfig)
    assert (config.layers, config.context_layers) == ((6, 9), (9,))
    assert (config.train_langs, config.validation_langs) == (("en", "de"), ("et",))


class NearestMeanAligner(Aligner):
    def __init__(self, means, known):
        self.means, self.known = means, known

    @property
    def dim(self):
        return self.means.shape[1]

    def _adapt(self, support, valid, unlabelled, seed):
        means = self.means
        if support is not None:
            own, counts = mean_by_class(support.x, support.y, len(means))
            means = torch.where((counts > 0).unsqueeze(1), own, means)
        return Classifier(lambda x: distance_logits(x, means), valid)

    def tensors(self):
        return {"means": self.means, "known": self.known}

    @classmethod
    def from_parts(cls, config, settings, tensors):
        return cls(tensors["means"], tensors["known"])


@pytest.fixture
def nearest_mean():
    @register_learner("nearest-mean")
    @dataclass(frozen=True)
    class NearestMean(LearnerConfig):
        aligner = NearestMeanAligner
        least: int = 10

        def _fit(self, data, *, seed, folder=None, progress=None):
            source = data.load(data.source, "train")
            means, counts = mean_by_class(source.x, source.y, len(data.concepts))
            return NearestMeanAligner(means, counts >= self.least)

    yield NearestMean
    del LEARNERS._made["nearest-mean"]


def test_a_learner_of_the_user_s_own_is_known_by_its_name(nearest_mean, folder, tmp_path):
    assert "nearest-mean" in LEARNERS.names()
    assert create("nearest-mean", options={"least": 5}) == nearest_mean(least=5)
    out = tmp_path / "mean"
    made = run_meta_training(folder, out, layers=1, learner="nearest-mean", **LANGS)
    assert made.summary["validation"]["0"]["mean"] > 0.9
    read = Aligner.from_pretrained(out)
    assert isinstance(read, NearestMeanAligner) and torch.equal(read.means, made.aligner.means)


def test_an_aligner_of_a_learner_that_is_not_registered_is_refused(folder, tmp_path, nearest_mean):
    run_meta_training(folder, tmp_path / "mean", layers=1, learner="nearest-mean", **LANGS)
    known = LEARNERS._made.pop("nearest-mean")
    with pytest.raises(LearningError, match="import what registers it"):
        Aligner.from_pretrained(tmp_path / "mean")
    LEARNERS._made["nearest-mean"] = known


def test_words_of_another_dimension_and_wrong_masks_are_refused(folder):
    aligner = meta_train(folder, layers=1, **QUICK)
    with pytest.raises(UsageError, match="unlabelled: words of 3 dimensions"):
        aligner.adapt(unlabelled=torch.zeros(2, 3))
    with pytest.raises(UsageError, match="not a mask of 17 concepts"):
        aligner.adapt(valid=torch.ones(3, dtype=torch.bool))


def test_an_aligner_that_was_saved_without_its_concepts_takes_them_from_its_provenance(folder, tmp_path):
    out = tmp_path / "old"
    aligner = meta_train(folder, out=out, layers=1, learner="source-probe", **LANGS)
    config = json.loads((mini_aligner.without_hashes(out) / "config.json").read_text())
    assert tuple(config.pop("concepts")) == aligner.concepts == UPOS
    (out / "config.json").write_text(json.dumps(config))
    read = Aligner.from_pretrained(out)
    assert read.concepts == UPOS
    assert set(read.adapt().predict(torch.zeros(2, read.dim))) <= set(UPOS)
    (out / "provenance.json").unlink()
    nameless = Aligner.from_pretrained(out).adapt()
    with pytest.raises(LearningError, match="does not know its concepts"):
        nameless.predict(torch.zeros(2, read.dim))
    assert nameless.codes(torch.zeros(2, read.dim)).dtype == torch.int64


@pytest.fixture
def saved(folder, tmp_path):
    meta_train(folder, out=tmp_path / "saved", **OF_FIVE)
    return tmp_path / "saved"


@pytest.mark.parametrize("name", SUMMED)
def test_an_aligner_whose_files_are_not_what_was_written_is_refused_by_name(saved, name):
    data = (saved / name).read_bytes()
    half = len(data) // 2
    for damaged in (b"", data[:half], data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]):
        (saved / name).write_bytes(damaged)
        for read in (Aligner.from_pretrained, read_aligner):
            with pytest.raises(LearningError, match=name):
                read(saved)
    (saved / name).unlink()
    with pytest.raises(LearningError, match=name):
        Aligner.from_pretrained(saved)


def test_without_its_hashes_an_aligner_is_refused_and_card_and_licence_are_their_owner_s(saved):
    for name in ("README.md", "LICENSE", "training.jsonl"):
        (saved / name).write_text("mine")
    assert Aligner.from_pretrained(saved).learner == read_aligner(saved).learner == "pooled"
    (saved / "SHA256SUMS").rename(saved / "sums")
    with pytest.raises(LearningError, match="SHA256SUMS: the hashes of its files are gone"):
        Aligner.from_pretrained(saved)
    lines = (saved / "sums").read_text("utf-8").splitlines(keepends=True)
    (saved / "SHA256SUMS").write_text("".join(line for line in lines if "provenance" not in line), "utf-8")
    with pytest.raises(LearningError, match=r"provenance\.json: its hash is not among"):
        read_aligner(saved)
    mini_aligner.without_hashes(saved)
    assert Aligner.from_pretrained(saved).learner == "pooled"


def test_a_copy_that_is_saved_elsewhere_has_hashes_of_its_own(saved, tmp_path):
    aligner = Aligner.from_pretrained(saved)
    aligner.save_pretrained(tmp_path / "copy")
    listed = (tmp_path / "copy" / "SHA256SUMS").read_text("utf-8").split()[1::2]
    assert listed == ["config.json", "model.safetensors"]
    x = torch.zeros(2, aligner.dim)
    again = Aligner.from_pretrained(tmp_path / "copy")
    assert torch.equal(again.adapt().scores(x), aligner.adapt().scores(x))


def test_a_run_that_ended_before_its_hashes_is_finished(folder, saved):
    whole = {path.name: path.read_bytes() for path in saved.iterdir()}
    (saved / "SHA256SUMS").unlink()
    meta_train(folder, out=saved, **OF_FIVE)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == whole


def test_what_a_run_learns_from_and_is_scored_on_is_said(folder, tmp_path, recwarn):
    options = {**QUICK, "layers": 1, "validation_langs": "none"}
    made = run_meta_training(folder, tmp_path / "own", **options)
    assert made.summary["scored"] == "training languages" and not list(recwarn)
    assert "## Scores in the training languages" in (tmp_path / "own" / "README.md").read_text("utf-8")
    with pytest.warns(UserWarning, match="en is the source"):
        made = run_meta_training(folder, tmp_path / "more", **options | {"train_langs": "de,fr"})
    assert read_aligner(tmp_path / "more").train == ("en", "de", "fr")
    assert "scored" not in run_meta_training(folder, layers=1, **QUICK).summary


def test_languages_that_are_not_here_are_named_with_the_argument_that_asked_for_them(tmp_path):
    store = languages.write_store(tmp_path / "store", languages.Planted(sents=10), ("en", "de", "tr"))
    options = {**QUICK, "layers": 1, "train_langs": "en,de"}
    del options["validation_langs"]
    with pytest.raises(UsageError, match="validation_langs: 'validation' matches nothing") as found:
        run_meta_training(store, **options)
    assert "not learned from (tr), or say none" in found.value.remedy
    for option in ("train_langs", "validation_langs", "target_langs"):
        with pytest.raises(UsageError) as found:
            run_meta_training(store, **options | {"validation_langs": "tr", option: "xx"})
        assert found.value.option == option


def test_relatives_must_be_known_where_families_are_to_be_disjoint(tmp_path):
    store = languages.write_store(tmp_path / "store", languages.Planted(sents=10), ("en", "hr", "qqq", "tr"))
    options = {**QUICK, "layers": 1, "train_langs": "en", "validation_langs": "none", "family_disjoint": True}
    assert run_meta_training(store, **options | {"target_langs": "tr"}).folder is None
    for targets, named in (("hr", "indo-european"), ("qqq", "qqq is not known")):
        with pytest.raises(LearningError, match=named):
            run_meta_training(store, **options | {"target_langs": targets})
    run_meta_training(store, tmp_path / "own", **options | {"target_langs": "tr"})
    shots = {"shots": (0,), "bootstrap": 100, "family_disjoint": True}
    plan = plan_evaluation(
        [read_aligner(tmp_path / "own")], Store.open(store), EvaluateConfig(langs="hr,qqq,tr", **shots)
    )
    assert plan.targets == ("tr",)
    assert "has seen" in plan.related["hr"] and "not known" in plan.related["qqq"]


def test_a_treebank_is_named_wherever_a_language_can_be(folder):
    config = MetaTrainConfig.of(store=folder, layers=1, learner="pooled", source="en", **LANGS)
    treebanks = {
        "source": "ud_planted-en",
        "train_langs": ["UD_Planted-EN", "de,UD_Planted-FR"],
        "validation_langs": "UD_Planted-ET",
        "target_langs": "UD_Planted-TR",
    }
    named = MetaTrainConfig.of(store=folder, layers=1, learner="pooled", **treebanks)
    assert MetaTrainPlan.of(named).about() == MetaTrainPlan.of(config).about()
    with pytest.raises(LearningError, match="et among the training and the validation languages"):
        MetaTrainPlan.of(replace(named, train_langs=("all", "-UD_Planted-TR")))
    with pytest.raises(UsageError, match="no training split of UD_Planted-XX"):
        MetaTrainPlan.of(replace(named, source="UD_Planted-XX"))


def test_of_two_treebanks_of_a_language_the_one_named_is_the_source(tmp_path):
    place = languages.write_store(tmp_path / "store", languages.Planted(sents=40), ("en", "de", "et"))
    languages.write_store(place, languages.Planted(sents=20, seed=1), ("en",), name="Other")
    config = MetaTrainConfig.of(
        store=place,
        layers=1,
        source="UD_other-en",
        train_langs=["de"],
        validation_langs="et",
        target_langs="tr",
    )
    with pytest.warns(UserWarning, match="UD_Other-EN is the source"):
        data = MetaTrainPlan.of(config).data
    assert data.train == ("UD_Other-EN", "de") and data.load(data.source, "train").sents == 20


def test_the_entropy_of_predictions_in_the_training_languages_is_kept_with_the_aligner(tmp_path):
    train = ["en", "de", "fr", "ru", "ja"]
    place = languages.write_store(tmp_path / "store", languages.Planted(sents=40), (*train, "et", "tr"))
    options = {
        "layers": 1,
        **QUICK,
        "train_langs": train,
        "settings": {"hidden": 0, "epochs": 10, "lr": 0.02, "batch": 64, "adapts": "none"},
    }
    aligner = run_meta_training(place, tmp_path / "out", **options).aligner
    usual = read_aligner(tmp_path / "out").entropy()
    assert usual.languages == 5 and 0 < usual.mean < 1 and usual.within > 0 < usual.between
    x = FeatureSource(Store.open(place), FeatureSpec("upos", (1,))).load("tr", "test").x
    found = [entropies_of(aligner.adapt().scores(scale * x)) for scale in (1, 0, 50)]
    near, flat, sharp = map(usual.distance, found)
    assert abs(near) < 3 < flat and sharp < -1 and float(found[2].mean()) < usual.mean / 5

    assert "entropy.json" in (tmp_path / "out" / "SHA256SUMS").read_text()
    kept = (tmp_path / "out" / "entropy.json").read_text()
    (tmp_path / "out" / "entropy.json").write_text(kept.replace("0.", "1.", 1))
    with pytest.raises(LearningError, match="not what was written"):
        read_aligner(tmp_path / "out")
    mini_aligner.without_hashes(tmp_path / "out")
    for damaged in ('{"mean": "a"}', '{"mean": NaN, "between": 1, "within": 1, "languages": 5}', "[]"):
        (tmp_path / "out" / "entropy.json").write_text(damaged)
        with pytest.raises(LearningError, match=r"entropy\.json"):
            read_aligner(tmp_path / "out").entropy()
    (tmp_path / "out" / "entropy.json").unlink()
    assert read_aligner(tmp_path / "out").entropy() is None  # as earlier releases left it


def test_entropy_is_that_of_the_probabilities():
    uniform = torch.log(torch.tensor([[0.25] * 4, [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]]))
    assert entropies_of(uniform).tolist() == pytest.approx([math.log(4), 0, math.log(2)])
