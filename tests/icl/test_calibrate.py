"""Contextual calibration takes off what labels get without content, and nothing else."""

import torch
from tiny_prompts import demonstrations, long_labels, queries, tiny_causal

from concept_align.icl.prompting import content_free, preference
from concept_align.icl.scoring import CausalScorer


def setting():
    scorer = CausalScorer(tiny_causal("gemma3"))
    some = queries()
    asked = [*some, content_free("[MASK]")]
    room = max(scorer.room(query, long_labels()) for query in asked)
    return scorer, scorer.prompt(demonstrations(), long_labels(), room=room), some


def test_a_query_without_content_prefers_no_label():
    scorer, prompt, _ = setting()
    prior = preference(scorer, prompt, words=["N/A"])
    (found,) = scorer.score(prompt, [content_free("N/A")], prior=prior)
    torch.testing.assert_close(found.scores, torch.zeros_like(found.scores), atol=1e-5, rtol=0)


def test_the_preference_is_the_mean_probability_over_queries_without_content():
    scorer, prompt, _ = setting()
    each = [preference(scorer, prompt, words=[word]).exp() for word in ("N/A", "[MASK]")]
    torch.testing.assert_close(preference(scorer, prompt).exp(), (each[0] + each[1]) / 2)


def test_corrected_scores_and_the_preference_sum_to_the_plain_ones():
    scorer, prompt, some = setting()
    plain = scorer.score(prompt, some, feedback="gold", layers=(2,))
    prior = preference(scorer, prompt)
    corrected = scorer.score(prompt, some, feedback="gold", layers=(2,), prior=prior)
    for one, two in zip(plain, corrected, strict=True):
        torch.testing.assert_close(two.scores + prior, one.scores, atol=1e-5, rtol=0)
        torch.testing.assert_close(two.states[2], one.states[2], atol=1e-5, rtol=1e-5)


def test_labels_are_chosen_and_fed_back_by_corrected_scores():
    scorer, prompt, some = setting()
    prior = torch.tensor([0.0, 0.0, 0.0, -100.0])
    for found in scorer.score(prompt, some, prior=prior):
        assert (found.predicted == 3).all()
