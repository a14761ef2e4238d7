import numpy as np
import pytest
import torch
from fake_model import FakeModel
from sklearn.covariance import ledoit_wolf

from concept_align.correspondence import build
from concept_align.correspondence.build import build_from_statistics, build_geometry
from concept_align.correspondence.moments import bootstrap_weights, half_weights, space_moments
from concept_align.correspondence.whitening import pooled_within, whitening
from concept_align.errors import UsageError
from concept_align.extraction.run import extract_files
from concept_align.spaces.features import Features
from concept_align.spaces.probe import probe_config
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.treebanks.discover import TreebankFile, find_treebanks, mini_treebanks

FEW = {"halves": 2, "bootstrap": 5}


def words(seed=0, *, sents=40, concepts=4, dim=6, mean=0.0, empty=()):
    """Words about planted prototypes, in sentences of one to nine words."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 10, size=sents)
    present = [concept for concept in range(concepts) if concept not in empty]
    y = random.choice(present, size=lengths.sum())
    x = random.normal(size=(concepts, dim))[y] * 2 + random.normal(size=(len(y), dim)) + mean
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    names = tuple(f"c{k}" for k in range(concepts))
    return Features("xx", names, torch.from_numpy(x).float(), torch.from_numpy(y), offsets)


def sentence_of(features):
    return np.repeat(np.arange(features.sents), np.diff(features.offsets))


def slow_gram(features, weights, *, stretched=False):
    """Inner products of weighted means, one word at a time; of bootstrap draws, stretched from the mean."""
    x, y, sentence = features.x.double().numpy(), features.y.numpy(), sentence_of(features)
    means = []
    for k in range(len(features.concepts)):
        own = y == k
        drawn, mean = np.average(x[own], axis=0, weights=weights[own]), x[own].mean(0)
        n = len(np.unique(sentence[own]))
        means.append(mean + (drawn - mean) * np.sqrt((n + 1) / (n - 1)) if stretched else drawn)
    return np.stack(means) @ np.stack(means).T


def test_the_gram_matrix_is_that_of_the_class_means():
    features = words()
    found = space_moments(features, weights=torch.zeros(0, features.sents), unit=sentence_of(features))
    np.testing.assert_allclose(found.gram, slow_gram(features, np.ones(features.words)), rtol=1e-6)
    assert found.counts.tolist() == features.counts().tolist()
    assert found.halves is None and found.replicates is None


def test_every_replicate_is_a_weighted_mean_of_the_same_words():
    features = words(1, mean=30.0)  # far from the origin, where float32 sums would be coarse
    weights = torch.cat([half_weights(40, 2, 0, "xx"), bootstrap_weights(40, 70, 0, "xx")])
    found = space_moments(
        features, weights=weights, halves=2, unit=sentence_of(features), dtype=torch.float64
    )
    assert found.halves.shape == (2, 2, 4, 4) and found.replicates.shape == (70, 4, 4)
    every = np.concatenate([found.halves.reshape(4, 4, 4), found.replicates])
    for place, (row, gram) in enumerate(zip(weights.numpy(), every, strict=True)):
        slow = slow_gram(features, row[sentence_of(features)], stretched=place >= 4)
        np.testing.assert_allclose(gram, slow, rtol=1e-5)


def test_bootstrap_draws_of_a_rare_concept_vary_as_its_mean_does():
    ratios = []
    for seed in range(60):
        x = torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 20))).float()
        features = Features("xx", ("a",), x, torch.zeros(6, dtype=torch.int64), np.arange(7))
        found = space_moments(features, weights=bootstrap_weights(6, 200, seed, "xx"), dtype=torch.float64)
        ratios.append((found.replicates.mean() - found.gram[0, 0]) / found.noise[0])
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)  # unstretched: 5 / 7


def test_noise_is_the_squared_error_of_a_prototype():
    random, spread, dim, n = np.random.default_rng(3), 0.7, 5, 20
    errors, noises = [], []
    for _ in range(300):
        x = torch.from_numpy(spread * random.normal(size=(n, dim))).float() + 1
        features = Features("xx", ("a",), x, torch.zeros(n, dtype=torch.int64), np.arange(n + 1))
        errors.append(float((x.mean(0) - 1).square().sum()))
        noises.append(space_moments(features, weights=torch.zeros(0, n)).noise[0])
    assert np.mean(noises) == pytest.approx(dim * spread**2 / n, rel=0.03)
    assert np.mean(errors) == pytest.approx(np.mean(noises), rel=0.1)


def test_bootstrap_draws_scatter_about_the_value_by_its_noise():
    features = words(4, sents=300, concepts=3)
    draws = 400
    found = space_moments(
        features,
        weights=bootstrap_weights(features.words, draws, 0, "xx"),  # words: what the noise is about
        dtype=torch.float64,
    )
    drawn = found.replicates - found.gram
    scale = np.abs(found.gram).max()
    off = ~np.eye(3, dtype=bool)
    assert np.abs(drawn.mean(0)[off]).max() < 0.01 * scale
    diagonal = np.diagonal(drawn, axis1=1, axis2=2).mean(0)  # |c + e|^2 is larger by the variance of e
    sd = np.diagonal(drawn, axis1=1, axis2=2).std(0) / np.sqrt(draws)
    assert (np.abs(diagonal - found.noise) < 4 * sd).all()


def test_halves_are_disjoint_and_together_everything():
    weights = half_weights(11, 3, 7, "en").reshape(3, 2, 11)
    assert torch.equal(weights.sum(1), torch.ones(3, 11))
    assert weights.sum(2).tolist() == [[5, 6]] * 3
    assert not torch.equal(weights[0], weights[1])


def test_the_first_draws_do_not_depend_on_how_many_there_are():
    assert torch.equal(bootstrap_weights(9, 3, 0, "en"), bootstrap_weights(9, 20, 0, "en")[:3])
    assert torch.equal(half_weights(9, 2, 0, "en"), half_weights(9, 5, 0, "en")[:4])


def test_absent_and_rare_concepts_have_no_prototype():
    features = words(5, empty=(2,))
    found = space_moments(
        features,
        weights=torch.cat([half_weights(40, 1, 0, "xx"), bootstrap_weights(40, 2, 0, "xx")]),
        halves=1,
        unit=sentence_of(features),
        min_words=int(features.counts()[0]) + 1,
    )
    gone = features.counts().numpy() <= features.counts()[0].item()
    assert gone[2] and gone[0]
    for gram in (found.gram, *found.halves[0], *found.replicates):
        assert np.isnan(gram[gone]).all() and np.isnan(gram[:, gone]).all()
        assert np.isfinite(gram[np.ix_(~gone, ~gone)]).all()


def test_covariance_within_concepts_is_shrunk_as_ledoit_and_wolf_say():
    features = words(6, sents=12)
    covariance, shrinkage = pooled_within(features)
    means = torch.stack([features.x[features.y == k].mean(0) for k in range(4)])
    expected, weight = ledoit_wolf((features.x - means[features.y]).numpy(), assume_centered=True)
    assert shrinkage == pytest.approx(weight, rel=1e-4)
    np.testing.assert_allclose(covariance.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_whitened_geometry_does_not_change_with_a_linear_map():
    features = words(7, sents=2000)  # many words: hardly any shrinkage, which is what depends on the map
    turn = torch.eye(6) + 0.15 * torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    moved = Features("xx", features.concepts, features.x @ turn, features.y, features.offsets)
    grams = [
        space_moments(one, weights=torch.zeros(0, 2000), projection=whitening(one)).gram
        for one in (features, moved)
    ]
    np.testing.assert_allclose(*grams, rtol=0.01, atol=0.02 * np.abs(grams[0]).max())


def test_a_store_gives_the_geometry_of_its_features(mini_store):
    store = Store.open(mini_store)
    found = build_geometry(store, layers=[2, (2, 4)], langs=["en", "ja"], **FEW)
    assert found.layers == ("2", "2+4") and found.languages == ("en", "ja")
    assert found.dims == (store.recipe.dim, 2 * store.recipe.dim)
    assert found.replicates.shape[:3] == (5, 2, 2) and found.replicates.dtype == np.float32
    train = FeatureSource(store, FeatureSpec("upos", (2, 4))).load("ja", "train")
    there = train.counts().numpy() > 0
    means = torch.stack([train.x[train.y == k].double().mean(0) for k in np.flatnonzero(there)])
    np.testing.assert_allclose(
        found.gram[1, 1][np.ix_(there, there)], (means @ means.T).numpy(), rtol=1e-5, atol=1e-5
    )
    assert found.counts[1].tolist() == train.counts().tolist()
    assert "layers" not in found.provenance["features"]


def test_a_source_brings_its_own_task_and_policies(mini_store):
    store = Store.open(mini_store)
    spec = FeatureSpec("relation", (2,), root="exclude", mwt="first", standardise="none")
    source = FeatureSource(store, spec)
    found = build_geometry(source, task="upos", langs=["en"], **FEW)
    assert found.task == "relation" and found.layers == ("2",)
    assert found.replicates.dtype == np.float64  # large means leave float32 no digits
    assert found.counts[0, found.concepts.index("root")] == 0


def test_all_layers_and_languages_are_those_of_the_store(mini_store):
    found = build_geometry(Store.open(mini_store), halves=0, bootstrap=0)
    assert found.layers == ("2", "4") and found.languages == ("de", "en", "eu", "fr", "ja")
    assert found.halves is None and found.replicates is None


@pytest.mark.parametrize("standardise", ["none", "language"])
def test_statistics_and_states_give_equal_grams(mini_store, standardise):
    store = Store.open(mini_store)
    states = build_geometry(store, standardise=standardise, halves=0, bootstrap=0)
    statistics = build_from_statistics(store, standardise=standardise)
    assert statistics.languages == states.languages and statistics.layers == states.layers
    np.testing.assert_array_equal(statistics.counts, states.counts)
    scale = np.nanmax(np.abs(states.gram))
    np.testing.assert_allclose(statistics.gram, states.gram, rtol=1e-4, atol=1e-6 * scale)
    assert np.isnan(statistics.noise).all() and statistics.replicates is None
    with pytest.raises(UsageError, match="errors of the prototypes"):
        statistics.debiased()


def test_statistics_of_relations_know_no_scale_of_states(mini_store):
    store = Store.open(mini_store)
    states = build_geometry(store, task="relation", standardise="none", halves=0, bootstrap=0)
    statistics = build_from_statistics(store, task="relation", standardise="none")
    np.testing.assert_allclose(statistics.gram, states.gram, rtol=1e-4, atol=1e-4)
    with pytest.raises(UsageError, match="scale of states"):
        build_from_statistics(store, task="relation")
    with pytest.raises(UsageError, match="sw"):
        build_from_statistics(store, langs=["sw"])


def test_a_killed_build_resumes_to_the_same_geometry(mini_store, tmp_path, monkeypatch):
    store = Store.open(mini_store)
    straight = build_geometry(store, **FEW)
    plain, made = build.space_moments, []

    def killed(features, **options):
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(features.language)
        return plain(features, **options)

    monkeypatch.setattr(build, "space_moments", killed)
    with pytest.raises(KeyboardInterrupt):
        build_geometry(store, folder=tmp_path, **FEW)
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"cut")  # damaged: made again
    made.clear()
    monkeypatch.setattr(build, "space_moments", lambda features, **o: made.append(0) or plain(features, **o))
    resumed = build_geometry(store, folder=tmp_path, **FEW)
    assert len(made) == 10 - 3
    for name in ("gram", "noise", "halves", "replicates", "counts"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(straight, name))
    build_geometry(store, folder=tmp_path, **FEW)
    assert len(made) == 7
    build_geometry(store, folder=tmp_path, seed=1, **FEW)  # something else: nothing of it is kept
    assert len(made) == 17


def test_labels_permuted_over_words_keep_counts_and_lose_the_space(mini_store):
    store = Store.open(mini_store)
    plain, shuffled = (
        build_geometry(store, layers=[4], shuffled=value, halves=0, bootstrap=0) for value in (False, True)
    )
    np.testing.assert_array_equal(plain.counts, shuffled.counts)
    many = plain.counts.min(0) >= 10

    def spread(geometry):
        return np.diagonal(geometry.gram[0], axis1=1, axis2=2)[:, many] - geometry.noise[0][:, many]

    assert np.median(np.abs(spread(shuffled))) < 0.2 * np.median(spread(plain))


def test_fewer_sentences_are_drawn_by_the_seed(mini_store):
    store = Store.open(mini_store)
    few = [
        build_geometry(store, layers=[4], max_sentences=8, seed=seed, halves=0, bootstrap=0)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(few[0].gram, few[1].gram)
    assert few[0].counts.sum() < build_geometry(store, layers=[4], halves=0, bootstrap=0).counts.sum()
    assert (few[0].counts != few[2].counts).any()


def test_probes_are_trained_once(mini_store, tmp_path, monkeypatch):
    store = Store.open(mini_store)
    config = probe_config("fast", rank=8, epochs=2)
    options = {"layers": [4], "langs": ["en", "fr"], "space": "probe", "probe": config, **FEW}
    first = build_geometry(store, probes=tmp_path, **options)
    assert first.space == "probe" and first.dims == (8,)
    monkeypatch.setattr("concept_align.correspondence.own_probe.fit_probe", None)
    again = build_geometry(store, probes=tmp_path, **options)
    np.testing.assert_array_equal(first.gram, again.gram)
    assert np.linalg.matrix_rank(np.nan_to_num(first.gram[0, 0])) <= 8


def test_the_probes_of_a_layer_sweep_are_used(mini_store, tmp_path, monkeypatch):
    from concept_align.evaluation.config import ProbeSweep
    from concept_align.evaluation.probing import probe_run

    store = Store.open(mini_store)
    config = probe_config("fast", rank=4, epochs=1)
    sweep = ProbeSweep(langs=("en",), layers=(4,), rank=4, epochs=1, max_sentences=10, seed=3)
    source = FeatureSource(store, FeatureSpec("upos", (4,)))
    monkeypatch.setattr(source, "load", lambda *key, load=source.load: load(key[0], "train"))  # no test split
    probe_run(source, sweep, "en", tmp_path)
    monkeypatch.setattr("concept_align.correspondence.own_probe.fit_probe", None)
    options = {"space": "probe", "probe": config, "probes": tmp_path, "seed": 3, "max_sentences": 10}
    assert build_geometry(store, layers=[4], langs=["en"], **options, **FEW).dims == (4,)


def test_what_cannot_be_built_is_refused_with_a_reason(mini_store):
    store = Store.open(mini_store)
    with pytest.raises(UsageError, match="sw"):
        build_geometry(store, langs=["en", "sw"])
    with pytest.raises(UsageError, match="unknown space"):
        build_geometry(store, space="sphere")
    with pytest.raises(UsageError, match="no layer"):
        build_geometry(store, layers=[])
    with pytest.raises(UsageError, match="bootstrap -1"):
        build_geometry(store, bootstrap=-1)


def of_case(folder, language, cases):
    """A treebank whose word classes get these cases; "_" is none."""
    for source in find_treebanks(mini_treebanks(), "de", ["train"]):
        lines = [line.split("\t") for line in source.path.read_text().split("\n")]
        for line in lines:
            if len(line) == 10:
                line[5] = f"Case={cases[line[3]]}" if line[3] in cases else "_"
        path = folder / f"UD_{language.upper()}-Fake" / f"{language}_fake-ud-train.conllu"
        path.parent.mkdir()
        path.write_text("\n".join("\t".join(line) for line in lines))
        yield TreebankFile(path.parent.name, language, "train", path)


@pytest.mark.parametrize("other", [{"ADJ": "Voc"}, {}, {"ADJ": "Abl", "PUNCT": "Abe"}])
def test_statistics_of_languages_with_other_values_are_compared_by_name(tmp_path, other):
    base = {"NOUN": "Nom", "VERB": "Acc", "DET": "Dat", "ADP": "Loc", "PRON": "Ine"}
    files = [*of_case(tmp_path, "de", base | {"ADJ": "Abl"}), *of_case(tmp_path, "nl", base | other)]
    options = {"task": "feature:Case", "standardise": "none"}
    model = FakeModel()
    extract_files(model, files, tmp_path / "states", layers=[1])
    extract_files(model, files, tmp_path / "sums", layers=[1], sink="statistics", tasks=[options["task"]])
    states = build_geometry(tmp_path / "states", halves=0, bootstrap=0, **options)
    sums = build_geometry(tmp_path / "sums", **options)
    assert sums.concepts == states.concepts
    np.testing.assert_array_equal(sums.counts, states.counts)
    np.testing.assert_allclose(sums.gram, states.gram, rtol=2e-3, atol=2e-3 * np.nanmax(states.gram))
