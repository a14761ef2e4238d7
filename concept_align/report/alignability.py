"""The report of a study of alignability, and its folder: tables, a page and figures."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ..atomic import save_csv, save_table, write_json
from ..correspondence.study import AlignabilityStudy, Question, TaskFindings
from ..correspondence.table import Alignability, means
from ..errors import UsageError
from .alignability_figures import concepts_figure, overlay_figure, points_of, sweep_figure, transfer_figure
from .alignability_findings import (
    CANNOT,
    HOW,
    ConditionFindings,
    Controls,
    answers,
    best_table,
    find,
    layer_table,
    sentences,
)
from .builder import Block, Files, Picture, Report, Section, models_of
from .matrix_figures import dendrogram_figure, heatmap_figure
from .names import capital, language_name, measure_name, model_name, space_name, task_name
from .score_matrix import conditions, language_tree, layer_numbers, matrix, one_condition, rows_of
from .style import Chart

FORMATS: tuple[str, ...] = ("png", "svg", "pdf")
FIGURES = "figures"
TITLE = "Do concepts correspond across languages?"
LEAD = (
    "In each language, every concept has a prototype: the mean of the words that it labels. Whether the "
    "prototypes of two languages have similar relations to each other is measured pair by pair, and compared "
    "with chance."
)
_GROUP: tuple[str, ...] = ("task", "space", "measure", "against")


def slug(*parts: str) -> str:
    """``heatmap-gemma-3-270m-upos-raw-rsa`` for a file's name."""
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-") for part in parts if part)


def alignability_report(
    scores: pd.DataFrame,
    *,
    controls: Controls | None = None,
    others: Sequence[Picture] = (),
    answered: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
    files: Sequence[tuple[str, str]] = (),
) -> Report:
    """The report of tidy ``scores`` of one or more models, tasks, spaces and measures.

    ``controls`` are tables of the same form by what they are ("untrained model"). Matrices and trees are
    drawn for the first measure; ``others`` are figures of concepts, maps and transfer,
    ``answered`` the frames of further questions (:data:`.alignability_findings.ANSWERS`).
    """
    found = find(scores, controls)
    most = max((one.best.pairs for one in found if one.best), default=0)
    counts = [
        (len(models_of(scores)), "models"),
        (len({*scores["source"], *scores["target"]}), "languages compared"),
        (most, "pairs with a value, at most"),
        (scores["layer"].nunique(), "layers"),
        (scores["measure"].nunique(), "measures"),
    ]
    return Report(
        title=TITLE,
        lead=LEAD,
        facts=[(f"{n:,}", what.removesuffix("s") if n == 1 else what) for n, what in counts],
        sections=[
            *alignability_sections(scores, found, controls or {}),
            Section("Concepts and transfer", others),
            Section("Further questions", answers(answered or {})),
            Section("How to read it", [list(HOW)]),
            Section("What it cannot show", [list(CANNOT)]),
            Section("Files", [Files(files)] if files else []),
        ],
        notes=notes,
        kind="alignability",
        models=models_of(scores),
        figure_folder=FIGURES,
    )


def alignability_sections(
    scores: pd.DataFrame,
    found: Sequence[ConditionFindings],
    controls: Controls,
    *,
    paired: pd.DataFrame | None = None,
) -> list[Section]:
    """What was found, layer by layer, and pair by pair: of the rows ``paired``, where not of all.

    In words, the first measure of each model, task and space is spoken of.
    """
    first: dict[tuple[str, ...], ConditionFindings] = {}
    for one in found:
        first.setdefault(one.parts[:-1], one)
    layers = [layer_table(one) for one in found if len(one.layers) > 1]
    said: list[Block] = [sentences(one) for one in first.values()]
    pairs = scores if paired is None else paired
    drawn = pairwise(pairs, find(pairs, controls))
    made = [
        Section("Similarity of concept spaces across languages", [best_table(found), *said]),
        Section("Alignability, layer by layer", [*sweeps(scores, controls), *layers] if layers else []),
        Section("Alignability, pair by pair", drawn),
    ]
    return [section for section in made if section.blocks]


def sweeps(scores: pd.DataFrame, controls: Controls) -> list[Picture]:
    """A figure per task, space and measure scored in several layers: models and controls together."""
    known = scores[["model", "revision"]].astype(str).drop_duplicates()
    short = known["model"].map(model_name)
    # Revisions only where a model has several.
    names = {
        (model, revision): name if (short == name).sum() == 1 else model_name(model, revision)
        for model, revision, name in zip(known["model"], known["revision"], short, strict=True)
    }
    made = []
    for key, rows in scores.groupby(list(_GROUP), sort=False):
        series = {
            names[str(model), str(revision)]: part
            for (model, revision), part in rows.groupby(["model", "revision"], sort=False)
            if layer_numbers(part)["layer"].nunique() > 1 and part["value"].notna().any()
        }
        if not series:
            continue
        others = {}
        for label, control in controls.items():
            same = rows_of(control, dict(zip(_GROUP, key, strict=True)))
            of = list(same.groupby(["model", "revision"], sort=False))
            for (model, revision), part in of:
                name = names.get((str(model), str(revision)), model_name(str(model)))
                if len(layer_numbers(part)):
                    others[f"{label}, {name}" if len(of) > 1 else label] = part
        task, space, measure, against = map(str, key)
        caption = (
            f"{task_name(task)}, {space_name(space)}, {measure_name(measure)}: mean over pairs of languages "
            "by layer. Bands are 95% intervals over languages; grey is the null of a single pair, mean and "
            "two standard deviations under permuted labels."
        )
        figure = sweep_figure(series | others, controls=list(others))
        made.append(Picture(slug("layers", task, space, measure, against), figure, capital(caption)))
    return made


def _titles(rows: pd.DataFrame) -> dict[str, Any]:
    """What figures say of the scores ``rows``, which are of one condition and layer."""
    about = one_condition(rows)
    where = f"{model_name(about['model'])}, layer {rows['layer'].iloc[0]}"
    where += f", columns {about['against']}" if about["against"] else ""
    return {column: about[column] for column in ("measure", "task", "space")} | {"where": where}


def pairs_figure(rows: pd.DataFrame, **options: Any) -> Chart:
    """The matrix of the scores ``rows``, which are of one condition and layer."""
    return heatmap_figure(matrix(rows), **_titles(rows), **options)


def pairwise(scores: pd.DataFrame, found: Sequence[ConditionFindings]) -> list[Picture]:
    """Matrix and tree of each condition of the first measure, in its best layer."""
    made = []
    for (about, rows), one in zip(conditions(scores), found, strict=True):
        if about["measure"] != scores["measure"].iloc[0] or one.best is None:
            continue
        own = rows[rows["layer"].astype(str) == one.best.layer]
        grid, said = matrix(own), _titles(own)
        name = slug(model_name(about["model"], about["revision"]), *(about[column] for column in _GROUP))
        marks = {"ceiling": one.best.ceiling, "null": one.best.null_mean}
        marks = {label: value for label, value in marks.items() if not pd.isna(value)}
        caption = (
            f"{task_name(about['task'])}, {space_name(about['space'])}, {said['where']}: "
            f"{measure_name(about['measure'])} of every pair, similar languages side by side."
        )
        figure = pairs_figure(own, marks=marks)
        made.append(Picture(f"pairs-{name}", figure, capital(caption), wide=len(grid.languages) > 24))
        if len(language_tree(grid).leaves) > 2:
            caption = f"{one.title}, layer {one.best.layer}: the same scores as a tree, by average linkage."
            made.append(Picture(f"tree-{name}", dendrogram_figure(grid, **said), caption))
    return made


def write_alignability(
    studied: AlignabilityStudy, folder: str | Path, *, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write everything to ``folder``: ``alignability.csv`` and ``.parquet`` (a row per score), ``means.csv``,
    a table per question, ``summary.md``, ``index.html``, ``figures/``. What was written, the page first.
    """
    folder = Path(folder)
    files = list(Alignability(studied.scores, {}).save(folder))
    about = {f"{one.model}, {one.task}": dict(one.scores.provenance) for one in studied.findings}
    write_json(folder / "alignability.json", {"scores": about})
    frames = {name: studied.table(name) for name in get_args(Question)}
    frames |= {"models": studied.models, "across": studied.across}
    if studied.controls:
        of = {name: means(frame) for name, frame in studied.controls.items()}
        frames["controls"] = pd.concat(of, names=["control"]).reset_index("control")
    for name, frame in frames.items():
        if len(frame):
            save_csv(frame, folder / f"{name}.csv")
            files.append(folder / f"{name}.csv")
    if len(studied.across):
        save_table(studied.across, folder, "across")
    report = study_report(studied, files=[(file.name, "") for file in files])
    summary, page, *figures = report.write(folder, formats=formats)
    return [page, summary, *figures, *files]


def study_report(studied: AlignabilityStudy, *, files: Sequence[tuple[str, str]] = ()) -> Report:
    """The report of a study: scores and controls, and everything that was asked of them."""
    frames = {name: studied.table(name) for name in get_args(Question)} | {"models": studied.models}
    return alignability_report(
        studied.scores,
        controls=studied.controls,
        others=[picture for one in studied.findings for picture in _pictures(one, studied)],
        answered=frames,
        notes=studied.notices,
        files=files,
    )


def _where(one: TaskFindings) -> str:
    return f"{model_name(one.model)}, layer {one.layer}"


def concepts_of(one: TaskFindings) -> Chart:
    """Which concepts correspond across languages, and which do not."""
    return concepts_figure(one.concepts, task=one.task, below=_where(one))


def map_of(one: TaskFindings) -> Chart:
    """The prototypes of several languages in one plane; UsageError where too few share concepts."""
    if one.overlay is None:
        raise UsageError("too few languages share enough concepts for a map", option="min_count")
    title = capital(f"{task_name(one.task)}: prototypes after Procrustes rotation")
    points = points_of(one.overlay.points)
    return overlay_figure(*points, shares=one.overlay.shown, title=title, below=_where(one))


def _pictures(one: TaskFindings, studied: AlignabilityStudy) -> list[Picture]:
    """Concepts, map and transfer of one model and task."""
    drawn = []
    name = slug(model_name(one.model), one.task)
    where = _where(one)
    if len(one.concepts):
        figure = concepts_of(one)
        caption = (
            f"{task_name(one.task)}, {where}: for each concept, the correlation (Spearman) between two "
            "languages of its distances to all others, mean over pairs with its interval over languages; "
            "grey is the null under relabelled concepts."
        )
        drawn.append(Picture(f"concepts-{name}", figure, capital(caption)))
    if one.overlay is not None:
        figure = map_of(one)
        names = ", ".join(language_name(code) for code in one.overlay.languages)
        caption = (
            f"{task_name(one.task)}, {where}: the prototypes of {names}, after Procrustes rotation to their "
            f"mean. {100 * one.overlay.agreement:.0f}% of their variance is shared (relabelled concepts: "
            f"{100 * one.overlay.null_mean:.0f}%)."
        )
        drawn.append(Picture(f"map-{name}", figure, capital(caption)))
    if len(one.transfer):
        drawn.append(_transfer(one, studied, f"transfer-{name}"))
    return drawn


def _transfer(one: TaskFindings, studied: AlignabilityStudy, name: str) -> Picture:
    """The first measure against zero-shot accuracy, at the layer of the study where there is one."""
    results, source = studied.plan.results, studied.plan.config.source
    assert results is not None
    measure = one.scores.measures[0]
    rows = one.transfer[(one.transfer["measure"] == measure) & (one.transfer["kind"] == "pearson")]
    own = rows[rows["layer"].astype(str) == one.layer]
    row = (own if len(own) else rows).iloc[0]
    alike = one.scores.matrix(measure, str(row["layer"])).loc[source].drop(source)
    wanted = {"draw": -1, "task": one.task, "layer": row["results_layer"]}
    results = rows_of(results, wanted | {name: row[name] for name in ("learner", "metric", "shots")})
    chosen = results[results["language"].isin(one.scores.languages)].set_index("language")["value"]
    figure = transfer_figure(
        alike.astype(float).to_dict(),
        chosen.astype(float).to_dict(),
        measure=measure_name(measure),
        source=source,
        below=f"{model_name(one.model)}, layer {row['layer']}, {row['learner']}",
    )
    caption = (
        f"{task_name(one.task)}: {measure_name(measure)} with {language_name(source)} against zero-shot "
        f"accuracy of {row['learner']}, a point per language."
    )
    return Picture(name, figure, capital(caption))
