from dataclasses import replace

import numpy as np
import pytest

from concept_align.correspondence.geometry import Geometry
from concept_align.errors import LearningError, StoreError, UsageError


def random_geometry(seed=0, *, layers=2, languages=("en", "de", "fr"), concepts=5, dim=7, replicates=3):
    random = np.random.default_rng(seed)
    size = (layers, len(languages), concepts, dim)

    def grams(*leading):
        means = random.normal(size=(*leading, *size))
        return means @ np.swapaxes(means, -1, -2)

    return Geometry(
        model="toy",
        revision="r1",
        task="upos",
        space="raw",
        layers=tuple(str(layer) for layer in range(layers)),
        languages=languages,
        concepts=tuple("abcdefgh"[:concepts]),
        counts=random.integers(10, 99, size=size[1:3]),
        gram=grams(),
        noise=random.random(size[:3]) / 10,
        dims=(dim,) * layers,
        halves=grams(2, 2).astype(np.float32),
        replicates=grams(replicates).astype(np.float32),
        provenance={"seed": seed},
    )


ARRAYS = ("counts", "gram", "noise", "halves", "replicates")


def same(one, other):
    assert (one.layers, one.languages, one.concepts, one.dims) == (
        other.layers,
        other.languages,
        other.concepts,
        other.dims,
    )
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_is_saved_is_read_back(tmp_path):
    geometry = random_geometry()
    geometry.save(tmp_path)
    read = Geometry.load(tmp_path)
    same(geometry, read)
    assert (read.model, read.provenance) == ("toy", {"seed": 0})
    replace(geometry, halves=None, replicates=None).save(tmp_path, "bare")
    assert Geometry.load(tmp_path, "bare").halves is None
    with pytest.raises(StoreError):
        Geometry.load(tmp_path, "other")


def test_a_restricted_geometry_has_the_names_given_in_their_order():
    geometry = random_geometry()
    part = geometry.restricted(languages=["fr", "en"], concepts=list("eca"), layers=["1"])
    assert (part.languages, part.concepts, part.layers) == (("fr", "en"), ("e", "c", "a"), ("1",))
    assert part.gram[0, 0, 1, 2] == geometry.gram[1, 2, 2, 0]
    assert part.replicates[2, 0, 1, 0, 2] == geometry.replicates[2, 1, 0, 4, 0]
    assert part.halves[1, 0, 0, 1, 0, 2] == geometry.halves[1, 0, 1, 0, 4, 0]
    assert part.noise[0, 1, 0] == geometry.noise[1, 0, 4]
    assert part.counts[0].tolist() == geometry.counts[2, [4, 2, 0]].tolist()
    with pytest.raises(UsageError, match="no language sw"):
        geometry.restricted(languages=["sw"])


def test_debiasing_takes_the_noise_off_the_diagonal_alone():
    geometry = random_geometry()
    plain = geometry.debiased()
    for name, times in (("gram", 1), ("halves", 2), ("replicates", 2)):
        less = getattr(geometry, name) - getattr(plain, name)
        np.testing.assert_allclose(
            np.diagonal(less, axis1=-2, axis2=-1),
            np.broadcast_to(times * geometry.noise, less.shape[:-1]),
            atol=1e-5,
        )
        off = ~np.eye(5, dtype=bool)
        assert (less[..., off] == 0).all()
    same(plain.debiased(), plain)


def test_debiased_norms_do_not_depend_on_the_number_of_words():
    random, dim = np.random.default_rng(1), 30
    mean = random.normal(size=dim)
    norms = {True: [], False: []}
    for n in (4, 400):
        drawn = [mean + random.normal(size=(n, dim)) for _ in range(100)]
        geometry = replace(
            random_geometry(layers=1, concepts=1, languages=tuple(f"l{at}" for at in range(100))),
            gram=np.array([[[[words.mean(0) @ words.mean(0)]] for words in drawn]]),
            noise=np.array([[[words.var(0, ddof=1).sum() / n] for words in drawn]]),
            halves=None,
            replicates=None,
        )
        norms[False].append(geometry.gram.mean())
        norms[True].append(geometry.debiased().gram.mean())
    assert norms[False][0] - norms[False][1] > 5
    assert norms[True] == pytest.approx([mean @ mean] * 2, abs=1)


def test_a_prototype_of_one_word_has_no_known_error_and_is_left_out():
    geometry = random_geometry()
    counts, noise = geometry.counts.copy(), geometry.noise.copy()
    counts[1, 3], noise[:, 1, 3] = 1, np.nan
    plain = replace(geometry, counts=counts, noise=noise).debiased()
    assert np.isnan(plain.gram[:, 1, 3]).all() and np.isnan(plain.gram[:, 1, :, 3]).all()
    assert np.isnan(plain.replicates[:, :, 1, 3]).all() and not plain.valid()[1, 3]
    assert np.isfinite(plain.gram[:, 0]).all()
    with pytest.raises(UsageError, match="errors of the prototypes are not known"):
        replace(geometry, noise=noise).debiased()


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(LearningError, match="do not fit"):
        replace(random_geometry(), layers=("0",))


def test_a_geometry_says_in_one_line_what_it_is():
    text = repr(random_geometry())
    assert "\n" not in text
    for part in ("toy", "upos", "raw", "5 concepts", "3 languages", "2 layers", "3 bootstrap draws"):
        assert part in text
