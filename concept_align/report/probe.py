"""The report of a layer sweep of probes, and figures of probes: by layer, and as a yardstick."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConceptAlignError
from ..evaluation.probing import PROBE, ProbeSweepResult, best_layer
from ..evaluation.results import MAJORITY, combine
from .builder import Files, Picture, Report, Section, models_of
from .drawing import FLOOR, band, floor_line, legend, percents, row_axis
from .evaluation_tables import best_cells, means_of, per_language
from .names import METRIC_TITLES, capital, language_name, metric_name, task_name
from .style import COLOURS, GREY, INK, WHITE_EDGE, Chart, look, single, styled
from .tables import TextTable, percent, pivoted

METRICS = ("accuracy", "macro_f1")
READING = (
    "In each language and layer, a linear probe learns to tell the concepts apart from the language's own "
    "labelled words. It says how much of them is in the layer, not yet whether languages keep it in the same "
    "place. Layer 0 is the embeddings, layer n the output of block n."
)


@styled()
def layers_figure(
    probes: pd.DataFrame, task: str, *, metric: str = "accuracy", chosen: Mapping[str, int] | None = None
) -> Chart:
    """Mean over languages against layers: a line with an interval band per model, and the majority class.

    ``probes`` are the tidy rows of layer sweeps of one or several models; ``chosen`` layers (by model) get a
    ring. Raises ConceptAlignError without rows of ``task``.
    """
    rows = means_of(probes[probes["task"] == task], metric, "mean")
    if rows.empty:
        raise ConceptAlignError("no probes to draw", remedy="sweep layers first")
    rows["layer"] = rows["layer"].astype(int)
    models = list(dict.fromkeys(rows["model"]))
    figure, axis = single()
    handles: dict[str, Any] = {}
    for model, style in look(models).items():
        own = rows[(rows["model"] == model) & (rows["learner"] != MAJORITY)]
        handles[model] = band(axis, own, "layer", style, alpha=0.12)
        ring = own[own["layer"] == (chosen or {}).get(model, -1)]
        axis.plot(
            ring["layer"], 100 * ring["value"], marker="o", markersize=11, markerfacecolor="none",
            markeredgecolor=style["color"], markeredgewidth=1.3, linestyle="none",
        )  # fmt: skip
    floor = rows[rows["learner"] == MAJORITY].groupby("layer", as_index=False)["value"].mean()
    handles[FLOOR] = floor_line(axis, floor, "layer")
    axis.set_title(capital(f"{task_name(task)}: probes by layer"))
    axis.set_xticks(sorted(rows["layer"].unique()))
    axis.set_xlabel("layer (0: embeddings)")
    axis.set_ylabel(f"mean {METRIC_TITLES[metric]} over languages, %")
    axis.set_ylim(bottom=0)
    axis.margins(x=0.04)
    legend(figure, handles, 1, ncols=min(len(models) + 1, 3))
    return figure


@styled()
def reach_figure(
    frame: pd.DataFrame, own: pd.DataFrame, learner: str, *, title: str = "", metric: str = "accuracy"
) -> Chart:
    """Every target language: the majority class, ``learner`` zero-shot and the language's own probe.

    ``frame`` holds the tidy rows of one condition, ``own`` those of a probe of its layer. Lines are
    intervals; the language with the highest zero-shot accuracy is on top. Raises ConceptAlignError without
    zero-shot rows."""
    known = per_language(frame, metric, 0).set_index("language")
    zero, floor = (known[known["learner"] == name] for name in (learner, MAJORITY))
    if zero.empty:
        raise ConceptAlignError(f"no zero-shot results of {learner} to draw", remedy="evaluate first")
    codes = list(zero.sort_values("value").index)
    probe = per_language(own[own["learner"] != MAJORITY], metric).set_index("language")
    figure, axis = single(4.4, 1.1 + 0.26 * len(codes))
    row_axis(axis, [language_name(code) for code in codes])
    for rows, colour, marker, label, lift, hollow in (
        (probe, INK, "D", "own probe", 0.17, True),
        (zero, COLOURS[0], "o", f"{learner}, zero-shot", -0.17, False),
    ):
        y = np.arange(len(codes)) + lift
        value, low, high = percents(rows.reindex(codes))
        axis.hlines(y, low, high, color=colour, linewidth=1.1, alpha=0.55)
        look = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 1.1}
        axis.plot(
            value, y, color=colour, marker=marker, markersize=4.6, linestyle="none", label=label,
            **(look if hollow else WHITE_EDGE),
        )  # fmt: skip
    axis.plot(
        *percents(floor.reindex(codes), "value"), range(len(codes)), label=FLOOR,
        color=GREY, marker="|", markersize=9, markeredgewidth=1.6, linestyle="none",
    )  # fmt: skip
    axis.set(xlim=(0, 100), title=title, xlabel=f"{METRIC_TITLES[metric]}, %")
    figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handletextpad=0.3)
    return figure


def layer_table(
    probes: pd.DataFrame, task: str, *, metric: str = "accuracy", chosen: Mapping[str, int] | None = None
) -> TextTable:
    """Mean over languages of ``metric`` in per cent: models down, layers across; the majority class last.

    Bold are the ``chosen`` layers (by model).
    """
    rows = means_of(probes[probes["task"] == task], metric, "mean")
    rows = rows.assign(layer=rows["layer"].astype(int))
    models, layers = list(dict.fromkeys(rows["model"])), sorted(rows["layer"].unique())
    lines = [*((model, PROBE) for model in models), (models[0], MAJORITY)]
    cells = pivoted(rows, ("model", "learner"), "layer", lines, layers)
    names = [*models, FLOOR]
    best = {(models.index(model), 1 + layers.index(layer)) for model, layer in (chosen or {}).items()}
    name = f"{capital(task_name(task))}: {metric_name(metric)} of probes"
    return TextTable(
        f"{name}, %, mean over {rows['n'].max()} languages",
        ["probe of", *(f"layer {layer}" for layer in layers)],
        [[name, *line] for name, line in zip(names, cells, strict=True)],
        frozenset(best),
        "Bold: the layer chosen." if best else "",
    )


def probe_table(probes: pd.DataFrame, metric: str = "accuracy") -> TextTable:
    """Languages by layers of one model and task: ``metric`` of the probe on the test split, in per cent."""
    rows = per_language(probes[probes["learner"] == PROBE], metric)
    rows = rows.assign(layer=rows["layer"].astype(int))
    layers, codes = sorted(rows["layer"].unique()), sorted(rows["language"].unique(), key=language_name)
    cells = pivoted(rows, "language", "layer", codes, layers)
    best = best_cells(rows.dropna(subset="value"), codes, layers, "language", "layer")
    words = rows.groupby("language")["n"].max()
    return TextTable(
        f"Language by language: {metric_name(metric)} of probes, %",
        ["language", *(f"layer {layer}" for layer in layers), "test words"],
        [
            [f"{language_name(code)} ({code})", *line, f"{words[code]:,}"]
            for code, line in zip(codes, cells, strict=True)
        ],
        best,
    )


def probe_report(
    probes: pd.DataFrame, *, notes: Sequence[str] = (), files: Sequence[tuple[str, str]] = ()
) -> Report:
    """The report of layer sweeps: ``probes`` are tidy rows of one or several models and tasks."""
    findings, sections = [], []
    for task in dict.fromkeys(probes["task"]):
        of_task = probes[probes["task"] == task]
        models = {model: of_task[of_task["model"] == model] for model in dict.fromkeys(of_task["model"])}
        swept = {model: own for model, own in models.items() if (own["metric"] == "dev_accuracy").any()}
        chosen = {model: best_layer(own) for model, own in swept.items()}
        findings += [_finding(own, model, task, chosen[model]) for model, own in swept.items()]
        name = task.replace(":", "-")
        caption = (
            f"{capital(task_name(task))}: mean over languages of a probe per language and layer, with 95% "
            "intervals over languages; the ring marks the layer with the best development accuracy."
        )
        pictures = [Picture(f"layers-{name}", layers_figure(of_task, task, chosen=chosen), caption)]
        tables = [layer_table(of_task, task, metric=metric, chosen=chosen) for metric in METRICS]
        tables += [
            probe_table(own, metric).titled(model).folding()
            for model, own in models.items()
            for metric in METRICS
        ]
        sections.append(Section(capital(task_name(task)), [*pictures, *tables]))
    rows = per_language(probes, "accuracy")
    return Report(
        title="Probes",
        lead=READING,
        facts=[
            (str(rows["language"].nunique()), "languages"),
            (str(rows["layer"].nunique()), "layers"),
            (str(len(rows[rows["learner"] == PROBE])), "probes"),
        ],
        findings=findings,
        sections=[*sections, *([Section("Files", [Files(files)])] if files else [])],
        notes=notes,
        kind="probe",
        models=models_of(probes),
        figure_folder="figures",
    )


def _finding(own: pd.DataFrame, model: str, task: str, layer: int) -> str:
    """The mean accuracy in the layer with the best development accuracy, and the majority class."""
    means = means_of(own[own["layer"] == str(layer)], "accuracy", "mean").set_index("learner")
    probe = means.loc[PROBE]
    floor = percent(means["value"].get(MAJORITY, float("nan")))
    return (
        f"{model}, {task_name(task)}: layer {layer} has the best development accuracy; there the mean test "
        f"accuracy over {probe['n']} languages is {percent(probe['value'], probe['low'], probe['high'])} % "
        f"(majority class {floor} %)."
    )


def write_probes(found: ProbeSweepResult, folder: str | Path) -> list[Path]:
    """Write the tables of ``found``, and the report of all tasks whose tables are in ``folder``.

    The paths of ``probe-TASK.csv``, ``.parquet``, ``.json``, then those of summary, page and figures.
    """
    files = found.save(folder)
    tables = sorted(Path(folder).glob("probe-*.parquet"))
    notes = [f"{language}: {note}" for language, note in sorted(found.notes.items())]
    about = "every number, one per row, with its interval over test sentences"
    links = [(table.with_suffix(".csv").name, about) for table in tables]
    return [*files, *probe_report(combine(tables), notes=notes, files=links).write(folder)]
