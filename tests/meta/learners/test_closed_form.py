from collections.abc import Mapping

import pytest
import torch

from concept_align.meta.data import EpisodeBatches
from concept_align.meta.episodes import Words
from concept_align.meta.learners import registry
from concept_align.meta.learners.closed_form import (
    ClosedForm,
    ClosedFormAligner,
    ClosedFormFit,
    ProcrustesModel,
    RidgeModel,
)

KINDS: Mapping[str, Mapping[str, str]] = {
    "ridge": {},
    "procrustes": {"solver": "procrustes"},
}
DIM, CONCEPTS = 5, 4
ALL = torch.ones(1, CONCEPTS, dtype=torch.bool)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def config(kind, **options):
    return ClosedForm(rank=3, hidden=7, dropout=0.0, **KINDS[kind], **options)


def model(kind):
    made = config(kind).model(DIM, CONCEPTS, 0).double()
    with torch.no_grad():
        for strength in made.prior_strengths():
            strength.zero_()
    return made


def draw(words, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(words, DIM, dtype=torch.float64, generator=generator)
    return x, torch.randint(0, CONCEPTS, (words,), generator=generator)


def small(kind):
    return {**KINDS[kind], "rank": 8, "hidden": 32, "pooled_epochs": 3, "batch": 128, "epochs": 1,
            "episodes": 10, "queries": 10, "pooled_lr": 3e-3}  # fmt: skip


def test_without_support_the_solution_is_the_zero_shot_classifier(kind):
    made, (x, y) = model(kind), draw(9)
    given = made.solve(Words.alone(x[:0], y[:0]), ALL)
    torch.testing.assert_close(made.logits(Words.alone(x, y), given), made.zero_shot(x))


def test_strengths_that_grow_leave_the_zero_shot_classifier(kind):
    """Endless r, lambda and mass: support is not believed, and the more, the less."""
    made, (x, y) = model(kind), draw(30)
    far = []
    with torch.no_grad():
        for size in (0.0, 3.0, 6.0, 30.0):
            strengths = [made.log_ridge] if isinstance(made, RidgeModel) else [
                made.log_turn, made.log_move, made.log_mass
            ]  # fmt: skip
            for strength in strengths:
                strength.fill_(size)
            given = made.solve(Words.alone(x, y), ALL)
            p = made.logits(Words.alone(x, y), given).softmax(1)
            far.append(float((p - made.zero_shot(x).softmax(1)).norm()))
    assert far == sorted(far, reverse=True)
    assert far[0] > 0.01
    assert far[-1] < 1e-8


def test_the_ridge_start_is_that_of_the_equation():
    """W = W_0 + argmin ||U W - (Y - U W_0)||^2 + r ||W||^2 and s = alpha U W + beta, solved directly."""
    made, (x, y) = model("ridge"), draw(12)
    with torch.no_grad():
        made.log_ridge.fill_(0.4)
        made.log_scale.fill_(0.8)
        made.bias.copy_(torch.tensor([0.1, -0.3, 0.2, 0.0], dtype=torch.float64))
        hidden = made.f.hidden(x)
        u = torch.cat([hidden, torch.ones(12, 1, dtype=torch.float64), x], dim=1)
        head = made.f.linears[-1]
        alpha, ridge = made.log_scale.exp(), made.log_ridge.exp()
        start = torch.cat([head.weight.T, head.bias[None], torch.zeros(DIM, CONCEPTS, dtype=torch.float64)])
        start = start - start.mean(1, keepdim=True)
        start[7] -= made.bias
        start = start / alpha
        truth = torch.nn.functional.one_hot(y, CONCEPTS).double()
        gram = u.T @ u + ridge * torch.eye(u.shape[1], dtype=torch.float64)
        weights = start + torch.linalg.inv(gram) @ u.T @ (truth - u @ start)
        expected = (alpha * u @ weights + made.bias).log_softmax(1)
        given = made.solve(Words.alone(x, y), ALL)
        torch.testing.assert_close(made.logits(Words.alone(x, y), given).log_softmax(1), expected)


def test_a_planted_turn_and_shift_of_f_are_undone():
    made, (x, _) = model("procrustes"), draw(400)
    with torch.no_grad():
        made.prototypes.mul_(3)
        made.log_kappa.fill_(20)
        made.log_turn.fill_(-5)
        made.log_move.fill_(-5)
        generator = torch.Generator().manual_seed(2)
        y = torch.randint(0, CONCEPTS, (400,), generator=generator)
        turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator)).Q
        places = (made.prototypes[y] - 2) @ turn
        places = places + 0.1 * torch.randn(400, 3, dtype=torch.float64, generator=generator)
        made.f.forward = lambda x: places[: len(x)]
        before = float((made.zero_shot(x).argmax(1) == y).double().mean())
        given = made.solve(Words.alone(x, y), ALL)
        after = float((made.logits(Words.alone(x, y), given).argmax(1) == y).double().mean())
    assert before < 0.7
    assert after > 0.98


@pytest.mark.parametrize("words", [0, 1, 3])
def test_gradients_are_finite_in_degenerate_supports(kind, words):
    """No word, one word, one class; and at the same place."""
    made, (x, _) = model(kind).float(), draw(6)
    x = x.float()
    support = Words.alone(x[:1].expand(words, -1), torch.full((words,), 2))
    query = Words.alone(x, torch.arange(6) % CONCEPTS)
    torch.nn.functional.cross_entropy(made.logits(query, made.solve(support, ALL)), query.y).backward()
    found = [one.grad for one in made.parameters() if one.grad is not None]
    assert found
    assert all(bool(gradient.isfinite().all()) for gradient in found)


def test_gradients_go_through_the_solution(kind):
    """Those of f and of the strengths are those of finite differences."""
    made, (x, y) = model(kind), draw(6)
    query = Words.alone(*draw(5, seed=1))
    names = [name for name, _ in made.named_parameters()]

    def loss(*values):
        given = dict(zip(names, values, strict=True))

        class Whole(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = made

            def forward(self):
                return self.inner.logits(query, self.inner.solve(Words.alone(x, y), ALL))

        logits = torch.func.functional_call(Whole(), {f"inner.{k}": v for k, v in given.items()}, ())
        return torch.nn.functional.cross_entropy(logits, query.y)

    values = [one.detach().clone().requires_grad_() for _, one in made.named_parameters()]
    assert torch.autograd.gradcheck(loss, values)


def test_words_of_concepts_that_are_not_valid_have_no_part(kind):
    made, (x, y) = model(kind), draw(20)
    valid = torch.tensor([[True, True, False, True]])
    kept = valid[0][y]
    query = Words.alone(*draw(7, seed=1))
    with torch.no_grad():
        whole = made.logits(query, made.solve(Words.alone(x, y), valid))
        part = made.logits(query, made.solve(Words.alone(x[kept], y[kept]), valid))
    torch.testing.assert_close(whole, part)


def test_tasks_in_a_batch_do_not_touch_each_other(kind):
    made = model(kind)
    tasks = [draw(words, seed=words) for words in (3, 11, 1)]
    words = Words.alone(torch.cat([x for x, _ in tasks]), torch.cat([y for _, y in tasks]))
    lengths = torch.tensor([len(y) for _, y in tasks])
    task = torch.repeat_interleave(torch.arange(3), lengths)
    place = torch.cat([torch.arange(int(length)) for length in lengths])
    together = type(words)(words.x, words.y, task, place, 3)
    with torch.no_grad():
        found = made.logits(together, made.solve(together, ALL.expand(3, -1)))
        for number, (x, y) in enumerate(tasks):
            own = Words.alone(x, y)
            torch.testing.assert_close(made.logits(own, made.solve(own, ALL)), found[task == number])


def test_scale_and_bias_start_from_least_squares_of_the_trained_logits():
    made, (x, y) = model("ridge"), draw(50)
    made.start(x, y)
    with torch.no_grad():
        logits = made.zero_shot(x)
        logits = logits - logits.mean(1, keepdim=True)
        truth = torch.nn.functional.one_hot(y, CONCEPTS).double()

        def apart(scale, bias):
            return float((scale * truth + bias - logits).square().sum())

        best = apart(made.log_scale.exp(), made.bias)
        for seed in range(5):
            moved = made.bias + 0.01 * draw(1, seed=seed)[0][0, :CONCEPTS]
            assert apart(made.log_scale.exp(), moved) >= best
        if float(made.log_scale.exp()) > 0.1:
            assert apart(made.log_scale.exp() * 1.01, made.bias) >= best


def test_each_stage_teaches_its_own_parameters(kind, shared):
    fit = ClosedFormFit(config(kind, episodes=2, queries=5, encoder_epochs=1), shared, 0)
    names = {id(one): name for name, one in fit.model.named_parameters()}
    strengths = {names[id(one)] for one in fit.model.prior_strengths()}
    stages = {fit.encoder: set(names.values()) - strengths, fit.strengths: strengths}
    for stage, learned in stages.items():
        fit.model.zero_grad(set_to_none=True)
        stage().loss(0, 0).backward()
        assert {name for name, one in fit.model.named_parameters() if one.grad is not None} == learned


def test_strengths_are_learned_on_languages_that_f_was_not_trained_on(shared, monkeypatch):
    fit = ClosedFormFit(config("ridge", episodes=2, queries=5, encoder_epochs=1), shared, 0)
    seen = set()
    monkeypatch.setattr(fit, "loss", lambda episodes: seen.update(episodes.languages))
    for stage, languages in ((fit.strengths(), shared.validation), (fit.encoder(), shared.train)):
        seen.clear()
        for step in range(stage.steps):
            stage.loss(0, step)
        assert seen == set(languages)


def test_episodes_of_an_epoch_are_the_same_whatever_came_before(shared):
    made = [
        EpisodeBatches(shared, ("et", "he"), seed=1, stage="s", episodes=3, queries=4, shots=(1, 5))
        for _ in range(2)
    ]
    made[0](0, 0)
    first, second = made[0](1, 2), made[1](1, 2)
    assert first.languages == second.languages
    assert torch.equal(first.support.x, second.support.x)


@pytest.mark.parametrize("preset", ["ridge", "procrustes"])
def test_the_other_solvers_learn_too(preset, shared, apart, accuracy):
    aligner = registry.create("closed-form", options=small(preset)).fit(shared, seed=0)
    assert accuracy(aligner, shared) > 0.93
    assert accuracy(aligner, shared, 10) > 0.93
    far = registry.create("closed-form", options=small(preset)).fit(apart, seed=0)
    assert accuracy(far, apart, 50) >= accuracy(far, apart)


@pytest.mark.parametrize("kind", ["ridge", "procrustes"])
def test_a_shuffled_language_is_not_believed_but_for_its_frequencies(kind, shuffled, accuracy):
    aligner = registry.create("closed-form", options=small(kind)).fit(shuffled, seed=0)
    assert accuracy(aligner, shuffled, 20) < 0.36


def test_the_encoder_stage_runs_and_is_kept_only_where_validation_gains(shared, tmp_path):
    options = {**small("ridge"), "encoder_epochs": 1, "encoder_lr": 10.0}  # a rate that only harms
    made = registry.create("closed-form", options=options)
    aligner = made.fit(shared, seed=0, folder=tmp_path)
    assert isinstance(aligner, ClosedFormAligner)
    plain = registry.create("closed-form", options=small("ridge")).fit(shared, seed=0)
    assert isinstance(plain, ClosedFormAligner)
    for name, value in aligner.model.f.state_dict().items():
        torch.testing.assert_close(value, plain.model.f.state_dict()[name])


def test_an_interrupted_fit_goes_on_exactly(kind, shared, tmp_path):
    made = registry.create("closed-form", options=small(kind))
    whole = made.fit(shared, seed=0, folder=tmp_path)
    (tmp_path / "strengths.safetensors").unlink()
    again = made.fit(shared, seed=0, folder=tmp_path)
    x = shared.load("zz", "test").x
    support = shared.load("zz", "train").of_sentences(range(10))
    assert torch.equal(whole.adapt(support).scores(x), again.adapt(support).scores(x))


def test_models_are_of_their_solver():
    assert isinstance(config("ridge").model(DIM, CONCEPTS, 0), RidgeModel)
    assert isinstance(config("procrustes").model(DIM, CONCEPTS, 0), ProcrustesModel)
