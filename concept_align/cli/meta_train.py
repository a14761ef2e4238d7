"""``concept-align meta-train``: learn an aligner from the training languages of a store."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .output import emit_json, emit_table, say

HELP = "Default: what --config says, else"


def meta_train(
    out: options.Out,
    store: Annotated[
        Path | None, typer.Option("--store", "-s", help="Folder that extract wrote (or in --config).")
    ] = None,
    learner: Annotated[
        str | None,
        typer.Option(
            help="Any number of labelled sentences: self-train, shrink, closed-form. Published: proto. By "
            "gradient steps: maml, fomaml, anil, meta-sgd, reptile. Baselines: source-probe, pooled, "
            f"procrustes, ridge, target-only, oracle. {HELP} self-train."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help=f"default, or faithful: as published, where it was. {HELP} default.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting of the learner, over its preset's: epochs=5, adapts=head, shots=[1,10]; repeat "
            "for more. --dry-run shows all that there are.",
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help=f"upos, relation or feature:NAME (feature:Case). {HELP} upos.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers, side by side: 7, 6,9 or -1 (the last). Default: the last.")
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            help="Those of the layers whose states of the words around (word classes) or of the dependent "
            "(relations) stand beside each item. Default: none, as published."
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help=f"Source language. {HELP} en.")] = None,
    train_langs: Annotated[
        str | None, typer.Option(help=f"Training languages, as in --langs. {HELP} train.")
    ] = None,
    validation_langs: Annotated[
        str | None, typer.Option(help=f"Languages that choose the model, or none. {HELP} validation.")
    ] = None,
    target_langs: Annotated[
        str | None, typer.Option(help=f"Languages kept for the test: no overlap is let by. {HELP} targets.")
    ] = None,
    family_disjoint: Annotated[
        bool | None,
        typer.Option("--family-disjoint/--no-family-disjoint", help="Targets share no family with training."),
    ] = None,
    root: Annotated[
        str | None, typer.Option(help=f"Head of root words: start or exclude. {HELP} start.")
    ] = None,
    mwt: Annotated[
        str | None, typer.Option(help=f"Multiword tokens: share, first or skip. {HELP} share.")
    ] = None,
    standardise: Annotated[
        str | None, typer.Option(help=f"Mean and scale: language, global or none. {HELP} language.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"Seed of everything drawn at random. {HELP} 0.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file, such as the run.toml of another run; options go over it.")
    ] = None,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Learn to align concepts across the training languages of a store."""
    from ..config import parse_settings
    from ..meta import run
    from ..progress import terminal

    values = {
        "store": str(store) if store else None,
        "learner": learner,
        "preset": preset,
        "options": parse_settings(set_) if set_ else None,
        "task": task,
        "layers": layers if layers or config else "-1",
        "beside": beside,
        "source": source,
        "train_langs": train_langs,
        "validation_langs": validation_langs,
        "target_langs": target_langs,
        "family_disjoint": family_disjoint,
        "root": root,
        "mwt": mwt,
        "standardise": standardise,
        "seed": seed,
    }
    planned = run.plan(run.configure(config, values))
    if dry_run:
        _describe({"out": str(out), **planned.about()}, json)
        return
    with terminal() as progress:
        outcome = run.meta_train(planned, out, force=force, progress=progress)
    summary = {"folder": str(outcome.folder), "seconds": round(outcome.seconds, 1), **outcome.summary}
    if json:
        emit_json(summary)
        return
    shots = outcome.summary["validation"]
    languages = list(next(iter(shots.values()))["languages"])
    emit_table(
        f"{planned.learner.name}: accuracy on the validation languages",
        ["shots", "mean", *languages],
        [
            [shot, f"{found['mean']:.4f}", *(f"{found['languages'][language]:.4f}" for language in languages)]
            for shot, found in shots.items()
        ],
        right={0, 1, *range(2, 2 + len(languages))},
    )
    if outcome.seconds:
        say(f"{outcome.folder}: trained in {outcome.seconds:.0f} s")
    else:
        say(f"{outcome.folder}: was finished before; --force to train again")


def _describe(about: dict[str, Any], json: bool) -> None:
    if json:
        emit_json(about)
        return
    rows = []
    for key, value in about.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        rows.append([key, " ".join(text) if isinstance(text, list) else str(text)])
    emit_table("would train", ["what", "value"], rows)
