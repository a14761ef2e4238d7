"""Tables that people read, from the tidy table: learners by shots, then language by language.

Numbers are percentages; square brackets hold the interval. The best learner of a column is bold in
Markdown; the majority baseline never is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..evaluation.results import ALL_SHOTS, MAJORITY, SUMMARIES
from .names import SUMMARY_TITLES, language_name, metric_name, short_revision, shots_name, task_name

SETTING: tuple[str, ...] = ("model", "revision", "layer", "task", "source")
_SPREADS = ("sd", "max-min")  # low for a learner that is bad everywhere, so none is called best
_ERRORS = ("ece",)  # the lower the better


@dataclass(frozen=True)
class TextTable:
    """A table ready to be printed; columns but the first are aligned to the right."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    best: frozenset[tuple[int, int]] = field(default_factory=frozenset)  # (row, column)

    @property
    def right(self) -> set[int]:
        return set(range(1, len(self.columns)))

    def markdown(self) -> str:
        """GitHub's table, under its title as a heading."""
        lines = [f"### {self.title}", "", _row(self.columns), _row(["---", *["---:"] * len(self.right)])]
        for i, row in enumerate(self.rows):
            lines.append(_row([f"**{cell}**" if (i, j) in self.best else cell for j, cell in enumerate(row)]))
        return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def percent(value: float, low: float, high: float) -> str:
    """``71.3 [69.0, 73.5]``; no brackets where there is no interval."""
    if pd.isna(low) or pd.isna(high):
        return f"{100 * value:.1f}"
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def by_setting(frame: pd.DataFrame) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """The rows of each setting: word classes, relations, then other tasks; layers by number."""
    groups = {tuple(map(str, key)): part for key, part in frame.groupby(list(SETTING))}
    order = {"upos": 0, "relation": 1}

    def place(setting: tuple[str, ...]) -> tuple[Any, ...]:
        model, revision, layer, task, source = setting
        layers = tuple(int(part) if part.isdigit() else -1 for part in layer.split("+"))
        return order.get(task, 2), task, model, layers, revision, source

    return [(setting, groups[setting]) for setting in sorted(groups, key=place)]


def setting_title(setting: Sequence[str]) -> str:
    """``bert-base (12ab34cd), layer 7, word classes, from English``."""
    model, revision, layer, task, source = map(str, setting)
    made = f"{model} ({short_revision(revision)}), layer {layer}"
    return f"{made}, {task_name(task)}, from {language_name(source)}"


def ordered_shots(frame: pd.DataFrame) -> list[int]:
    """The numbers of shots in ``frame``, that of all sentences last."""
    return sorted(map(int, frame["shots"].unique()), key=lambda shots: (shots == ALL_SHOTS, shots))


def fewest(frame: pd.DataFrame) -> int:
    """The fewest shots there are."""
    return ordered_shots(frame)[0]


def learners_of(frame: pd.DataFrame, *, lowest: bool = False) -> list[str]:
    """Learners from best to worst mean over everything, the majority baseline last."""
    means = frame.groupby("learner")["value"].mean().sort_values(ascending=lowest, kind="stable")
    return sorted(means.index, key=lambda name: name == MAJORITY)


def _best(
    frame: pd.DataFrame,
    rows: list[str],
    columns: Sequence[object],
    down: str,
    across: str,
    *,
    lowest: bool = False,
) -> frozenset[tuple[int, int]]:
    """Of every column (or of every row, if learners go across), the best cell."""
    known = frame[frame["learner"] != MAJORITY]
    by = across if down == "learner" else down
    values = known.groupby(by)["value"]
    chosen = values.idxmin() if lowest else values.idxmax()
    places = frame.loc[chosen]
    return frozenset(
        (rows.index(place[down]), 1 + list(columns).index(place[across])) for _, place in places.iterrows()
    )


def grid(
    frame: pd.DataFrame, rows: list[str], columns: Sequence[object], down: str, across: str
) -> list[list[str]]:
    """The cells ``value [low, high]`` of ``frame``, a dash where there is none."""
    cells = {
        (row[down], row[across]): percent(row["value"], row["low"], row["high"])
        for row in frame.to_dict("records")
    }
    return [[cells.get((row, column), "–") for column in columns] for row in rows]


def summary_tables(frame: pd.DataFrame, metric: str = "accuracy") -> list[TextTable]:
    """Learners by shots: one table a summary, for the rows of one setting."""
    means = frame[(frame["metric"] == metric) & (frame["draw"] == -1)]
    tables = []
    for name in SUMMARIES:
        part = means[means["language"] == name].reset_index(drop=True)
        if part.empty:
            continue
        shots = ordered_shots(part)
        lowest = metric in _ERRORS
        learners = learners_of(part, lowest=lowest)
        langs = part.groupby("shots")["n"].max()
        uneven = langs.nunique() > 1
        tables.append(
            TextTable(
                f"{SUMMARY_TITLES[name]}: {metric_name(metric)}, %"
                + ("" if uneven else f" ({langs.iloc[0]} languages)"),
                ["learner", *(shots_name(n) + (f" ({langs[n]} languages)" if uneven else "") for n in shots)],
                [
                    [learner, *cells]
                    for learner, cells in zip(
                        learners, grid(part, learners, shots, "learner", "shots"), strict=True
                    )
                ],
                frozenset()
                if name in _SPREADS
                else _best(part, learners, shots, "learner", "shots", lowest=lowest),
            )
        )
    return tables


def language_table(frame: pd.DataFrame, shots: int, metric: str = "accuracy") -> TextTable | None:
    """Languages by learners at one number of shots, for the rows of one setting; None without rows."""
    part = frame[
        (frame["metric"] == metric)
        & (frame["draw"] == -1)
        & (frame["shots"] == shots)
        & ~frame["language"].isin(SUMMARIES)
    ].reset_index(drop=True)
    if part.empty:
        return None
    learners = learners_of(part)
    codes = sorted(part["language"].unique(), key=language_name)
    words = part.groupby("language")["n"].max()
    return TextTable(
        f"{shots_name(shots).capitalize()}, language by language: {metric_name(metric)}, %",
        ["language", *learners, "test words"],
        [
            [f"{language_name(code)} ({code})", *cells, f"{words[code]:,}"]
            for code, cells in zip(codes, grid(part, codes, learners, "language", "learner"), strict=True)
        ],
        _best(part, codes, learners, "language", "learner"),
    )


def comparison_table(
    comparisons: pd.DataFrame, frame: pd.DataFrame, metric: str = "accuracy"
) -> TextTable | None:
    """At each number of shots the learner with the best mean against every other one."""
    rows = []
    means = frame[(frame["metric"] == metric) & (frame["draw"] == -1) & (frame["language"] == "mean")]
    means = means[means["learner"] != MAJORITY]
    for shots, at in means.groupby("shots"):
        best = at.sort_values("value", kind="stable")["learner"].iloc[-1]
        pairs = comparisons[(comparisons["metric"] == metric) & (comparisons["shots"] == shots)]
        for pair in pairs.to_dict("records"):
            if best not in (pair["a"], pair["b"]):
                continue
            turned = pair["b"] == best
            other = pair["a"] if turned else pair["b"]
            value, low, high = pair["difference"], pair["low"], pair["high"]
            value, low, high = (-value, -high, -low) if turned else (value, low, high)
            wins = pair["worse_in"] if turned else pair["better_in"]
            rows.append([
                f"{best} − {other}", shots_name(int(str(shots))), percent(value, low, high),
                f"{wins} of {pair['n']}", _p(pair["p_sign_flip"]), _p(pair["p_wilcoxon"]), _p(pair["p_holm"]),
            ])  # fmt: skip
    if not rows:
        return None
    columns = ["pair", "shots", "difference", "better in", "p sign-flip", "p Wilcoxon", "p Holm"]
    return TextTable(f"The best learner against the others: {metric_name(metric)}, points", columns, rows)


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"
