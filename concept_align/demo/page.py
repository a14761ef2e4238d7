"""The demo's page: what was found, figure by figure, how to read it, and what it cannot show."""

import math

import pandas as pd

from ..report.alignability import alignability_sections
from ..report.alignability_findings import find
from ..report.builder import Block, Code, Files, Picture, Report, Section, models_of
from ..report.evaluation_figures import shots_figure
from ..report.evaluation_tables import comparison_table, language_table, means_of, summary_tables
from ..report.names import capital, task_name
from ..report.probe import READING, layer_table, layers_figure, reach_figure
from .contrasts import LEVEL
from .findings import DemoResult, Place, contrast_table, findings, next_steps, outcome_table

TITLE = "Concepts across languages: the demo"
WHAT = (
    "Does a language model keep noun, subject and case marker in the same place in every language? Then what "
    "is learned from some languages should name them in another. This page shows how far that goes, on small "
    "treebanks, with intervals and tests."
)
HOW = [
    "A task is what is named: word classes (noun, verb, … of every word) or relations (subject, object, … "
    "between a word and its head, from the difference of their states).",
    "A layer's states are vectors, one for each word. Layer 0 is the embeddings, layer n the output of block "
    "n. They are standardised by unlabelled words of each language.",
    "The floor is the majority class. A learner at the floor has learned nothing.",
    "Own probe is a yardstick, not a ceiling: it has labelled sentences of the very language, but only a "
    "few of them where the treebank is small.",
    "Intervals hold 95% of bootstrap resamples: of test sentences (and of draws of labelled sentences) for "
    "one language, of languages as well for means.",
]
LEARNERS_SAID = [
    "`source-probe`: a probe of English alone, used everywhere; nothing is learned across languages.",
    "`pooled`: one classifier of the words of all training languages; it is fine-tuned only as far as that "
    "helped in the validation languages, which may be not at all.",
    "`proto`: prototypes and maps in concept space, after Xu et al. (2023).",
    "`shrink`: prototypes with a learned prior; the more labelled words a language has, the further they "
    "move them.",
]
CANNOT = [
    "Rank languages: with so few test words, a difference of some points between two of them may be chance.",
    "Speak of other sentences: the embedded ones are short, simple and the same in all languages. Real text "
    "is harder and more varied.",
    "Speak of other models: those that come with the package have four small blocks and read little text.",
    "Say why: shared structure, shared words and shared letters all help across languages. Unlabelled text "
    "of the test languages was there, for the models and for standardising; only labels were not.",
    "Replace native speakers: the embedded sentences were checked against real treebanks, but not by "
    "speakers of most of the languages.",
]
FILES = (
    ("evaluation/results.csv", "every number of the evaluation, one per row, with its interval"),
    ("evaluation/contrasts.csv", "the paired tests above"),
    ("evaluation/comparisons.csv", "every pair of learners"),
    ("evaluation/summary.md", "all tables in one text"),
    ("alignability/alignability.csv", "similarity of every pair of languages, layer by layer"),
    ("probes/probes.csv", "every model, layer and language of the probes"),
    ("figures/", "SVG and PNG"),
    ("aligners/", "what was learned: `Aligner.from_pretrained(folder)`"),
)


def demo_report(result: DemoResult) -> Report:
    """The page about ``result``."""
    roles, models = result.plan.roles, list(result.plan.models)
    scores, controls = result.scores, result.controls
    first = scores[scores["model"] == models[0]]
    return Report(
        title=TITLE,
        lead=WHAT,
        facts=[
            (str(len(models)), "models" if len(models) > 1 else "model"),
            (str(len(roles.train)), "languages learned from"),
            (str(len(roles.validation)), "languages that choose epochs and learner"),
            (str(len(roles.targets)), "languages tested in, never seen"),
            (f"{result.spread()[0]:.0f}", "test words per language"),
        ],
        tables=[outcome_table(result)],
        findings=findings(result),
        sections=[
            _layers(result),
            *alignability_sections(scores, find(scores, controls), controls, paired=first),
            _zero_shot(result),
            _few_shot(result),
            _differences(result),
            Section("How to read it", [HOW, LEARNERS_SAID]),
            Section("What it cannot show", [CANNOT]),
            Section("Files, and what next", [Files(FILES), "What to try next:", Code(next_steps(result))]),
        ],
        notes=result.notices,
        kind="demo",
        models=models_of(result.frame),
        figure_folder="figures",
    )


def _name(*parts: str) -> str:
    """The stem of a figure's files."""
    return "-".join(parts).replace(":", "-")


def _settings(result: DemoResult) -> list[tuple[Place, str, pd.DataFrame]]:
    """(model and task, title, rows of the evaluation): a task's models after each other."""
    places = [(model, task) for task in result.plan.tasks for model in result.plan.models]
    return [(place, f"{place[0]}, {task_name(place[1])}", result.of(result.frame, place)) for place in places]


def _layers(result: DemoResult) -> Section:
    pictures, tables = [], []
    for task in result.plan.tasks:
        chosen = {model: layer for (model, of), layer in result.layers.items() if of == task}
        caption = (
            f"{capital(task_name(task))}: mean over languages of a probe per language and layer, with 95% "
            "intervals; the ring marks the layer that was chosen by development words."
        )
        figure = layers_figure(result.probes, task, chosen=chosen)
        pictures.append(Picture(_name("layers", task), figure, caption))
        tables.append(layer_table(result.probes, task, chosen=chosen).folding())
    return Section("Layer by layer", [READING, *pictures, *tables])


def _zero_shot(result: DemoResult) -> Section:
    pictures: list[Block] = []
    tables: list[Block] = []
    for place, title, rows in _settings(result):
        figure = reach_figure(rows, result.own_probes(place), result.chosen[place], title=title)
        caption = f"{title}, layer {result.layers[place]}. Lines are 95% intervals over test sentences."
        pictures.append(Picture(_name("zero-shot", *place), figure, caption))
        if (shape := language_table(rows, 0)) is not None:
            tables.append(shape.titled(title).folding())
    said = (
        "Zero-shot: the classifier has learned from other languages and has not seen a labelled word of this "
        "one. How far does it get from the majority class towards a probe of the language's own labelled "
        "words?"
    )
    return Section("A language never seen", [said, *pictures, *tables])


def _few_shot(result: DemoResult) -> Section:
    # One upper end for all curves of means, in per cent, so that figures side by side can be compared.
    means = means_of(result.frame, "accuracy", "mean")[
        ["value", "high"]
    ]  # without high where languages are few
    top = 5 * math.ceil(20 * float(means.max(axis=None)) + 0.2)
    pictures: list[Block] = []
    tables: list[Block] = []
    for place, title, rows in _settings(result):
        figure = shots_figure(rows, title=title, top=top)
        caption = f"{title}, layer {result.layers[place]}. Bands: 95% intervals of the mean over languages."
        pictures.append(Picture(_name("shots", *place), figure, caption))
        for metric in ("accuracy", "macro_f1"):
            tables += [shape.titled(title).folding() for shape in summary_tables(rows, metric)[:1]]
    said = (
        "The same languages with one and five labelled sentences, drawn five times. What does each learner "
        "make of them?"
    )
    return Section("A few labelled sentences", [said, *pictures, *tables])


def _differences(result: DemoResult) -> Section:
    tables = []
    for place, title, rows in _settings(result):
        compared = comparison_table(result.of(result.comparisons, place), rows)
        tables += [] if compared is None else [compared.titled(title).folding()]
    said = (
        "Paired over the test languages: in each, both sides name the same words. p says how often a mean "
        "difference as large would come about if a coin decided, in each language, which side is better. "
        f"Holm's correction is over all rows; where it stays below {LEVEL:g}, p is bold."
    )
    others = "Every learner against the best of its condition, corrected within it:"
    return Section("Which differences can be believed", [said, contrast_table(result), others, *tables])
