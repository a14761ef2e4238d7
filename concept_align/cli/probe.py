"""``concept-align probe``: how well each layer separates the concepts of each language."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..outputs import output_folder
from ..progress import terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_json, emit_table, percent, records, say, say_notices

if TYPE_CHECKING:
    from ..evaluation.config import ProbeSweep
    from ..evaluation.probing import ProbeSweepResult
    from ..store.store import Store


@configured(
    "evaluation.config:ProbeSweep", kept="finished probes are kept in {out}; {again}", needs=("store",)
)
def probe(config: "ProbeSweep", run: RunOptions) -> None:
    """Train and test a linear probe for each language and layer.

    Prints accuracy and macro-F1 on the test split, their mean over languages, and the floor: the majority
    class. OUT/probe-TASK.csv and .parquet hold every number with its interval over test sentences,
    OUT/units the probes, OUT/index.html shows them. A run that was stopped resumes.
    """
    from ..evaluation.probing import LAYOUT, run_sweep
    from ..report.probe import write_probes
    from ..store.store import Store

    opened = Store.open(config.store)
    if run.dry_run:
        return _announce(config, opened, run.out, run.json)
    with output_folder(run.out, LAYOUT, force=run.force):
        with terminal(weights=[1]) as progress:
            found = run_sweep(opened, config, run.out, progress)
        files = write_probes(found, run.out)
    say_notices([f"{language}: {note}" for language, note in sorted(found.notes.items())])
    if run.json:
        rows = records(found.frame())
        return emit_json({"results": rows, "notes": found.notes, "files": [str(file) for file in files]})
    _show(found)
    say(f"written: {', '.join(str(file) for file in files)}")


def _announce(sweep: "ProbeSweep", store: "Store", out: Path, json: bool) -> None:
    from ..evaluation.probing import usable_languages

    layers = sweep.layers_in(store)
    usable = usable_languages(store, layers)
    languages = [language for language in sweep.languages_in(store) if language in usable]
    probes = len(languages) * len(layers)
    if json:
        return emit_json({"plan": asdict(sweep), "probes": probes, "out": str(out)})
    named = ", ".join(map(str, layers))
    say(f"{probes} probes ({len(languages)} languages, layers {named}) into {out}")
    say("each takes some seconds for 2,000 sentences; those that are finished there are not made again")


def _show(found: "ProbeSweepResult") -> None:
    """One row per language, one column per layer: accuracy / macro-F1; then the mean and the floor."""
    value = found.frame().set_index(["learner", "language", "layer", "metric"])["value"].to_dict()

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
