"""What the demo made, and what it found: tables and some honest sentences."""

import shlex
from dataclasses import dataclass

import pandas as pd

from ..evaluation.results import MAJORITY
from ..report.alignability_findings import find
from ..report.evaluation_tables import means_of, per_language
from ..report.names import measure_name, shots_name, task_name
from ..report.tables import NONE, TextTable, number, p_value, percent
from .contrasts import FEW, FLOOR, LEVEL, MANY, MODELS, OWN, Contrast
from .settings import MEASURE, SHOTS, DemoPlan

SURE = 0.001
OPENINGS = {
    FLOOR: "Zero-shot against the majority class: ",
    MANY: "Many languages to learn from against English alone: ",
    FEW: f"{max(SHOTS)} labelled sentences against none: ",
    OWN: "A probe of the language's own training split against zero-shot: ",
    MODELS: "{model}, zero-shot: ",
}

Place = tuple[str, str]  # model's short name, task


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What a demo made. Models have their short names in all tables."""

    plan: DemoPlan
    layers: dict[Place, int]
    chosen: dict[Place, str]  # the learner that was best in the validation languages
    frame: pd.DataFrame  # the tidy rows of the evaluation
    probes: pd.DataFrame  # the tidy rows of the layer sweeps
    comparisons: pd.DataFrame  # every pair of learners
    contrasts: list[Contrast]
    notices: list[str]
    scores: pd.DataFrame  # the tidy alignability of all pairs and layers
    controls: dict[str, pd.DataFrame]  # the same of shuffled labels
    seconds: float = 0.0

    def of(self, frame: pd.DataFrame, place: Place) -> pd.DataFrame:
        """The rows of one model and task."""
        return frame[(frame["model"] == place[0]) & (frame["task"] == place[1])]

    def means(self, place: Place, learner: str) -> dict[int, tuple[float, float, float]]:
        """Accuracy (mean over the targets, low, high) of a learner, by number of shots."""
        rows = means_of(self.of(self.frame, place), "accuracy", "mean")
        rows = rows[rows["learner"] == learner]
        return {int(row["shots"]): (row["value"], row["low"], row["high"]) for row in rows.to_dict("records")}

    def own_probes(self, place: Place) -> pd.DataFrame:
        """The rows of probes of the languages' own training splits, in the layer chosen."""
        rows = self.of(self.probes, place)
        return rows[rows["layer"] == str(self.layers[place])]

    def own_probe(self, place: Place) -> float:
        """Mean accuracy over the targets of probes of their own training split, at the layer chosen."""
        rows = per_language(self.own_probes(place), "accuracy")
        rows = rows[(rows["learner"] == "probe") & rows["language"].isin(self.plan.roles.targets)]
        return float(rows["value"].mean())

    def spread(self) -> tuple[float, float]:
        """Mean number of test words of a target, and mean half width of a zero-shot interval there."""
        rows = per_language(self.frame, "accuracy", 0)
        rows = rows[rows["learner"] != "majority"]
        return float(rows["n"].mean()), float((rows["high"] - rows["low"]).mean() / 2)


def outcome_table(result: DemoResult) -> TextTable:
    """A row per model and task: the majority class, the chosen learner by shots, the language's own probe."""
    rows = []
    for place, layer in result.layers.items():
        learner = result.chosen[place]
        means = result.means(place, learner)
        rows.append([
            place[0], task_name(place[1]), str(layer), learner, percent(result.means(place, MAJORITY)[0][0]),
            *(percent(*means[shots]) if shots in means else NONE for shots in SHOTS),
            percent(result.own_probe(place)),
        ])  # fmt: skip
    return TextTable(
        f"Accuracy, %, mean over {len(result.plan.roles.targets)} languages never seen",
        ["model", "task", "layer", "learner", "majority class", *map(shots_name, SHOTS), "own probe"],
        rows,
        note="Brackets: 95% bootstrap intervals, over test sentences, draws of labelled sentences and "
        "languages. The learner is the one that was best in the validation languages. Own probe: a probe of "
        "the test language's own training split, in the same layer.",
    )


def contrast_table(result: DemoResult) -> TextTable:
    """Every contrast, a row each; bold where Holm's p is below 0.05."""
    rows = [
        [
            f"{one.a} − {one.b}", one.model if "−" not in one.model else NONE, task_name(one.task),
            percent(one.difference, one.low, one.high), f"{one.better_in} of {one.n}",
            p_value(one.p), p_value(one.p_holm),
        ]
        for one in result.contrasts
    ]  # fmt: skip
    columns = ["difference", "model", "task", "points", "better in", "p sign-flip", "p Holm"]
    best = frozenset((place, 6) for place, one in enumerate(result.contrasts) if one.clear)
    return TextTable("Differences in accuracy, points, mean over languages", columns, rows, best)


def findings(result: DemoResult) -> list[str]:
    """What the numbers say and what they cannot say, a sentence or two each."""
    roles, tests = result.plan.roles, len(result.contrasts)
    targets = len(roles.targets)
    lines = [
        _similarity(result),
        f"Learned from {len(roles.train)} languages; {len(roles.validation)} more chose epochs and learner. "
        f"The {targets} test languages chose nothing: zero-shot has not seen a labelled word of them.",
    ]
    for kind, opening in OPENINGS.items():
        found = [one for one in result.contrasts if one.kind == kind]
        lines += [opening.format(model=found[0].model) + _listed(found)] if found else []
    least = 2 / 2**targets  # of the patterns of signs, two are as extreme as all alike
    lines.append(
        "In points, with bootstrap intervals over languages; p of sign-flip tests over languages, Holm's "
        f"correction over these {tests} tests."
        if least < LEVEL
        else f"In points. Over {targets} languages no paired test can give p below {least:.3g}: nothing here "
        "is established."
    )
    words, width = result.spread()
    caution = (
        f"About {words:.0f} test words a language: one language's accuracy is known to ±{100 * width:.0f} "
        "points, so do not rank languages by it."
    )
    if result.plan.mini:
        caution += (
            " The same forty simple sentences in every language and models of four small blocks: this shows "
            "the method, not what larger models know."
        )
    return [*lines, caution]


def _similarity(result: DemoResult) -> str:
    """How similar the concept spaces of languages are, by task and model, next to shuffled labels."""
    parts: dict[str, list[str]] = {}
    for one in find(result.scores, result.controls):
        if one.best is not None:
            control = "".join(f"; shuffled labels {number(mean.value)}" for mean in one.controls.values())
            above = f"{one.best.above_chance} pairs above chance"
            said = f"{one.best.bounded} ({one.about['model']}, {above}{control})"
            parts.setdefault(one.about["task"], []).append(said)
    listed = "; ".join(f"{task_name(task)} {', '.join(said)}" for task, said in parts.items())
    return f"Concept spaces are similar across languages ({measure_name(MEASURE)}, best layer): {listed}."


def _listed(found: list[Contrast]) -> str:
    """By task: ``word classes +3.1 [1.0, 5.2] (mini-encoder), …; relations …; each p < 0.001``.

    Where not all are that clear, p is given with each.
    """
    sure = all(one.p_holm < SURE for one in found)
    parts = []
    for task in dict.fromkeys(one.task for one in found):
        said = ", ".join(_said(one, sure=sure) for one in found if one.task == task)
        parts.append(f"{task_name(task)} {said}")
    return "; ".join(parts) + (f"; {'each ' if len(found) > 1 else ''}p < {SURE:g}." if sure else ".")


def _said(one: Contrast, *, sure: bool) -> str:
    about = [one.model] if one.kind != MODELS else []  # there both were named before
    if not sure:
        p = f"p < {SURE:g}" if one.p_holm < SURE else f"p = {one.p_holm:.2g}"
        about.append(p if one.clear else f"{p}, not clear")
    return percent(one.difference, one.low, one.high, sign=True) + (f" ({', '.join(about)})" if about else "")


def next_steps(result: DemoResult) -> list[str]:
    """Commands that do the same with another model and with real treebanks."""
    (_, task), layer = next(iter(result.layers.items()))
    model = shlex.quote(next(iter(result.plan.models.values())))
    layers = f"--task {task} --layers {layer}"
    return [
        "concept-align demo --model bert-base-multilingual-cased --out demo-mbert",
        "concept-align treebanks fetch --out ud",
        f"concept-align extract --model {model} --treebanks ud --langs all --layers {layer} --out runs/store",
        f"concept-align meta-train --store runs/store {layers} --out runs/aligner",
        "concept-align evaluate --store runs/store --aligner runs/aligner --out runs/evaluate",
    ]
