"""``summary.md``: an evaluation that a person can read from top to bottom."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .names import language_name
from .tables import SETTING, by_setting, comparison_table, language_table, setting_title, summary_tables


def summary(
    frame: pd.DataFrame,
    comparisons: pd.DataFrame,
    *,
    low_resource: Mapping[tuple[str, ...], Sequence[str]],
    protocol: Mapping[str, Any],
    notices: Sequence[str] = (),
    figures: Sequence[str] = (),
) -> str:
    """Markdown of every setting in ``frame``: summaries, comparisons, languages.

    ``low_resource`` are codes by setting, ``protocol`` the options of the run, ``figures`` paths to link to.
    """
    parts = [
        "# Evaluation",
        f"Shots are labelled sentences of the target language; {protocol['draws']} draws of them are "
        f"averaged. Brackets hold {100 * protocol['confidence']:.0f}% bootstrap intervals: over test "
        "sentences and draws for a language, over languages as well for means and differences.",
        "Tests are paired over languages: sign-flip and Wilcoxon's signed ranks; Holm's correction is over "
        "all pairs of learners and numbers of shots (`comparisons.csv` has them all).",
    ]
    if notices:
        parts.append("To be known when reading:\n\n" + "\n".join(f"- {notice}" for notice in notices))
    parts += [f"![{figure}]({figure})" for figure in figures]
    for setting, rows in by_setting(frame):
        parts.append(f"## {setting_title(setting)}")
        poor = ", ".join(language_name(code) for code in low_resource[setting])
        parts.append(f"Low-resource targets, the third with the fewest labelled training words: {poor}.")
        for metric in ("accuracy", "macro_f1"):
            parts += [table.markdown() for table in summary_tables(rows, metric)]
            known = (comparisons[list(SETTING)] == list(setting)).all(axis=1)
            compared = comparison_table(comparisons[known], rows, metric)
            parts += [compared.markdown()] if compared else []
        for shots in sorted(rows["shots"].unique()):
            table = language_table(rows, int(shots))
            parts += [table.markdown()] if table else []
    return "\n\n".join(part.strip() for part in parts) + "\n"
