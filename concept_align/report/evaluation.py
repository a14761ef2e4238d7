"""The report of an evaluation, and its folder: tables for machines, a page and figures for people."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ..evaluation.results import CONDITION, MAJORITY
from ..evaluation.tidy import Evaluation
from .builder import Block, Files, Picture, Report, Section, models_of
from .drawing import facets_of
from .evaluation_figures import (
    concept_gains_figure,
    confusion_figure,
    language_gains_figure,
    languages_figure,
    reliability_figure,
    shots_figure,
    spread_figure,
)
from .evaluation_tables import (
    by_condition,
    condition_tables,
    condition_title,
    means_of,
    of_condition,
    ordered_shots,
)
from .names import language_name, short_revision, shots_name
from .tables import percent

_FEW = 10  # next to the fewest shots, gains are drawn at the number nearest to this
FILES = (
    ("results.csv", "every number, one per row, with its interval (also `results.parquet`)"),
    ("comparisons.csv", "every paired test"),
    ("gains.csv", "differences by language and by concept"),
    ("confusion.csv", "which concept is called what"),
    ("reliability.csv", "how far confidences can be believed"),
    ("evaluation.json", "options, aligners and versions"),
)


def evaluation_report(evaluation: Evaluation, *, figures: bool = True) -> Report:
    """The report of an evaluation, of one condition or several; ``figures`` asks for the figures too."""
    results = evaluation.frame()
    low = {one.key: one.low_resource for one in evaluation.conditions}
    drawn = list(_pictures(evaluation)) if figures else []
    sections = [Section("Figures", drawn)]
    for condition, rows in by_condition(results):
        poor = ", ".join(language_name(code) for code in low[condition])
        of = [of_condition(frame, condition) for frame in (evaluation.comparisons(), evaluation.gains())]
        first, *others = condition_tables(rows, *of)
        sections.append(
            Section(
                condition_title(condition),
                [
                    f"Low-resource targets, the third with the fewest labelled training words: {poor}.",
                    first,
                    *(table.folding() for table in others),
                ],
            )
        )
    sections.append(Section("How to read it", _reading(evaluation)))
    sections.append(Section("Files", [Files(FILES)]))
    return Report(
        title="Evaluation",
        lead="Saved aligners, tested zero- and few-shot in languages that they have not seen.",
        facts=[
            (str(results.loc[results["learner"] != MAJORITY, "learner"].nunique()), "learners"),
            (str(max(means_of(results, "accuracy", "mean")["n"], default=0)), "target languages"),
            (str(evaluation.protocol.support_draws), "draws of labelled sentences"),
        ],
        findings=list(findings(results)),
        sections=sections,
        notes=evaluation.notices,
        kind="evaluate",
        models=models_of(results),
    )


def findings(results: pd.DataFrame) -> Iterator[str]:
    """Of each condition and number of shots, the best learner and whether the next one differs from it."""
    for condition, rows in by_condition(results):
        means = means_of(rows, "accuracy", "mean")
        said = []
        for shots, at in means[(means["learner"] != MAJORITY) & (means["shots"] >= 0)].groupby("shots"):
            best = at.sort_values("value", kind="stable").iloc[-1]
            value = percent(best["value"], best["low"], best["high"])
            said.append(f"{shots_name(int(str(shots)))} {best['learner']} {value}")
        floor = means.loc[means["learner"] == MAJORITY, "value"]
        below = f"; majority class {percent(float(floor.iloc[0]))}" if len(floor) else ""
        if said:
            yield f"{condition_title(condition)}: best mean accuracy, %: {'; '.join(said)}{below}."


def _reading(evaluation: Evaluation) -> list[Block]:
    protocol = evaluation.protocol
    every = {name: number for one in evaluation.conditions for name, number in one.seeds.items()}
    seeds = {name: number for name, number in every.items() if number > 1}
    over = "test sentences, draws and training seeds" if seeds else "test sentences and draws"
    said = [
        f"Shots are labelled sentences of the target language; {protocol.support_draws} draws of them are "
        f"averaged. Brackets hold {100 * protocol.confidence:.0f}% bootstrap intervals: over {over} for a "
        "language, over languages as well for means and differences.",
        "Tests are paired over languages: sign-flip and Wilcoxon's signed ranks; Holm's correction is over "
        "all pairs of learners compared and numbers of shots.",
        "Bold is the best learner of a column. Low-resource targets are the third with the fewest labelled "
        "training words; macro-F1 is the mean over concepts, so that rare ones count as much as frequent "
        "ones.",
    ]
    if seeds:
        named = ", ".join(f"{name} {number}" for name, number in sorted(seeds.items()))
        said.append(f"Training seeds that are averaged: {named}.")
    return [said]


def write_evaluation(evaluation: Evaluation, folder: str | Path, *, figures: bool = True) -> list[Path]:
    """Write everything into ``folder``; the paths of summary, page and figures.

    ``results.csv``, ``results.parquet``, ``comparisons.csv``, ``gains.csv``, ``confusion.csv``,
    ``reliability.csv``, ``evaluation.json`` (options and facts), ``summary.md``, ``index.html`` and, with
    ``figures``, the figures. Equal evaluations give equal bytes.
    """
    evaluation.save(folder)
    return evaluation_report(evaluation, figures=figures).write(folder)


def _pictures(evaluation: Evaluation) -> Iterator[Picture]:
    """Every figure that the tables allow, in the order of reading."""
    frame, gains, reliability = evaluation.frame(), evaluation.gains(), evaluation.reliability()
    shots = ordered_shots(frame)[0]
    tested = frame[(frame["shots"] >= 0) & (frame["learner"] != MAJORITY)]
    look: dict[str, Any] = {"learners": sorted(map(str, tested["learner"].unique()))}
    at, wide = f"{shots}-shot", len(evaluation.conditions) > 1
    if frame.loc[frame["shots"] >= 0, "shots"].nunique() > 1:
        said = (
            "Mean accuracy over target languages by labelled sentences; bands are intervals over languages."
        )
        yield Picture("shots", shots_figure(frame, **look), said, wide)
        said = "Who is left behind: low-resource mean, worst language and spread over target languages."
        yield Picture("spread", spread_figure(frame, **look), said, True)
    said = f"Accuracy of every target language, {shots_name(shots)}; lines are intervals."
    yield Picture(f"languages-{at}", languages_figure(frame, shots=shots, **look), said, wide)
    references = list(dict.fromkeys(map(str, gains["reference"])))
    for reference in references[:1]:
        numbers = sorted(map(int, gains["shots"].unique()))
        for number in sorted({numbers[0], min(numbers, key=lambda one: abs(one - _FEW))}):
            options: dict[str, Any] = {"reference": reference, "shots": number, **look}
            said = f"Gain over {reference}, {shots_name(number)}, of every "
            figure = language_gains_figure(gains, **options)
            yield Picture(
                f"gains-languages-{number}-shot", figure, said + "target language: accuracy, points.", wide
            )
            figure = concept_gains_figure(gains, **options)
            yield Picture(f"gains-concepts-{number}-shot", figure, said + "concept: F1, points.", wide)
    if (reliability["shots"] == shots).any():
        figure = reliability_figure(reliability, shots=shots, **look)
        said = "Accuracy by confidence; below the diagonal a learner is surer than it is correct."
        yield Picture(f"reliability-{at}", figure, said, wide)
    yield from _confusions(evaluation, shots, references[0] if references else None)


def _confusions(evaluation: Evaluation, shots: int, reference: str | None) -> Iterator[Picture]:
    """For every condition, the confusions of the learner with the best mean."""
    confusion = evaluation.confusion()
    if confusion.empty:
        return
    several = [column for column in CONDITION if confusion[column].nunique() > 1]
    facets = facets_of(confusion)
    for (condition, rows), (title, _) in zip(by_condition(confusion), facets, strict=True):
        means = means_of(of_condition(evaluation.frame(), condition), "accuracy", "mean")
        means = means[(means["shots"] == shots) & (means["learner"] != MAJORITY)]
        if means.empty:
            continue
        best = str(means.sort_values("value", kind="stable")["learner"].iloc[-1])
        model, revision, layer, *others = condition
        parts = Path(model).name, short_revision(revision), f"layer-{layer}", *others
        told = [part for column, part in zip(CONDITION, parts, strict=True) if column in several]
        name = re.sub(r"[^a-zA-Z0-9+-]+", "-", "-".join(["confusion", *told, f"{shots}-shot"]))
        other = reference if reference != best else None
        figure = confusion_figure(rows, learner=best, shots=shots, reference=other, title=title)
        said = f"{title}, {shots_name(shots)}: what {best} calls the words of each concept"
        yield Picture(
            name, figure, said + (f", and its difference from {other}." if other else "."), wide=True
        )
