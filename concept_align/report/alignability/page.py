"""Alignability as a page, or as sections of another page: findings, figures, how to read them."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ... import __version__, atomic
from .. import page
from ..names import short_revision
from ..tables import TextTable
from .draw import Drawn, pairwise, sweeps
from .summary import CANNOT, HOW, summary
from .sweep import FORMATS
from .words import Controls, Found, best_table, find, layer_table, sentences

TITLE = "Do concepts correspond across languages?"
LEAD = (
    "In each language, every concept has a prototype: the mean of the words that it labels. Whether the "
    "prototypes of two languages lie alike to each other is measured pair by pair, and held against chance."
)
_NOTE = (
    "Brackets: 95% intervals over languages. Null: what relabelled concepts give, mean ± standard deviation "
    "of a pair. Concepts: fewest and most that a pair was compared by."
)
_WIDE = '<figure style="max-width:none;margin:1rem 0">'
PLOTS = 'Figures need matplotlib: pip install "concept-align[plots]", and draw them again.'


def sections(
    found: Sequence[Found],
    drawn: Sequence[Drawn] = (),
    others: Sequence[Drawn] = (),
    answers: Sequence[tuple[TextTable, str]] = (),
) -> list[page.Section]:
    """Sections of a page; ``drawn`` are layers and pairs, ``others`` concepts, maps and transfer, ``answers``
    tables with notes. In words, the first measure of each model and task is spoken of."""
    layers = [one for one in found if len(one.layers) > 1]
    sweeps_drawn = [one for one in drawn if one.svg.name.startswith("layers-")]
    pairs_drawn = [one for one in drawn if one not in sweeps_drawn]
    made = [
        page.Section(
            "How alike concepts are across languages",
            [
                page.table(best_table(found), note=_NOTE),
                *(page.bullets(sentences(one)) for one in _first(found)),
            ],
        )
    ]  # fmt: skip
    if layers:
        tables = [page.table(layer_table(one), folded=True, note="Bold: the highest mean.") for one in layers]
        made.append(page.Section("Alignability, layer by layer", [_figures(sweeps_drawn), *tables]))
    if pairs_drawn:
        made.append(page.Section("Alignability, pair by pair", [_figures(pairs_drawn)]))
    if others:
        made.append(page.Section("Concepts and transfer", [_figures(others)]))
    if answers:
        tables = [page.table(table, note=note) for table, note in answers]
        made.append(page.Section("What goes with it", tables))
    return [one for one in made if any(one.blocks)]


def _first(found: Sequence[Found]) -> list[Found]:
    """Of each model, task and space, the first measure."""
    first: dict[tuple[str, ...], Found] = {}
    for one in found:
        first.setdefault(one.parts[:-1], one)
    return list(first.values())


def _figures(drawn: Sequence[Drawn]) -> str:
    """Wide figures by themselves, the others side by side."""
    wide = "".join(
        page.figure(one.svg, one.caption).replace("<figure>", _WIDE, 1) for one in drawn if one.wide
    )
    return wide + page.figures([page.figure(one.svg, one.caption) for one in drawn if not one.wide])


def write_report(
    scores: pd.DataFrame,
    folder: str | Path,
    *,
    controls: Controls | None = None,
    measures: Sequence[str] | None = None,
    others: Sequence[Drawn] = (),
    answers: Sequence[tuple[TextTable, str]] = (),
    notices: Sequence[str] = (),
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """``summary.md``, ``index.html`` and, where matplotlib is installed, ``figures/`` in ``folder``.

    ``scores`` are tidy rows of one or more models, tasks, spaces and measures; ``controls`` are tables of
    the same form by what they are ("untrained model"). Matrices and trees are drawn for ``measures``, by
    default the first; ``others`` are figures drawn elsewhere, to be shown at the end. Figures are written in
    all ``formats``, and as SVG, which the page needs. Equal scores give equal bytes. Returns the files.
    """
    folder = Path(folder)
    kinds = tuple(dict.fromkeys([*formats, "svg"]))
    beside = dict(controls or {})
    found = find(scores, beside)
    drawn: list[Drawn] = []
    notes = list(notices)
    if find_spec("matplotlib"):
        drawn = sweeps(scores, beside, folder / "figures", formats=kinds)
        drawn += pairwise(scores, found, folder / "figures", measures=measures, formats=kinds)
    else:
        notes.append(PLOTS)
    pictures = [f"figures/{one.shown.name}" for one in drawn]
    atomic.write_text(folder / "summary.md", summary(found, notices=notes, figures=pictures, answers=answers))
    made = [
        *sections(found, drawn, others, answers),
        page.Section("How to read it", [page.bullets(HOW)]),
        page.Section("What it cannot show", [page.bullets(CANNOT)]),
    ]
    if notes:
        made.append(page.Section("To be known when reading", [page.bullets(notes)]))
    opening = [page.facts(_facts(scores, found))]
    page.write(page.document(TITLE, LEAD, opening, made, _foot(scores)), folder / "index.html")
    return [folder / "summary.md", folder / "index.html", *(path for one in drawn for path in one.files)]


def _facts(scores: pd.DataFrame, found: Sequence[Found]) -> list[tuple[str, str]]:
    models = scores[["model", "revision"]].drop_duplicates()
    most = max((one.best for one in found if one.best), key=lambda mean: mean.pairs, default=None)
    layers = scores["layer"].nunique()
    return [
        (str(len(models)), "models" if len(models) > 1 else "model"),
        (str(len({*scores["source"], *scores["target"]})), "languages compared"),
        (f"{most.pairs if most else 0:,}", "pairs with a value, at most"),
        (str(layers), "layers" if layers > 1 else "layer"),
        (str(scores["measure"].nunique()), "measures" if scores["measure"].nunique() > 1 else "measure"),
    ]


def _foot(scores: pd.DataFrame) -> str:
    known = scores[["model", "revision"]].astype(str).drop_duplicates()
    models = ", ".join(
        f"{model} ({short_revision(revision)})"
        for model, revision in zip(known["model"], known["revision"], strict=True)
    )
    return f"concept-align {__version__}. Models: {models}."
