import pytest
import torch

from concept_align.class_sums import ClassSums
from concept_align.errors import StoreError
from concept_align.spaces.prototypes import ConceptSpace, fit_prototypes

CONCEPTS = ("a", "b", "c")


def words(n=200, seed=0, dim=4):
    draws = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=draws)  # concept c has no words
    return torch.randn(n, dim, generator=draws) * 1000 + 5e4, y


def test_prototypes_are_the_means_of_their_words():
    x, y = words()
    space = fit_prototypes(x, y, CONCEPTS)
    for k in range(2):
        assert torch.allclose(space.prototypes[k], x[y == k].double().mean(0).float(), rtol=1e-7)
    assert space.counts.tolist() == [int((y == 0).sum()), int((y == 1).sum()), 0]


def test_a_concept_without_words_has_no_place():
    space = fit_prototypes(*words(), CONCEPTS)
    assert space.prototypes[2].isnan().all() and space.prototypes[:2].isfinite().all()
    assert space.valid().tolist() == [True, True, False]
    assert space.valid(0).tolist() == [True, True, False]
    assert space.filled()[2].eq(0).all() and torch.equal(space.filled()[:2], space.prototypes[:2])


def test_valid_asks_for_the_least_number_of_words():
    space = ConceptSpace(CONCEPTS, torch.tensor([9, 10, 0]), torch.zeros(3, 2))
    assert space.valid(10).tolist() == [False, True, False]


def test_batches_and_merged_parts_in_any_order_equal_the_whole():
    x, y = words()
    whole = fit_prototypes(x, y, CONCEPTS)
    parts = [ClassSums(CONCEPTS, 4).update(x[i::3], y[i::3]) for i in range(3)]
    forwards = parts[0].merge(parts[1]).merge(parts[2])
    others = [ClassSums(CONCEPTS, 4).update(x[i::3], y[i::3]) for i in range(3)]
    backwards = others[2].merge(others[1]).merge(others[0])
    for sums in (forwards, backwards):
        space = ConceptSpace.of(sums.finish())
        assert torch.equal(space.counts, whole.counts)
        assert torch.equal(space.prototypes[:2], whole.prototypes[:2])


def test_half_precision_words_are_summed_in_float64():
    x = torch.full((5000, 1), 0.1).half()
    space = fit_prototypes(x, torch.zeros(5000, dtype=torch.int64), CONCEPTS)
    assert space.prototypes[0].item() == pytest.approx(float(x[0]), rel=1e-7)


def test_planted_prototypes_are_found(tools):
    features, centres = tools.planted(0, sents=2000, noise=1.0)
    space = fit_prototypes(features.x, features.y, features.concepts)
    assert (space.prototypes - centres).abs().max() < 0.1  # standard error 0.018


def test_a_finished_space_does_not_change_when_the_fitter_goes_on():
    x, y = words()
    fitter = ClassSums(CONCEPTS, 4).update(x, y)
    space = ConceptSpace.of(fitter.finish())
    before = space.prototypes.clone(), space.counts.clone()
    fitter.update(x + 1, y)
    assert torch.equal(space.counts, before[1]) and torch.equal(space.prototypes[:2], before[0][:2])


def test_a_saved_space_is_read_back_as_it_was(tmp_path):
    space = fit_prototypes(*words(), CONCEPTS, provenance={"layer": 7})
    space.save(tmp_path)
    back = ConceptSpace.load(tmp_path)
    assert back.concepts == CONCEPTS and back.provenance == {"layer": 7}
    assert torch.equal(back.counts, space.counts)
    assert torch.equal(back.prototypes.nan_to_num(-1), space.prototypes.nan_to_num(-1))


def test_equal_spaces_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        fit_prototypes(*words(), CONCEPTS).save(tmp_path / name)
    for file in ("space.safetensors", "space.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("harm", ["cut", "mixed", "gone", "not json"])
def test_half_a_saved_space_is_refused(tmp_path, harm):
    fit_prototypes(*words(), CONCEPTS).save(tmp_path)
    tensors, about = tmp_path / "space.safetensors", tmp_path / "space.json"
    if harm == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-8])
    elif harm == "mixed":  # killed between the two files of a second save
        fit_prototypes(*words(seed=1), CONCEPTS).save(tmp_path / "new")
        tensors.write_bytes((tmp_path / "new" / "space.safetensors").read_bytes())
    elif harm == "gone":
        about.unlink()
    else:
        about.write_text("{")
    with pytest.raises(StoreError):
        ConceptSpace.load(tmp_path)
