"""``concept-align alignability``: how far the concept spaces of languages correspond."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..outputs import output_folder
from ..progress import terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_json, emit_table, records, say, say_notices

if TYPE_CHECKING:
    from ..correspondence.config import AlignabilityConfig
    from ..correspondence.plan import AlignabilityPlan
    from ..correspondence.study import AlignabilityStudy


@configured(
    "correspondence.config:AlignabilityConfig", kept="finished spaces and scores are kept in {out}; {again}"
)
def alignability(config: "AlignabilityConfig", run: RunOptions) -> None:
    """Compare the concept spaces of all pairs of languages.

    That is done layer by layer, with a null, intervals and a ceiling. OUT/index.html shows what was found;
    OUT/alignability.csv and .parquet hold every score with its interval, its null and its ceiling, the other
    tables what was asked of them: which concepts correspond, families, predictors, transfer, models. A run
    that was stopped resumes.
    """
    from ..correspondence.plan import AlignabilityPlan
    from ..correspondence.study import KEPT, LAYOUT, alignability_study
    from ..report.alignability import write_alignability
    from ..report.alignability_findings import best_table, find

    plan = AlignabilityPlan.of(config)
    if run.dry_run:
        return _announce(plan, run.out, run.json)
    with output_folder(run.out, LAYOUT, force=run.force) as held:
        with terminal(weights=plan.weights()) as progress:
            studied = alignability_study(plan, out=run.out, progress=progress)
        files = write_alignability(studied, run.out)
        held.drop_unwritten(*KEPT)
    if run.json:
        return emit_json(_plain(studied) | {"files": [str(file) for file in files]})
    table = best_table(find(studied.scores, studied.controls))
    emit_table(table.title, table.columns, table.rows, right=set(range(1, len(table.columns))))
    say_notices(studied.notices)
    say(f"look at {files[0]}")


def _announce(plan: "AlignabilityPlan", out: Path, json: bool) -> None:
    facts = plan.facts() | {"out": str(out)}
    if json:
        return emit_json({"plan": facts})
    say(
        f"{facts['pairs']} pairs of {len(plan.languages)} languages, {', '.join(facts['tasks'])}, "
        f"{', '.join(facts['models'])} into {facts['out']}"
    )


def _plain(studied: "AlignabilityStudy") -> dict[str, Any]:
    """Means and the answers, for JSON, which has no NaN."""
    from ..correspondence.study import Question

    means = [row for one in studied.findings for row in records(one.scores.means())]
    answers = {name: records(studied.table(name)) for name in get_args(Question)}
    return {"means": means, "notices": list(studied.notices), **answers, "models": records(studied.models)}
