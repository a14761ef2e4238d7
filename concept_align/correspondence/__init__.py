"""Do the concept spaces of two languages correspond? Measures, nulls, intervals and ceilings.

A similarity of two spaces means nothing by itself: two random sets of 17 prototypes in 128 dimensions are
fitted by a rotation to 94 %. Each score is therefore given with its null under relabelled concepts.
"""

from .build import SpaceSampling, build_geometry
from .geometry import Geometry
from .measures import register_measure
from .pairs import alignability, compare_geometries
from .plan import AlignabilityConfig, AlignabilityPlan
from .study import AlignabilityStudy, alignability_study
from .table import Alignability

__all__ = [
    "Alignability",
    "AlignabilityConfig",
    "AlignabilityPlan",
    "AlignabilityStudy",
    "Geometry",
    "SpaceSampling",
    "alignability",
    "alignability_study",
    "build_geometry",
    "compare_geometries",
    "register_measure",
]
