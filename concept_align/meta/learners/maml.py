"""Model-agnostic meta-learning: a start from which a few gradient steps lead far.

    theta_l = theta - r grad L_support(theta)   (as many steps as asked for)
    theta  <- theta - lr grad_theta sum_l L_query(theta_l)

The outer gradient goes through the steps (order 2). Finn et al. 2017 (arXiv 1703.03400), algorithm 2.
"""

from dataclasses import dataclass
from typing import ClassVar

from .gradient import Gradient, GradientAligner, presets

__all__ = ["Maml", "MamlAligner", "presets"]


class MamlAligner(GradientAligner):
    """What MAML learned."""

    learner: ClassVar[str] = "maml"


@dataclass(frozen=True)
class Maml(Gradient):
    """The configuration."""

    name: ClassVar[str] = "maml"
    aligner: ClassVar[type[GradientAligner]] = MamlAligner


MamlAligner.configuration = Maml
