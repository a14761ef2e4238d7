"""``summary.md``: an evaluation that a person can read from top to bottom."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from .gain_tables import concept_gain_table, concept_table, gain_table
from .names import language_name
from .tables import (
    SETTING,
    TextTable,
    by_setting,
    comparison_table,
    fewest,
    language_table,
    ordered_shots,
    setting_title,
    summary_tables,
)


def summary(
    frame: pd.DataFrame,
    comparisons: pd.DataFrame,
    *,
    low_resource: Mapping[tuple[str, ...], Sequence[str]],
    protocol: Mapping[str, Any],
    notices: Sequence[str] = (),
    figures: Sequence[str] = (),
    gains: pd.DataFrame | None = None,
    seeds: Mapping[str, int] | None = None,
) -> str:
    """Markdown of every setting in ``frame``: summaries, comparisons, languages, concepts.

    ``low_resource`` are codes by setting, ``protocol`` the options of the run, ``figures`` paths to link to,
    ``gains`` those over references (with the setting's columns), ``seeds`` the training seeds by learner.
    """
    several = {name: number for name, number in (seeds or {}).items() if number > 1}
    over = "test sentences, draws and training seeds" if several else "test sentences and draws"
    parts = [
        "# Evaluation",
        f"Shots are labelled sentences of the target language; {protocol['support_draws']} draws of them are "
        f"averaged. Brackets hold {100 * protocol['confidence']:.0f}% bootstrap intervals: over {over} "
        "for a language, over languages as well for means and differences.",
        "Tests are paired over languages: sign-flip and Wilcoxon's signed ranks; Holm's correction is over "
        "all pairs of learners compared and numbers of shots (`comparisons.csv` has them all).",
        "F1 of single concepts is in `results.csv`, what is called what in `confusion.csv`, how far "
        "confidences can be believed in `reliability.csv`.",
    ]
    if several:
        named = ", ".join(f"{name} {number}" for name, number in sorted(several.items()))
        parts.append(f"Training seeds that are averaged: {named}.")
    if notices:
        parts.append("To be known when reading:\n\n" + "\n".join(f"- {notice}" for notice in notices))
    parts += [f"![{figure}]({figure})" for figure in figures]
    for setting, rows in by_setting(frame):
        parts.append(f"## {setting_title(setting)}")
        poor = ", ".join(language_name(code) for code in low_resource[setting])
        parts.append(f"Low-resource targets, the third with the fewest labelled training words: {poor}.")
        compared = comparisons[_of(comparisons, setting)]
        gained = gains[_of(gains, setting)] if gains is not None else None
        parts += [table.markdown() for table in _tables(rows, compared, gained) if table is not None]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _of(frame: pd.DataFrame, setting: tuple[str, ...]) -> "pd.Series[bool]":
    return (frame[list(SETTING)] == list(setting)).all(axis=1)


def _tables(
    rows: pd.DataFrame, compared: pd.DataFrame, gained: pd.DataFrame | None
) -> Iterator[TextTable | None]:
    """The tables of one setting in the order of reading."""
    references = [] if gained is None else list(dict.fromkeys(map(str, gained["reference"])))
    for metric in ("accuracy", "macro_f1"):
        yield from summary_tables(rows, metric)
        yield comparison_table(compared, rows, metric)
        for reference in references:
            yield gain_table(compared, reference, metric)
    yield from summary_tables(rows, "ece")
    for shots in ordered_shots(rows):
        yield language_table(rows, shots)
    yield concept_table(rows, fewest(rows))
    if gained is not None:
        for reference in references:
            yield concept_gain_table(gained, reference, fewest(rows))
