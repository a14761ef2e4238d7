"""Saved aligners put to use: on text, and under scikit-learn (``concept_align.apply.sklearn``)."""

from .aligner import TextAligner, TextClassifier
from .classification import Agreement, Classification

__all__ = ["Agreement", "Classification", "TextAligner", "TextClassifier"]
