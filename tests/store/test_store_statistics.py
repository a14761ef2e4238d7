import pytest
import torch

from concept_align.class_sums import ClassSums
from concept_align.errors import LearningError
from concept_align.store.shards import read_statistics, statistics_tensors, write_tensors

CONCEPTS = ("ADJ", "NOUN", "VERB")


def words(number: int, dim: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, len(CONCEPTS), (number,), generator=generator)
    return torch.randn(number, dim, generator=generator), y


def test_batches_give_the_sums_and_moments_of_the_whole():
    x, y = words(50)
    fitter = ClassSums(CONCEPTS, 4, second=True)
    for low in range(0, 50, 7):
        fitter.update(x[low : low + 7], y[low : low + 7])
    found = fitter.finish()
    for concept in range(3):
        assert int(found.counts[concept]) == int((y == concept).sum())
        torch.testing.assert_close(found.sums[concept], x[y == concept].double().sum(0))
    torch.testing.assert_close(found.second, x.double().T @ x.double())


def test_merged_halves_are_the_whole():
    x, y = words(40)
    whole = ClassSums(CONCEPTS, 4, second=True).update(x, y).finish()
    right = ClassSums(CONCEPTS, 4, second=True).update(x[11:], y[11:]).finish()
    merged = ClassSums(CONCEPTS, 4, second=True).update(x[:11], y[:11]).merge(right).finish()
    assert torch.equal(merged.counts, whole.counts)
    torch.testing.assert_close(merged.sums, whole.sums)
    torch.testing.assert_close(merged.second, whole.second)


@pytest.mark.parametrize("batch", [1, 3, 40])
def test_a_cap_takes_the_first_words_of_each_concept_whatever_the_batches(batch):
    x, y = words(40)
    fitter = ClassSums(CONCEPTS, 4, cap=5)
    for low in range(0, 40, batch):
        fitter.update(x[low : low + batch], y[low : low + batch])
    found = fitter.finish()
    for concept in range(3):
        torch.testing.assert_close(found.sums[concept], x[y == concept][:5].double().sum(0))
    assert found.counts.tolist() == [5, 5, 5]


def test_statistics_of_other_concepts_do_not_merge():
    for other in (ClassSums(("b",), 2), ClassSums(("a",), 3)):
        with pytest.raises(LearningError, match="other concepts"):
            ClassSums(("a",), 2).merge(other)


def test_what_is_written_is_read_back(tmp_path):
    fitted = ClassSums(CONCEPTS, 4, second=True).update(*words(9)).finish()
    path = tmp_path / "s.safetensors"
    write_tensors(path, *statistics_tensors(fitted))
    read = read_statistics(path, 4, 9, second=True)
    assert read.concepts == CONCEPTS
    assert torch.equal(read.counts, fitted.counts)
    assert torch.equal(read.sums, fitted.sums)
    assert torch.equal(read.second, fitted.second)
