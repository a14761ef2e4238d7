"""A learned selector finds what was planted in gains, and is nearest-concept where nothing was."""

from dataclasses import replace

import numpy as np
import pytest
from planted_selection import (
    LANGS,
    bilinear,
    candidate_only,
    cosine,
    gains_of,
    nothing,
    side,
)
from scipy.optimize import check_grad

from concept_align.errors import ConceptAlignError, LearningError, UsageError
from concept_align.icl.selectors.features import SelectionFeatures, gold_shares
from concept_align.icl.selectors.nearest import best_last, cosines, overlap
from concept_align.icl.selectors.selection_loss import Learned, Strength, divergence, objective
from concept_align.icl.selectors.shared import Translations, fit_selector, prepared, start, untrained
from concept_align.icl.selectors.shared_head import LearnedSelector
from concept_align.icl.selectors.teachers import (
    log_softmax,
    relabelled,
    soft_targets,
    spread,
    teacher_scores,
)

PENALTIES = (0.001, 0.1, np.inf)


def planted(truth, seed, ranks=(0, 4), pool="open"):
    """A selector fitted on 60 x 40 gains; what new queries, and new candidates of an open pool, are like."""
    q, c = side(60, seed), side(40, seed, ("en",), "c")
    noisy = truth(q.features, c.features) + 0.3 * np.random.default_rng([seed, 1]).normal(size=(60, 40))
    settings = {"likeness": "states", "penalties": PENALTIES, "ranks": ranks, "pool": pool}
    found = fit_selector(gains_of(q, c, noisy), q.features, c.features, **settings)
    fresh = c if pool == "fixed" else side(40, seed + 100, ("en",), "c")
    return found, side(60, seed + 100).features, fresh.features


@pytest.mark.parametrize(
    ("kind", "least", "ranks"),
    [(bilinear, 0.9, (0, 4)), (cosine, 0.9, (0,)), (candidate_only, 0.75, (0,))],
)
def test_what_was_planted_is_found_for_new_queries_and_new_candidates(kind, least, ranks):
    shares = []
    for seed in range(6):
        truth = kind(seed)
        found, q, c = planted(truth, seed, ranks)
        true = truth(q, c)
        picked = true[np.arange(60), found.score(q, c).argmax(1)] - true.mean(1)
        shares.append(picked.mean() / (true.max(1) - true.mean(1)).mean())
    assert np.mean(shares) >= least


@pytest.mark.parametrize(("pool", "least", "most"), [("fixed", 0.9, 1.0), ("open", -0.2, 0.2)])
def test_what_candidates_are_worth_whatever_is_alike_is_found_in_a_fixed_pool_alone(pool, least, most):
    shares = []
    for seed in range(6):
        q, c = side(60, seed), side(16, seed, ("en",), "c")
        states = c.features.states - c.features.states.mean(0)
        # Alike candidates are worth unlike: the least direction of their Gram matrix but the constant one.
        worth = np.linalg.eigh(states @ states.T)[1][:, 1] * np.sqrt(16)
        noise = 0.5 * np.random.default_rng([seed, 1]).normal(size=(60, 16))
        gains = gains_of(q, c, worth + noise)
        found = fit_selector(gains, q.features, c.features, pool=pool, penalties=PENALTIES, ranks=(0,))
        scores = found.score(side(60, seed + 100).features, c.features)
        shares.append((worth[scores.argmax(1)].mean() - worth.mean()) / (worth.max() - worth.mean()))
        assert found.about["pool"] == pool
    assert least <= np.mean(shares) <= most


@pytest.mark.parametrize("pool", ["open", "fixed"])
def test_of_noise_nothing_is_learned(pool):
    advantages = []
    for seed in range(6):
        found, q, c = planted(nothing(seed), seed, pool=pool)
        true = np.random.default_rng([seed, 2]).normal(size=(60, 40))
        advantages.append(true[np.arange(60), found.score(q, c).argmax(1)] - true.mean(1))
    found = np.concatenate(advantages)
    assert abs(found.mean() / (found.std(ddof=1) / np.sqrt(len(found)))) < 2.5


@pytest.fixture(scope="module")
def learned():
    """A selector of little data, by shares, its queries and its candidates."""
    q, c = side(30, 1), side(24, 1, ("en",), "c")
    gain = bilinear(1)(q.features, c.features) + c.features.shares[:, 0] * 3
    settings = {"penalties": (0.01,), "ranks": (2,)}
    return fit_selector(gains_of(q, c, gain), q.features, c.features, **settings), q, c, gain


def test_without_data_or_at_an_infinite_penalty_it_is_nearest_concept():
    q, c = side(12, 3), side(30, 3, ("en",), "c")
    nan = np.full((12, 30), np.nan)
    without = fit_selector(gains_of(q, c, nan), q.features, c.features)
    gain = np.random.default_rng(0).normal(size=nan.shape)
    infinite = fit_selector(gains_of(q, c, gain), q.features, c.features, penalties=(np.inf,))
    states = untrained([q.features, c.features], likeness="states")
    for row in range(12):
        query = q.features.rows([row])
        nearest = best_last(overlap(query.shares[0], c.features.shares), range(30), 5)
        assert without.chosen(query, c.features, 5) == infinite.chosen(query, c.features, 5) == nearest
        nearest = best_last(cosines(query.states[0], c.features.states), range(30), 5)
        assert states.chosen(query, c.features, 5) == nearest


def test_what_is_chosen_does_not_depend_on_the_order_of_candidates_and_is_nested(learned):
    found, q, c, _ = learned
    order = np.random.default_rng(5).permutation(24)
    for row in range(30):
        query = q.features.rows([row])
        chosen = found.chosen(query, c.features, 6)
        assert [order[place] for place in found.chosen(query, c.features.rows(order), 6)] == chosen
        assert found.chosen(query, c.features, 3) == chosen[3:]
        rest = [place for place in range(24) if place not in chosen[::2]]
        kept = sorted({*chosen, *rest[:10]})  # without some that were not chosen
        assert [kept[place] for place in found.chosen(query, c.features.rows(kept), 6)] == chosen


def test_the_first_is_the_best_by_score_and_diversity_makes_demonstrations_less_alike(learned):
    found, q, c, _ = learned
    alike = c.features.likeness(c.features, "shares")
    means = []
    for diversity in (0.0, 3.0):
        one = replace(found, diversity=diversity)
        several = [one.chosen(q.features.rows([row]), c.features, 4) for row in range(30)]
        assert [chosen[-1] for chosen in several] == found.score(q.features, c.features).argmax(1).tolist()
        means.append(np.mean([alike[np.ix_(chosen, chosen)].mean() for chosen in several]))
    assert means[1] < means[0] - 0.02
    with pytest.raises(UsageError, match="no diversity"):
        replace(found, diversity=-1)


def test_the_gradient_is_that_of_the_loss():
    q, c = side(9, 2), side(8, 2, ("en",), "c")
    gain = np.random.default_rng(3).normal(size=(9, 8))
    gain[2, 3] = gain[4, 4] = np.nan
    said = Translations(side(6, 9).features, np.array([[0, 1], [2, 3], [5, 1]]))
    head = untrained([q.features, c.features], shares_in_x=True).head
    table = prepared(
        head, gains_of(q, c, gain), teacher_scores(gains_of(q, c, gain), "gain"), q.features, c.features, said
    )
    targets, strength = [soft_targets(table.scores, 1.0)], Strength(2, 0.7, 0.01)
    begin = start(head, 2, 0)
    dim = len(begin.u)

    def at(values):
        a, A, B, u = np.split(values, [1, 1 + 2 * dim, 1 + 4 * dim])
        return Learned(float(a[0]), A.reshape(dim, 2), B.reshape(dim, 2), u)

    def slope(values):
        found = objective([table], targets, at(values), strength)[1]
        return np.concatenate([[found.a], found.A.ravel(), found.B.ravel(), found.u])

    point = np.random.default_rng(4).normal(size=1 + 5 * dim) * 0.3
    assert (
        check_grad(lambda values: objective([table], targets, at(values), strength)[0], slope, point) < 1e-5
    )


def test_coherence_brings_what_is_shown_before_translations_together():
    q, c = side(60, 4), side(40, 4, ("en",), "c")
    truth = bilinear(4)(q.features, c.features)
    a, b = side(30, 5, name="s"), side(30, 6, name="s")
    # Translations share half of their states.
    both = SelectionFeatures(
        np.concatenate([a.features.shares, b.features.shares]),
        np.concatenate([a.features.states, 0.5 * a.features.states + b.features.states]),
        np.concatenate([a.features.size, b.features.size]),
    )
    said = Translations(both, np.stack([np.arange(30), np.arange(30, 60)], axis=1))
    apart = []
    for coherence in (0.0, 1.0):
        found = fit_selector(
            gains_of(q, c, truth), q.features, c.features, likeness="states", pairs=said,
            ranks=(4,), penalties=(0.01,), coherences=(coherence,),
        )  # fmt: skip
        scores = found.score(both, c.features)
        apart.append(divergence(np.exp(log_softmax(scores[:30])), scores[30:]).mean())
    assert apart[1] < 0.5 * apart[0]


def test_published_is_the_order_of_influence_reversed_and_self_is_the_gain():
    q, c = side(5, 1), side(7, 1, ("en",), "c")
    one = replace(
        gains_of(q, c, np.random.default_rng(0).normal(size=(5, 7))),
        influence=np.random.default_rng(1).random((5, 7)),
    )
    influence, published = (teacher_scores(one, name) for name in ("influence", "published"))
    assert (np.argsort(published) == np.argsort(influence)[:, ::-1]).all()
    assert (teacher_scores(one, "self") == teacher_scores(one, "gain")).all()
    with pytest.raises(UsageError, match="teacher"):
        teacher_scores(one, "mine")


def test_targets_are_distributions_that_do_not_know_units_and_leave_out_what_was_not_measured():
    scores = np.random.default_rng(0).normal(size=(4, 6))
    scores[1, 2] = np.nan
    scores[3] = np.nan
    found = soft_targets(scores)
    assert found[:3].sum(1) == pytest.approx(1)
    assert found[1, 2] == 0 and (found[3] == 0).all()
    assert soft_targets(5 * scores) == pytest.approx(found)
    assert np.log(found[0, 0] / found[0, 1]) == pytest.approx((scores[0, 0] - scores[0, 1]) / spread(scores))
    assert soft_targets(np.zeros((1, 4))).tolist() == [[0.25] * 4]


def test_predicted_labels_take_the_place_of_gold_ones_and_shares_count_labels(query):
    (changed,) = relabelled([query], [[2, 2, 0]])
    assert changed.words == query.words and [item.label for item in changed.items] == [2, 2, 0]
    assert gold_shares(changed, 4).tolist() == pytest.approx([1 / 3, 0, 2 / 3, 0])
    with pytest.raises(UsageError, match="2 labels for 3 items"):
        relabelled([query], [[1, 1]])


def test_several_tasks_share_what_is_learned_though_their_concepts_differ(learned):
    _, q, c, gain = learned
    other = SelectionFeatures(
        c.features.shares[:, :3] / c.features.shares[:, :3].sum(1, keepdims=True),
        c.features.states,
        c.features.size,
    )
    asked = SelectionFeatures(
        q.features.shares[:, :3] / q.features.shares[:, :3].sum(1, keepdims=True),
        q.features.states,
        q.features.size,
    )
    gains = gains_of(q, c, gain)
    settings = {"ranks": (0,), "penalties": (0.1,)}
    both = fit_selector([gains, gains], [q.features, asked], [c.features, other], **settings)
    assert not both.head.shares_in_x and both.about["queries"] == 60
    assert both.score(asked, other).shape == (30, 24)
    with pytest.raises(UsageError, match="no shares in common"):
        fit_selector([gains, gains], [q.features, asked], [c.features, other], shares_in_x=True)
    with pytest.raises(UsageError, match="features of 30 queries and 23"):
        fit_selector(gains, q.features, c.features.rows(range(23)))


def test_saved_and_read_it_is_the_same_to_the_last_byte(learned, tmp_path):
    found, q, c, _ = learned
    found.save_pretrained(tmp_path / "one")
    again = LearnedSelector.from_pretrained(tmp_path / "one")
    again.save_pretrained(tmp_path / "two")
    for name in ("model.safetensors", "config.json", "README.md", "LICENSE"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (again.score(q.features, c.features) == found.score(q.features, c.features)).all()
    assert again.made_from == found.made_from and again.choice.equals(found.choice)
    card = (tmp_path / "one" / "README.md").read_text()
    assert "UD_fr-Planted" in card and "cc-by-nc-sa-4.0" in card
    untrained(q.features).save_pretrained(tmp_path / "plain")
    assert LearnedSelector.from_pretrained(tmp_path / "plain").head.B.shape[1] == 0


def test_a_damaged_or_foreign_folder_is_one_error_of_ours(learned, tmp_path):
    found, *_ = learned
    found.save_pretrained(tmp_path / "one")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    for name in ("model.safetensors", "config.json"):
        data = whole[name]
        for place in range(0, len(data), max(len(data) // 12, 1)):
            (tmp_path / "one" / name).write_bytes(data[:place] + b"\x00{" + data[place + 2 :])
            with pytest.raises(ConceptAlignError):
                LearnedSelector.from_pretrained(tmp_path / "one")
        (tmp_path / "one" / name).write_bytes(data)
    for old, new in [
        ('"likeness": "shares"', '"likeness": "x"'),
        ('"selector": "learned"', '"selector": []'),
        ('"langs": [', '"langs": [1, '),
    ]:
        changed = whole["config.json"].decode().replace(old, new)
        assert changed != whole["config.json"].decode()
        (tmp_path / "one" / "config.json").write_text(changed)
        with pytest.raises(ConceptAlignError, match="no learned selector"):
            LearnedSelector.from_pretrained(tmp_path / "one")
    with pytest.raises(ConceptAlignError):
        LearnedSelector.from_pretrained(tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="did not write"):
        found.save_pretrained(tmp_path / "other")


def test_targets_that_it_learned_from_are_refused(learned):
    found, *_ = learned
    assert found.about["langs"] == sorted(LANGS)
    found.refuse_targets(["tr", "ko"])
    with pytest.raises(LearningError, match=r"queries in ar, fr"):
        found.refuse_targets(["fr", "tr", "ar"])


def test_the_choice_is_told_and_impossible_settings_are_refused(learned):
    _, q, c, gain = learned
    gains = gains_of(q, c, gain)
    found = fit_selector(gains, q.features, c.features, penalties=(0.1, np.inf), ranks=(0,))
    table = found.choice
    assert list(table["penalty"]) == ["inf", 0.1]
    assert table["divergence"][table["chosen"]].item() == table["divergence"].min()
    for name, values in [("ranks", ()), ("penalties", (-1.0,)), ("coherences", (np.nan,))]:
        with pytest.raises(UsageError, match=name):
            fit_selector(gains, q.features, c.features, **{name: values})
    for name in ("likeness", "pool"):
        with pytest.raises(UsageError, match=f"no {name} is called 'words'"):
            fit_selector(gains, q.features, c.features, **{name: "words"})
