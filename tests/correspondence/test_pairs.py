from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from concept_align.correspondence.build import build_geometry
from concept_align.correspondence.geometry import Geometry
from concept_align.correspondence.measures import MeasureScores
from concept_align.correspondence.pairs import alignability, compare_geometries
from concept_align.errors import UsageError
from concept_align.seeding import stream
from concept_align.statistics import benjamini_hochberg
from concept_align.store import Store

NAMES = tuple("abcdefghijklmnopqrst")


@dataclass(frozen=True)
class Distances:
    """Pearson's correlation of squared distances; with a direction, the source's first counts for more."""

    name: str = "distances"
    symmetric: bool = True
    least: int = 4
    whitened: bool = False
    scale: str = "correlation"
    invariances: frozenset = frozenset({"rotation", "reflection", "translation", "scale"})

    def refuse(self, concepts, dims):
        return None if concepts >= self.least else f"{concepts} concepts are too few"

    def compare(self, a, b, pairs, permutations):
        def row(gram, order):
            square = torch.diagonal(gram, dim1=-2, dim2=-1)
            d = square[..., :, None] + square[..., None, :] - 2 * gram
            d = d[..., order, :][..., order]
            one, two = torch.triu_indices(d.shape[-1], d.shape[-1], 1)
            d = d[..., one, two]
            d = d - d.mean(-1, keepdim=True)
            return d / d.norm(dim=-1, keepdim=True)

        same = torch.arange(a.shape[-1])
        assert bool(a.isfinite().all()) and bool(b.isfinite().all())
        mine = row(a, same)[:, pairs[:, 0]]
        scores = [(mine * row(b, order)[:, pairs[:, 1]]).sum(-1) for order in (same, *permutations)]
        if not self.symmetric:
            scores = [score - 0.001 * mine[..., 0] for score in scores]
        null = torch.stack(scores[1:]).float() if len(permutations) else torch.zeros(0, *scores[0].shape)
        return MeasureScores(scores[0], null)


MEASURE = Distances()


def spaces(
    languages=("de", "en", "fr", "ja"),
    *,
    seed=0,
    layers=2,
    concepts=9,
    dim=12,
    noise=0.5,
    words=40,
    draws=0,
    halves=0,
    own=0.0,
):
    """Prototypes about means that all languages share (but for ``own``), each turned its own way."""
    shared = stream(seed, "means").normal(size=(layers, concepts, dim))
    size = (layers, len(languages), concepts, concepts)
    gram, drawn, split = np.empty(size), np.empty((draws, *size)), np.empty((halves, 2, *size))
    for at, language in enumerate(languages):
        random = stream(seed, "language", language)
        truth = shared + own * random.normal(size=shared.shape)
        error = (np.broadcast_to(noise, concepts) / np.sqrt(words))[:, None]

        def seen(mean, error, random=random):
            means = mean + error * random.normal(size=mean.shape)
            return means, means @ np.swapaxes(means, -1, -2)

        means, gram[:, at] = seen(truth, error)
        for number in range(draws):
            drawn[number, :, at] = seen(means, error)[1]
        for number in range(halves):
            for half in range(2):
                split[number, half, :, at] = seen(truth, error * np.sqrt(2))[1]
    return Geometry(
        model="toy",
        revision="r1",
        task="upos",
        space="raw",
        layers=tuple(str(layer) for layer in range(layers)),
        languages=tuple(languages),
        concepts=NAMES[:concepts],
        counts=np.full((len(languages), concepts), words),
        gram=gram,
        noise=np.broadcast_to(dim * np.square(noise) / words, (layers, len(languages), concepts)).copy(),
        dims=(dim,) * layers,
        halves=split if halves else None,
        replicates=drawn if draws else None,
    )


def score(geometry, against=None, **options):
    return compare_geometries(geometry, against, **{"measures": [MEASURE], "permutations": 199, **options})


def test_each_pair_is_compared_once_and_english_is_the_source():
    found = score(spaces())
    pairs = [(row.source, row.target) for row in found.table.itertuples() if row.layer == "1"]
    assert pairs == [("en", "de"), ("en", "fr"), ("en", "ja"), ("de", "fr"), ("de", "ja"), ("fr", "ja")]
    assert len(found.table) == 12


def test_a_measure_with_a_direction_gives_two_rows():
    found = score(spaces(("en", "de")), measures=[Distances(name="turned", symmetric=False)])
    assert [(row.source, row.target) for row in found.table.itertuples() if row.layer == "0"] == [
        ("en", "de"),
        ("de", "en"),
    ]
    assert next(found.table.itertuples()).value != [*found.table.itertuples()][1].value


def test_spaces_that_are_turned_alike_score_high_and_unlike_ones_do_not():
    alike, unlike = score(spaces(noise=0.2)), score(spaces(own=10.0, noise=0.2))
    assert (alike.frame()["value"] > 0.95).all() and (alike.frame()["p"] <= 0.01).all()
    assert (alike.frame()["z"] > 3).all() and (alike.frame()["null_mean"].abs() < 0.2).all()
    assert (unlike.frame()["p"] > 0.05).mean() > 0.5


def test_values_and_nulls_are_those_of_the_measure():
    geometry = spaces()
    found = [*score(geometry, langs=["fr", "ja"]).table.itertuples()][1]
    grams = torch.from_numpy(geometry.gram[1:2])
    compared = MEASURE.compare(grams, grams, torch.tensor([[2, 3]]), torch.zeros(0, 9, dtype=torch.int64))
    assert (found.source, found.target, found.layer, found.n, found.dim) == ("fr", "ja", "1", 9, 12)
    assert found.value == pytest.approx(float(compared.values[0, 0]))


def test_a_geometry_against_itself_scores_one():
    geometry = spaces()
    found = score(geometry, geometry)
    same = found.frame()[found.frame()["source"] == found.frame()["target"]]
    assert len(found.frame()) == 2 * 16 and len(same) == 8
    assert same["value"].to_numpy() == pytest.approx(1)
    assert set(same["against"]) == {"toy@r1:0", "toy@r1:1"}
    other = found.frame()[(found.frame()["source"] == "fr") & (found.frame()["target"] == "ja")]
    assert other["value"].to_numpy() == pytest.approx(score(geometry, langs=["fr", "ja"]).frame()["value"])


def test_layers_are_compared_as_they_are_paired():
    geometry = spaces(layers=3)
    frame = score(geometry, geometry, layers=[("0", "2"), ("2", "2")], pairs=[("en", "en")]).frame()
    assert frame["layer"].tolist() == ["0", "2"] and frame["against"].tolist() == ["toy@r1:2"] * 2
    assert frame["value"].iloc[1] == pytest.approx(1) and frame["value"].iloc[0] < 0.9
    one = geometry.restricted(layers=["1"])
    assert score(geometry, one).frame()["against"].unique().tolist() == ["toy@r1:1"]
    with pytest.raises(UsageError, match="3 layers against 2"):
        score(geometry, geometry.restricted(layers=["0", "1"]))
    with pytest.raises(UsageError, match="pairs of layers need"):
        score(geometry, layers=[("0", "1")])


def test_concepts_of_two_geometries_are_matched_by_name():
    geometry = spaces()
    other = geometry.restricted(concepts=[*"hgfedcb"])
    found = next(score(geometry, other, pairs=[("en", "en")]).table.itertuples())
    assert found.value == pytest.approx(1)
    assert (found.n, found.left_out) == (7, "a;i")


def test_concepts_that_one_language_has_too_few_words_of_are_left_out_and_named():
    geometry = spaces()
    counts = geometry.counts.copy()
    counts[0, 2], counts[3, [2, 5]] = 9, 3
    rare = replace(geometry, counts=counts)
    rows = {(row.source, row.target): row for row in score(rare).table.itertuples() if row.layer == "0"}
    assert (rows["en", "fr"].n, rows["en", "fr"].left_out) == (9, "")
    assert (rows["en", "de"].n, rows["en", "de"].left_out) == (8, "c")
    assert (rows["de", "ja"].n, rows["de", "ja"].left_out) == (7, "c;f")
    without = next(score(geometry.restricted(concepts=[*"abdeghi"]), pairs=[("de", "ja")]).table.itertuples())
    assert rows["de", "ja"].value == pytest.approx(without.value)
    assert {row.n for row in score(rare, min_count=3).table.itertuples()} == {9}


def test_what_a_measure_refuses_has_no_value_but_a_reason():
    geometry = spaces()
    counts = geometry.counts.copy()
    counts[0, :6] = 0
    gram = geometry.gram.copy()
    gram[:, 0, :6], gram[:, 0, :, :6] = np.nan, np.nan
    found = score(replace(geometry, counts=counts, gram=gram))
    refused = [row for row in found.table.itertuples() if row.note]
    assert {row.note for row in refused} == {"3 concepts are too few"} and len(refused) == 6
    assert all("de" in (row.source, row.target) and row.n == 3 for row in refused)
    assert all(np.isnan([row.value, row.p, row.q, row.low, row.ceiling]).all() for row in refused)
    assert found.frame()["q"].notna().sum() == 6
    with pytest.raises(UsageError, match="distances gives no pair a score: 3 concepts"):
        score(replace(geometry, counts=counts, gram=gram), pairs=[("de", "ja")])


def test_q_is_corrected_over_all_pairs_and_layers_of_a_measure():
    frame = score(spaces(own=1.0), measures=[MEASURE, Distances(name="again")]).frame()
    for _, rows in frame.groupby("measure"):
        np.testing.assert_allclose(rows["q"], benjamini_hochberg(rows["p"].to_numpy()))


def test_intervals_hold_the_value_and_grow_with_noise():
    widths = []
    for noise in (0.3, 1.5):
        frame = score(spaces(draws=60, noise=noise), debias=True, permutations=0).frame()
        assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()
        assert frame["p"].isna().all()
        widths.append((frame["high"] - frame["low"]).mean())
    assert widths[1] > 2 * widths[0]
    assert score(spaces()).frame()[["low", "high", "ceiling"]].isna().all(axis=None)


def test_the_ceiling_is_what_halves_of_a_language_score():
    clean, noisy = (score(spaces(halves=3, noise=noise)).frame() for noise in (0.1, 3.0))
    assert (clean["ceiling"] > 0.98).all() and (noisy["ceiling"] < clean["ceiling"]).all()


def test_a_split_without_a_concept_in_one_half_is_left_out_of_the_ceiling():
    geometry = spaces(halves=3, languages=("en", "fr"))
    halves = geometry.halves.copy()
    halves[1, 0, :, 0, 4], halves[1, 0, :, 0, :, 4] = np.nan, np.nan
    found = score(replace(geometry, halves=halves)).frame()["ceiling"]
    without = replace(geometry, halves=geometry.halves[[0, 2]])
    mine = np.array(
        [score(without, pairs=[pair]).frame()["ceiling"] for pair in (("en", "en"), ("fr", "fr"))]
    )
    whole = np.array([score(geometry, pairs=[pair]).frame()["ceiling"] for pair in (("fr", "fr"),)])
    np.testing.assert_allclose(found, np.sqrt(mine[0] * whole[0]))
    halves[:, 0, :, 0, 4], halves[:, 0, :, 0, :, 4] = np.nan, np.nan
    assert score(replace(geometry, halves=halves)).frame()["ceiling"].isna().all()


def test_rare_concepts_fake_a_correspondence_that_debiasing_removes():
    noise = np.linspace(1, 60, 9)  # the same concepts are rare, and so their prototypes noisy, everywhere
    found = {}
    for debias in (False, True):
        scores = [
            score(spaces(seed=seed, own=5.0, dim=40, noise=noise), debias=debias).frame() for seed in range(6)
        ]
        found[debias] = np.mean([frame["value"].mean() for frame in scores])
    assert found[False] > 0.3
    assert abs(found[True]) < 0.1


def test_unknown_languages_layers_and_measures_are_refused():
    geometry = spaces()
    with pytest.raises(UsageError, match="no language sw"):
        score(geometry, langs=["en", "sw"])
    with pytest.raises(UsageError, match="no pair"):
        score(geometry, langs=["en"])
    with pytest.raises(UsageError, match="needs whitened prototypes"):
        score(geometry, measures=[Distances(name="m", whitened=True)])
    with pytest.raises(UsageError, match="cannot be compared"):
        score(geometry, replace(geometry, task="relation"))


def test_labels_permuted_over_words_give_p_spread_over_the_unit_interval(mini_store):
    store = Store.open(mini_store)
    p = []
    for seed in range(6):
        shuffled = build_geometry(store, layers=[4], shuffled=True, halves=0, bootstrap=0, seed=seed)
        # Equal counts of words: else rare concepts are far from all others in every language.
        p += score(shuffled, debias=True, permutations=99).frame()["p"].tolist()
    assert kstest(p, "uniform").pvalue > 0.001
    assert min(p) < 0.3 and max(p) > 0.7


def test_a_small_store_is_scored_from_start_to_end(mini_store):
    geometry = build_geometry(Store.open(mini_store), halves=4, bootstrap=20)
    found = alignability(geometry, measures="rsa", min_count=8, permutations=199)
    assert len(found.frame()) == 2 * 10 and found.frame()["value"].notna().all()
    assert (found.frame()["n"] < 17).all() and found.frame()["left_out"].str.contains("INTJ").all()
    means = found.means()
    assert (means["value"] > means["null_mean"] + 0.3).all() and (means["significant"] > 0.2).all()
