"""``concept-align extract``: run a model over treebanks and keep what it makes of their words."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..layers import name_layers, resolve_layers
from ..progress import duration, size, terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_json, emit_table, say, say_notices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..extraction.config import ExtractConfig
    from ..extraction.plan import FileReport
    from ..extraction.run import ExtractionEstimate, ExtractionReport


@configured("extraction.config:ExtractConfig", kept="files done are kept in {out}; {again}", needs=("out",))
def extract(config: "ExtractConfig", run: RunOptions) -> None:
    """Run a model over treebanks and store the states of words.

    The model is frozen; states are stored layer by layer, or, with --sink statistics, sums by class only. A
    run that was stopped resumes. The table at the end says what was left out and why.
    """
    from ..treebanks import discover

    # What is cheap to get wrong is looked at before the model is loaded.
    files = discover.find_treebanks(config.treebanks, config.langs, config.splits)

    from ..extraction.config import ExtractionSettings
    from ..extraction.run import LOADING, estimate, extract_files
    from ..models.load import load_model

    settings = {field.name: getattr(config, field.name) for field in fields(ExtractionSettings)}
    loaded = load_model(config.model, **{name: getattr(config, name) for name in LOADING})
    say_notices(getattr(loaded, "notes", ()))
    settings |= {"layers": resolve_layers(config.layers, loaded.layers), "force": run.force}
    sizes = [] if run.dry_run else [Path(file.path).stat().st_size for file in files]
    with terminal(weights=sizes) as progress:
        if run.dry_run:
            planned = estimate(loaded, files, run.out, progress=progress, **settings)
        else:
            report = extract_files(loaded, files, run.out, progress=progress, **settings)
    files_done = planned.planned if run.dry_run else report.done
    say_notices([f"{one.treebank} {one.split}: {text}" for one in files_done for text in one.notices])
    if run.json:
        emit_json((planned if run.dry_run else report).to_json())
    elif run.dry_run:
        _print_estimate(planned)
    else:
        _print_report(report)


def _print_report(report: "ExtractionReport") -> None:
    _table(
        f"{report.store}: {report.recipe.model}, {report.recipe.summary}",
        "layers run",
        report.done,
    )
    say_notices(
        [
            f"{done.treebank} {done.split}: {reason}: {done.left_out[reason]}, the first is {sent_id}"
            for done in report.done
            for reason, sent_id in done.examples.items()
        ]
    )
    if any(done.layers for done in report.done):
        say(f"{report.words_per_second:,.0f} words/s, {duration(report.seconds)}")
    else:
        say("everything was there already")


def _print_estimate(planned: "ExtractionEstimate") -> None:
    _table(
        f"{planned.store} would hold: {planned.recipe.summary}",
        "to run",
        planned.planned,
    )
    say(f"disk: {size(planned.bytes)} ({size(planned.free_bytes)} free)")
    if planned.words_per_second:
        say(f"time: about {duration(planned.seconds)} at {planned.words_per_second:,.0f} words/s")


def _table(title: str, run: str, files: "Sequence[FileReport]") -> None:
    shown = []
    for one in files:
        reasons = ", ".join(f"{reason}: {number}" for reason, number in one.left_out.items())
        left_out = f"{sum(one.left_out.values()):,}" + (f" ({reasons})" if reasons else "")
        layers = name_layers(one.layers), name_layers(one.skipped)
        numbers = f"{one.words:,}", f"{one.sents:,}", left_out, size(one.bytes)
        shown.append([one.treebank, one.language, one.split, *layers, *numbers])
    columns = ["treebank", "lang", "split", run, "there", "words", "sents", "left out", "size"]
    emit_table(title, columns, shown, right={5, 6, 8})
