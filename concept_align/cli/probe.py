"""``concept-align probe``: how well each layer separates the concepts of each language."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .output import emit_json, emit_table, percent, records, say

if TYPE_CHECKING:
    from ..evaluation.probing import ProbeSweep, ProbeSweepResult
    from ..store.store import Store

NAME = "probe"


def probe(
    *,
    store: options.StoreFolder,
    langs: options.Langs = "all",
    layers: options.Layers = "all",
    task: options.TaskName = "upos",
    root: options.Root = "start",
    mwt: options.Mwt = "share",
    standardise: Annotated[
        str,
        typer.Option(help="Mean and scale of states from unlabelled words: language, global or none."),
    ] = "language",
    preset: Annotated[
        str, typer.Option(help="Training: fast, or faithful (as published: slower, and it underfits).")
    ] = "fast",
    rank: Annotated[
        int | None, typer.Option(help="Dimensions of the concept space (32; 64 for relations).")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs, in place of the preset's.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate, in place of the preset's.")] = None,
    max_sentences: Annotated[
        int | None, typer.Option(help="At most so many training sentences a language, drawn by the seed.")
    ] = None,
    seed: options.Seed = 0,
    out: options.Out = Path("runs/probe"),
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Train a linear probe for each language and layer of a store and test it.

    Prints accuracy and macro-F1 on the test split, their mean over languages, and the floor: the majority
    class. OUT/probe-TASK.csv and .parquet hold every number with its interval over test sentences,
    OUT/units the probes. A run that was stopped goes on where it was.
    """
    from ..config import from_mapping
    from ..evaluation.probing import ProbeSweep, run_sweep
    from ..progress import terminal
    from ..store.store import Store

    opened = Store.open(store)
    values = {
        "langs": langs, "layers": layers, "task": task, "root": root, "mwt": mwt, "standardise": standardise,
        "preset": preset, "rank": rank, "epochs": epochs, "lr": lr, "max_sentences": max_sentences,
        "seed": seed,
    }  # fmt: skip
    sweep = from_mapping(ProbeSweep, values)
    if dry_run:
        _announce(sweep, opened, out, json)
        return
    with terminal() as progress:
        found = run_sweep(opened, sweep, out, progress)
    files = found.save(out)
    for language, note in sorted(found.notes.items()):
        say(f"{language}: {note}")
    if json:
        rows = records(found.frame())
        emit_json({"results": rows, "notes": found.notes, "files": [str(file) for file in files]})
        return
    _show(found)
    say(f"written: {', '.join(str(file) for file in files)}")


def _announce(sweep: "ProbeSweep", store: "Store", out: Path, json: bool) -> None:
    from dataclasses import asdict

    languages, layers = sweep.languages_in(store), sweep.layers_in(store)
    probes = len(languages) * len(layers)
    if json:
        emit_json({"plan": asdict(sweep), "probes": probes, "out": str(out)})
        return
    named = ", ".join(map(str, layers))
    say(f"{probes} probes ({len(languages)} languages, layers {named}) into {out}")
    say("each takes some seconds for 2,000 sentences; those that are finished there are not made again")


def _show(found: "ProbeSweepResult") -> None:
    """One row per language, one column per layer: accuracy / macro-F1; then the mean and the floor."""
    frame = found.frame()
    keys = frame[["learner", "language", "layer", "metric"]].itertuples(index=False, name=None)
    value = dict(zip(keys, frame["value"], strict=True))

    def row(name: str, learner: str, title: str) -> list[str]:
        shares = [
            (value[learner, name, str(layer), "accuracy"], value[learner, name, str(layer), "macro_f1"])
            for layer in found.layers
        ]
        return [title, *(f"{percent(accuracy)} / {percent(f1)}" for accuracy, f1 in shares)]

    rows = [row(name, "probe", name) for name in (*found.languages, "mean")]
    rows.append(row("mean", "majority", "mean, majority class"))
    columns = ["language", *(f"layer {layer}" for layer in found.layers)]
    title = f"{found.sweep.task}: accuracy / macro-F1 (%) of the probe on the test split"
    emit_table(title, columns, rows, right=set(range(1, len(columns))))
