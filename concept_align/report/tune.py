"""The report of a run of tuning: what moved, against what needs no training, and what it cost."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..tuning.outcomes import SEEN, UNSEEN
from ..tuning.study import BEFORE, LANGUAGE, RETRIEVAL, TUNED
from ..tuning.tuned import Tuned
from .builder import Files, Picture, Report, Section
from .names import language_name, model_name
from .tables import NONE, TextTable, number, percent
from .tune_figures import (
    GROUPS,
    METRICS,
    cost_figure,
    gains_figure,
    learner_title,
    losses_figure,
    retrieval_figure,
    values_of,
)

FILES = (
    ("before-after.csv", "every number, one per row, with its interval"),
    ("history.csv", "losses, learning rate and gradient of every step"),
    ("provenance.json", "what it was made from"),
    ("run.toml", "the options, to run it again"),
)
NOTES = (
    "Brackets hold 95% bootstrap intervals over documents, of means over languages as well. Differences are "
    "paired by documents. They say nothing of other training seeds.",
    "Centring takes a language's mean vector off, standardising divides each channel by its scale too; both "
    "are measured on training sentences and need no training. What tuning adds to `raw` alone may be no more "
    "than that: compare with `standardised, before`.",
    "A gain is evidence of alignment only if pairs that are shuffled (`control`) do not give it as well.",
)


def layers_of(frame: pd.DataFrame) -> list[int]:
    """The layers in which retrieval was measured, ascending."""
    return sorted({int(layer) for layer in frame.loc[frame["task"] == RETRIEVAL, "layer"]})


def sources_of(frame: pd.DataFrame) -> list[str]:
    """The sets that were searched, in the order of measuring."""
    return [str(name) for name in frame.loc[frame["task"] == RETRIEVAL, "source"].unique()]


def layers_table(frame: pd.DataFrame, source: str, group: str, metric: str = "p1") -> TextTable | None:
    """Ways of searching by layer, mean over the languages of ``group``; None where there are none."""
    rows = values_of(frame, RETRIEVAL, source=source, metric=metric, language=group)
    if rows.empty:
        return None
    cells = {(row["learner"], int(row["layer"])): _cell(row) for row in rows.to_dict("records")}
    layers = layers_of(frame)
    return TextTable(
        f"{source}: {METRICS[metric]}, mean over {rows['n'].max()} {GROUPS[group]}, %",
        ["searched by", *(f"layer {layer}" for layer in layers)],
        [
            [learner_title(learner), *(cells.get((learner, layer), NONE) for layer in layers)]
            for learner in (*BEFORE, *TUNED)
            if any((learner, layer) in cells for layer in layers)
        ],
    )


def gains_table(frame: pd.DataFrame, source: str, layer: int, metric: str = "p1") -> TextTable | None:
    """What tuning adds in ``layer``, to each way of searching and to standardising alone; or None."""
    rows = frame[
        (frame["task"] == RETRIEVAL) & (frame["source"] == source) & (frame["metric"] == metric)
        & (frame["layer"] == str(layer)) & (frame["reference"] != "")
    ]  # fmt: skip
    if rows.empty:
        return None
    cells = {
        (row["learner"], row["reference"], row["language"]): _cell(row, sign=True)
        for row in rows.to_dict("records")
    }
    pairs = list(dict.fromkeys(zip(rows["learner"], rows["reference"], strict=True)))
    groups = [name for name in GROUPS if (rows["language"] == name).any()]
    return TextTable(
        f"{source}, layer {layer}: differences in {METRICS[metric]}, points",
        ["tuned", "less", *(GROUPS[name] for name in groups)],
        [
            [learner_title(a), learner_title(b), *(cells.get((a, b, name), NONE) for name in groups)]
            for a, b in pairs
        ],
    )


def language_table(frame: pd.DataFrame, source: str, layer: int, metric: str = "p1") -> TextTable | None:
    """Languages by ways of searching in ``layer``; None where there are none."""
    rows = values_of(frame, RETRIEVAL, source=source, metric=metric, layer=str(layer))
    rows = rows[~rows["language"].isin(GROUPS)]
    if rows.empty:
        return None
    cells = {(row["language"], row["learner"]): _cell(row) for row in rows.to_dict("records")}
    learners = [name for name in (*BEFORE, *TUNED) if (rows["learner"] == name).any()]
    codes = sorted(rows["language"].unique(), key=language_name)
    counts = rows.groupby("language")["n"].max()
    return TextTable(
        f"{source}, layer {layer}, language by language: {METRICS[metric]}, %",
        ["language", *map(learner_title, learners), "sentences"],
        [
            [f"{language_name(code)} ({code})", *(cells.get((code, name), NONE) for name in learners),
             f"{counts[code]:,}"]
            for code in codes
        ],
    )  # fmt: skip


def cost_table(frame: pd.DataFrame) -> TextTable | None:
    """Nats per token and per byte before and after, by language; None where they were not measured."""
    rows = frame[frame["task"] == LANGUAGE]
    if rows.empty:
        return None
    cells = {
        (row["language"], row["metric"], row["learner"] if not row["reference"] else "change"): row
        for row in rows.to_dict("records")
    }
    codes = [name for name in GROUPS if (rows["language"] == name).any()]
    codes += sorted(set(rows["language"]) - set(GROUPS), key=language_name)
    kinds = (BEFORE[0], TUNED[0], "change")

    def cell(code: str, metric: str, kind: str) -> str:
        row = cells.get((code, metric, kind))
        if row is None:
            return NONE
        bounds = (row["low"], row["high"]) if kind == "change" else ()
        return number(row["value"], *bounds)

    return TextTable(
        "What plain text costs: nats",
        ["language", *(f"{metric.replace('nats-', '')}, {kind}" for metric in _COSTS for kind in kinds)],
        [
            [
                GROUPS.get(code) or language_name(code),
                *(cell(code, m, kind) for m in _COSTS for kind in kinds),
            ]
            for code in codes
        ],
    )


_COSTS = ("nats-per-token", "nats-per-byte")


def _cell(row: dict[Any, Any], *, sign: bool = False) -> str:
    return percent(row["value"], row["low"], row["high"], sign=sign)


def findings(frame: pd.DataFrame, layer: int) -> list[str]:
    """What is to be known first: the tuned layer before and after, beside standardising, and the cost."""
    said = []
    known = frame.set_index(["task", "source", "layer", "language", "learner", "reference", "metric"])

    def at(source: str, group: str, learner: str, reference: str = "") -> dict[Any, Any] | None:
        key = (RETRIEVAL, source, str(layer), group, learner, reference, "p1")
        return dict(known.loc[key]) if key in known.index else None

    for source in sources_of(frame):
        for group, name in GROUPS.items():
            raw, after = at(source, group, BEFORE[0]), at(source, group, TUNED[0])
            alone, both = at(source, group, BEFORE[2]), at(source, group, TUNED[2])
            gain = at(source, group, TUNED[2], BEFORE[2])
            if not (raw and after and alone and both and gain):
                continue
            # Bounds on both sides of nought decide nothing.
            decided = gain["low"] > 0 or gain["high"] < 0
            verdict = "which is what tuning itself added" if decided else "which may be nothing"
            said.append(
                f"{source[:1].upper()}{source[1:]}, {name}, layer {layer}: a translation is found first in "
                f"{_cell(after)} % of cases, before tuning in {percent(raw['value'])} %. With standardised "
                f"vectors it is {percent(both['value'])} % against {percent(alone['value'])} % before: "
                f"{_cell(gain, sign=True)} points, {verdict}."
            )
    for group, name in GROUPS.items():
        key = (LANGUAGE, "text", "output", group, TUNED[0], BEFORE[0], "nats-per-token")
        if key in known.index:
            said.append(f"Plain text of {name}: {_cost_said(dict(known.loc[key]))}.")
    return said


def _cost_said(row: dict[Any, Any]) -> str:
    """The change in nats per token of plain text: a loss, a gain, or neither where nought is within."""
    if row["low"] > 0:
        return f"{number(row['value'], row['low'], row['high'])} nats per token more than before, a loss"
    if row["high"] < 0:
        less = number(-row["value"], -row["high"], -row["low"])
        return f"{less} nats per token fewer than before, a gain"
    change = number(row["value"], row["low"], row["high"])
    return f"nats per token changed by {change}, which may be nothing"


def tune_report(tuned: Tuned, *, figures: bool = True) -> Report:
    """The report of the run in ``tuned``'s folder."""
    frame, config = tuned.before_after, tuned.config
    layer = tuned.layer
    sections: list[Section] = []
    if len(frame):
        own = layer if layer is not None else layers_of(frame)[-1]
        for source in sources_of(frame):
            drawn = list(_retrieval_pictures(frame, source, own)) if figures else []
            tables = [layers_table(frame, source, group) for group in GROUPS]
            tables = [gains_table(frame, source, own), *tables]
            folded = [language_table(frame, source, own)]
            folded += [layers_table(frame, source, group, "mrr") for group in GROUPS]
            blocks = [table for table in tables if table is not None]
            blocks += [table.folding() for table in folded if table is not None]
            sections.append(Section(f"Retrieval: {source}", [*drawn, *blocks]))
        if (cost := cost_table(frame)) is not None:
            picture = Picture("cost", cost_figure(frame), "Nats per token of plain text, by language.")
            sections.append(Section("Plain text", [*([picture] if figures else []), cost.folding()]))
    if figures and len(tuned.history):
        said = "Every step, and a running mean."
        picture = Picture("losses", losses_figure(tuned.history), said, wide=True)
        sections.append(Section("Training", [picture]))
    model = model_name(config.model, str(tuned.facts.get("revision", "")))
    seen = frame.loc[frame["language"] == SEEN, "n"].max() if len(frame) else None
    unseen = frame.loc[frame["language"] == UNSEEN, "n"].max() if len(frame) else None
    counted = [(seen, "languages tuned on"), (unseen, "languages not tuned on")]
    return Report(
        title="Tuning",
        lead=f"{model}, preset {config.preset}" + _control(config.control),
        facts=[
            *((str(int(n)), what) for n, what in counted if n is not None and pd.notna(n)),
            (str(len(tuned.history)), "steps"),
            *([(str(layer), "layer")] if layer is not None else []),
        ],
        findings=findings(frame, own) if len(frame) else ["Nothing was measured before and after."],
        sections=[*sections, Section("Files", [Files(FILES if len(frame) else FILES[1:])])],
        notes=[*NOTES, *_instructed(tuned)],
        kind="tune",
        models=[model],
    )


def _instructed(tuned: Tuned) -> list[str]:
    """That a control of pairs leaves instructions as they are, where it does."""
    config, weights = tuned.config, tuned.facts.get("weights", {})
    if config.control not in ("shuffled", "same-language") or not weights.get("answers"):
        return []
    return [
        "The control is of the pairs that are contrasted. Instructions are those of a run without it: where "
        "they are `parallel`, they ask for true translations, so what answers alone teach is in here too "
        "(`control` answers-only shows how much)."
    ]


def _control(control: str) -> str:
    return "" if control == "none" else f", control: {control}"


def _retrieval_pictures(frame: pd.DataFrame, source: str, layer: int) -> Iterator[Picture]:
    stem = source.replace(":", "-").replace("/", "-")
    said = (
        f"{source}: precision@1 by layer, the mean of both ways against the pivot. Broken lines are the "
        "model before tuning, full lines the tuned one; the dotted line marks the tuned layer; bands are 95% "
        "intervals."
    )
    yield Picture(f"retrieval-{stem}", retrieval_figure(frame, source, layer=layer), said, wide=True)
    if (frame["reference"] != "").any() and str(layer) in set(frame["layer"]):
        said = f"{source}, layer {layer}: what tuning adds to each way of searching, by language."
        yield Picture(f"gains-{stem}", gains_figure(frame, source, layer=layer), said)
