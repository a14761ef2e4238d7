"""``concept-align demo``: everything once, on the treebanks and models that come with the package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .output import emit_json, emit_table, fitting, say

if TYPE_CHECKING:
    from ..demo import Plan, Shown


def demo(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Hugging Face model id, or a folder that holds a model; repeat for more. "
            "Default: mini-encoder and mini-decoder, which come with the package.",
        ),
    ] = None,
    treebanks: Annotated[
        Path | None,
        typer.Option(
            "--treebanks",
            "-t",
            help="UD release folder. Default: 40 parallel sentences in 43 languages, which come with the "
            "package.",
        ),
    ] = None,
    langs: options.Langs = "all",
    task: options.Tasks = "upos,relation",
    out: options.Out = Path("demo"),
    seed: options.Seed = 0,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """The whole line once: extract, probe, learn to align, test in languages not seen, and a page about it.

    By itself it takes a minute or two on a laptop's processor, and neither a network nor a GPU. OUT gets
    index.html, stores, probes, aligners, tables and figures, as the single commands write them; a demo that
    was stopped goes on where it was.
    """
    from ..demo import demo as run
    from ..demo import plan
    from ..progress import terminal

    planned = plan(
        model or None,
        treebanks,
        out=out,
        langs=None if langs == "all" else langs,
        tasks=[name.strip() for name in task.split(",") if name.strip()],
    )
    if dry_run:
        _announce(planned, json)
        return
    with terminal() as progress:
        shown = run(planned, seed=seed, force=force, progress=progress)
    _show(shown, json)


def _announce(plan: "Plan", json: bool) -> None:
    """What a run would do."""
    from dataclasses import asdict

    layers = "all" if plan.mini else "a third and two thirds of the way up"
    if json:
        emit_json(
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
        return
    say(f"would run {', '.join(plan.models.values())} over {len(plan.files)} files of {plan.treebanks}")
    say(f"  tasks: {', '.join(plan.tasks)}; layers: {layers}")
    for role, codes in asdict(plan.roles).items():
        say(f"  {role}: {', '.join(codes)}")
    say(f"and write to {plan.out}" + ("; about 200 MB, a minute or two" if plan.mini else ""))


def _show(shown: "Shown", json: bool) -> None:
    from ..demo import findings, next_steps, outcome_table, written

    paths = written(shown.plan.out)
    if json:
        rows = shown.frame[shown.frame["draw"] == -1].astype(object)
        emit_json(
            {
                "out": str(shown.plan.out),
                "models": list(shown.plan.models),
                "chosen": [
                    {"model": model, "task": task, "layer": layer, "learner": shown.chosen[model, task]}
                    for (model, task), layer in shown.layers.items()
                ],
                "seconds": round(shown.seconds, 1),
                "results": rows.where(rows.notna(), None).to_dict("records"),
                "findings": findings(shown),
                "paths": paths,
            }
        )
        return
    table = outcome_table(shown)
    emit_table(table.title, table.columns, fitting(table), right=set(range(4, len(table.columns))) | {2})
    say("")
    for line in findings(shown):
        say(f"- {line}")
    say(f"\nwritten in {shown.seconds:.0f} s:")
    for path, what in paths.items():
        say(f"  {path}  {what}")
    say("\nnext, another model, then real treebanks:")
    for line in next_steps(shown):
        say(f"  {line}")
