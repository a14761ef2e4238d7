"""``concept-align demo``: everything once, on the treebanks and models that come with the package."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from ..progress import terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_json, emit_table, fitting, records, say

if TYPE_CHECKING:
    from ..demo.findings import DemoResult
    from ..demo.settings import DemoConfig, DemoPlan


@configured("demo.settings:DemoConfig", kept="finished stages are kept in {out}; {again}")
def demo(config: "DemoConfig", run: RunOptions) -> None:
    """Do everything once, on what comes with the package.

    The whole line: extract, probe, learn to align, test in languages not seen, and a page about it. By itself
    it takes a minute or two on a laptop's processor, and neither a network nor a GPU. OUT gets index.html,
    stores, probes, aligners, tables and figures, as the single commands write them; a demo that was stopped
    resumes.
    """
    from ..demo.run import demo as whole_line
    from ..demo.settings import plan_demo

    if run.dry_run:
        return _announce(plan_demo(config), run.json)
    with terminal() as progress:
        result = whole_line(config, force=run.force, progress=progress)
    _show(result, run.json)


def _announce(plan: "DemoPlan", json: bool) -> None:
    """What a run would do."""
    layers = "all" if plan.mini else "a third and two thirds of the way up"
    if json:
        return emit_json(
            {
                "models": list(plan.models.values()),
                "treebanks": str(plan.treebanks),
                "files": len(plan.files),
                "languages": asdict(plan.roles),
                "tasks": list(plan.tasks),
                "layers": layers,
                "out": str(plan.out),
            }
        )
    say(f"would run {', '.join(plan.models.values())} over {len(plan.files)} files of {plan.treebanks}")
    say(f"  tasks: {', '.join(plan.tasks)}; layers: {layers}")
    for role, codes in asdict(plan.roles).items():
        say(f"  {role}: {', '.join(codes)}")
    say(f"and write to {plan.out}" + ("; about 200 MB, a minute or two" if plan.mini else ""))


def _show(result: "DemoResult", json: bool) -> None:
    from ..demo.findings import findings, next_steps, outcome_table
    from ..demo.run import written

    paths = written(result.plan.out)
    if json:
        return emit_json(
            {
                "out": str(result.plan.out),
                "models": list(result.plan.models),
                "chosen": [
                    {"model": model, "task": task, "layer": layer, "learner": result.chosen[model, task]}
                    for (model, task), layer in result.layers.items()
                ],
                "seconds": round(result.seconds, 1),
                "results": records(result.frame[result.frame["draw"] == -1]),
                "findings": findings(result),
                "paths": paths,
            }
        )
    table = outcome_table(result)
    emit_table(table.title, table.columns, fitting(table), right=set(range(4, len(table.columns))) | {2})
    say("")
    for line in findings(result):
        say(f"- {line}")
    say(f"\nwritten in {result.seconds:.0f} s:")
    for path, what in paths.items():
        say(f"  {path}  {what}")
    say("\nnext, another model, then real treebanks:")
    for line in next_steps(result):
        say(f"  {line}")
