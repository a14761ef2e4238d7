"""``concept-align store``: what a store holds, whether it is intact, and tidying it."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..layers import name_layers
from ..progress import size, terminal
from . import options
from .from_config import group
from .output import emit_json, emit_table, say

app = group(help="Look into a store of hidden states, check it, tidy it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder that extract wrote.", metavar="STORE")]


@app.command("ls")
def ls(folder: Folder, json: options.Json = False) -> None:
    """What is in the store."""
    from ..store import Store

    store = Store.open(folder)
    shards = store.contents()
    if json:
        emit_json({"recipe": store.recipe.to_json(), "shards": [asdict(shard) for shard in shards]})
        return
    recipe = store.recipe
    grouped: dict[tuple[str, str, str, str], list] = {}
    for shard in shards:
        kind = f"statistics {shard.task}" if shard.kind == "statistics" else "states"
        grouped.setdefault((shard.treebank, shard.language, shard.split, kind), []).append(shard)
    # Annotations stand beside the states of their split, not on a line of their own.
    for key in [key for key, held in grouped.items() if all(s.kind == "words" for s in held)]:
        grouped[(*key[:3], "annotations only")] = grouped.pop(key)
    rows = []
    for (*names, kind), held in sorted(grouped.items()):
        whole = [shard for shard in held if shard.complete]
        layers = name_layers([shard.layer for shard in whole if shard.layer is not None])
        words = max((shard.words for shard in held), default=0)
        sents = max((shard.sents for shard in held), default=0)
        bad = len(held) - len(whole)
        numbers = f"{words:,}", f"{sents:,}", size(sum(shard.bytes for shard in held)), str(bad or "")
        rows.append([*names, kind, layers, *numbers])
    emit_table(
        f"{folder}: {recipe.model} @ {recipe.revision[:12]}, {recipe.summary}",
        ["treebank", "lang", "split", "holds", "layers", "words", "sents", "size", "unusable"],
        rows,
        right={5, 6, 7, 8},
    )


@app.command("verify")
def verify(folder: Folder, json: options.Json = False) -> None:
    """Read every shard again and compare its hash; exit code 1 where one is not what it should be."""
    from ..store import Store

    store = Store.open(folder)
    with terminal() as progress:
        problems = store.verify(progress)
    shards = store.contents()
    checked, massive = len(shards), [shard for shard in shards if shard.massive]
    if json:
        about = {"checked": checked, "problems": [asdict(problem) for problem in problems]}
        emit_json(about | {"massive": [asdict(shard) for shard in massive]})
    else:
        for problem in problems:
            say(f"{problem.path}: {problem.what}\n  → {problem.remedy}")
        for shard in massive:
            where = f"{shard.treebank} {shard.split}, layer {shard.layer}"
            say(f"{where}: states of {shard.massive:,} of {shard.words:,} words are massive (--outliers)")
        say(f"{checked} shards read, {len(problems)} with problems")
    if problems:
        raise typer.Exit(1)


@app.command("gc")
def gc(
    folder: Folder,
    json: options.Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and why.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal, before.")] = False,
) -> None:
    """Remove partial files, shards without a marker and those of another state of their treebank.

    Shards that another recipe made, or that stand in the place of others, are named and stay.
    """
    from ..store import Store

    store = Store.open(folder)
    useless = store.useless()
    kept = store.foreign()
    if dry_run and json:
        return emit_json({"removed": [], "would_remove": {str(path): why for path, why in useless.items()}})
    if not json:
        for path, why in kept.items():
            say(f"kept {path}: {why}")
    if dry_run or (not yes and not json and useless and sys.stdin.isatty()):
        for path, why in useless.items():
            say(f"would remove {path}: {why}")
        if dry_run:
            return say(f"{len(useless)} files would be removed")
        typer.confirm(f"remove {len(useless)} files?", abort=True, err=True)
    removed = store.gc()
    if json:
        return emit_json({"removed": [str(path) for path in removed]})
    for path in removed:
        say(f"removed {path}: {useless.get(path, 'of no use')}")
    say(f"{len(removed)} files removed")
