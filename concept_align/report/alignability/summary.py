"""``summary.md``: what was measured, in words and tables, to be read from top to bottom."""

from collections.abc import Sequence

from ..tables import TextTable
from .words import Found, best_table, layer_table, sentences

HOW: tuple[str, ...] = (
    "A concept space is the set of prototypes (means over words) of the concepts of one language in one "
    "layer. A score says how far two languages' spaces have the same shape; larger is more alike. Scores of "
    "different measures, tasks and numbers of concepts are on different scales.",
    "Null: which concept is which is shuffled in one of both languages. Two random sets of few points in "
    "many dimensions look alike under some measures, so that a score is worth what it exceeds its null by.",
    "Pairs above chance: permutation tests, with Benjamini and Hochberg's correction over all pairs and "
    "layers of a measure; of those named, about one in twenty may be a false finding.",
    "Intervals of means are over languages, because pairs share them. Ceiling: the score of two halves of "
    "the same language's sentences. Halves have half the words and are noisier, so that it is a low one.",
)
CANNOT: tuple[str, ...] = (
    "A high score says that concepts lie alike to each other, not that a model uses them, and not that both "
    "languages have them in the same directions of the space.",
    "Rare concepts have noisy prototypes in every language, which lie far from all others; two languages can "
    "look alike for that alone. The control with shuffled labels shows how much.",
    "Treebanks differ in genre, size and annotation; part of a difference between languages is theirs.",
)


def summary(
    found: Sequence[Found],
    *,
    notices: Sequence[str] = (),
    figures: Sequence[str] = (),
    answers: Sequence[tuple[TextTable, str]] = (),
) -> str:
    """Markdown of every setting: findings, the best layers, every layer. ``figures`` are paths to link to."""
    parts = ["# Alignability of concept spaces", _bullets(HOW)]
    if notices:
        parts.append("To be known when reading:\n\n" + _bullets(notices))
    parts += ["## What was found", best_table(found).markdown()]
    parts += [_bullets(sentences(one)) for one in found]
    parts += [f"![{figure}]({figure})" for figure in figures]
    parts += [f"{table.markdown()}\n{note}" for table, note in answers]
    several = [one for one in found if len(one.layers) > 1]
    if several:
        parts += ["## Layer by layer", *(layer_table(one).markdown() for one in several)]
    parts += ["## What it cannot show", _bullets(CANNOT)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
