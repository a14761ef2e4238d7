"""``concept-align probe``: how well each layer separates the concepts of each language."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import emit_json, emit_table, say

if TYPE_CHECKING:
    from ..evaluation.probe_units import Sweep
    from ..evaluation.results import Result
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

    Prints accuracy and macro-F1 on the test split, their mean over languages, and the floor: the commonest
    concept. OUT/probe-TASK.csv and .parquet hold every number with its interval over test sentences,
    OUT/units the probes. A run that was stopped goes on where it was.
    """
    from ..evaluation.probing import sweep
    from ..progress import terminal
    from ..store.store import Store

    opened = Store.open(store)
    plan = _plan(
        opened,
        langs,
        layers,
        max_sentences=max_sentences,
        preset=preset,
        changes={"rank": rank, "epochs": epochs, "lr": lr},
        task=task,
        root=root,
        mwt=mwt,
        standardise=standardise,
        seed=seed,
    )
    if dry_run:
        _announce(plan, out, json)
        return
    with terminal() as progress:
        swept = sweep(opened, plan, out, progress)
    files = _write(plan, swept.results, out)
    for language, note in sorted(swept.notes.items()):
        say(f"{language}: {note}")
    if json:
        rows = [_plain(result) for result in swept.results]
        emit_json({"results": rows, "notes": swept.notes, "files": [str(file) for file in files]})
        return
    _show(plan, swept.results)
    say(f"written: {', '.join(str(file) for file in files)}")


def _plan(
    store: "Store",
    langs: str,
    layers: str,
    *,
    max_sentences: int | None,
    preset: str,
    changes: dict[str, Any],
    **choices: Any,
) -> "Sweep":
    """What is asked for, checked against what the store holds."""
    from ..errors import UsageError
    from ..evaluation.probe_units import Sweep
    from ..layers import parse_layers
    from ..spaces.probe import probe_config
    from ..treebanks.registry import select

    if max_sentences is not None and max_sentences < 1:
        raise UsageError(
            f"{max_sentences} training sentences", where="--max-sentences", remedy="give 1 or more"
        )
    shards = [shard for shard in store.contents() if shard.complete and shard.kind == "states"]
    held = sorted({shard.layer for shard in shards if shard.layer is not None})
    every = layers.strip().lower() == "all"
    chosen = tuple(held) if every else parse_layers(layers, store.recipe.layers)
    if not held or (missing := set(chosen) - set(held)):
        what = f"layer {', '.join(map(str, sorted(missing)))}" if held else "any layer"
        raise UsageError(
            f"the store has no states of {what}",
            where=str(store.folder),
            remedy=f"layers there: {', '.join(map(str, held)) or 'none'}; `concept-align extract` makes more",
        )
    given = {key: value for key, value in changes.items() if value is not None}
    return Sweep(
        languages=select(langs, store.languages("train")),
        layers=chosen,
        config=probe_config(preset, relational=choices["task"] == "relation", **given),
        max_sentences=max_sentences,
        **choices,
    )


def _announce(plan: "Sweep", out: Path, json: bool) -> None:
    from dataclasses import asdict

    probes = len(plan.languages) * len(plan.layers)
    if json:
        emit_json({"plan": asdict(plan), "probes": probes, "out": str(out)})
        return
    layers = ", ".join(map(str, plan.layers))
    say(f"{probes} probes ({len(plan.languages)} languages, layers {layers}) into {out}")
    say("each takes some seconds for 2,000 sentences; those that are finished there are not made again")


def _write(plan: "Sweep", results: "list[Result]", out: Path) -> list[Path]:
    from dataclasses import asdict

    from .. import provenance
    from ..atomic import replacing, write_json, write_text
    from ..evaluation.results import table

    stem = f"{NAME}-{plan.task.replace(':', '-')}"
    rows = table(results)
    files = [out / f"{stem}.csv", out / f"{stem}.parquet", out / f"{stem}.json"]
    write_text(files[0], rows.to_csv(index=False))
    with replacing(files[1]) as file:
        rows.to_parquet(file, index=False)
    write_json(files[2], {"plan": asdict(plan), "provenance": provenance.collect()})
    return files


def _plain(result: "Result") -> dict[str, Any]:
    """A row for JSON, which has no NaN."""
    from dataclasses import asdict
    from math import isnan

    return {
        key: None if isinstance(value, float) and isnan(value) else value
        for key, value in asdict(result).items()
    }


def _show(plan: "Sweep", results: "list[Result]") -> None:
    """A row a language, a column a layer: accuracy / macro-F1; then the mean and the floor."""
    names = [*dict.fromkeys(r.language for r in results if r.language in plan.languages), "mean"]
    value = {(r.learner, r.language, r.layer, r.metric): r.value for r in results}

    def row(name: str, learner: str, title: str) -> list[str]:
        found = [
            (value[learner, name, str(layer), "accuracy"], value[learner, name, str(layer), "macro_f1"])
            for layer in plan.layers
        ]
        return [title, *(f"{100 * accuracy:.1f} / {100 * f1:.1f}" for accuracy, f1 in found)]

    rows = [row(name, "probe", name) for name in names]
    rows.append(row("mean", "majority", "mean, commonest concept"))
    columns = ["language", *(f"layer {layer}" for layer in plan.layers)]
    title = f"{plan.task}: accuracy / macro-F1 (%) of the probe on the test split"
    emit_table(title, columns, rows, right=set(range(1, len(columns))))
