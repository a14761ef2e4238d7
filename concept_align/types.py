"""Names shared by every room: the axis vocabulary and the closed sets of options.

Axes in shape annotations are ``langs layers sents words tokens concepts dim rank tasks shots``.
"""

from typing import Literal, get_args

Split = Literal["train", "dev", "test"]
Pooling = Literal["first", "last", "mean"]
Outliers = Literal["keep", "clip", "drop"]  # words of massive norm
Reading = Literal["once", "twice"]  # how often a model reads a sentence; states are the last copy's
MwtPolicy = Literal["share", "first", "skip"]
RootPolicy = Literal["start", "exclude"]
ModelKind = Literal["encoder", "decoder"]
FinalNorm = Literal["pre", "post", "none"]
Standardisation = Literal["none", "global", "language"]
Space = Literal["raw", "probe"]  # states, or what a linear probe makes of them
Unit = Literal["sentences", "words"]  # that are resampled

SPLITS: tuple[Split, ...] = get_args(Split)
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)

# The code of a word that carries no label for the task in hand.
UNLABELLED = -1
