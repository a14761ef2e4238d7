from itertools import pairwise

import pytest
import torch

from concept_align.meta.learners.closed_form import ClosedFormFit
from concept_align.meta.learners.shrink import Shrink


def model(correction=0):
    made = Shrink(rank=4, hidden=8, dropout=0.0, correction=correction).model(5, 6, 0)
    return made.double().requires_grad_(False)


def test_without_support_the_prototypes_are_the_prior():
    made = model()
    means = torch.full((6, 4), 9.0, dtype=torch.float64)
    none = torch.zeros(6, dtype=torch.float64)
    assert torch.equal(made.prototypes(means, none), made.prior)
    torch.testing.assert_close(made.log_frequencies(none), made.log_frequency.log_softmax(0))


def test_with_endless_support_the_prototypes_are_its_means():
    made = model()
    means = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    many = torch.full((6,), 1e12, dtype=torch.float64)
    torch.testing.assert_close(made.prototypes(means, many), means, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(made.log_frequencies(many).exp(), torch.full_like(many, 1 / 6))


def test_a_prototype_moves_monotonically_from_prior_to_mean():
    made = model()
    means = made.prior.detach() + 1
    shares = [
        float((made.prototypes(means, torch.full((6,), float(n), dtype=torch.float64)) - made.prior).mean())
        for n in (0, 1, 5, 50, 500)
    ]
    assert shares == sorted(shares)
    assert shares[0] == 0


def test_a_class_without_support_words_keeps_its_prior_while_others_move():
    made = model()
    counts = torch.tensor([0.0, 5, 5, 5, 5, 5], dtype=torch.float64)
    z = made.prototypes(made.prior.detach() + 1, counts)
    assert torch.equal(z[0], made.prior[0])
    assert bool((z[1:] > made.prior[1:]).all())


@pytest.mark.parametrize("width", [8, 50])  # solved in features, and in words
def test_the_correction_climbs_the_penalised_likelihood(width):
    made = model()
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(1, 30, width, dtype=torch.float64, generator=generator)
    logits = torch.randn(1, 30, 6, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, 6, (1, 30), generator=generator)
    truth = torch.nn.functional.one_hot(labels, 6).double()
    ridge = made.log_ridge.exp()

    def objective(weights):
        log_p = (logits + hidden @ weights).log_softmax(-1)
        return float(log_p.gather(-1, labels.unsqueeze(-1)).sum() - ridge / 2 * weights.square().sum())

    values = [objective(made.correction(hidden, logits, truth, steps)) for steps in range(6)]
    assert all(later > earlier for earlier, later in pairwise(values))


def test_tasks_in_a_batch_do_not_touch_each_other(shared):
    config = Shrink(rank=4, hidden=8, dropout=0.0, episodes=4, episodes_per_step=3, shots=(0, 2, 8))
    fit = ClosedFormFit(config, shared, 0)
    episodes = fit.episodes_of("episodes", fit.languages)(0, 0)
    valid = torch.ones(3, 6, dtype=torch.bool)
    with torch.no_grad():
        together = fit.model.logits(episodes.query, fit.model.solve(episodes.support, valid))
        for task in range(3):
            alone = type(episodes.support)
            own = []
            for words in (episodes.support, episodes.query):
                mine = words.task == task
                zeros = torch.zeros(int(mine.sum()), dtype=torch.int64)
                own.append(alone(words.x[: len(mine)][mine], words.y[mine], zeros, words.place[mine], 1))
            torch.testing.assert_close(
                fit.model.logits(own[1], fit.model.solve(own[0], valid[:1])),
                together[episodes.query.task == task],
                rtol=1e-4,
                atol=1e-4,
            )


def test_episodes_teach_the_prior_strengths_and_nothing_else(shared):
    config = Shrink(rank=4, hidden=8, dropout=0.0, episodes=4, episodes_per_step=4, shots=(5,))
    fit = ClosedFormFit(config, shared, 0)
    fit.strengths().loss(0, 0).backward()
    learned = {name for name, one in fit.model.named_parameters() if one.grad is not None}
    assert learned == {"log_kappa", "log_mass", "log_ridge", "log_raw", "log_sharpness"}
    assert all(bool((strength.grad != 0).any()) for strength in fit.model.prior_strengths())


def test_episodes_are_of_languages_that_f_was_not_trained_on(shared):
    fit = ClosedFormFit(Shrink(rank=4, hidden=8), shared, 0)
    assert set(fit.languages) == set(shared.validation)
