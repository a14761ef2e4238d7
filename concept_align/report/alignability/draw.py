"""Every figure that a table of scores allows, with what each shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..names import short_revision, task_name
from .dendrogram import dendrogram_figure
from .heatmap import heatmap_figure
from .names import measure_name, model_name, space_name
from .ordering import ordering
from .scores import layer_numbers, matrix, settings
from .sweep import FORMATS, sweep_figure
from .words import Controls, Found

_GROUP: tuple[str, ...] = ("task", "space", "measure", "against")


@dataclass(frozen=True)
class Drawn:
    """A figure: its files (PNG, SVG, PDF), a caption, and whether it needs the whole width of a page."""

    files: Sequence[Path]
    caption: str
    wide: bool = False

    @property
    def svg(self) -> Path:
        return next(path for path in self.files if path.suffix == ".svg")

    @property
    def shown(self) -> Path:
        """What a text links to: the picture that every reader can show, where it was written."""
        return next((path for path in self.files if path.suffix == ".png"), self.svg)


def slug(*parts: str) -> str:
    """``heatmap-gemma-3-270m-upos-raw-rsa`` for a file's name."""
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-") for part in parts if part)


def model_labels(scores: pd.DataFrame) -> dict[tuple[str, str], str]:
    """What each (model, revision) is called: revisions only where a model has several."""
    known = scores[["model", "revision"]].astype(str).drop_duplicates()
    short = known["model"].map(model_name)
    return {
        (model, revision): name if (short == name).sum() == 1 else f"{model} ({short_revision(revision)})"
        for model, revision, name in zip(known["model"], known["revision"], short, strict=True)
    }


def sweeps(
    scores: pd.DataFrame,
    controls: Controls,
    folder: Path,
    *,
    formats: Sequence[str] = FORMATS,
) -> list[Drawn]:
    """A figure a task, space and measure that was scored in several layers: models and controls together."""
    names, made = model_labels(scores), []
    for key, rows in scores.groupby(list(_GROUP), sort=False):
        task, space, measure, against = map(str, key)
        series = {
            names[str(model), str(revision)]: part
            for (model, revision), part in rows.groupby(["model", "revision"], sort=False)
            if layer_numbers(part)["layer"].nunique() > 1 and part["value"].notna().any()
        }
        if not series:
            continue
        beside = {}
        for label, other in controls.items():
            same = other[(other[list(_GROUP)].astype(str) == list(map(str, key))).all(axis=1)]
            for (model, revision), part in same.groupby(["model", "revision"], sort=False):
                several = same[["model", "revision"]].drop_duplicates().shape[0] > 1
                known = names.get((str(model), str(revision)), model_name(str(model)))
                name = f"{label}, {known}" if several else label
                beside[name] = part
        beside = {name: part for name, part in beside.items() if len(layer_numbers(part))}
        files = sweep_figure(
            series | beside, folder / slug("layers", task, space, measure, against), controls=list(beside),
            formats=formats,
        )  # fmt: skip
        caption = (
            f"{task_name(task)}, {space_name(space)}, {measure_name(measure)}: mean over pairs of languages "
            "by layer. Bands are 95% intervals over languages; grey is where a single pair falls, with two "
            "standard deviations, when its concepts are relabelled at random."
        )
        made.append(Drawn(files, caption[0].upper() + caption[1:]))
    return made


def pairwise(
    scores: pd.DataFrame,
    found: Sequence[Found],
    folder: Path,
    *,
    measures: Sequence[str] | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Drawn]:
    """Matrix and tree of each setting in its best layer, for ``measures`` (by default the first there is)."""
    chosen = list(measures) if measures is not None else [str(scores["measure"].iloc[0])]
    made = []
    for (about, rows), one in zip(settings(scores), found, strict=True):
        if about["measure"] not in chosen or one.best is None:
            continue
        grid = matrix(rows[rows["layer"].astype(str) == one.best.layer])
        where = f"{model_name(about['model'])}, layer {one.best.layer}"
        where += f", columns {about['against']}" if about["against"] else ""
        name = slug(model_name(about["model"], about["revision"]), *(about[column] for column in _GROUP))
        said: dict[str, Any] = {
            "measure": about["measure"],
            "task": about["task"],
            "space": about["space"],
            "where": where,
        }
        marks = {} if pd.isna(one.best.ceiling) else {"ceiling": one.best.ceiling}
        marks |= {} if pd.isna(one.best.null_mean) else {"null": one.best.null_mean}
        files = heatmap_figure(grid, folder / f"pairs-{name}", marks=marks, formats=formats, **said)
        made.append(Drawn(files, _of_pairs(one, where), wide=len(grid.languages) > 24))
        if len(ordering(grid).leaves) > 2:
            files = dendrogram_figure(grid, folder / f"tree-{name}", formats=formats, **said)
            caption = f"{one.title}, layer {one.best.layer}: the same scores as a tree, by average linkage."
            made.append(Drawn(files, caption))
    return made


def _of_pairs(one: Found, where: str) -> str:
    about = one.about
    what = f"{task_name(about['task'])}, {space_name(about['space'])}, {where}"
    made = f"{what}: {measure_name(about['measure'])} of every pair, languages that are alike side by side."
    return made[0].upper() + made[1:]
