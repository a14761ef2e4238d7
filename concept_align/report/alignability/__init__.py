"""Figures and pages of alignability.

| figure | what it shows |
|---|---|
| ``sweep_figure`` | mean over pairs of languages by layer, beside null, ceiling and controls |
| ``heatmap_figure`` | every pair, ordered by a tree, with families |
| ``dendrogram_figure`` | the languages as a tree |
| ``overlay_figure`` | prototypes of several languages in one plane |
| ``concepts_figure`` | which concepts correspond best |
| ``transfer_figure`` | alignability with the source language against zero-shot accuracy |

All are written as PNG, SVG and PDF; ``write_report`` makes a folder of everything a table of scores allows.
"""

from .concepts import concepts_figure
from .dendrogram import dendrogram_figure
from .draw import Drawn, pairwise, sweeps
from .heatmap import heatmap_figure
from .ordering import Ordering, ordering
from .overlay import overlay_figure, points_of
from .page import sections, write_report
from .scores import Matrix, matrix
from .summary import summary
from .sweep import sweep_figure
from .transfer import transfer_figure
from .words import Found, find, sentences

__all__ = [
    "Drawn",
    "Found",
    "Matrix",
    "Ordering",
    "concepts_figure",
    "dendrogram_figure",
    "find",
    "heatmap_figure",
    "matrix",
    "ordering",
    "overlay_figure",
    "pairwise",
    "points_of",
    "sections",
    "sentences",
    "summary",
    "sweep_figure",
    "sweeps",
    "transfer_figure",
    "write_report",
]
