"""``concept-align evaluate``: test saved aligners in languages they have not seen."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..outputs import output_folder
from ..progress import terminal
from .from_config import configured
from .options import RunOptions
from .output import cell, emit_json, emit_results, emit_table, emit_text_table, say, say_notices, say_title

if TYPE_CHECKING:
    import pandas as pd

    from ..evaluation.config import EvaluateConfig
    from ..evaluation.plan import EvaluationPlan


@configured(
    "evaluation.config:EvaluateConfig",
    kept="finished tests are kept in {out}; {again}",
    needs=("aligners", "store"),
    without=(),
)
def evaluate(config: "EvaluateConfig", run: RunOptions) -> None:
    """Test saved aligners in languages they have not seen.

    They are tested zero-shot and few-shot. Aligners of several layers and tasks may be given together. OUT
    gets results.csv and .parquet (one number per row, with intervals), comparisons.csv (paired tests),
    gains.csv (by language and by concept), confusion.csv, reliability.csv, summary.md and figures. Finished
    tests are kept in OUT/units: a run that was stopped resumes, and further aligners, seeds, shots or
    languages cost only themselves.
    """
    from ..evaluation.aligners import read_aligners
    from ..evaluation.evaluate import LAYOUT, UNITS, run_evaluation
    from ..evaluation.plan import plan_evaluation
    from ..report.evaluation import write_evaluation
    from ..store import Store

    plan = plan_evaluation(read_aligners(config.aligners), Store.open(config.store), config)
    if run.dry_run:
        return _announce(plan, run.out, run.json)
    with output_folder(run.out, LAYOUT, force=run.force) as held:
        with terminal(weights=[plan.tests(group) for group in plan.groups]) as progress:
            found = run_evaluation(plan, units=run.out / UNITS, progress=progress)
        write_evaluation(found, run.out, figures=run.figures)
        held.drop_unwritten(UNITS)
    frame, notices = found.frame(), list(found.notices)
    if run.json:
        return emit_results(run.out, frame, found.comparisons(), notices)
    _print(frame)
    say_notices(notices)
    files = "index.html, summary.md, results.csv and .parquet, comparisons.csv, gains.csv, confusion.csv"
    say(f"{run.out}: {files}")


def _print(frame: "pd.DataFrame") -> None:
    from ..report import evaluation_tables as tables

    for condition, rows in tables.by_condition(frame):
        say_title(tables.condition_title(condition))
        means = tables.summary_tables(rows)
        for table in (
            *(
                means if tables.per_language(rows, "accuracy")["language"].nunique() > 1 else means[:1]
            ),  # of one language all are equal
            tables.language_table(rows, tables.ordered_shots(rows)[0]),
        ):
            if table is not None:
                emit_text_table(table, right=table.right)


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
        return emit_json({"out": str(out), "targets": list(plan.targets), "groups": rows})
    emit_table(
        f"would test in {', '.join(plan.targets)}",
        list(rows[0]),
        [[cell(value, " ") for value in row.values()] for row in rows],
    )
