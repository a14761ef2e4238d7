"""What the demo found, in a table and some honest sentences."""

import math
import shlex

from ..evaluation.results import MAJORITY
from ..report.alignability.names import measure_name
from ..report.alignability.words import find, interval, share
from ..report.alignability.words import number as two_digits
from ..report.names import shots_name, task_name
from ..report.tables import TextTable, percent
from .alike import MEASURE
from .contrasts import FEW, FLOOR, LEVEL, MANY, MODELS, OWN, Contrast
from .settings import SHOTS
from .shown import Shown

NAN = float("nan")
SURE = 0.001


def outcome_table(shown: Shown) -> TextTable:
    """A row a model and task: the floor, the chosen learner by shots, the language's own probe."""
    rows = []
    for (model, task), layer in shown.layers.items():
        learner = shown.chosen[model, task]
        means = shown.means(model, task, learner)
        floor = shown.means(model, task, MAJORITY)[0][0]
        rows.append([
            model, task_name(task), str(layer), learner, percent(floor, NAN, NAN),
            *(percent(*means[shots]) if shots in means else "–" for shots in SHOTS),
            percent(shown.own_probe(model, task), NAN, NAN),
        ])  # fmt: skip
    number = len(shown.plan.roles.targets)
    return TextTable(
        f"Accuracy, %, mean over {number} languages never seen",
        ["model", "task", "layer", "learner", "commonest class", *map(shots_name, SHOTS), "own probe"],
        rows,
    )


def findings(shown: Shown) -> list[str]:
    """What the numbers say and what they cannot say, a sentence or two each."""
    roles = shown.plan.roles
    by_kind = {
        kind: [one for one in shown.contrasts if one.kind == kind] for kind in (FLOOR, MANY, FEW, OWN, MODELS)
    }
    number, tests = len(roles.targets), len(shown.contrasts)
    lines = [
        _alike(shown),
        f"Learned from {len(roles.train)} languages; {len(roles.validation)} more chose epochs and learner. "
        f"The {number} test languages chose nothing: zero-shot has not seen a labelled word of them.",
        "Zero-shot against the commonest class: " + _listed(by_kind[FLOOR]),
    ]
    if by_kind[MANY]:
        lines.append("Many languages to learn from against English alone: " + _listed(by_kind[MANY]))
    lines += [
        f"{max(SHOTS)} labelled sentences against none: " + _listed(by_kind[FEW]),
        "A probe of the language's own training split against zero-shot: " + _listed(by_kind[OWN]),
    ]
    if by_kind[MODELS]:
        lines.append(f"{by_kind[MODELS][0].model}, zero-shot: " + _listed(by_kind[MODELS]))
    least = 2 / 2**number  # of the patterns of signs, two are as extreme as all alike
    lines.append(
        "In points, with bootstrap intervals over languages; p of sign-flip tests over languages, Holm's "
        f"correction over these {tests} tests."
        if least < LEVEL
        else f"In points. Over {number} languages no paired test can give p below {least:.3g}: nothing here "
        "is established."
    )
    lines.append(_caution(shown))
    return lines


def _alike(shown: Shown) -> str:
    """How alike the concept spaces of languages are, by task and model, beside shuffled labels."""
    parts: dict[str, list[str]] = {}
    for one in find(shown.alike.scores, shown.alike.controls):
        if one.best is not None:
            control = "".join(f"; shuffled labels {two_digits(mean.value)}" for mean in one.controls.values())
            said = (
                f"{interval(one.best)} ({one.about['model']}, {share(one.best)} pairs above chance{control})"
            )
            parts.setdefault(one.about["task"], []).append(said)
    listed = "; ".join(f"{task_name(task)} {', '.join(said)}" for task, said in parts.items())
    return (
        f"Concepts lie alike to each other across languages ({measure_name(MEASURE)}, best layer): {listed}."
    )


def _listed(found: list[Contrast]) -> str:
    """By task: ``word classes +3.1 [1.0, 5.2] (mini-encoder), …; relations …; each p < 0.001``.

    Where not all are that clear, p stands with each.
    """
    sure = all(one.p_holm < SURE for one in found)
    parts = []
    for task in dict.fromkeys(one.task for one in found):
        said = ", ".join(_said(one, sure=sure) for one in found if one.task == task)
        parts.append(f"{task_name(task)} {said}")
    return "; ".join(parts) + (f"; {'each ' if len(found) > 1 else ''}p < {SURE:g}." if sure else ".")


def _said(one: Contrast, *, sure: bool) -> str:
    bounds = "" if math.isnan(one.low) else f" [{100 * one.low:.1f}, {100 * one.high:.1f}]"
    about = [one.model] if one.kind != MODELS else []  # there both were named before
    if not sure:
        p = f"p < {SURE:g}" if one.p_holm < SURE else f"p = {one.p_holm:.2g}"
        about.append(p if one.clear else f"{p}, not clear")
    return f"{100 * one.difference:+.1f}{bounds}" + (f" ({', '.join(about)})" if about else "")


def _caution(shown: Shown) -> str:
    """How little one language's number says."""
    words, width = spread(shown)
    text = (
        f"About {words:.0f} test words a language: one language's accuracy is known to ±{100 * width:.0f} "
        "points, so do not rank languages by it."
    )
    if shown.plan.mini:
        text += (
            " The same forty simple sentences in every language and models of four small blocks: "
            "this shows the method, not what larger models know."
        )
    return text


def spread(shown: Shown) -> tuple[float, float]:
    """Mean number of test words of a target, and mean half width of a zero-shot interval there."""
    rows = shown.frame[
        (shown.frame["metric"] == "accuracy")
        & (shown.frame["shots"] == 0)
        & (shown.frame["learner"] != MAJORITY)
        & shown.frame["language"].isin(shown.plan.roles.targets)
    ]
    return float(rows["n"].mean()), float((rows["high"] - rows["low"]).mean() / 2)


def next_steps(shown: Shown) -> list[str]:
    """Commands that do the same with another model and with real treebanks."""
    (_, task), layer = next(iter(shown.layers.items()))
    model = shlex.quote(next(iter(shown.plan.models.values())))
    layers = f"--task {task} --layers {layer}"
    return [
        "concept-align demo --model bert-base-multilingual-cased --out demo-mbert",
        "concept-align treebanks fetch --out ud",
        f"concept-align extract --model {model} --treebanks ud --langs all --layers {layer} --out runs/store",
        f"concept-align meta-train --store runs/store {layers} --out runs/aligner",
        "concept-align evaluate --store runs/store --aligner runs/aligner --out runs/evaluate",
    ]
