"""Tables of an evaluation that people read: learners by shots, language by language, concept by concept.

Numbers are per cent; the best learner of a column is bold; the majority baseline never is.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation.results import ALL_SHOTS, CONDITION, MAJORITY, SUMMARIES
from .names import SUMMARY_TITLES, capital, language_name, metric_name, short_revision, shots_name, task_name
from .tables import NONE, TextTable, p_value, percent, pivoted

_SPREADS = ("sd", "max-min")  # low for a learner that is bad everywhere, so none is called best
_ERRORS = ("ece",)  # the lower the better
_CONCEPT = "f1:"


def by_condition(frame: pd.DataFrame) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """The rows of each condition: word classes, relations, then other tasks; layers by number."""
    groups = {tuple(map(str, key)): part for key, part in frame.groupby(list(CONDITION))}
    order = {"upos": 0, "relation": 1}

    def place(condition: tuple[str, ...]) -> tuple[Any, ...]:
        model, revision, layer, task, source = condition
        layers = tuple(int(part) if part.isdigit() else -1 for part in layer.split("+"))
        return order.get(task, 2), task, model, layers, revision, source

    return [(condition, groups[condition]) for condition in sorted(groups, key=place)]


def of_condition(frame: pd.DataFrame, condition: Sequence[str]) -> pd.DataFrame:
    """The rows of ``frame`` that are of ``condition``."""
    return frame[(frame[list(CONDITION)].astype(str) == list(condition)).all(axis=1)]


def condition_title(condition: Sequence[str]) -> str:
    """``bert-base (12ab34cd), layer 7, word classes, from English``."""
    model, revision, layer, task, source = map(str, condition)
    made = f"{model} ({short_revision(revision)}), layer {layer}"
    return f"{made}, {task_name(task)}, from {language_name(source)}"


def means_of(frame: pd.DataFrame, metric: str, language: str | None = None) -> pd.DataFrame:
    """The rows of ``metric`` that are means over draws: of one ``language`` or summary, or of all."""
    rows = frame[(frame["metric"] == metric) & (frame["draw"] == -1)]
    return (rows if language is None else rows[rows["language"] == language]).reset_index(drop=True)


def per_language(frame: pd.DataFrame, metric: str, shots: int | None = None) -> pd.DataFrame:
    """The rows of ``metric`` of single languages, means over draws, at ``shots`` or at all."""
    rows = means_of(frame, metric)
    rows = rows[~rows["language"].isin(SUMMARIES)]
    return (rows if shots is None else rows[rows["shots"] == shots]).reset_index(drop=True)


def ordered_shots(frame: pd.DataFrame) -> list[int]:
    """The numbers of shots in ``frame``, that of all sentences last."""
    return sorted(map(int, frame["shots"].unique()), key=lambda shots: (shots == ALL_SHOTS, shots))


def learners_of(frame: pd.DataFrame, *, lowest: bool = False) -> list[str]:
    """Learners from best to worst mean over everything, the majority baseline last."""
    means = frame.groupby("learner")["value"].mean().sort_values(ascending=lowest, kind="stable")
    return sorted(means.index, key=lambda name: name == MAJORITY)


def best_cells(
    frame: pd.DataFrame, rows: Sequence[object], columns: Sequence[object], down: str, across: str
) -> frozenset[tuple[int, int]]:
    """Of every column (or of every row, if learners go across), the cell of the best learner."""
    values = frame[frame["learner"] != MAJORITY].groupby(across if down == "learner" else down)["value"]
    lowest = frame["metric"].isin(_ERRORS).any()
    places = frame.loc[values.idxmin() if lowest else values.idxmax()]
    return frozenset(
        (list(rows).index(place[down]), 1 + list(columns).index(place[across]))
        for _, place in places.iterrows()
    )


def summary_tables(frame: pd.DataFrame, metric: str = "accuracy") -> list[TextTable]:
    """Learners by shots: one table per summary, for the rows of one condition."""
    tables = []
    for name in SUMMARIES:
        part = means_of(frame, metric, name)
        if part.empty:
            continue
        shots, learners = ordered_shots(part), learners_of(part, lowest=metric in _ERRORS)
        langs = part.groupby("shots")["n"].max()
        uneven = langs.nunique() > 1
        cells = pivoted(part, "learner", "shots", learners, shots)
        tables.append(
            TextTable(
                f"{SUMMARY_TITLES[name]}: {metric_name(metric)}, %"
                + ("" if uneven else f" ({langs.iloc[0]} languages)"),
                ["learner", *(shots_name(n) + (f" ({langs[n]} languages)" if uneven else "") for n in shots)],
                [[learner, *row] for learner, row in zip(learners, cells, strict=True)],
                frozenset() if name in _SPREADS else best_cells(part, learners, shots, "learner", "shots"),
            )
        )
    return tables


def language_table(frame: pd.DataFrame, shots: int, metric: str = "accuracy") -> TextTable | None:
    """Languages by learners at one number of shots, for the rows of one condition; None without rows."""
    part = per_language(frame, metric, shots)
    if part.empty:
        return None
    learners = learners_of(part)
    codes = sorted(part["language"].unique(), key=language_name)
    words = part.groupby("language")["n"].max()
    cells = pivoted(part, "language", "learner", codes, learners)
    return TextTable(
        f"{capital(shots_name(shots))}, language by language: {metric_name(metric)}, %",
        ["language", *learners, "test words"],
        [
            [f"{language_name(code)} ({code})", *row, f"{words[code]:,}"]
            for code, row in zip(codes, cells, strict=True)
        ],
        best_cells(part, codes, learners, "language", "learner"),
    )


def _against(comparisons: pd.DataFrame, first: str, metric: str) -> pd.DataFrame:
    """The pairs of ``first``, all as its difference from the other one (``b``)."""
    rows = comparisons[comparisons["metric"] == metric]
    other = rows[rows["b"] == first]
    turned = other.assign(
        a=first, b=other["a"], difference=-other["difference"], low=-other["high"], high=-other["low"],
        better_in=other["worse_in"],
    )  # fmt: skip
    return pd.concat([rows[rows["a"] == first], turned]).sort_index(kind="stable")


def comparison_table(
    comparisons: pd.DataFrame, frame: pd.DataFrame, metric: str = "accuracy"
) -> TextTable | None:
    """At each number of shots the learner with the best mean against every other one."""
    rows = []
    means = means_of(frame, metric, "mean")
    for shots, at in means[means["learner"] != MAJORITY].groupby("shots"):
        best = at.sort_values("value", kind="stable")["learner"].iloc[-1]
        pairs = _against(comparisons, best, metric)
        for pair in pairs[pairs["shots"] == shots].to_dict("records"):
            rows.append([
                f"{best} − {pair['b']}", shots_name(int(str(shots))),
                percent(pair["difference"], pair["low"], pair["high"]), f"{pair['better_in']} of {pair['n']}",
                *(p_value(pair.get(p, np.nan)) for p in ("p_sign_flip", "p_branch", "p_holm")),
            ])  # fmt: skip
    if not rows:
        return None
    columns = ["pair", "shots", "difference", "better in", "p sign-flip", "p by genus", "p Holm"]
    return TextTable(f"The best learner against the others: {metric_name(metric)}, points", columns, rows)


def gain_table(comparisons: pd.DataFrame, reference: str, metric: str = "accuracy") -> TextTable | None:
    """Every learner less ``reference`` by shots; a star where Holm's p is below 0.05. None without pairs."""
    pairs = _against(comparisons, reference, metric)
    if pairs.empty:
        return None
    gains = map(percent, -pairs["difference"], -pairs["high"], -pairs["low"])
    stars = np.where(pairs["p_holm"] < 0.05, " *", "")
    cells = pairs.assign(cell=np.array(list(gains), dtype=object) + stars)
    learners = pairs.groupby("b")["difference"].mean().sort_values(kind="stable").index
    shots = ordered_shots(pairs)
    written = cells.pivot(index="b", columns="shots", values="cell").reindex(learners)[shots].fillna(NONE)
    return TextTable(
        f"Gain over {reference}: {metric_name(metric)}, points (* Holm p < 0.05)",
        ["learner", *map(shots_name, shots)],
        [[name, *row] for name, row in zip(learners, written.to_numpy().tolist(), strict=True)],
    )


def concept_table(frame: pd.DataFrame, shots: int) -> TextTable | None:
    """Concepts by learners: F1, mean over languages, from best to worst."""
    rows = frame[(frame["shots"] == shots) & (frame["learner"] != MAJORITY)]
    return _by_concept(rows, f"{capital(shots_name(shots))}, concept by concept: F1, %")


def concept_gain_table(gains: pd.DataFrame, reference: str, shots: int) -> TextTable | None:
    """Concepts by learners: F1 less that of ``reference``, mean over languages."""
    rows = gains[(gains["reference"] == reference) & (gains["shots"] == shots)]
    return _by_concept(rows, f"Gain over {reference}, {shots_name(shots)}, concept by concept: F1, points")


def _by_concept(frame: pd.DataFrame, title: str) -> TextTable | None:
    rows = frame[frame["metric"].str.startswith(_CONCEPT) & (frame["language"] == "mean")]
    if rows.empty:
        return None
    learners, languages = learners_of(rows), rows.groupby("metric")["n"].max()
    means = rows.groupby("metric")["value"].mean()
    metrics = sorted(means.index, key=lambda metric: (-means[metric], metric))
    cells = pivoted(rows, "metric", "learner", metrics, learners)
    return TextTable(
        title,
        ["concept", *learners, "languages"],
        [
            [metric.removeprefix(_CONCEPT), *row, str(languages[metric])]
            for metric, row in zip(metrics, cells, strict=True)
        ],
    )


def condition_tables(rows: pd.DataFrame, compared: pd.DataFrame, gained: pd.DataFrame) -> Iterator[TextTable]:
    """The tables of one condition in the order of reading."""
    references = list(dict.fromkeys(map(str, gained["reference"]))) if len(gained) else []
    made: list[TextTable | None] = []
    for metric in ("accuracy", "macro_f1"):
        made += summary_tables(rows, metric)
        made.append(comparison_table(compared, rows, metric))
        made += [gain_table(compared, reference, metric) for reference in references]
    made += summary_tables(rows, "ece")
    made += [language_table(rows, shots) for shots in ordered_shots(rows)]
    fewest = ordered_shots(rows)[0]
    made.append(concept_table(rows, fewest))
    made += [concept_gain_table(gained, reference, fewest) for reference in references]
    yield from (table for table in made if table is not None)
