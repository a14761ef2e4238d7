"""The folder of a study of alignability: tables for machines, a page and figures for people."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ...atomic import replacing, write_json
from ...correspondence.study import AlignabilityStudy, Question, TaskFindings
from ...correspondence.table import Alignability, means
from ...evaluation.results import save_csv
from ..names import language_name, task_name
from .answers import answers
from .concepts import concepts_figure
from .draw import Drawn, slug
from .names import measure_name, model_name
from .overlay import overlay_figure, points_of
from .page import write_report
from .scores import matrix
from .sweep import FORMATS
from .transfer import transfer_figure


def write_study(
    studied: AlignabilityStudy,
    folder: str | Path,
    *,
    facts: Mapping[str, Any] | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write everything to ``folder``: ``alignability.csv`` and ``.parquet`` (a row a score), ``means.csv``, a
    table a question, ``summary.md``, ``index.html``, ``figures/``. What was written, the page first.
    """
    folder = Path(folder)
    scores = studied.scores
    files = list(Alignability(scores, {}).save(folder))
    about = {f"{one.model}, {one.task}": dict(one.scores.provenance) for one in studied.findings}
    write_json(folder / "alignability.json", {"scores": about, **(facts or {})})
    frames = {name: studied.table(name) for name in get_args(Question)}
    frames |= {"models": studied.models, "across": studied.across, "controls": _controls(studied)}
    for name, frame in frames.items():
        if len(frame):
            save_csv(frame, folder / f"{name}.csv")
            files.append(folder / f"{name}.csv")
    if len(studied.across):
        with replacing(folder / "across.parquet") as file:
            studied.across.to_parquet(file, index=False)
    drawn: list[Drawn] = []
    if find_spec("matplotlib"):
        for one in studied.findings:
            drawn += _figures(one, studied, folder / "figures", formats)
    written = write_report(
        scores,
        folder,
        controls=studied.controls,
        others=drawn,
        answers=list(answers(studied)),
        notices=studied.notices,
        formats=formats,
    )
    page = folder / "index.html"
    return [page, *(path for path in written if path != page), *files]


def _controls(studied: AlignabilityStudy) -> pd.DataFrame:
    """The means of every control by layer."""
    frames = []
    for name, frame in studied.controls.items():
        mean = means(frame)
        mean.insert(0, "control", name)
        frames.append(mean)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _figures(
    one: TaskFindings, studied: AlignabilityStudy, folder: Path, formats: Sequence[str]
) -> list[Drawn]:
    """Concepts, map and transfer of one model and task."""
    drawn = []
    name = slug(model_name(one.model), one.task)
    where = f"{model_name(one.model)}, layer {one.layer}"
    if len(one.concepts):
        files = concepts_figure(
            one.concepts, folder / f"concepts-{name}", task=one.task, below=where,
            axis_label="correlation of distances to the other concepts", formats=formats,
        )  # fmt: skip
        caption = (
            f"{task_name(one.task)}, {where}: for each concept, how far its distances to all others agree "
            "between two languages (Spearman), mean over pairs with its interval over languages; grey is "
            "what relabelled concepts give."
        )
        drawn.append(Drawn(files, caption[0].upper() + caption[1:]))
    if one.overlay is not None:
        points, languages, concepts = points_of(one.overlay.points)
        files = overlay_figure(
            points, languages, concepts, folder / f"map-{name}", shares=one.overlay.shown,
            title=f"{task_name(one.task).capitalize()}: prototypes turned on to each other", below=where,
            formats=formats,
        )  # fmt: skip
        names = ", ".join(language_name(code) for code in one.overlay.languages)
        caption = (
            f"{task_name(one.task)}, {where}: the prototypes of {names}, turned on to their mean by "
            f"rotations and reflections. {100 * one.overlay.agreement:.0f}% of their variance is shared "
            f"(relabelled concepts: {100 * one.overlay.null_mean:.0f}%)."
        )
        drawn.append(Drawn(files, caption[0].upper() + caption[1:]))
    if len(one.transfer):
        drawn.append(_transfer(one, studied, folder / f"transfer-{name}", formats))
    return drawn


def _transfer(one: TaskFindings, studied: AlignabilityStudy, stem: Path, formats: Sequence[str]) -> Drawn:
    """The first measure against the learner with the strongest correlation's own row, at its layer."""
    results, source = studied.plan.results, studied.plan.config.source
    assert results is not None
    measure = one.scores.measures[0]
    rows = one.transfer[(one.transfer["measure"] == measure) & (one.transfer["kind"] == "pearson")]
    own = rows[rows["layer"].astype(str) == one.layer]
    row = (own if len(own) else rows).iloc[0]
    found = one.scores.frame()
    layer = found[(found["measure"] == measure) & (found["layer"].astype(str) == str(row["layer"]))]
    grid = matrix(layer)
    alike = dict(zip(grid.languages, grid.values[grid.languages.index(source)].tolist(), strict=True))
    chosen = results[
        (results["learner"] == row["learner"])
        & (results["metric"] == row["metric"])
        & (results["shots"] == row["shots"])
        & (results["draw"] == -1)
        & (results["task"] == one.task)
        & (results["layer"].astype(str) == str(row["results_layer"]))
        & results["language"].isin(grid.languages)
    ]
    accuracy = dict(zip(chosen["language"].astype(str), chosen["value"].astype(float), strict=True))
    files = transfer_figure(
        {name: value for name, value in alike.items() if name != source},
        accuracy,
        stem,
        measure=measure_name(measure),
        source=source,
        below=f"{model_name(one.model)}, layer {row['layer']}, {row['learner']}",
        formats=formats,
    )
    caption = (
        f"{task_name(one.task)}: {measure_name(measure)} with {language_name(source)} against zero-shot "
        f"accuracy of {row['learner']}, a language a point."
    )
    return Drawn(files, caption[0].upper() + caption[1:])
