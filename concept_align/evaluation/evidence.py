"""Everything that predictions say of one learner in one language at one number of shots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..spaces.features import Features
from ..spaces.metrics import confusion, sentence_counts
from .calibration import ece, reliability
from .protocol import Protocol
from .resampling import Cell, ConceptScores, Floats, draw_weights, measured, seed_weights
from .units import Predictions


@dataclass(frozen=True, eq=False)
class Evidence:
    """Metrics with their resamples, and counts: shares of the language's test words, means over draws."""

    cells: dict[str, Cell]  # by metric
    f1: ConceptScores
    confusion: Floats  # [gold concepts, predicted concepts]: sums to one
    ece: Floats | None  # [seeds]; None where confidences are not known
    reliability: Floats | None  # [bins, 3]


def evidence(
    draws: Sequence[Predictions],
    test: Features,
    weights: np.ndarray,
    protocol: Protocol,
    *,
    learner: str,
    seeds: int = 1,
) -> Evidence:
    """``draws`` are those of every training seed, seed by seed; ``weights`` the language's resamples."""
    concepts, gold = len(test.concepts), test.y.numpy()
    over_draws = draw_weights(len(draws) // seeds, protocol.bootstrap, protocol.seed, test.language)
    over_seeds = seed_weights(seeds, protocol.bootstrap, protocol.seed, learner) if seeds > 1 else None
    counts = [sentence_counts(one.codes, gold, concepts, test.offsets) for one in draws]
    found, f1 = measured(counts, weights, over_draws, protocol.confidence, over_seeds)
    confused = np.mean([confusion(one.codes, gold, concepts) for one in draws], axis=0) / len(gold)
    bins = [reliable for one in draws if (reliable := reliability(one, gold)) is not None]
    if len(bins) < len(draws):
        return Evidence(found, f1, confused, None, None)
    errors = np.array([ece(one) for one in bins]).reshape(seeds, -1).mean(1)
    return Evidence(found, f1, confused, errors, np.mean(bins, axis=0))
