import copy
import dataclasses

import numpy as np
import pytest
import torch

from concept_align.meta.data import Validation
from concept_align.meta.learners import proto, registry
from concept_align.meta.learners.proto import Affine, FewShot, Proto, ProtoFit, ZeroShot, episode_loss


def naive_loss(points, labels, prototypes, valid):
    """Word by word: softmax over the valid concepts of minus the squared distance."""
    total, counted = 0.0, 0
    for point, label in zip(points, labels, strict=True):
        if not valid[label]:
            continue
        distances = {k: ((point - prototypes[k]) ** 2).sum() for k in range(len(prototypes)) if valid[k]}
        scores = torch.stack([-distance for distance in distances.values()])
        total = total - scores[list(distances).index(int(label))] + scores.logsumexp(0)
        counted += 1
    return total / counted


@pytest.mark.parametrize("model", ["zero-shot", "few-shot"])
def test_loss_and_gradients_are_those_of_the_published_algorithm(model):
    generator = torch.Generator().manual_seed(0)
    config = Proto(rank=3, hidden=7, dropout=0.0)
    x = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (11,), generator=generator)
    prototypes = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    valid = torch.tensor([True, True, False, True])
    encoder = config.encoder(5, 0, model).double()
    if model == "zero-shot":
        module = ZeroShot(encoder, 3).double()
        module.g.data += 0.1 * torch.randn(3, 3, generator=generator)
        logits = module.logits(x, prototypes)
        points, targets = module.f(x), prototypes @ module.g.T
    else:
        module = FewShot(encoder, 3, ("de", "fr")).double()
        logits = module.logits(x, prototypes, "de")
        points, targets = module.adaptors["de"](module.f(x)), prototypes
    parameters = [p for name, p in module.named_parameters() if "adaptors.fr" not in name]
    ours = episode_loss(logits, y, valid)
    gradients = torch.autograd.grad(ours, parameters, retain_graph=True)
    expected = naive_loss(points, y, targets, valid)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    for ours_one, naive_one in zip(gradients, torch.autograd.grad(expected, parameters), strict=True):
        torch.testing.assert_close(ours_one, naive_one, rtol=1e-10, atol=1e-12)


def test_words_of_invalid_concepts_alone_give_no_loss():
    logits = torch.zeros(3, 2)
    assert episode_loss(logits, torch.tensor([1, 1, 1]), torch.tensor([True, False])) is None


def test_adaptors_and_g_start_as_the_identity():
    points = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Affine(4)(points), points)
    model = ZeroShot(Proto(rank=4).encoder(3, 0, "zero-shot"), 4)
    assert torch.equal(model.g, torch.eye(4))


def test_the_faithful_preset_has_the_published_numbers():
    upos, relation = (registry.create("proto", preset="faithful", task=t) for t in ("upos", "relation"))
    assert isinstance(upos, Proto)
    assert isinstance(relation, Proto)
    assert (upos.rank, upos.hidden) == (32, 256)
    assert (relation.rank, relation.hidden) == (64, 384)
    assert (upos.epochs, upos.episodes, upos.queries, upos.lr, upos.weight_decay) == (50, 50, 30, 5e-5, 1e-4)
    assert (upos.adapt_epochs, upos.adapt_lr, upos.adapt_batch) == (50, 1e-4, 8)
    assert upos.episodes_per_step == 1


def test_the_loss_of_a_step_does_not_depend_on_the_order_of_its_episodes(shared, monkeypatch):
    config = Proto(rank=4, hidden=8, dropout=0.0, episodes=3, queries=5, episodes_per_step=3)
    prototypes = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    fit = ProtoFit(config, shared, prototypes, torch.ones(6, dtype=torch.bool), 0)
    before = fit.loss("zero-shot", 0, 0)
    order = proto.schedule(0, "zero-shot", 0, shared.train, config.episodes)
    monkeypatch.setattr(proto, "schedule", lambda *given: [order[2], order[0], order[1], *order[3:]])
    torch.testing.assert_close(before, fit.loss("zero-shot", 0, 0))


def test_the_adaptor_undoes_a_planted_affine_map(shared, fitted, monkeypatch):
    """Points are turned and moved after f; the adaptor, learned from labelled words, brings them back."""
    aligner = copy.copy(fitted("proto", shared))
    aligner.config = dataclasses.replace(aligner.config, adapt_lr=5e-2)
    f, rank = aligner.model.few, aligner.config.rank
    plain = f.forward
    turn = torch.linalg.qr(torch.randn(rank, rank, generator=torch.Generator().manual_seed(3))).Q
    monkeypatch.setattr(f, "forward", lambda x: plain(x) @ turn + 1.0)
    test, train = shared.load("zz", "test"), shared.load("zz", "train")

    def accuracy(shots):
        classifier = aligner.adapt(train.of_sentences(np.arange(shots)))
        return float((classifier.codes(test.x) == test.y).double().mean())

    unadapted = (f(test.x)[:, None] - aligner.model.prototypes).square().sum(-1).argmin(1)
    assert float((unadapted == test.y).double().mean()) < 0.6
    assert accuracy(100) > 0.95


def test_validation_counts_words_of_invalid_concepts_as_errors(shared):
    class Oracle:
        def __init__(self, y):
            self.y = y

        def codes(self, x):
            return torch.where(self.y == 0, 1, self.y)

    validation = Validation(shared, least=10, seed=0)
    expected = np.mean([float((q.y != 0).double().mean()) for q in validation.queries.values()])
    assert validation.accuracy(lambda language: Oracle(validation.queries[language].y)) == pytest.approx(
        expected
    )
