"""What was found, in sentences and tables: never a mean without its n, its interval and its null."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ...correspondence.table import LEVEL
from ..names import task_name
from ..tables import TextTable
from .families import full_name
from .means import LayerMean, best_layer, layer_means
from .names import measure_name, model_name, space_name
from .scores import settings

NONE = "–"
Controls = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Found:
    """One setting: every layer, and the layer with the highest mean. ``controls`` are in that layer."""

    about: Mapping[str, str]
    layers: Sequence[LayerMean]
    best: LayerMean | None
    languages: tuple[str, ...]
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


def find(scores: pd.DataFrame, controls: Controls | None = None) -> list[Found]:
    """Every setting of ``scores``, with the same of each control in its best layer."""
    found = []
    for about, rows in settings(scores):
        layers = layer_means(rows)
        best = best_layer(layers)
        names = tuple(dict.fromkeys([*rows["source"].astype(str), *rows["target"].astype(str)]))
        valued = rows[rows["value"].notna()]
        there = {*valued["source"], *valued["target"]}
        notes = rows.loc[rows["value"].isna(), "note"].astype(str)
        beside = {}
        for label, other in (controls or {}).items():
            same = of_model(other, about["model"], alone=scores["model"].nunique() == 1)
            same = same[_like(same, about, "measure", "task", "space", "against")]
            same = same[same["layer"].astype(str) == (best.layer if best else "")]
            if len(same) and same["model"].nunique() == 1:
                beside[label] = layer_means(same)[0]
        found.append(
            Found(
                about, layers, best, names, tuple(name for name in names if name not in there),
                tuple(note for note in dict.fromkeys(notes) if note), beside,
            )
        )  # fmt: skip
    return found


def of_model(control: pd.DataFrame, model: str, *, alone: bool) -> pd.DataFrame:
    """The rows of a control that belong to ``model``: of that name, or of one that begins with it.

    Where the model stands ``alone`` and the control has another name, all of them.
    """
    names = control["model"].astype(str)
    own = names.str.startswith(model)
    return control[own] if own.any() or not alone else control


def _like(scores: pd.DataFrame, about: Mapping[str, str], *columns: str) -> "pd.Series[bool]":
    """The rows that have what ``about`` says in ``columns``."""
    return (scores[list(columns)].astype(str) == [about[column] for column in columns]).all(axis=1)


def number(value: float) -> str:
    if pd.isna(value):
        return NONE
    return f"{value:z.2f}".replace("-", "−")  # z: never a negative nought


def interval(mean: LayerMean) -> str:
    """``0.74 [0.71, 0.77]``; no brackets where there is no interval."""
    if pd.isna(mean.low):
        return number(mean.value)
    return f"{number(mean.value)} [{number(mean.low)}, {number(mean.high)}]"


def share(mean: LayerMean) -> str:
    """``861 of 861``: pairs above chance, of those that were tested."""
    return NONE if not mean.tested else f"{round(mean.significant * mean.tested):,} of {mean.tested:,}"


def _concepts(mean: LayerMean) -> str:
    low, high = mean.concepts
    return NONE if not high else str(high) if low == high else f"{low} to {high}"


def sentences(found: Found) -> list[str]:
    """What was measured in one setting, as a reader would want it said."""
    best = found.best
    if best is None:
        why = f": {'; '.join(found.reasons)}" if found.reasons else ""
        return [f"{found.title}: no pair of languages has a value{why}."]
    of = [layer for layer in found.layers if layer.pairs]
    first = f", the highest of {len(of)}," if len(of) > 1 else ""
    said = [
        f"{found.title}: in layer {best.layer}{first} the mean over {best.pairs:,} pairs of "
        f"{best.languages} languages is {interval(best)}. {_chance(best)}"
    ]
    if len(of) > 1:
        said[0] += " The layer was chosen by the same pairs, so that its mean is a little high."
    if not pd.isna(best.ceiling):
        said.append(
            f"Ceiling: two halves of one language's own sentences reach {number(best.ceiling)} on the same "
            f"scale{_reached(best)}."
        )
    for label, mean in found.controls.items():
        said.append(f"Control, {label}: {interval(mean)} over {mean.pairs:,} pairs. {_chance(mean)}")
    if found.without or best.refused:
        names = ", ".join(map(full_name, found.without))
        what = f"No value for {names}" if names else f"{best.refused:,} pairs have no value"
        said.append(f"{what}{': ' + '; '.join(found.reasons) if found.reasons else ''}.")
    return said


def _chance(mean: LayerMean) -> str:
    if pd.isna(mean.null_mean):
        return "No null was computed, so that it cannot be told from chance."
    null = f"Relabelled concepts give {number(mean.null_mean)} (sd of a pair {number(mean.null_sd)})"
    if not mean.tested:
        return f"{null}."
    percent = 100 * mean.significant
    above = f"{share(mean)} pairs ({percent:.0f}%) are above chance"
    return f"{null}; {above} at a false discovery rate of {LEVEL:.0%}."


def _reached(mean: LayerMean) -> str:
    """How much of the way from chance to the ceiling a mean goes."""
    room = mean.ceiling - mean.null_mean
    if pd.isna(room) or room <= 0:
        return ""
    if mean.value > mean.ceiling:
        return "; the mean is above it, for halves have half the words"
    return f"; the mean goes {100 * (mean.value - mean.null_mean) / room:.0f}% of the way there from chance"


def best_table(found: Sequence[Found]) -> TextTable:
    """A row a setting, in its best layer, and one for each control.

    What all settings have in common stands in the title.
    """
    every = [one.parts for one in found]
    same = [len({parts[at] for parts in every}) == 1 for at in range(5)]
    common = ", ".join(part for at, part in enumerate(every[0] if every else ()) if same[at] and part)
    title = "Layers with the highest mean" + (f": {common}" if common else "")
    rows = []
    for one in found:
        own = [part for part, common in zip(one.parts, same, strict=True) if part and not common]
        name = ", ".join(own) or model_name(one.about["model"])
        if one.best is None:
            rows.append([name, *[NONE] * 6])
            continue
        rows.append(_row(name, one.best.layer, one.best))
        rows += [_row(f"… {label}", mean.layer, mean) for label, mean in one.controls.items()]
    columns = ["", "layer", "mean over pairs", "null", "pairs above chance", "ceiling", "concepts"]
    return TextTable(title, columns, rows)


def layer_table(found: Found) -> TextTable:
    """A row a layer; the best one bold."""
    rows = [_row(mean.layer, None, mean) for mean in found.layers]
    best = {(at, 1) for at, mean in enumerate(found.layers) if mean is found.best}
    columns = ["layer", "mean over pairs", "null", "pairs above chance", "ceiling", "concepts", "dimensions"]
    rows = [[*row, str(mean.dim)] for row, mean in zip(rows, found.layers, strict=True)]
    return TextTable(found.title, columns, rows, frozenset(best))


def _row(title: str, layer: str | None, mean: LayerMean) -> list[str]:
    null = NONE if pd.isna(mean.null_mean) else f"{number(mean.null_mean)} ± {number(mean.null_sd)}"
    cells = [interval(mean), null, share(mean), number(mean.ceiling), _concepts(mean)]
    return [title, *([] if layer is None else [layer]), *cells]
