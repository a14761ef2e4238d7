"""Tables of what was asked of the scores: kinship, predictors, transfer, two models beside each other."""

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from ...correspondence.study import AlignabilityStudy
from ..names import task_name
from ..tables import TextTable
from .names import measure_name, model_name
from .words import NONE, number

NOTES: dict[str, str] = {
    "families": "Mean score of pairs with the same label less that of pairs with different ones; p by "
    "permuting labels over languages.",
    "predictors": "Mantel correlation of scores with distances between languages: negative where unlike "
    "languages score lower. p within: languages renamed within their families only, which is what is left "
    "when families have much in common for other reasons.",
    "transfer": "Over target languages: score with the source language and zero-shot accuracy; partial: with "
    "the log number of training words held constant.",
    "models": "Best layer beside best layer, over the same pairs. Excess: score less its null. Agreement: "
    "Mantel correlation of the two models' scores.",
}
TITLES: dict[str, str] = {
    "families": "Are related languages more alike?",
    "predictors": "What goes with alignability?",
    "transfer": "Does alignability foretell zero-shot accuracy?",
    "models": "One model beside another",
}


def answers(studied: AlignabilityStudy) -> Iterator[tuple[TextTable, str]]:
    """Every table there is, with a note on how to read it."""
    made = {
        "families": _families(studied.table("families")),
        "predictors": _predictors(studied.table("predictors")),
        "transfer": _transfer(studied.table("transfer")),
        "models": _models(studied.models),
    }
    for name, (columns, rows) in made.items():
        if rows:
            yield TextTable(TITLES[name], columns, rows), NOTES[name]


Made = tuple[list[str], list[list[str]]]


def _records(frame: pd.DataFrame) -> Iterable[dict[str, object]]:
    return ({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))


def _where(row: dict[str, object]) -> str:
    return f"{model_name(str(row['model']))}, {task_name(str(row['task']))}, layer {row['layer']}"


def _bounded(row: dict[str, object], value: str, low: str = "low", high: str = "high") -> str:
    """``0.17 [0.05, 0.28]``."""
    middle, lower, upper = (float(str(row[name])) for name in (value, low, high))
    if math.isnan(middle):
        return NONE
    return number(middle) + ("" if math.isnan(lower) else f" [{number(lower)}, {number(upper)}]")


def p_text(value: object) -> str:
    """Three digits after the point, or ``< 0.001``."""
    p = float(str(value))
    return NONE if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _families(frame: pd.DataFrame) -> Made:
    rows = [
        [f"{_where(row)}: same {row['labels']}", _bounded(row, "difference"), p_text(row["p"]),
         f"{row['pairs_within']:,} of {int(str(row['pairs_within'])) + int(str(row['pairs_between'])):,}"]
        for row in _records(frame)
    ]  # fmt: skip
    return ["", "within less between", "p", "pairs within"], rows


def _predictors(frame: pd.DataFrame) -> Made:
    rows = [
        [f"{_where(row)}: {row['predictor']}", _bounded(row, "r"), p_text(row["p"]), p_text(row["q"]),
         p_text(row["p_within"]), _bounded(row, "partial_r", "partial_low", "partial_high"),
         p_text(row["partial_p"])]
        for row in _records(frame)
    ]  # fmt: skip
    return ["", "r", "p", "q", "p within", "partial r", "partial p"], rows


def _transfer(frame: pd.DataFrame) -> Made:
    rows = [
        [f"{_where(row)}, {measure_name(str(row['measure']))}: {row['learner']}, {row['kind']}",
         _bounded(row, "r"), p_text(row["p"]), p_text(row["q"]), str(row["n"])]
        for row in _records(frame)
        if str(row["kind"]).endswith("spearman")
    ]  # fmt: skip
    return ["", "r", "p", "q", "languages"], rows


def _models(frame: pd.DataFrame) -> Made:
    rows = [
        [f"{model_name(str(row['first']))} (layer {row['layer_first']}) − {model_name(str(row['second']))} "
         f"(layer {row['layer_second']}), {task_name(str(row['task']))}, "
         f"{measure_name(str(row['measure']))}, {row['quantity']}",
         _bounded(row, "difference"), p_text(row["p"]),
         _bounded(row, "agreement", "agreement_low", "agreement_high"), p_text(row["agreement_p"])]
        for row in _records(frame)
    ]  # fmt: skip
    return ["", "difference", "p", "agreement", "p"], rows
