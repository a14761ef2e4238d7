"""The demo's page: what was found, figure by figure, how to read it, and what it cannot show."""

import math
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from .. import __version__
from ..report import page
from ..report.alignability import find, pairwise, sections, sweeps
from ..report.figures import shots_figure
from ..report.layers import layers_figure
from ..report.names import short_revision, task_name
from ..report.reach import reach_figure
from ..report.tables import TextTable, comparison_table, language_table, summary_tables
from .contrasts import LEVEL
from .explain import CANNOT, HOW, LEARNERS_SAID, WHAT
from .shown import Shown
from .tables import contrast_table, layer_table
from .text import findings, next_steps, outcome_table, spread

TITLE = "Concepts across languages: the demo"
PLOTS = 'Figures need matplotlib: `pip install "concept-align[plots]"` and run the demo again.'


def write_page(shown: Shown, path: Path) -> None:
    """Draw the figures and write the page about ``shown`` to ``path``."""
    drawn = bool(find_spec("matplotlib"))
    folder = path.parent / "figures"
    sections = [
        _found(shown),
        _layers(shown, folder, drawn=drawn),
        *_alike(shown, folder, drawn=drawn),
        _zero(shown, folder, drawn=drawn),
        _few(shown, folder, drawn=drawn),
        _trust(shown),
        page.Section("How to read it", [page.bullets(HOW), page.bullets(LEARNERS_SAID)]),
        page.Section("What it cannot show", [page.bullets(CANNOT)]),
        _files(shown),
    ]
    page.write(page.document(TITLE, WHAT, [_facts(shown)], sections, _foot(shown)), path)


def _facts(shown: Shown) -> str:
    roles = shown.plan.roles
    words, _ = spread(shown)
    return page.facts(
        [
            (str(len(shown.plan.models)), "models" if len(shown.plan.models) > 1 else "model"),
            (str(len(roles.train)), "languages learned from"),
            (str(len(roles.validation)), "languages that choose epochs and learner"),
            (str(len(roles.targets)), "languages tested in, never seen"),
            (f"{words:.0f}", "test words a language"),
        ]
    )


def _found(shown: Shown) -> page.Section:
    note = (
        "Brackets: 95% bootstrap intervals, over test sentences, draws of labelled sentences and languages. "
        "The learner is the one that was best in the validation languages. Own probe: a probe of the test "
        "language's own training split, in the same layer."
    )
    blocks = [page.table(outcome_table(shown), note=note), page.bullets(findings(shown))]
    return page.Section("What was found", blocks)


def _drawings(made: list[tuple[list[Path], str]], *, drawn: bool) -> str:
    if not drawn:
        return page.paragraph(PLOTS)
    return page.figures([page.figure(paths[1], caption) for paths, caption in made])


def _layers(shown: Shown, folder: Path, *, drawn: bool) -> page.Section:
    made = []
    for task in shown.plan.tasks if drawn else ():
        chosen = {model: layer for (model, of), layer in shown.layers.items() if of == task}
        stem = folder / f"layers-{task.replace(':', '-')}"
        caption = (
            f"{task_name(task).capitalize()}: mean over languages of a probe a language and layer, with 95% "
            "intervals; the ring marks the layer that was chosen by development words."
        )
        made.append((layers_figure(shown.probes, task, stem, chosen=chosen), caption))
    return page.Section(
        "Layer by layer",
        [
            page.paragraph(
                "In each language and layer, a linear probe learns to tell the concepts apart from the "
                "language's own labelled words. It says how much is in the layer, not yet whether languages "
                "keep it in the same place."
            ),
            _drawings(made, drawn=drawn),
            *(
                page.table(layer_table(shown, task), folded=True, note="Bold: the layer chosen.")
                for task in shown.plan.tasks
            ),
        ],
    )


def _alike(shown: Shown, folder: Path, *, drawn: bool) -> list[page.Section]:
    """Do the languages keep the concepts in like places? Layers, and every pair of the first model."""
    scores, controls = shown.alike.scores, shown.alike.controls
    found = find(scores, controls)
    made = []
    if drawn:
        first = scores[scores["model"] == scores["model"].iloc[0]]
        made = sweeps(scores, controls, folder, formats=("png", "svg"))
        made += pairwise(first, find(first, controls), folder, formats=("png", "svg"))
    return sections(found, made)


def _settings(shown: Shown) -> list[tuple[str, str, str, pd.DataFrame]]:
    """(model, task, title, rows of the evaluation): a task's models beside each other."""
    frame = shown.frame
    return [
        (
            model,
            task,
            f"{model}, {task_name(task)}",
            frame[(frame["model"] == model) & (frame["task"] == task)],
        )
        for task in shown.plan.tasks
        for model in shown.plan.models
    ]


def _stem(folder: Path, kind: str, model: str, task: str) -> Path:
    return folder / f"{kind}-{model}-{task.replace(':', '-')}"


def _zero(shown: Shown, folder: Path, *, drawn: bool) -> page.Section:
    made, tables = [], []
    for model, task, title, rows in _settings(shown):
        learner, layer = shown.chosen[model, task], shown.layers[model, task]
        if drawn:
            own = shown.probes[
                (shown.probes["model"] == model)
                & (shown.probes["task"] == task)
                & (shown.probes["layer"] == str(layer))
            ]
            paths = reach_figure(rows, own, learner, _stem(folder, "zero-shot", model, task), title=title)
            made.append((paths, f"{title}, layer {layer}. Lines are 95% intervals over test sentences."))
        if (shape := language_table(rows, 0)) is not None:
            tables.append(page.table(_titled(shape, title), folded=True))
    return page.Section(
        "A language never seen",
        [
            page.paragraph(
                "Zero-shot: the classifier has learned from other languages and has not seen a labelled word "
                "of this one. How far does it get from the commonest class towards a probe of the language's "
                "own labelled words?"
            ),
            _drawings(made, drawn=drawn),
            *tables,
        ],
    )


def _few(shown: Shown, folder: Path, *, drawn: bool) -> page.Section:
    made, tables = [], []
    top = _top(shown)
    for model, task, title, rows in _settings(shown):
        if drawn:
            paths = shots_figure(rows, _stem(folder, "shots", model, task), title=title, top=top)
            layer = shown.layers[model, task]
            made.append((paths, f"{title}, layer {layer}. Bands: 95% intervals of the mean over languages."))
        for metric in ("accuracy", "macro_f1"):
            means = summary_tables(rows, metric)[:1]
            tables += [page.table(_titled(shape, title), folded=True) for shape in means]
    return page.Section(
        "A few labelled sentences",
        [
            page.paragraph(
                "The same languages with one and five labelled sentences, drawn five times. What does each "
                "learner make of them?"
            ),
            _drawings(made, drawn=drawn),
            *tables,
        ],
    )


def _top(shown: Shown) -> float:
    """One upper end for all curves of means, so that figures side by side can be compared, in per cent."""
    frame = shown.frame
    highs = frame.loc[(frame["metric"] == "accuracy") & (frame["language"] == "mean"), "high"]
    return 5 * math.ceil(20 * float(highs.max()) + 0.2)


def _trust(shown: Shown) -> page.Section:
    tables = []
    for model, task, title, rows in _settings(shown):
        of = shown.comparisons
        compared = comparison_table(of[(of["model"] == model) & (of["task"] == task)], rows)
        if compared is not None:
            tables.append(page.table(_titled(compared, title), folded=True))
    return page.Section(
        "Which differences can be believed",
        [
            page.paragraph(
                "Paired over the test languages: in each, both sides name the same words. p says how often a "
                "mean difference as large would come about if a coin decided, in each language, which side "
                "is better. Holm's correction is over all rows; "
                f"where it stays below {LEVEL:g}, p is bold."
            ),
            page.table(contrast_table(shown)),
            page.paragraph("Every learner against the best of its setting, corrected within the setting:"),
            *tables,
        ],
    )


def _files(shown: Shown) -> page.Section:
    links = [
        ("evaluation/results.csv", "every number of the evaluation, one a row, with its interval"),
        ("evaluation/contrasts.csv", "the paired tests above"),
        ("evaluation/comparisons.csv", "every pair of learners"),
        ("evaluation/summary.md", "all tables in one text"),
        ("alignability/alignability.csv", "how alike every pair of languages is, layer by layer"),
        ("probes/probes.csv", "every model, layer and language of the probes"),
        ("figures/", "SVG and PNG"),
        ("aligners/", "what was learned: `Aligner.from_pretrained(folder)`"),
    ]
    blocks = [page.files(links), page.paragraph("What to try next:"), page.code(next_steps(shown))]
    if shown.notices:
        blocks += [page.paragraph("To be known when reading:"), page.bullets(shown.notices)]
    return page.Section("Files, and what next", blocks)


def _foot(shown: Shown) -> str:
    revisions = shown.frame.groupby("model", sort=False)["revision"].first()
    models = ", ".join(f"{model} ({short_revision(str(revision))})" for model, revision in revisions.items())
    return f"concept-align {__version__}. Models: {models}. Treebanks: {shown.plan.treebanks.name}."


def _titled(shape: TextTable, title: str) -> TextTable:
    return TextTable(f"{title}: {shape.title}", shape.columns, shape.rows, shape.best)
