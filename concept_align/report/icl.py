"""The report of a study of in-context learning, and its folder: tables for machines, a page for people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from .. import atomic, provenance
from ..atomic import save_csv, save_table
from ..config import to_mapping
from ..icl.config import ANY, LEARNED_BY, OWN
from ..icl.effects import MEAN, Effects
from ..icl.evidence import ALIGNED, OUTPUT, PROBE, WITHOUT
from ..icl.plan import ICLPlan
from ..icl.study import ICLStudy
from ..icl.usefulness import UsefulnessReport
from .builder import Files, Picture, Report, Section, models_of
from .evaluation_tables import language_table, means_of
from .icl_figures import gains_figure, k_figure, languages_figure, layers_figure, usefulness_figure
from .names import demonstrations_name, language_name, metric_name, task_name
from .tables import TextTable, p_value, percent, pivoted

FILES = (
    ("results.csv", "every number, one per row, with its interval"),
    ("comparisons.csv", "paired tests"),
    ("gains.csv", "differences, by target language and by concept"),
    ("icl.json", "what it was made from"),
)
NATS_FILE = ("selection.csv", "the correct label's log-probability, by target, against other choices")


def demonstrations_count(number: int) -> str:
    """``no demonstration``, ``1 demonstration``, ``5 demonstrations``."""
    return {0: "no demonstration", 1: "1 demonstration"}.get(number, f"{number} demonstrations")


def answers_table(frame: pd.DataFrame, metric: str = "accuracy") -> TextTable:
    """The model's own answers, mean over targets: kinds of labels and languages by demonstrations."""
    rows = means_of(frame[frame["layer"] == OUTPUT], metric, "mean")
    numbers = sorted(map(int, rows["shots"].unique()))
    names = list(dict.fromkeys(zip(rows["source"], rows["learner"], strict=True)))
    cells = pivoted(rows, ("source", "learner"), "shots", names, numbers)
    return TextTable(
        f"The model's own answers: mean {metric_name(metric)} over targets, %",
        ["demonstrations in", "answers", *map(demonstrations_count, numbers)],
        [[demonstrations_name(name[0]), name[1], *row] for name, row in zip(names, cells, strict=True)],
    )


def _sources(plan: ICLPlan) -> str:
    """Where demonstrations come from; of a joint pool, the languages that are in it."""
    if plan.config.pool != "joint":
        return ", ".join(map(demonstrations_name, plan.sources))
    pool = f"{', '.join(map(demonstrations_name, plan.named))} (one pool)"
    return f"{pool}, {demonstrations_name(OWN)}" if OWN in plan.sources else pool


def aligned_table(frame: pd.DataFrame) -> TextTable | None:
    """Learners of states by layer, with demonstrations and without; None where there are none."""
    rows = means_of(frame[frame["layer"] != OUTPUT], "accuracy", "mean")
    if rows.empty:
        return None
    layers = sorted(rows["layer"].unique(), key=lambda name: (not name.isdigit(), name.zfill(4)))
    keys = ["source", "learner", "shots"]
    names = list(dict.fromkeys(rows[keys].itertuples(index=False, name=None)))
    cells = pivoted(rows, keys, "layer", names, layers)
    return TextTable(
        "Learners of the states that labels are chosen from: mean accuracy over targets, %",
        ["demonstrations in", "learner", "demonstrations", *(f"layer {layer}" for layer in layers)],
        [
            [demonstrations_name(source), learner, str(k), *row]
            for (source, learner, k), row in zip(names, cells, strict=True)
        ],
    )


def nats_tables(nats: pd.DataFrame | None) -> Iterator[TextTable]:
    """What chosen demonstrations are worth: nats of the correct label, against none and other choices."""
    if nats is None or nats.empty:
        return
    rows = nats[(nats["language"] == MEAN) & (nats["shots"] > 0)]
    numbers = sorted(map(int, rows["shots"].unique()))
    for against, of in rows.groupby("against", sort=False):
        held = f" above {against}" if against else ", log-probability"
        cells: dict[tuple[str, str], list[str]] = {}
        for one in of.to_dict("records"):
            bounds = "" if pd.isna(one["low"]) else f" [{one['low']:+.2f}, {one['high']:+.2f}]"
            row = cells.setdefault((one["source"], one["learner"]), [""] * len(numbers))
            row[numbers.index(one["shots"])] = f"{one['value']:+.2f}{bounds}"
        yield TextTable(
            f"The correct label{held}: mean over targets, nats",
            ["demonstrations in", "answers", *map(demonstrations_count, numbers)],
            [[demonstrations_name(source), learner, *row] for (source, learner), row in cells.items()],
        )


def comparison_table(comparisons: pd.DataFrame, metric: str = "accuracy") -> TextTable | None:
    """Every paired comparison that is in no other table, one per row; None without any."""
    rows = [
        [
            demonstrations_name(pair["source"]), pair["layer"], f"{pair['a']} − {pair['b']}",
            str(pair["shots"]), percent(pair["difference"], pair["low"], pair["high"]),
            f"{pair['better_in']} of {pair['n']}", p_value(pair["p_sign_flip"]), p_value(pair["p_holm"]),
        ]
        for pair in comparisons[comparisons["metric"] == metric].to_dict("records")
    ]  # fmt: skip
    columns = ["demonstrations in", "layer", "pair", "k", "difference", "better in", "p sign-flip", "p Holm"]
    title = f"Paired over targets: {metric_name(metric)}, points"
    return TextTable(title, columns, rows) if rows else None


def movement_table(effects: Effects | None) -> TextTable | None:
    """Alignability of the targets with others, without and with demonstrations: means over targets."""
    if effects is None or effects.alignability.empty:
        return None
    rows = [
        [
            demonstrations_name(row["demonstrations"]), row["layer"], language_name(row["to"]),
            row["measure"], f"{row['before']:.3f}", f"{row['after']:.3f}",
            f"{row['value']:+.3f}"
            + ("" if pd.isna(row["low"]) else f" [{row['low']:+.3f}, {row['high']:+.3f}]"),
            p_value(row["p"]), str(row["n"]),
        ]
        for row in effects.alignability[effects.alignability["language"] == MEAN].to_dict("records")
    ]  # fmt: skip
    columns = ["layer", "towards", "measure", "before", "after", "change", "p", "targets"]
    title = "Do demonstrations move the targets' concept spaces? Alignability"
    return TextTable(title, ["demonstrations in", *columns], rows)


def tables(
    frame: pd.DataFrame,
    comparisons: pd.DataFrame,
    effects: Effects | None = None,
    nats: pd.DataFrame | None = None,
) -> Iterator[TextTable]:
    """Every table in the order of reading."""
    made = [answers_table(frame), *nats_tables(nats), aligned_table(frame), movement_table(effects)]
    made += [comparison_table(comparisons, metric) for metric in ("accuracy", "macro_f1")]
    made.append(answers_table(frame, "macro_f1"))
    yield from (table for table in made if table is not None)
    own = frame[frame["layer"] == OUTPUT]
    # Without demonstrations their language does not matter (the majority class aside: the first one's).
    without = own.drop_duplicates(["language", "shots", "draw", "learner", "metric"])
    named = [("", without, 0)]
    for source, rows in own.groupby("source", sort=False):
        most = int(rows["shots"].max())
        named += [(f" in {demonstrations_name(str(source))}", rows, most)] if most else []
    for name, rows, k in named:
        if (table := language_table(rows, k)) is not None:
            title = f"Target by target, {demonstrations_count(k)}{name}: accuracy, %"
            yield TextTable(title, table.columns, table.rows, table.best)


def lead(studied: ICLStudy) -> list[str]:
    """What the study asked, in sentences."""
    plan = studied.plan
    config = plan.config
    model = studied.evaluation.conditions[0].model
    sources = _sources(plan)
    fed = "What it chose itself" if config.feedback == "predicted" else "The correct label"
    said = [
        f"{model} is asked for {task_name(plan.task.name)} of the words of {config.queries} test sentences "
        f"(at most) of {len(plan.targets)} languages, after demonstrations in {sources}, which come from "
        f"training splits; draws of them are averaged: {config.demo_draws}. {fed} is put after a word before "
        "the next one is asked for.",
        "Brackets hold 95% bootstrap intervals: over test sentences and draws for a language, over languages "
        "as well for means and differences, with the same resample of draws for all. Tests are paired over "
        "target languages (sign-flip); Holm's correction is over the pairs of one language of demonstrations "
        "and layer.",
    ]
    if config.calibrate:
        said.append(
            "`-calibrated`: each label's mean score over the queries is subtracted, which looks at no label "
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
    said += _of_selectors(studied)
    said.append(f"`{WITHOUT}` behind a name: the same without demonstrations.")
    return said


def _of_selectors(studied: ICLStudy) -> Iterator[str]:
    """What selectors learned from, and what they have seen of the targets."""
    plan = studied.plan
    if plan.select:
        of_predicted = any(
            kind == "learned" and LEARNED_BY.get(variant or plan.config.select_teacher, ("",))[0] == "self"
            for kind, _, variant in (name.partition(":") for name in plan.config.selectors)
        )
        yield (
            f"Selectors that learn did so from training sentences in "
            f"{', '.join(map(language_name, plan.select))}; no label of a target has a part in their choices."
            + (
                " The teacher `self` predicted the labels that were learned from: no correct label but those "
                "of the candidates has a part in those choices."
                if of_predicted
                else ""
            )
        )
    if "nearest-concept-gold" in plan.config.selectors:
        yield "`nearest-concept-gold` looks at the queries' correct labels: an oracle, and no method."


def icl_report(studied: ICLStudy, *, figures: bool = True, useful: UsefulnessReport | None = None) -> Report:
    """The report of a study; ``useful`` is what alignability says of it."""
    plan, evaluation = studied.plan, studied.evaluation
    first, *others = tables(evaluation.frame(), evaluation.comparisons(), studied.effects, studied.nats)
    drawn = list(_pictures(studied, useful)) if figures else []
    sources = _sources(plan)
    model = studied.evaluation.conditions[0].model
    return Report(
        title="In-context learning",
        lead=f"{model}, {len(plan.targets)} target languages, demonstrations in {sources}",
        facts=[
            (str(len(plan.targets)), "target languages"),
            (
                str(len({*plan.sources} - {ANY})),
                "languages of demonstrations",
            ),
            (str(max(plan.config.k)), "demonstrations at most"),
            (str(plan.config.queries), "test sentences per language at most"),
        ],
        findings=lead(studied),
        sections=[
            Section("Demonstrations", [*drawn, first]),
            Section("All tables", [table.folding() for table in others]),
            Section("Files", [Files(FILES if studied.nats is None else (*FILES, NATS_FILE))]),
        ],
        notes=studied.notices,
        kind="icl",
        models=models_of(evaluation.frame()),
        heading="What was asked",
    )


def _pictures(studied: ICLStudy, useful: UsefulnessReport | None) -> Iterator[Picture]:
    """Every figure in the order of reading."""
    config, frame = studied.plan.config, studied.evaluation.frame()
    first, most = studied.plan.variants[0].name, max(config.k)
    wide = len(studied.plan.asked) > 1
    if len(config.k) > 1:
        said = "Mean over target languages against the number of demonstrations; bands are 95% intervals."
        yield Picture("demonstrations", k_figure(frame), said, wide)
    if most and 0 in config.k:
        figure = gains_figure(studied.evaluation.gains(), learner=first, k=most)
        yield Picture("gains", figure, "What demonstrations add to none, by target language.")
    if frame["layer"].str.isdigit().any():
        said = (
            "Learners of the states that labels are chosen from, with demonstrations and without; lines "
            "across are the model's own answers."
        )
        yield Picture("layers", layers_figure(frame, plain=first), said, wide)
    read = means_of(frame[frame["learner"].str.startswith(f"{ALIGNED}-")], "accuracy", "mean")
    for source, rows in read.groupby("source", sort=False):
        best = rows.sort_values("value", ascending=False, kind="stable").iloc[0]
        of: dict[str, Any] = {"k": int(best["shots"]), "layer": str(best["layer"]), "source": str(source)}
        said = (
            "By target language: the model's own answers and learners of its states, at the layer with "
            f"the learners' best mean. Demonstrations in {demonstrations_name(str(source))}."
        )
        yield Picture(f"languages-{source}", languages_figure(frame, plain=first, **of), said)
    if useful is not None:
        measure = f"{useful.measure}, layer {useful.layer}"
        figure = usefulness_figure(useful.pairs, measure=measure, k=useful.k, said=useful.in_words)
        said = "What demonstrations add to none, against the alignability of their language with the target."
        yield Picture("usefulness", figure, said)


def write_icl(studied: ICLStudy, folder: str | Path, *, figures: bool = True) -> list[Path]:
    """Write everything into ``folder``; the paths of summary, page and figures.

    ``results.csv`` and ``.parquet``, ``comparisons.csv``, ``gains.csv``, ``confusion.csv``,
    ``reliability.csv``, ``summary.md``, ``index.html``, ``icl.json`` (configuration, languages, versions)
    and, with ``figures``, the figures. Equal studies give equal bytes. Of a study given alignability,
    ``usefulness.csv``: does it predict what helps?
    """
    folder, plan = Path(folder), studied.plan
    for name, table in studied.evaluation.tables.items():
        save_table(table, folder, name) if name == "results" else save_csv(table, folder / f"{name}.csv")
    if studied.effects is not None:
        save_csv(studied.effects.accuracy, folder / "effects-accuracy.csv")
        save_csv(studied.effects.alignability, folder / "effects-alignability.csv")
    if studied.nats is not None:
        save_csv(studied.nats, folder / "selection.csv")
    useful = studied.usefulness()
    if useful is not None:
        for name, part in (("", useful.table), ("-pairs", useful.pairs), ("-choice", useful.choice)):
            save_csv(part, folder / f"usefulness{name}.csv")
    used = {*plan.targets, *plan.sources, *plan.train, *plan.validation}
    facts = provenance.collect(
        made_from=dict(studied.facts),
        config={key: value for key, value in to_mapping(plan.config).items() if key != "treebanks"},
        targets=list(plan.targets),
        demonstrations=list(plan.sources),
        train=list(plan.train),
        validation=list(plan.validation),
        treebanks={
            "-".join(key): file.treebank for key, file in sorted(plan.files.items()) if key[0] in used
        },
        notices=list(studied.notices),
    )
    atomic.write_json(folder / "icl.json", facts)
    return icl_report(studied, figures=figures, useful=useful).write(folder)
