"""Measures of the likeness of two concept spaces, by name."""

from .base import Compared, Invariance, Measure

__all__ = ["Compared", "Invariance", "Measure"]
