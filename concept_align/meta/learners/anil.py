"""Almost no inner loop: MAML whose steps move the head alone, here the last layer of f.

    w_l    = w - r grad_w L_support(v, w)   (as many steps as asked for; f has the layers v, w)
    v, w, z <- by the outer gradient of sum_l L_query(v, w_l)

Raghu et al. 2020 (arXiv 1909.09157), section 4: features are reused, so that steps on the head do as well.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from ..alignment import Adapts
from .gradient import Gradient, GradientAligner
from .gradient import presets as _presets

__all__ = ["Anil", "AnilAligner", "presets"]


def presets(task: str) -> dict[str, dict[str, Any]]:
    """``default`` alone."""
    return {"default": _presets(task)["default"]}


class AnilAligner(GradientAligner):
    """What ANIL learned."""

    learner: ClassVar[str] = "anil"


@dataclass(frozen=True)
class Anil(Gradient):
    """The configuration."""

    name: ClassVar[str] = "anil"
    aligner: ClassVar[type[GradientAligner]] = AnilAligner
    places: ClassVar[tuple[Adapts, ...]] = ("head",)
    adapts: Adapts = "head"


AnilAligner.configuration = Anil
