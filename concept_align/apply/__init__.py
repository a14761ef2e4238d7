"""Saved aligners put to use: on text, under scikit-learn, with scores added to their cards.

Nothing is loaded before it is asked for: what is here needs torch, its neighbours scikit-learn or pandas.
"""

from .aligner import TextAligner
from .classified import Agreement, Classified
from .classifier import TextClassifier

__all__ = ["Agreement", "Classified", "TextAligner", "TextClassifier"]
