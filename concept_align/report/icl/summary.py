"""``summary.md`` of a study of in-context learning, and the tables that it is made of."""

from collections.abc import Iterator, Sequence

import pandas as pd

from ...icl.effects import MEAN, Effects
from ...icl.evidence import ALIGNED, OUTPUT, PROBE, WITHOUT
from ...icl.study import ICLStudy
from ..names import language_name, metric_name, task_name
from ..tables import TextTable, language_table, percent
from .figures import demonstrations_name


def answers_table(frame: pd.DataFrame, metric: str = "accuracy") -> TextTable:
    """The model's own answers, mean over targets: kinds of labels and languages by demonstrations."""
    rows = frame[(frame["layer"] == OUTPUT) & (frame["language"] == "mean") & (frame["draw"] == -1)]
    rows = rows[rows["metric"] == metric]
    numbers = sorted(map(int, rows["shots"].unique()))
    cells = {
        (row["source"], row["learner"], int(row["shots"])): percent(row["value"], row["low"], row["high"])
        for row in rows.to_dict("records")
    }
    names = dict.fromkeys((source, learner) for source, learner, _ in cells)
    return TextTable(
        f"The model's own answers: mean {metric_name(metric)} over targets, %",
        ["demonstrations in", "answers", *(_k(number) for number in numbers)],
        [
            [demonstrations_name(source), learner, *(cells.get((source, learner, k), "–") for k in numbers)]
            for source, learner in names
        ],
    )


def aligned_table(frame: pd.DataFrame) -> TextTable | None:
    """Learners of states, layer by layer, with demonstrations and without; None where there are none."""
    rows = frame[(frame["layer"] != OUTPUT) & (frame["language"] == "mean") & (frame["draw"] == -1)]
    rows = rows[rows["metric"] == "accuracy"]
    if rows.empty:
        return None
    layers = sorted(
        rows["layer"].unique(), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0)
    )
    cells = {
        (row["source"], row["learner"], int(row["shots"]), row["layer"]): percent(
            row["value"], row["low"], row["high"]
        )
        for row in rows.to_dict("records")
    }
    names = dict.fromkeys((source, learner, k) for source, learner, k, _ in cells)
    return TextTable(
        "Learners of the states that labels are chosen from: mean accuracy over targets, %",
        ["demonstrations in", "learner", "demonstrations", *(f"layer {layer}" for layer in layers)],
        [
            [
                demonstrations_name(source),
                learner,
                str(k),
                *(cells.get((source, learner, k, layer), "–") for layer in layers),
            ]
            for source, learner, k in names
        ],
    )


def comparison_table(comparisons: pd.DataFrame, metric: str = "accuracy") -> TextTable | None:
    """Every paired comparison that is in no other table, one a row; None without any."""
    rows = [
        [
            demonstrations_name(pair["source"]),
            pair["layer"],
            f"{pair['a']} − {pair['b']}",
            str(pair["shots"]),
            percent(pair["difference"], pair["low"], pair["high"]),
            f"{pair['better_in']} of {pair['n']}",
            "< 0.0001" if pair["p_sign_flip"] < 0.0001 else f"{pair['p_sign_flip']:.4f}",
            "< 0.0001" if pair["p_holm"] < 0.0001 else f"{pair['p_holm']:.4f}",
        ]
        for pair in comparisons[comparisons["metric"] == metric].to_dict("records")
    ]
    if not rows:
        return None
    columns = ["demonstrations in", "layer", "pair", "k", "difference", "better in", "p sign-flip", "p Holm"]
    return TextTable(f"Paired over targets: {metric_name(metric)}, points", columns, rows)


def movement_table(effects: Effects | None) -> TextTable | None:
    """Alignability of the targets with others, without and with demonstrations: means over targets."""
    if effects is None or effects.alignability.empty:
        return None
    rows = [
        [
            demonstrations_name(row["demonstrations"]),
            row["layer"],
            language_name(row["to"]),
            row["measure"],
            *(f"{row[name]:.3f}" for name in ("before", "after")),
            _bounded(row["value"], row["low"], row["high"]),
            f"{row['p']:.4f}",
            str(row["n"]),
        ]
        for row in effects.alignability[effects.alignability["language"] == MEAN].to_dict("records")
    ]
    columns = [
        "demonstrations in",
        "layer",
        "towards",
        "measure",
        "before",
        "after",
        "change",
        "p",
        "targets",
    ]
    return TextTable("Do demonstrations move the targets' concept spaces? Alignability", columns, rows)


def _bounded(value: float, low: float, high: float) -> str:
    return f"{value:+.3f}" + ("" if pd.isna(low) else f" [{low:+.3f}, {high:+.3f}]")


def tables(
    frame: pd.DataFrame, comparisons: pd.DataFrame, effects: Effects | None = None
) -> Iterator[TextTable]:
    """Every table in the order of reading."""
    yield answers_table(frame)
    if (aligned := aligned_table(frame)) is not None:
        yield aligned
    if (moved := movement_table(effects)) is not None:
        yield moved
    for metric in ("accuracy", "macro_f1"):
        if (compared := comparison_table(comparisons, metric)) is not None:
            yield compared
    yield answers_table(frame, "macro_f1")
    own = frame[frame["layer"] == OUTPUT]
    # Without demonstrations their language does not matter (the majority class aside: the first one's).
    without = own.drop_duplicates(["language", "shots", "draw", "learner", "metric"])
    named = [("", without, 0)]
    for source, rows in own.groupby("source", sort=False):
        named.append((f" in {demonstrations_name(str(source))}", rows, int(rows["shots"].max())))
    for name, rows, k in named:
        if (k or not name) and (table := language_table(rows, k)) is not None:
            title = f"Target by target, {_k(k)}{name}: accuracy, %"
            yield TextTable(title, table.columns, table.rows, table.best)


def _k(number: int) -> str:
    return {0: "no demonstration", 1: "1 demonstration"}.get(number, f"{number} demonstrations")


def lead(studied: ICLStudy) -> list[str]:
    """What the study asked, in sentences."""
    plan = studied.plan
    config = plan.config
    model = studied.evaluation.settings[0].model
    sources = ", ".join(demonstrations_name(source) for source in plan.sources)
    fed = "What it chose itself" if config.feedback == "predicted" else "The right label"
    said = [
        f"{model} is asked for {task_name(plan.task.name)} of the words of {config.queries} test sentences "
        f"(at most) of {len(plan.targets)} languages, after demonstrations in {sources}, which come from "
        f"training splits; draws of them are averaged: {config.demo_draws}. {fed} is put after a word before "
        "the next one is asked for.",
        "Brackets hold 95% bootstrap intervals: over test sentences and draws for a language, over languages "
        "as well for means and differences. Tests are paired over target languages (sign-flip); Holm's "
        "correction is over the pairs of one language of demonstrations and layer.",
    ]
    if config.calibrate:
        said.append(
            "`-calibrated`: each label's mean score over the queries is taken off, which looks at no label "
            "of the target, but at its words together."
        )
    if config.layers:
        said.append(
            f"`{ALIGNED}-` learners classify the states that labels are chosen from; they learned from "
            f"prompts in {', '.join(map(demonstrations_name, plan.train))} with the same demonstrations, and "
            f"have seen no label of a target. `{PROBE}-` is the same without demonstrations."
            + (
                " Mean and scale of states are those of the target's own queries, without labels."
                if config.standardise == "language"
                else ""
            )
        )
    said.append(f"`{WITHOUT}` behind a name: the same without demonstrations.")
    return said


def summary(
    studied: ICLStudy, frame: pd.DataFrame, comparisons: pd.DataFrame, figures: Sequence[str] = ()
) -> str:
    """Markdown: what was asked, figures, tables."""
    parts = ["# In-context learning", *lead(studied)]
    if studied.notices:
        parts.append("To be known when reading:\n\n" + "\n".join(f"- {one}" for one in studied.notices))
    parts += [f"![{figure}]({figure})" for figure in figures]
    parts += [table.markdown() for table in tables(frame, comparisons, studied.effects)]
    return "\n\n".join(part.strip() for part in parts) + "\n"
