"""``concept-align evaluate``: test saved aligners in languages they have not seen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .output import emit_json, emit_table, fitting, records, say, say_title

if TYPE_CHECKING:
    import pandas as pd

    from ..evaluation.evaluate import EvaluationPlan


def evaluate(
    aligner: Annotated[
        list[str],
        typer.Option(
            "--aligner",
            "-a",
            help="Folder that meta-train wrote, or NAME=FOLDER; repeat for more. Folders that differ in the "
            "training seed alone (with one NAME, or without) are one learner.",
        ),
    ],
    store: options.StoreFolder,
    out: options.Out = Path("runs/evaluate"),
    langs: Annotated[
        str | None,
        typer.Option("--langs", "-l", help="Target languages. Default: those set aside in training."),
    ] = None,
    family_disjoint: Annotated[
        bool,
        typer.Option("--family-disjoint", help="Leave out targets of a family that an aligner has seen."),
    ] = False,
    shots: Annotated[
        str, typer.Option(help="Labelled sentences of the target; 0 is zero-shot.")
    ] = "0,1,5,10,20,50,100",
    draws: Annotated[int, typer.Option(help="Support sets drawn at each number of shots.")] = 10,
    valid: Annotated[
        str,
        typer.Option(
            help="Concepts that may be predicted: train (those the aligner knows), source, pair (as "
            "published: 10 training words in source and target), all. Words of others count as errors."
        ),
    ] = "train",
    smoothing: Annotated[
        bool, typer.Option("--smoothing", help="As published: a sentence more for a class the support lacks.")
    ] = False,
    short: Annotated[
        str, typer.Option(help="With fewer training sentences than shots: omit the rows, or take all.")
    ] = "omit",
    across: Annotated[
        bool,
        typer.Option(
            "--across",
            help="Compare aligners with different features (layers, standardisation) of the same words, each "
            "under its own name. Default: those with the same features are compared.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            help="Learners that each is compared with: pooled,proto. Default: all pairs of up to six, else "
            "pooled, source-probe and proto. p-values are corrected over what is compared."
        ),
    ] = None,
    bootstrap: Annotated[int, typer.Option(help="Resamples behind the intervals.")] = 1000,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw the figures.")] = True,
    seed: options.Seed = 0,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Test saved aligners zero- and few-shot in languages they have not seen.

    Aligners of several layers and tasks may be given together. OUT gets results.csv and .parquet (one number
    a row, with intervals), comparisons.csv (paired tests), gains.csv (by language and by concept),
    confusion.csv, reliability.csv, summary.md and figures. Finished tests are kept in OUT/units: a run that
    was stopped goes on, and further aligners, seeds, shots or languages cost only themselves.
    """
    import shutil

    from ..config import from_mapping
    from ..evaluation.aligners import read_aligners
    from ..evaluation.evaluate import plan_evaluation, run_evaluation
    from ..evaluation.protocol import EvaluateConfig
    from ..progress import terminal
    from ..report.write import write_evaluation
    from ..store import Store

    values = {
        "langs": langs, "family_disjoint": family_disjoint, "shots": shots, "support_draws": draws,
        "valid": valid, "smoothing": smoothing, "short": short, "across": across, "against": against or (),
        "bootstrap": bootstrap, "seed": seed,
    }  # fmt: skip
    plan = plan_evaluation(read_aligners(aligner), Store.open(store), from_mapping(EvaluateConfig, values))
    if dry_run:
        _announce(plan, out, json)
        return
    units = out / "units"
    if force:
        shutil.rmtree(units, ignore_errors=True)
    with terminal() as progress:
        found = run_evaluation(plan, units=units, progress=progress)
    missing = write_evaluation(found, out, figures=figures)
    frame = found.frame()
    notices = [*found.notices, *missing]
    if json:
        means = frame[(frame["draw"] == -1) & ~frame["metric"].str.startswith("f1:")]
        emit_json(
            {
                "out": str(out),
                "notices": notices,
                "results": records(means),
                "comparisons": records(found.comparisons()),
            }
        )
        return
    _print(frame)
    for notice in notices:
        say(notice)
    say(f"{out}: summary.md, results.csv, results.parquet, comparisons.csv, gains.csv, confusion.csv")


def _print(frame: "pd.DataFrame") -> None:
    from ..report.tables import by_setting, fewest, language_table, setting_title, summary_tables

    for setting, rows in by_setting(frame):
        say_title(setting_title(setting))
        for table in (*summary_tables(rows), language_table(rows, fewest(rows))):
            if table is not None:
                emit_table(f"\n{table.title}", table.columns, fitting(table), right=table.right)


def _announce(plan: "EvaluationPlan", out: Path, json: bool) -> None:
    """What a run would do."""
    rows = [
        {
            "task": group.task,
            "layer": group.layer,
            "aligners": list(dict.fromkeys(one.name for one in group.aligners)),
            "folders": len(group.aligners),
            "languages": len(plan.targets),
            "tests": plan.tests(group),
        }
        for group in plan.groups
    ]
    if json:
        emit_json({"out": str(out), "targets": list(plan.targets), "groups": rows})
        return
    emit_table(
        f"would test in {', '.join(plan.targets)}",
        list(rows[0]),
        [
            [" ".join(value) if isinstance(value, list) else str(value) for value in row.values()]
            for row in rows
        ],
    )
