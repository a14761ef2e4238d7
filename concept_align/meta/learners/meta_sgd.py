"""Meta-SGD: the start and, for every adapted number, a rate that is learned with it.

    theta_l = theta - r * grad L_support(theta)   (elementwise; as many steps as asked for)
    theta, r <- by the outer gradient of sum_l L_query(theta_l)

Li et al. 2017 (arXiv 1707.09835), equation 3 and algorithm 1, where one step is taken. A rate may become
negative.
"""

from dataclasses import dataclass
from typing import ClassVar

from .gradient import Gradient, GradientAligner, presets

__all__ = ["MetaSgd", "MetaSgdAligner", "presets"]


class MetaSgdAligner(GradientAligner):
    """What Meta-SGD learned."""

    learner: ClassVar[str] = "meta-sgd"


@dataclass(frozen=True)
class MetaSgd(Gradient):
    """The configuration; ``inner_lr`` is what every rate starts as."""

    name: ClassVar[str] = "meta-sgd"
    aligner: ClassVar[type[GradientAligner]] = MetaSgdAligner
    learns_rates: ClassVar[bool] = True


MetaSgdAligner.configuration = MetaSgd
