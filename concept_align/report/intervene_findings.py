"""What a study of interventions found, in sentences: what is used, what is not, and against which control."""

from typing import Any

import numpy as np
import pandas as pd

from ..intervention.config import MAJORITY, UNTOUCHED
from ..intervention.evidence import MEAN, PART, parts_of, single_part
from ..intervention.found import Interventions
from .intervene_tables import (
    control_name,
    detailed,
    intervention_name,
    interventions_of,
    main_control,
    main_layer,
    means_of_all,
    readout_name,
    written,
)
from .names import capital
from .tables import number, p_value

LEVEL = 0.05
_OF_MODEL = ("loss", "agreement", "agreement-margin")  # what the model itself does
_USED, _READ = "The model uses these directions", "What is read there depends on these directions"


def intervene_findings(found: Interventions) -> list[str]:
    """What an intervention does, against its control, read-out by read-out; then languages and pairs."""
    effects, layer = found.effects, main_layer(found.effects)
    rows = means_of_all(effects)
    rows = rows[rows["layer"] == layer]
    said = [
        finding_of(rows, name, readout, read_layer, main_control(effects))
        for name in interventions_of(effects)[:3]
        for readout, read_layer in dict.fromkeys(zip(rows["readout"], rows["read_layer"], strict=True))
        if _has(rows, name, readout, read_layer)
    ]
    said += _of_concepts(effects, layer)
    said += _of_pairs(found, layer)
    if len(set(effects["layer"])) > 1:
        said.append(f"Layer {layer} is the one with the largest effect of several: it is flattered.")
    return said


def _row(rows: pd.DataFrame, **wanted: Any) -> dict[str, Any] | None:
    chosen = rows[np.logical_and.reduce([rows[key] == value for key, value in wanted.items()])]
    return None if chosen.empty else dict(chosen.iloc[0])


def _has(rows: pd.DataFrame, name: str, readout: str, read_layer: str) -> bool:
    return _row(rows, intervention=name, readout=readout, read_layer=read_layer, control="") is not None


def finding_of(rows: pd.DataFrame, name: str, readout: str, read_layer: str, main: str) -> str:
    at = {"readout": readout, "read_layer": read_layer}
    before = _row(rows, **at, intervention=UNTOUCHED, control="", against="")
    after = _row(rows, **at, intervention=name, control="", against="")
    excess = _row(rows, **at, intervention=name, control="", against=main)
    assert before is not None and after is not None
    unit = " %" if after["unit"] == "share" else " nats"
    floor = _row(rows, **at, intervention=MAJORITY, control="", against="")
    ends = f"; the majority class gives {written(floor)} %" if floor else ""
    text = f"{capital(intervention_name(name))} at layer {after['layer']} takes "
    text += f"{readout_name(readout, read_layer)} from "
    text += f"{written({**before, 'low': np.nan})}{unit} to {written(after)}{unit} "
    text += f"(mean over {after['n']} languages{ends})."
    if excess is None or main == UNTOUCHED:
        return text + " No control was asked for: what else would do the same is not known."
    others = [
        f"{control_name(control)} to {written({**row, 'low': np.nan})}{unit}"
        for control in dict.fromkeys(rows["control"])
        if control and (row := _row(rows, **at, intervention=name, control=control, against="")) is not None
    ]
    text += f" Controls take it: {', '.join(others)}."
    points = " points" if excess["unit"] == "share" else " nats"
    p, sure = excess["p_holm"], excess["low"] > 0 or excess["high"] < 0
    ending = f"{written(excess, sign=True)}{points} beyond {control_name(main)}"
    if np.isnan(excess["low"]):
        return f"{text} That is {ending}; languages are of too few branches for an interval."
    harm = excess["value"] * (1 if readout == "loss" else -1)  # a loss rises, all else falls
    if sure and harm < 0:
        return f"{text} They do less harm than the control: {ending}, p {_at_p(p)}."
    if sure and p < LEVEL:
        return f"{text} {_USED if readout in _OF_MODEL else _READ}: {ending}, p {_at_p(p)}."
    if sure:
        return f"{text} That is {ending}; over branches of languages p {_at_p(p)}, not surely so."
    return f"{text} Nothing is due to these directions that can be told from chance: {ending}, p {_at_p(p)}."


def _at_p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _of_concepts(effects: pd.DataFrame, layer: int) -> list[str]:
    rows = detailed(effects, layer)
    rows = rows[(rows["language"] == MEAN)]
    said = []
    for (readout, read_layer), every in rows.groupby(["readout", "read_layer"], sort=False):
        part = every[every["n"] >= max(2, every["n"].max() // 2)]
        if len(part) < 3:
            continue
        ranked = part.sort_values("value", key=np.abs, ascending=False, kind="stable")
        first, last = dict(ranked.iloc[0]), dict(ranked.iloc[-1])
        points = "points" if first["unit"] == "share" else "nats"
        said.append(
            f"{capital(readout_name(readout, read_layer))}: "
            f"words of {first['concept']} change most "
            f"({written(first, sign=True)} {points} beyond the control), "
            f"of {last['concept']} least ({written(last, sign=True)})."
        )
    return said[:2]


def _of_pairs(found: Interventions, layer: int) -> list[str]:
    """Directions of one language in another, and whether alignability predicts it."""
    name = interventions_of(found.effects)[0]
    said = []
    for part in [one for one in parts_of(found.sources) if one[1] == layer and one[2] == name][:1]:
        square = single_part(found.sources, part)
        apart = [float(square.loc[a, b]) for a in square.index for b in square.columns if a != b]
        home = [float(square.loc[a, a]) for a in square.index if a in square.columns]
        unit = {"unit": found.effects.loc[found.effects["readout"] == part[0], "unit"].iloc[0]}
        bare = {**unit, "low": np.nan, "high": np.nan}
        text = f"Directions of a single other language change {readout_name(part[0], str(part[3]))} by "
        text += f"{written({**bare, 'value': float(np.nanmean(apart))}, sign=True)} beyond the control "
        text += f"(mean over {int(np.isfinite(apart).sum())} pairs)"
        if np.isfinite(home).any():
            text += f", a language's own by {written({**bare, 'value': float(np.nanmean(home))}, sign=True)}"
        said.append(text + ".")
        said += _predicted(found, part)
    return said


def _predicted(found: Interventions, part: tuple[str, int, str, str]) -> list[str]:
    """Whether what directions of other languages do goes with alignability, among sources of one language."""
    if found.predicted.empty:
        return []
    keys = dict(zip(PART, part, strict=True)) | {"kind": "within-targets"}
    row = _row(found.predicted, **keys)
    if row is None or not np.isfinite(row["r"]):
        return ["Too few pairs to ask whether alignability predicts whose directions act where."]
    sure = row["p"] < LEVEL
    verb = "predicts" if sure else "is not seen to predict"
    text = f"Alignability ({row['measure']}) {verb} whose directions act in a language: "
    return [f"{text}r = {number(row['r'], row['low'], row['high'])}, p {_at_p(row['p'])}."]
