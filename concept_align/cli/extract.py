"""``concept-align extract``: run a model over treebanks and keep what it makes of their words."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..types import MWT_POLICIES, POOLINGS, ROOT_POLICIES
from . import options
from .output import emit_json, emit_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..extraction import Done, Estimate, Planned, Report

SINKS = ("states", "statistics")


def extract(
    model: options.Model,
    treebanks: options.Treebanks,
    out: options.Out,
    layers: options.Layers,
    langs: options.Langs = "all",
    splits: Annotated[str, typer.Option(help="Which of train,dev,test.")] = "train,dev,test",
    revision: options.Revision = None,
    pooling: Annotated[
        str | None,
        typer.Option(help="first, last or mean of a word's pieces [mean for encoders, else last]."),
    ] = None,
    save_dtype: Annotated[
        str,
        typer.Option(
            help="float32, float16, bfloat16 or auto: as computed, float32 as float16 where it fits."
        ),
    ] = "auto",
    max_words: Annotated[int, typer.Option(help="Leave out longer sentences.")] = 128,
    max_words_per_concept: Annotated[
        int | None, typer.Option(help="Stop at so many words of every concept of --task.")
    ] = None,
    sink: Annotated[str, typer.Option(help="Keep states of words, or class statistics only.")] = "states",
    tasks: options.Tasks = "upos,relation",
    root: options.Root = "start",
    mwt: options.Mwt = "share",
    second_moments: Annotated[
        bool, typer.Option("--second-moments", help="With statistics, keep the sum of x x' as well.")
    ] = False,
    batch_pieces: Annotated[
        int, typer.Option(help="Pieces that are computed at once; changes speed, not results.", min=1)
    ] = 1024,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out broken sentences instead of stopping.")
    ] = False,
    dtype: Annotated[str, typer.Option(help="Compute dtype: auto, float32, bfloat16 or float16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    device_map: Annotated[
        str | None, typer.Option(help="auto: spread a model that does not fit over the devices.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask the hub.")] = False,
    dry_run: options.DryRun = False,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Run a frozen model over treebanks and store the states of their words, layer by layer.

    A run that was stopped goes on where it was. The table at the end says what was left out and why.
    """
    _one_of("--sink", sink, SINKS)
    _one_of("--root", root, ROOT_POLICIES)
    _one_of("--mwt", mwt, MWT_POLICIES)
    if pooling is not None:
        _one_of("--pooling", pooling, POOLINGS)

    from ..treebanks import discover

    # What is cheap to get wrong is looked at before the model is loaded.
    files = discover.find(treebanks, langs, _list(splits))

    from .. import extraction as room
    from ..layers import parse_layers
    from ..models.load import load
    from ..progress import terminal

    loaded = load(
        model, revision=revision, dtype=dtype, device=device, device_map=device_map, offline=offline
    )
    made: dict[str, Any] = {
        "pooling": pooling,
        "save_dtype": save_dtype,
        "max_words": max_words,
        "max_words_per_concept": max_words_per_concept,
        "tasks": tuple(dict.fromkeys(_list(tasks))),
    }
    kept: dict[str, Any] = {
        "layers": parse_layers(layers, loaded.layers),
        "sink": sink,
        "root": root,
        "mwt": mwt,
        "second_moments": second_moments,
        "lenient": lenient,
        "force": force,
    }
    with terminal() as progress:
        if dry_run:
            recipe = room.make_recipe(loaded, **made)
            wanted = room.Wanted(tasks=made["tasks"], **kept)
            planned = room.estimate(
                loaded, files, out, recipe, wanted, batch_pieces=batch_pieces, progress=progress
            )
        else:
            report = room.extract(
                loaded, files, out, batch_pieces=batch_pieces, progress=progress, **made, **kept
            )
    if json:
        emit_json((planned if dry_run else report).to_json())
    elif dry_run:
        _print_estimate(planned)
    else:
        _print_report(report)


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _one_of(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"unknown {option} {value!r}", remedy=f"use {', '.join(choices)}")


def _print_report(report: "Report") -> None:
    _table(
        f"{report.store}: {report.recipe.model}, {report.recipe.pooling} pooling, {report.recipe.save_dtype}",
        "layers run",
        report.done,
    )
    for done in report.done:
        for reason, sent_id in done.examples.items():
            say(f"{done.treebank} {done.split}: {reason}: {done.left_out[reason]}, the first is {sent_id}")
    if any(done.layers for done in report.done):
        say(f"{report.words_per_second:,.0f} words/s, {report.seconds:,.0f} s")
    else:
        say("everything was there already")


def _print_estimate(planned: "Estimate") -> None:
    _table(
        f"{planned.store} would hold: {planned.recipe.pooling} pooling, {planned.recipe.save_dtype}",
        "to run",
        planned.planned,
    )
    say(f"disk: {planned.bytes:,} bytes ({planned.free_bytes:,} free)")
    if planned.words_per_second:
        say(f"time: about {planned.seconds:,.0f} s at {planned.words_per_second:,.0f} words/s")


def _table(title: str, run: str, files: "Sequence[Done] | Sequence[Planned]") -> None:
    from ..layers import name_layers

    shown = []
    for one in files:
        reasons = ", ".join(f"{reason}: {number}" for reason, number in one.left_out.items())
        left_out = f"{sum(one.left_out.values()):,}" + (f" ({reasons})" if reasons else "")
        layers = name_layers(one.layers), name_layers(one.skipped)
        numbers = f"{one.words:,}", f"{one.sents:,}", left_out, f"{one.bytes / 1e6:,.1f}"
        shown.append([one.treebank, one.language, one.split, *layers, *numbers])
    columns = ["treebank", "lang", "split", run, "there", "words", "sents", "left out", "MB"]
    emit_table(title, columns, shown, right={5, 6, 8})
