"""Outcomes with planted effects: what evidence and reports should find is known."""

import numpy as np

from concept_align.intervention.evidence import InterventionEvidence, matrix_of
from concept_align.intervention.found import Interventions
from concept_align.intervention.outcomes import InterventionOutcome, MeasuredReadOut, Treatment

LANGUAGES = ("de", "en", "fr", "it", "ru", "cs", "fi", "tr", "ar", "hi")
CONCEPTS = ("noun", "verb", "rare")
DRAWS = 4
ASKED = ("remove", "swap:noun-verb")
TREATMENTS = [
    Treatment("untouched"),
    *(Treatment(name, control, draw)
      for name in ASKED
      for control, draws in (("", 1), ("matched", DRAWS), ("components", 1))
      for draw in range(draws)),
]  # fmt: skip
RATES = {"": 0.3, "untouched": 0.8, "matched": 0.7, "components": 0.35}


def outcome(language, *, layer=2, source="pooled", rates=RATES, sents=40, strength=1.0):
    """Right words at ``rates``, and losses that rise where accuracy falls; swapping does nothing."""
    rng = np.random.default_rng([LANGUAGES.index(language), layer, len(source)])
    words = rng.integers(0, 6, size=(sents, 3)) * [1, 1, 0]
    right, nats = {}, {}
    for one in TREATMENTS:
        rate = rates[one.control or ("untouched" if one.intervention == "untouched" else "")]
        rate = rates["matched"] if one.intervention.startswith("swap") else rate
        rate = rates["untouched"] + strength * (rate - rates["untouched"])
        right[one] = rng.binomial(words, rate), words
        nats[one] = words * (6 - rate) + rng.normal(size=words.shape) * (words > 0), words
    measured = (
        MeasuredReadOut.of("probe", "4", "share", CONCEPTS, right, floor=0),
        MeasuredReadOut.of("loss", "output", "nats", CONCEPTS, nats),
    )
    spans = tuple(
        {"language": language, "layer": layer, "source": source, "intervention": one.intervention,
         "control": one.control, "draw": one.draw, "rank": 2, "variance": 1.0, "share": 0.1,
         "overlap": 1.0 if not one.control else 0.0}
        for one in TREATMENTS[1:]
    )  # fmt: skip
    return InterventionOutcome(language, layer, source, measured, spans)


def study(*, layers=(2,), sources=(), languages=LANGUAGES):
    """Of several layers, the effect is strongest at the last."""
    outcomes = [
        outcome(code, layer=layer, source=source, strength=(1 + place) / len(layers))
        for place, layer in enumerate(layers)
        for source in ("pooled", *sources)
        for code in languages
    ]
    effects = InterventionEvidence("model", "0", "upos", resamples=200).effects(outcomes)
    directions = [row for one in outcomes for row in one.spans]
    import pandas as pd

    facts = {"source_langs": ["es", "pt", "sv"], "rank": 2}
    return Interventions(
        effects,
        matrix_of(effects),
        pd.DataFrame(directions),
        pd.DataFrame(),
        pd.DataFrame(),
        facts,
        ("A notice.",),
    )
