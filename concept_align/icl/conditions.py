"""The same words of a target language, read without and with demonstrations before them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..errors import LearningError
from ..spaces.features import Features
from ..spaces.standardise import StandardiserFitter

ByLayer = Mapping[str, Features]


@dataclass(frozen=True, eq=False)
class Conditions:
    """States of one target's items by layer: ``before`` without demonstrations, ``after`` them.

    Both hold the same items, sentence by sentence. ``spaces`` are states of other languages' items by
    language and layer, read without demonstrations: of the demonstrations' own, to which the target may have
    moved, and best of some more, to see whether it moved to that one.
    """

    language: str
    demonstrations: str  # their language
    before: ByLayer
    after: ByLayer
    spaces: Mapping[str, ByLayer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.before or self.before.keys() != self.after.keys():
            raise LearningError(
                f"layers {_list(self.before)} without demonstrations and {_list(self.after)} with them",
                where=self.language,
                remedy="give states of the same layers",
            )
        for layer, one in self.before.items():
            other = self.after[layer]
            if not (torch.equal(one.y, other.y) and np.array_equal(one.offsets, other.offsets)):
                raise LearningError(
                    "the items without and with demonstrations are not the same",
                    where=f"{self.language}, layer {layer}",
                    remedy="give the same items of the same sentences in the same order",
                )
        for code, by_layer in self.spaces.items():
            for layer, one in self.before.items():
                if layer not in by_layer or by_layer[layer].concepts != one.concepts:
                    raise LearningError(
                        f"no states of {code} at layer {layer}, or of other concepts",
                        where=self.language,
                        remedy="give every language the same layers and task",
                    )

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.before)

    def about(self, layer: str) -> dict[str, str]:
        """What rows of tables are of."""
        return {"language": self.language, "demonstrations": self.demonstrations, "layer": layer}


def standardised(features: Features) -> Features:
    """Zero mean and unit variance in each dimension over all items, labels unseen.

    Each language and condition by itself: a prompt that moves all states alike has moved no concept.
    """
    x = features.x
    standardiser = StandardiserFitter(features.dim).update(x).finish()
    return replace(features, stored=standardiser.states(x))


def _list(by_layer: ByLayer) -> str:
    return ", ".join(by_layer) or "none"
