"""First-order MAML: the outer gradient is taken where the steps lead to, and not through them.

    theta_l = theta - r grad L_support(theta)   (as many steps as asked for)
    theta  <- theta - lr sum_l grad_{theta_l} L_query(theta_l)

Finn et al. 2017 (arXiv 1703.03400), section 5.2; Nichol et al. 2018 (arXiv 1803.02999), section 4.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..engines.base import Order
from .gradient import Gradient, GradientAligner, presets

__all__ = ["Fomaml", "FomamlAligner", "presets"]


class FomamlAligner(GradientAligner):
    """What first-order MAML learned."""

    learner: ClassVar[str] = "fomaml"


@dataclass(frozen=True)
class Fomaml(Gradient):
    """The configuration."""

    name: ClassVar[str] = "fomaml"
    aligner: ClassVar[type[GradientAligner]] = FomamlAligner
    orders: ClassVar[tuple[Order, ...]] = (1,)
    order: Order = 1


FomamlAligner.configuration = Fomaml
