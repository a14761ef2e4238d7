"""``concept-align icl``: in-context learning across languages, and alignment of its states."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import emit_json, emit_table, fitting, say

if TYPE_CHECKING:
    from ..icl.plan import Plan
    from ..icl.run import Studied

HELP = "Default: what --config says, else"


def icl(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A decoder with its head: mini-decoder (shipped), a Hugging Face model id, or a folder that "
            "holds a model (safetensors or GGUF); or in --config.",
        ),
    ] = None,
    treebanks: Annotated[
        Path | None, typer.Option("--treebanks", "-t", help="UD release folder (or in --config).")
    ] = None,
    out: options.Out = Path("runs/icl"),
    task: Annotated[str | None, typer.Option("--task", help=f"upos or relation. {HELP} upos.")] = None,
    langs: Annotated[
        str | None, typer.Option("--langs", "-l", help=f"Target languages. {HELP} targets.")
    ] = None,
    demo_langs: Annotated[
        str | None,
        typer.Option(
            help="Languages of the demonstrations: en,de,...; own: each target's own (labelled sentences of "
            f"the target, then). {HELP} en."
        ),
    ] = None,
    k: Annotated[str | None, typer.Option("--k", help=f"Numbers of demonstrations. {HELP} 0,1,5,10.")] = None,
    draws: Annotated[
        int | None, typer.Option(help=f"Sets of demonstrations that are averaged. {HELP} 3.")
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option(help=f"How demonstrations are chosen: random, fixed, coverage. {HELP} random."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What concepts are called: tags, english, language (the target's words), symbols, shuffled "
            f"(a control). The first is compared with the others. {HELP} tags,shuffled."
        ),
    ] = None,
    template: Annotated[
        str | None, typer.Option(help=f"tagged, slash, lines, or a .toml file. {HELP} tagged.")
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(
            help=f"Label put behind a word before the next one: predicted or gold. {HELP} predicted."
        ),
    ] = None,
    calibrate: Annotated[
        bool | None,
        typer.Option(
            "--calibrate/--no-calibrate",
            help=f"As well, take each label's mean score over the queries off. {HELP} yes.",
        ),
    ] = None,
    contextual: Annotated[
        bool | None,
        typer.Option(
            "--contextual/--no-contextual",
            help="As well, with what labels get after the same prompt without content taken off, before one "
            f"is chosen and put behind its word; asks everything twice. {HELP} no.",
        ),
    ] = None,
    queries: Annotated[int | None, typer.Option(help=f"Test sentences of a target. {HELP} 100.")] = None,
    max_words: Annotated[int | None, typer.Option(help=f"Leave out longer sentences. {HELP} 40.")] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Aligned in-context learning from the states of these layers, each by itself: 9, 3-9, all; "
            f"scores: from the labels' scores. {HELP} none."
        ),
    ] = None,
    learner: Annotated[
        str | None,
        typer.Option(help=f"Its learners: pooled,shrink,proto:in-context (NAME:PRESET). {HELP} pooled."),
    ] = None,
    align_langs: Annotated[
        str | None,
        typer.Option(help=f"Its training languages. {HELP} five, the demonstrations' own among them."),
    ] = None,
    align_validation: Annotated[
        str | None, typer.Option(help=f"Languages that choose its epochs, or none. {HELP} one.")
    ] = None,
    align_k: Annotated[
        str | None, typer.Option(help=f"Its numbers of demonstrations. {HELP} 0 and the most.")
    ] = None,
    align_sentences: Annotated[
        int | None, typer.Option(help=f"Sentences of a training language. {HELP} 60.")
    ] = None,
    standardise: Annotated[
        str | None,
        typer.Option(help=f"Mean and scale of its states: language, global or none. {HELP} language."),
    ] = None,
    effects: Annotated[
        bool | None,
        typer.Option(
            "--effects/--no-effects",
            help="As well, what demonstrations do to concept spaces in --layers: are they read better, do "
            f"they move towards the demonstrations'? {HELP} no.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"Seed of everything drawn at random. {HELP} 0.")] = None,
    bootstrap: Annotated[
        int | None, typer.Option(help=f"Resamples behind the intervals. {HELP} 1000.")
    ] = None,
    revision: options.Revision = None,
    dtype: Annotated[
        str | None, typer.Option(help=f"Compute dtype: auto, float32, bfloat16 or float16. {HELP} auto.")
    ] = None,
    device: Annotated[str | None, typer.Option(help=f"auto, cpu, cuda, cuda:1, mps. {HELP} auto.")] = None,
    offline: Annotated[bool | None, typer.Option("--offline", help="Never ask the hub.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file, such as the run.toml of another run; options go over it.")
    ] = None,
    alignability: Annotated[
        Path | None,
        typer.Option(help="What alignability wrote: does it foretell whose demonstrations help?"),
    ] = None,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw the figures.")] = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Ask a decoder for the concepts of words, after demonstrations in other languages.

    Demonstrations are labelled training sentences; each test sentence follows, word by word, and the labels
    are scored where they would stand. With --layers, learners are taught to read the states there, in five
    languages, and put to the targets (aligned in-context learning). OUT gets results.csv and .parquet (one
    number a row, with intervals), comparisons.csv (paired tests), summary.md, index.html and figures.
    Finished tests are kept in OUT/units: a run that was stopped goes on, and further targets, languages,
    numbers of demonstrations, draws or kinds of labels cost only themselves.
    """
    from ..icl.plan import plan
    from ..icl.settings import configure

    values = {
        "model": model,
        "treebanks": str(treebanks) if treebanks else None,
        "task": task,
        "langs": langs,
        "demo_langs": demo_langs,
        "k": _numbers(k, "--k"),
        "draws": draws,
        "selectors": _names(selector),
        "labels": _names(labels),
        "templates": _names(template),
        "feedback": feedback,
        "calibrate": calibrate,
        "contextual": contextual,
        "queries": queries,
        "max_words": max_words,
        "layers": layers,
        "learners": _names(learner),
        "align_langs": align_langs,
        "align_validation": align_validation,
        "align_k": _numbers(align_k, "--align-k"),
        "align_sentences": align_sentences,
        "standardise": standardise,
        "effects": effects,
        "seed": seed,
        "bootstrap": bootstrap,
        "revision": revision,
        "dtype": dtype,
        "device": device,
        "offline": offline,
    }
    # What is cheap to get wrong is looked at before the model is loaded.
    planned = plan(configure(config, values))

    from .. import atomic
    from ..config import to_toml
    from ..icl import study
    from ..progress import terminal
    from ..report.icl.write import write_study

    scores = None
    if alignability is not None:
        from ..correspondence.table import read

        scores = read(alignability).frame
    if dry_run:
        with terminal() as progress:
            found = study.estimate(planned, study.ask(planned, progress=progress))
        _announce({"out": str(out), **found.about(planned)}, json)
        return
    with terminal() as progress:
        studied = study.study(planned, out, force=force, progress=progress)
    missing = write_study(studied, out, figures=figures, scores=scores)
    atomic.write_text(out / "run.toml", to_toml(planned.config))
    _report(studied, planned, out, [*studied.notices, *missing], json)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str | None, where: str) -> list[int] | None:
    from ..errors import UsageError

    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"{text!r} are not numbers", where=where, remedy="say 0,1,5,10") from error


def _announce(about: dict[str, Any], json: bool) -> None:
    """What a run would do."""
    if json:
        emit_json(about)
        return
    shown = {key: value for key, value in about.items() if key not in ("seconds", "notices")}
    rows = [
        [key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)]
        for key, value in shown.items()
    ]
    emit_table("would ask", ["what", "value"], rows)
    for notice in about["notices"]:
        say(notice)
    say(f"time: about {about['seconds']:,} s here, beside what learners take to be fitted")


def _report(studied: "Studied", plan: "Plan", out: Path, notices: list[str], json: bool) -> None:
    from ..report.icl.summary import aligned_table, answers_table
    from ..report.icl.write import results_of
    from ..report.write import comparisons_frame

    frame = results_of(studied)
    if json:
        means = frame[(frame["draw"] == -1) & ~frame["metric"].str.startswith("f1:")]
        emit_json(
            {
                "out": str(out),
                "notices": notices,
                "results": _records(means),
                "comparisons": _records(comparisons_frame(studied.evaluations)),
            }
        )
        return
    for table in (answers_table(frame), aligned_table(frame)):
        if table is not None:
            emit_table(f"\n{table.title}", table.columns, fitting(table), right=table.right - {1})
    for notice in notices:
        say(notice)
    say(f"{out}: index.html, summary.md, results.csv, results.parquet, comparisons.csv, gains.csv")


def _records(frame: Any) -> list[dict[str, Any]]:
    """Rows for JSON, which has no NaN."""
    from pandas import isna

    return [
        {str(key): None if isna(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]
