"""A probe reads of the model's states what it would read of the store's; what is taken away is not read."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import concept_align as ca
from concept_align.class_sums import ClassSums
from concept_align.errors import LearningError, UsageError
from concept_align.intervention.probes import (
    STRENGTHS,
    ProbeReadOut,
    adapted,
    chosen_strength,
    fitted_probe,
    prototype_probe,
    ridge_probe,
    training_sums,
)
from concept_align.intervention.readouts import Change, measured
from concept_align.meta.solvers import ridge
from concept_align.models.edits import Edit, Shift

CONCEPTS = ("A", "B", "C")


def planted(words: int = 600, dim: int = 5, apart: float = 4.0, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (words,), generator=generator)
    centres = apart * torch.eye(3, dim)
    return centres[y] + torch.randn(words, dim, generator=generator), y


def sums(x: torch.Tensor, y: torch.Tensor):
    return ClassSums(CONCEPTS, x.shape[1], second=True).update(x, y).finish()


def test_ridge_of_sums_is_the_ridge_regression_of_indicators():
    x, y = planted()
    classifier = ridge_probe(sums(x, y), strength=0.3)
    wide, said = x.double(), torch.nn.functional.one_hot(y, 3).double()
    centred, targets = wide - wide.mean(0), said - said.mean(0)
    penalty = torch.tensor(0.3 * float(centred.square().sum(0).mean()), dtype=torch.float64)
    expected = centred @ ridge(centred, targets, penalty) + said.mean(0)
    torch.testing.assert_close(classifier.logits(x), expected)


@pytest.mark.parametrize("probe", [ridge_probe, prototype_probe])
def test_planted_concepts_are_found_and_random_labels_are_not(probe):
    x, y = planted()
    other, said = planted(seed=1)
    assert float((probe(sums(x, y)).codes(other) == said).double().mean()) > 0.95
    generator, chance = torch.Generator().manual_seed(0), []
    for _ in range(100):
        shuffled = probe(sums(x, y[torch.randperm(len(y), generator=generator)]))
        chance.append(float((shuffled.codes(other) == said).double().mean()))
    assert abs(np.mean(chance) - 1 / 3) < 0.05


@pytest.mark.parametrize("probe", [ridge_probe, prototype_probe])
def test_a_probe_does_not_care_how_states_are_turned_moved_and_scaled(probe):
    x, y = planted()
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)))[0]
    moved = 3 * x @ turn + 7
    # Words on the border may fall on either side: rounding.
    assert float((probe(sums(x, y)).codes(x) == probe(sums(moved, y)).codes(moved)).double().mean()) > 0.995


def test_a_concept_without_training_words_is_never_predicted():
    x, y = planted()
    for probe in (ridge_probe, prototype_probe):
        assert not bool((probe(sums(x[y < 2], y[y < 2])).codes(x) == 2).any())


def test_sums_without_second_moments_and_impossible_options_are_refused():
    x, y = planted()
    with pytest.raises(LearningError, match="second moments"):
        ridge_probe(replace(sums(x, y), second=None))
    with pytest.raises(UsageError, match="strength of 0"):
        ridge_probe(sums(x, y), strength=0)


def test_training_words_are_capped_and_repeatable(decoder):
    source = decoder.source()
    some, again = (training_sums(source, ["de", "en"], words=50) for _ in range(2))
    assert int(some.counts.sum()) == 100
    assert torch.equal(some.sums, again.sums)
    assert not torch.equal(some.sums, training_sums(source, ["de", "en"], words=50, seed=1).sums)
    with pytest.raises(LearningError, match="no training word"):
        training_sums(source, [])
    with pytest.raises(UsageError, match="unknown probe 'nearest'"):
        fitted_probe(source, ["de"], kind="nearest")


def test_the_strength_is_chosen_by_languages_that_are_left_out(decoder):
    source = decoder.source()
    chosen = chosen_strength(source, ["de", "en", "pt"])
    assert chosen in STRENGTHS and chosen >= 0.1  # so few words overfit

    def accuracy(strength):
        right = []
        for out in ("de", "en", "pt"):
            probe = fitted_probe(source, [one for one in ("de", "en", "pt") if one != out], strength=strength)
            held = source.load(out, "train")
            right.append(float((probe.codes(held.x) == held.y).double().mean()))
        return np.mean(right)

    assert accuracy(chosen) == max(map(accuracy, STRENGTHS))
    assert chosen_strength(source, ["de"]) == 0.3
    x = source.load("es", "test").x
    assert torch.equal(
        fitted_probe(source, ["de", "en", "pt"]).scores(x),
        fitted_probe(source, ["de", "en", "pt"], strength=chosen).scores(x),
    )


@pytest.mark.parametrize("task", ["upos", "relation", "feature:Number"])
def test_untouched_states_give_what_the_store_gives(read, task):
    source, text = read.source(task), read.text(task)
    classifier = fitted_probe(source, ["de", "en"])
    readout = ProbeReadOut.of(text, classifier, source)
    (found,) = measured(read.rerun, [readout], [Change()])["untouched"]
    held = source.load("es", "test")
    assert float(found["accuracy"].below.sum()) == held.words
    expected = float((classifier.codes(held.x) == held.y).double().mean())
    assert found["accuracy"].value == pytest.approx(expected, abs=1e-9)
    counts = torch.bincount(held.y, minlength=len(source.concepts)).double().numpy()
    np.testing.assert_array_equal(found["accuracy"].below.sum(0), counts)


def test_context_and_multiword_policies_are_those_of_the_features(decoder):
    source = decoder.source(context_layers=(4,), mwt="skip")
    classifier = fitted_probe(source, ["de", "en"])
    (found,) = measured(decoder.rerun, [ProbeReadOut.of(decoder.text(), classifier, source)], [Change()])[
        "untouched"
    ]
    held = source.load("es", "test")
    expected = float((classifier.codes(held.x) == held.y).double().mean())
    assert found["accuracy"].value == pytest.approx(expected, abs=1e-9)


def test_what_a_probe_reads_is_gone_and_what_it_does_not_read_is_not(decoder):
    source = decoder.source(layer=2, standardise="none")
    statistics = training_sums(source, ["de", "en"])
    probe = ridge_probe(statistics)
    readout = ProbeReadOut.of(decoder.text(), probe, source)
    zero, eye = torch.zeros(1, source.dim), torch.eye(source.dim)
    weights = probe.logits(eye) - probe.logits(zero)  # [dim, concepts]
    basis, size, _ = torch.linalg.svd(weights, full_matrices=True)
    rank = int((size > 1e-8 * size[0]).sum())
    mean = (statistics.sums.sum(0) / statistics.counts.sum()).float()
    seen, unseen = basis[:, :rank].float(), basis[:, rank:].float()

    def taken(basis):
        return Edit(basis, basis.T, mean, torch.zeros(basis.shape[1]))

    changes = [Change(), Change("seen", {2: taken(seen)}), Change("unseen", {2: taken(unseen)})]
    found = {name: one[0]["accuracy"] for name, one in measured(decoder.rerun, [readout], changes).items()}
    np.testing.assert_allclose(found["unseen"].above, found["untouched"].above, atol=1.01)
    assert abs(found["unseen"].value - found["untouched"].value) < 0.02
    # All that is left is how frequent concepts are.
    most = int(statistics.counts.argmax())
    assert found["seen"].above.sum(0).nonzero()[0].tolist() == [most]
    assert found["seen"].above[:, most].sum() == found["seen"].below[:, most].sum()
    assert found["untouched"].value > found["seen"].value + 0.15


def test_places_that_are_not_meant_stay_untouched(decoder):
    """States of nouns move, read where they move: only nouns are misread."""
    source, text = decoder.source(layer=2, standardise="none"), decoder.text()
    probe = fitted_probe(source, ["de", "en"])
    readout = ProbeReadOut.of(text, probe, source)
    noun, far = source.concepts.index("NOUN"), Shift(torch.full((source.dim,), 1e3))
    alone = [
        place
        for place, own in enumerate(text.pieces)
        if len(set(zip(own.begin.tolist(), own.end.tolist(), strict=True))) == len(own.begin)
    ]  # without multiword tokens, whose words share their tokens
    changes = [Change(), Change("nouns", {2: far}, (noun,)), Change("words", {2: far}, "words")]
    found = {name: one[0]["accuracy"] for name, one in measured(decoder.rerun, [readout], changes).items()}
    others = np.arange(len(source.concepts)) != noun
    np.testing.assert_array_equal(
        found["nouns"].above[alone][:, others], found["untouched"].above[alone][:, others]
    )
    assert (found["words"].above.sum(0) > 0).sum() <= 1  # all words are taken for the same


@pytest.mark.parametrize("learner", ["source-probe", "self-train"])
def test_an_aligner_serves_adapted_without_labels(decoder, learner, tmp_path):
    source, held = decoder.source(), decoder.source().load("es", "test")
    langs = {"train_langs": ["de", "en"], "validation_langs": ["none"]}
    aligner = ca.meta_train(decoder.store, layers=[4], learner=learner, out=tmp_path / "aligner", **langs)
    classifier = adapted(aligner, source, "es")
    readout = ProbeReadOut.of(decoder.text(), classifier, source, name=learner)
    (found,) = measured(decoder.rerun, [readout], [Change()])["untouched"]
    expected = float((classifier.codes(held.sentences) == held.y).double().mean())
    assert found["accuracy"].value == pytest.approx(expected, abs=1e-9)


def test_a_probe_of_other_concepts_is_refused(decoder):
    source = decoder.source()
    with pytest.raises(UsageError, match="a probe of 3 concepts"):
        ProbeReadOut.of(decoder.text(), ridge_probe(sums(*planted())), source)
