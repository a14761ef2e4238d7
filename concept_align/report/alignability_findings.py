"""What alignability found, in sentences and tables: never a mean without its n, its interval and its null.

Means and intervals are those of :func:`concept_align.correspondence.table.means`: a jackknife over languages,
for pairs share them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from ..correspondence.table import LEVEL, means
from .names import full_name, measure_name, model_name, space_name, task_name
from .score_matrix import conditions, layer_numbers, one_condition, rows_of
from .tables import NONE, TextTable, number, p_value

_NAN = float("nan")
Controls = Mapping[str, pd.DataFrame]
MEANS_NOTE = (
    "Brackets: 95% intervals over languages. Null: what relabelled concepts give, mean ± standard deviation "
    "of a pair. Concepts: fewest and most that a pair was compared by."
)
HOW: tuple[str, ...] = (
    "A concept space is the set of prototypes (means over words) of the concepts of one language in one "
    "layer. A score says how similar the shapes of two languages' spaces are; larger is more similar. Scores "
    "of different measures, tasks and numbers of concepts are on different scales.",
    "Null: the concepts' names are permuted in one of both languages. Two random sets of few points in many "
    "dimensions look similar under some measures, so that a score is worth what it exceeds its null by.",
    "Pairs above chance: permutation tests, with Benjamini and Hochberg's correction over all pairs and "
    "layers of a measure; of those named, about one in twenty may be a false finding.",
    "Intervals of means are over languages, because pairs share them. Ceiling: the score of two halves of "
    "the same language's sentences. Halves have half the words and are noisier, so that it is a low one.",
)
CANNOT: tuple[str, ...] = (
    "A high score says that concepts have similar relations to each other, not that a model uses them, and "
    "not that both languages have them in the same directions of the space.",
    "Rare concepts have noisy prototypes in every language, which lie far from all others; two languages can "
    "look similar for that alone. The control with shuffled labels shows how much.",
    "Treebanks differ in genre, size and annotation; part of a difference between languages is theirs.",
)


@dataclass(frozen=True)
class LayerMean:
    """All pairs of one layer. ``significant`` is the share of the pairs with a q below ``LEVEL``.

    ``null_mean`` and ``null_sd`` are means over pairs of what a single pair's permuted labels give.
    """

    layer: str
    pairs: int  # with a value
    refused: int  # without one
    languages: int
    value: float
    low: float
    high: float
    null_mean: float
    null_sd: float
    significant: float
    tested: int  # pairs with a q
    ceiling: float
    dim: int
    concepts: tuple[int, int]  # fewest and most that a pair was compared by

    @property
    def bounded(self) -> str:
        """``0.74 [0.71, 0.77]``."""
        return number(self.value, self.low, self.high)

    @property
    def above_chance(self) -> str:
        """``861 of 861``: pairs above chance, of those that were tested."""
        if not self.tested:
            return NONE
        return f"{round(self.significant * self.tested):,} of {self.tested:,}"

    @property
    def chance(self) -> str:
        """A sentence or two about the null and the pairs above it."""
        if pd.isna(self.null_mean):
            return "No null was computed, so that it cannot be distinguished from chance."
        null = f"Relabelled concepts give {number(self.null_mean)} (sd of a pair {number(self.null_sd)})"
        if not self.tested:
            return f"{null}."
        above = f"{self.above_chance} pairs ({100 * self.significant:.0f}%) are above chance"
        return f"{null}; {above} at a false discovery rate of {LEVEL:.0%}."

    @property
    def row(self) -> list[str]:
        """Its cells in a table."""
        null = NONE if pd.isna(self.null_mean) else f"{number(self.null_mean)} ± {number(self.null_sd)}"
        few, many = self.concepts
        concepts = NONE if not many else str(many) if few == many else f"{few} to {many}"
        return [self.bounded, null, self.above_chance, number(self.ceiling), concepts]


def layer_means(scores: pd.DataFrame) -> list[LayerMean]:
    """One per layer, in order; layers that are not a single number come last.

    A language with itself, in another model's space, is no pair of languages: such rows are left out, but
    where there are no others.
    """
    one_condition(scores)
    different = scores["source"] != scores["target"]
    scores = scores[different] if different.any() else scores
    names = scores["layer"].astype(str)
    numbers = [str(layer) for layer in dict.fromkeys(layer_numbers(scores)["layer"])]
    ordered = dict.fromkeys([*numbers, *names])
    return [_layer_mean(layer, scores[names == layer]) for layer in ordered]


def _layer_mean(layer: str, scores: pd.DataFrame) -> LayerMean:
    rows = scores[scores["value"].notna()]
    mean, q = means(rows), rows["q"].dropna()
    value, low, high = mean.iloc[0][["value", "low", "high"]].astype(float) if len(mean) else (_NAN,) * 3
    null_mean, null_sd, ceiling = (float(rows[name].mean()) for name in ("null_mean", "null_sd", "ceiling"))
    return LayerMean(
        layer, len(rows), len(scores) - len(rows), len({*rows["source"], *rows["target"]}), value, low, high,
        null_mean, null_sd, significant=float((q < LEVEL).mean()) if len(q) else _NAN, tested=len(q),
        ceiling=ceiling, dim=int(rows["dim"].max()) if len(rows) else 0,
        concepts=(int(rows["n"].min()), int(rows["n"].max())) if len(rows) else (0, 0),
    )  # fmt: skip


def means_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """:func:`layer_means` as a table."""
    columns = list(LayerMean.__dataclass_fields__)
    return pd.DataFrame([asdict(mean) for mean in layer_means(scores)], columns=columns)


def best_layer(means: Sequence[LayerMean]) -> LayerMean | None:
    """The layer with the highest mean; the first of equals, None where no pair has a value."""
    return max((mean for mean in means if mean.pairs), key=lambda mean: mean.value, default=None)


def language_means(scores: pd.DataFrame) -> pd.DataFrame:
    """[layers, languages] mean over the pairs that a language is in, NaN where it has none."""
    rows = layer_numbers(scores).melt(["layer", "value"], ["source", "target"], value_name="language")
    return rows.groupby(["layer", "language"])["value"].mean().unstack().rename(columns=str)


@dataclass(frozen=True)
class ConditionFindings:
    """One condition: every layer, and the layer with the highest mean. ``controls`` are in that layer."""

    about: Mapping[str, str]
    layers: Sequence[LayerMean]
    best: LayerMean | None
    without: tuple[str, ...]  # languages that have no value in any layer
    reasons: tuple[str, ...]  # why pairs have no value
    controls: Mapping[str, LayerMean] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        """Model, task, space, what it is compared with (or nothing), measure, as people read them."""
        about = self.about
        against = f"against {about['against']}" if about["against"] else ""
        return (
            model_name(about["model"]), task_name(about["task"]), space_name(about["space"]), against,
            measure_name(about["measure"]),
        )  # fmt: skip

    @property
    def title(self) -> str:
        return ", ".join(part for part in self.parts if part)


def find(scores: pd.DataFrame, controls: Controls | None = None) -> list[ConditionFindings]:
    """Every condition of ``scores``, with the same of each control in its best layer."""
    found, alone = [], scores["model"].nunique() == 1
    for about, rows in conditions(scores):
        layers = layer_means(rows)
        best = best_layer(layers)
        valued = rows[rows["value"].notna()]
        there = {*valued["source"], *valued["target"]}
        names = dict.fromkeys([*rows["source"].astype(str), *rows["target"].astype(str)])
        reasons = dict.fromkeys(rows.loc[rows["value"].isna(), "note"].astype(str))
        others = {}
        for label, control in (controls or {}).items():
            # Its own model's: of that name, or of one that begins with it; of a model alone, of any name.
            own = control["model"].astype(str).str.startswith(about["model"])
            same = control[own] if own.any() or not alone else control
            wanted = {**about, "layer": best.layer if best else ""}
            same = rows_of(same, {name: wanted[name] for name in wanted if name not in ("model", "revision")})
            if len(same) and same["model"].nunique() == 1:
                others[label] = layer_means(same)[0]
        without = tuple(name for name in names if name not in there)
        found.append(ConditionFindings(about, layers, best, without, tuple(filter(None, reasons)), others))
    return found


def sentences(found: ConditionFindings) -> list[str]:
    """What was measured in one condition, in sentences."""
    best = found.best
    if best is None:
        why = f": {'; '.join(found.reasons)}" if found.reasons else ""
        return [f"{found.title}: no pair of languages has a value{why}."]
    of = [layer for layer in found.layers if layer.pairs]
    first = f", the highest of {len(of)}," if len(of) > 1 else ""
    said = [
        f"{found.title}: in layer {best.layer}{first} the mean over {best.pairs:,} pairs of "
        f"{best.languages} languages is {best.bounded}. {best.chance}"
    ]
    if len(of) > 1:
        said[0] += " The layer was chosen by the same pairs, so that its mean is a little high."
    if not pd.isna(best.ceiling):
        said.append(
            f"Ceiling: two halves of one language's own sentences reach {number(best.ceiling)} on the same "
            f"scale{_reached(best)}."
        )
    said += [
        f"Control, {label}: {mean.bounded} over {mean.pairs:,} pairs. {mean.chance}"
        for label, mean in found.controls.items()
    ]
    if found.without or best.refused:
        names = ", ".join(map(full_name, found.without))
        what = f"No value for {names}" if names else f"{best.refused:,} pairs have no value"
        said.append(f"{what}{': ' + '; '.join(found.reasons) if found.reasons else ''}.")
    return said


def _reached(mean: LayerMean) -> str:
    """How much of the way from chance to the ceiling a mean goes."""
    room = mean.ceiling - mean.null_mean
    if pd.isna(room) or room <= 0:
        return ""
    if mean.value > mean.ceiling:
        return "; the mean is above it, for halves have half the words"
    return f"; the mean goes {100 * (mean.value - mean.null_mean) / room:.0f}% of the way there from chance"


def best_table(found: Sequence[ConditionFindings]) -> TextTable:
    """A row per condition, in its best layer, and one for each control.

    What all conditions have in common is in the title.
    """
    every = [one.parts for one in found]
    same = [len({parts[at] for parts in every}) == 1 for at in range(5)]
    common = ", ".join(part for at, part in enumerate(every[0] if every else ()) if same[at] and part)
    rows = []
    for one in found:
        own = [part for part, common in zip(one.parts, same, strict=True) if part and not common]
        name = ", ".join(own) or model_name(one.about["model"])
        rows.append([name, *([NONE] * 6 if one.best is None else [one.best.layer, *one.best.row])])
        rows += [[f"… {label}", mean.layer, *mean.row] for label, mean in one.controls.items()]
    columns = ["", "layer", "mean over pairs", "null", "pairs above chance", "ceiling", "concepts"]
    title = "Layers with the highest mean" + (f": {common}" if common else "")
    return TextTable(title, columns, rows, note=MEANS_NOTE)


def layer_table(found: ConditionFindings) -> TextTable:
    """A row per layer; the best one bold."""
    rows = [[mean.layer, *mean.row, str(mean.dim)] for mean in found.layers]
    best = {(at, 1) for at, mean in enumerate(found.layers) if mean is found.best}
    columns = ["layer", "mean over pairs", "null", "pairs above chance", "ceiling", "concepts", "dimensions"]
    return TextTable(found.title, columns, rows, frozenset(best), "Bold: the highest mean.", folded=True)


# Tables of what was asked of the scores. Each row of a frame becomes a row of cells.
Row = Mapping[str, Any]


def _where(row: Row) -> str:
    return f"{model_name(str(row['model']))}, {task_name(str(row['task']))}, layer {row['layer']}"


def _bounds(row: Row, value: str, low: str = "low", high: str = "high") -> str:
    return number(*(float(row[name]) for name in (value, low, high)))


def _families(row: Row) -> list[str]:
    within, between = int(row["pairs_within"]), int(row["pairs_between"])
    name = f"{_where(row)}: same {row['labels']}"
    return [name, _bounds(row, "difference"), p_value(row["p"]), f"{within:,} of {within + between:,}"]


def _predictors(row: Row) -> list[str]:
    partial = _bounds(row, "partial_r", "partial_low", "partial_high")
    r, *p = _bounds(row, "r"), *(p_value(row[name]) for name in ("p", "q", "p_within"))
    return [f"{_where(row)}: {row['predictor']}", r, *p, partial, p_value(row["partial_p"])]


def _transfer(row: Row) -> list[str]:
    name = f"{_where(row)}, {measure_name(str(row['measure']))}: {row['learner']}, {row['kind']}"
    return [name, _bounds(row, "r"), p_value(row["p"]), p_value(row["q"]), str(row["n"])]


def _models(row: Row) -> list[str]:
    pair = " − ".join(
        f"{model_name(str(row[side]))} (layer {row[f'layer_{side}']})" for side in ("first", "second")
    )
    name = f"{pair}, {task_name(str(row['task']))}, {measure_name(str(row['measure']))}, {row['quantity']}"
    agreement = _bounds(row, "agreement", "agreement_low", "agreement_high")
    return [name, _bounds(row, "difference"), p_value(row["p"]), agreement, p_value(row["agreement_p"])]


@dataclass(frozen=True)
class AnswerTable:
    """How the frame of one question becomes a table."""

    title: str
    columns: tuple[str, ...]
    cells: Callable[[Row], list[str]]
    note: str

    def of(self, frame: pd.DataFrame) -> TextTable:
        """The table of ``frame``, a row for each of its rows."""
        rows = [self.cells(row) for row in frame.to_dict("records")]
        return TextTable(self.title, ["", *self.columns], rows, note=self.note)


ANSWERS: dict[str, AnswerTable] = {
    "families": AnswerTable(
        "Are related languages more similar?",
        ("within less between", "p", "pairs within"),
        _families,
        "Mean score of pairs with the same label less that of pairs with different ones; p by permuting "
        "labels over languages.",
    ),
    "predictors": AnswerTable(
        "What correlates with alignability?",
        ("r", "p", "q", "p within", "partial r", "partial p"),
        _predictors,
        "Mantel correlation of scores with distances between languages: negative where unlike languages "
        "score lower. p within: languages permuted within their families only, which is what is left when "
        "families have much in common for other reasons.",
    ),
    "transfer": AnswerTable(
        "Does alignability predict zero-shot accuracy?",
        ("r", "p", "q", "languages"),
        _transfer,
        "Over target languages: score with the source language and zero-shot accuracy; partial: with the log "
        "number of training words held constant.",
    ),
    "models": AnswerTable(
        "One model compared with another",
        ("difference", "p", "agreement", "p"),
        _models,
        "Best layer against best layer, over the same pairs. Excess: score less its null. Agreement: Mantel "
        "correlation of the two models' scores.",
    ),
}


def answers(frames: Mapping[str, pd.DataFrame]) -> list[TextTable]:
    """A table for every question (``families``, ``predictors``, ``transfer``, ``models``) with rows."""
    made = []
    for name, shape in ANSWERS.items():
        frame = frames.get(name, pd.DataFrame())
        if name == "transfer" and len(frame):
            frame = frame[frame["kind"].astype(str).str.endswith("spearman")]
        if len(frame):
            made.append(shape.of(frame))
    return made
