"""Tables of interventions, and what treatments and read-outs are called in them."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..intervention.config import MAJORITY, MATCHED, POOLED, UNTOUCHED
from ..intervention.evidence import ALL, MEAN
from ..intervention.found import MANTEL, PARTIAL, Interventions
from .names import language_name, task_name
from .tables import NONE, TextTable, number, p_value, percent

CONTROL_NAMES = {
    MATCHED: "directions of as much variance", "random": "random directions",
    "components": "principal components", "language": "directions of languages",
    "shuffled": "directions of shuffled labels",
}  # fmt: skip
READOUT_NAMES = {"probe": "probe accuracy", "loss": "the model's loss", "agreement": "agreement",
                 "agreement-margin": "margin of agreement"}  # fmt: skip
_KINDS = {
    "overall": "over all pairs", "within-targets": "within languages that are read",
    "both-held": "given source and language", MANTEL: "both directions averaged (Mantel)",
    PARTIAL: "the same given family",
}  # fmt: skip


def control_name(control: str) -> str:
    """``random directions``; ``directions of Number`` for ``task:feature:Number``."""
    if control.startswith("task:"):
        return f"directions of {task_name(control.removeprefix('task:'))}"
    return CONTROL_NAMES.get(control, control)


def intervention_name(name: str) -> str:
    """``removing all concepts``, ``NOUN to VERB`` for ``swap:NOUN-VERB``."""
    kind, _, rest = name.partition(":")
    if not rest:
        return {UNTOUCHED: "untouched", MAJORITY: "majority class"}.get(name, "removing all concepts")
    pair = rest.partition(":")[0]
    said = {
        "remove": f"removing {rest}", "pair": f"removing what tells {pair} apart",
        "swap": f"swapping {pair}", "steer": f"steering {rest}",
    }  # fmt: skip
    return said.get(kind, name)


def readout_name(readout: str, read_layer: str) -> str:
    """``probe accuracy, layer 4``; a read-out of the model itself has no layer."""
    name = READOUT_NAMES.get(readout) or readout.replace("aligner:", "aligner ")
    return f"{name}, layer {read_layer}" if read_layer.lstrip("-").isdigit() else name


def written(row: Any, *, sign: bool = False) -> str:
    """A row's value with its interval: in per cent, or nats."""
    if row["unit"] == "share":
        return percent(row["value"], row["low"], row["high"], sign=sign)
    text = number(row["value"], row["low"], row["high"])
    return f"+{text}" if sign and row["value"] >= 0 else text


def means_of_all(effects: pd.DataFrame) -> pd.DataFrame:
    """Means over languages of all concepts together, under directions of several languages."""
    return effects[
        (effects["language"] == MEAN) & (effects["concept"] == ALL) & (effects["source"] == POOLED)
    ]


def main_control(effects: pd.DataFrame) -> str:
    """What an effect has to exceed: the matched control, else the first one, else nothing but no change."""
    controls = [one for one in dict.fromkeys(effects["control"]) if one]
    return MATCHED if MATCHED in controls else (controls or [UNTOUCHED])[0]


def interventions_of(effects: pd.DataFrame) -> list[str]:
    """The interventions, as they were asked for."""
    return [one for one in dict.fromkeys(effects["intervention"]) if one not in (UNTOUCHED, MAJORITY)]


def main_layer(effects: pd.DataFrame) -> int:
    """The changed layer with the largest excess of the first intervention in the first read-out."""
    rows = means_of_all(effects)
    rows = rows[(rows["against"] == main_control(effects)) & (rows["control"] == "")]
    rows = rows[rows["readout"] == rows["readout"].iloc[0]]
    rows = rows[rows["intervention"] == rows["intervention"].iloc[0]]
    return int(rows["layer"].to_numpy()[int(rows["value"].abs().to_numpy().argmax())])


def values_table(effects: pd.DataFrame, layer: int) -> TextTable:
    """Treatments by read-outs where ``layer`` is changed: means over languages."""
    rows = means_of_all(effects)
    rows = rows[(rows["layer"] == layer) & (rows["against"] == "")]
    columns = list(rows[["readout", "read_layer"]].drop_duplicates().itertuples(index=False, name=None))
    lines = list(rows[["intervention", "control"]].drop_duplicates().itertuples(index=False, name=None))
    lines.sort(key=lambda line: (line[0] not in (UNTOUCHED, MAJORITY), line[0] == MAJORITY))
    cells = {
        (row["intervention"], row["control"], row["readout"], row["read_layer"]): written(row)
        for row in rows.to_dict("records")
    }
    several = len(interventions_of(effects)) > 1
    table = []
    for name, control in lines:
        said = control_name(control) if control else intervention_name(name)
        said = f"{intervention_name(name)}: {said}" if control and several else said
        table.append([said, *(cells.get((name, control, *column), NONE) for column in columns)])
    units = {row["readout"]: "%" if row["unit"] == "share" else "nats" for row in rows.to_dict("records")}
    heads = [f"{readout_name(*column)}, {units[column[0]]}" for column in columns]
    return TextTable(f"Layer {layer} changed: what is read after it", ["", *heads], table)


def excess_table(effects: pd.DataFrame, layer: int | None = None) -> TextTable:
    """Every intervention and read-out: the change, and its excess over the controls."""
    rows = means_of_all(effects)
    rows = rows[(rows["control"] == "") & (rows["against"] != "")]
    rows = rows if layer is None else rows[rows["layer"] == layer]
    main = main_control(effects)
    against = [UNTOUCHED, *(one for one in dict.fromkeys(rows["against"]) if one != UNTOUCHED)]
    keys = ["intervention", "readout", "read_layer", "layer"]
    table = []
    for place, part in rows.groupby(keys, sort=False):
        name, readout, read_layer, at = place
        cells = {row["against"]: row for row in part.to_dict("records")}
        said = f"{intervention_name(name)}: {readout_name(readout, read_layer)}"
        said = said if layer is not None else f"layer {at}, {said}"
        p = cells[main]["p_holm"] if main in cells else float("nan")
        own = [written(cells[one], sign=True) if one in cells else NONE for one in against]
        table.append([said, *own, p_value(p)])
    heads = ["change" if one == UNTOUCHED else f"beyond {control_name(one)}" for one in against]
    title = "Changes" if layer is None else f"Layer {layer} changed: changes"
    note = f"Points or nats. p (Holm) is that of the excess over {control_name(main)}."
    return TextTable(f"{title}, and what they exceed controls by", ["", *heads, "p"], table, note=note)


def concepts_table(effects: pd.DataFrame, layer: int) -> TextTable | None:
    """Words by their concept: what the first intervention did beyond the main control."""
    rows = detailed(effects, layer)
    rows = rows[rows["language"] == MEAN]
    if rows.empty:
        return None
    columns = list(rows[["readout", "read_layer"]].drop_duplicates().itertuples(index=False, name=None))
    cells = {(r["concept"], r["readout"], r["read_layer"]): r for r in rows.to_dict("records")}
    names = list(dict.fromkeys(rows["concept"]))
    table = []
    for name in names:
        own = [cells.get((name, *column)) for column in columns]
        most = max(int(one["n"]) for one in own if one)
        table.append([name, *(written(one, sign=True) if one else NONE for one in own), str(most)])
    title = f"By concept of the word: {intervention_name(rows['intervention'].iloc[0])}"
    said = f"beyond {control_name(main_control(effects))}" if main_control(effects) != UNTOUCHED else "change"
    heads = [readout_name(*column) for column in columns]
    return TextTable(f"{title}, {said}", ["concept", *heads, "languages"], table, note="Points or nats.")


def detailed(effects: pd.DataFrame, layer: int) -> pd.DataFrame:
    """Rows of single concepts of the first intervention, against the main control (or no change)."""
    against = main_control(effects)
    rows = effects[
        (effects["source"] == POOLED) & (effects["layer"] == layer) & (effects["control"] == "")
        & (effects["concept"] != ALL) & (effects["intervention"] == interventions_of(effects)[0])
    ]  # fmt: skip
    chosen = rows[rows["against"] == against]
    return chosen if len(chosen) else rows[rows["against"] == UNTOUCHED]


def languages_table(effects: pd.DataFrame, layer: int) -> TextTable:
    """Languages by read-outs: what the first intervention did beyond the main control."""
    against = main_control(effects)
    rows = effects[
        (effects["source"] == POOLED) & (effects["layer"] == layer) & (effects["control"] == "")
        & (effects["concept"] == ALL) & (effects["against"] == against)
        & (effects["intervention"] == interventions_of(effects)[0]) & (effects["language"] != MEAN)
    ]  # fmt: skip
    columns = list(rows[["readout", "read_layer"]].drop_duplicates().itertuples(index=False, name=None))
    cells = {
        (r["language"], r["readout"], r["read_layer"]): written(r, sign=True) for r in rows.to_dict("records")
    }
    codes = sorted(set(rows["language"]), key=language_name)
    said = f"beyond {control_name(against)}" if against != UNTOUCHED else "change"
    return TextTable(
        f"Language by language: {intervention_name(interventions_of(effects)[0])}, {said}",
        ["language", *(readout_name(*column) for column in columns)],
        [
            [f"{language_name(code)} ({code})", *(cells.get((code, *c), NONE) for c in columns)]
            for code in codes
        ],
        note="Points or nats.",
    )


def directions_table(directions: pd.DataFrame) -> TextTable | None:
    """How much variance is taken, by kind of direction: means over languages and draws."""
    if directions.empty:
        return None
    rows = directions[directions["source"] == POOLED]
    keys = ["layer", "intervention", "control"]
    means = rows.groupby(keys, sort=False)[["rank", "share", "overlap"]].mean()
    table = [
        [
            f"layer {layer}, {control_name(control) if control else intervention_name(name)}",
            f"{row['rank']:.0f}", percent(row["share"]), number(row["overlap"]),
        ]
        for (layer, name, control), row in means.iterrows()
    ]  # fmt: skip
    note = "Overlap: the mean squared cosine of the angles to the concepts' own directions; 1 is the same."
    columns = ["directions", "rank", "variance of words within languages, %", "overlap"]
    return TextTable("Directions", columns, table, note=note)


def predicted_table(predicted: pd.DataFrame) -> TextTable | None:
    """Correlations of the matrix with alignability."""
    if predicted.empty:
        return None
    table = []
    for row in predicted.to_dict("records"):
        where = f"layer {row['layer']}, {intervention_name(row['intervention'])}"
        said = f"{where}, {readout_name(row['readout'], str(row['read_layer']))}: {_KINDS[row['kind']]}"
        table.append([said, number(row["r"], row["low"], row["high"]), p_value(row["p"]), str(row["n"])])
    first = predicted.iloc[0]
    note = f"Spearman's r with {first['measure']} at layer {first['measure_layer']}. {_SIGN}"
    columns = ["", "r", "p", "languages"]
    return TextTable("Does alignability predict whose directions act where?", columns, table, note=note)


_SIGN = "Where a read-out falls (accuracy, agreement), r < 0: the more alignable, the larger the fall."


def tables(found: Interventions) -> Iterator[TextTable]:
    """Every table in the order of reading; those to be folded are marked."""
    effects, layer = found.effects, main_layer(found.effects)
    yield values_table(effects, layer)
    yield excess_table(effects, layer)
    if (table := concepts_table(effects, layer)) is not None:
        yield table.folding()
    yield languages_table(effects, layer).folding()
    layers = list(dict.fromkeys(effects["layer"]))
    if len(layers) > 1:
        yield excess_table(effects).folding()
        for other in layers:
            yield values_table(effects, int(other)).folding()
    for made in (directions_table(found.directions), predicted_table(found.predicted)):
        if made is not None:
            yield made.folding()
