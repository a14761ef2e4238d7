"""``concept-align tune``: bring sentences that say the same together, in the model itself."""

from typing import TYPE_CHECKING

from ..progress import duration, terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_facts, emit_json, emit_text_table, records, say, say_notices, say_title

if TYPE_CHECKING:
    from ..tuning.plan import TunePlan
    from ..tuning.settings import TuneConfig

KEPT = "the last checkpoint is kept in {out}; {again}"


@configured("tuning.settings:TuneConfig", kept=KEPT, needs=("out",), without=())
def tune(config: "TuneConfig", run: RunOptions) -> None:
    """Tune a language model on translations; measure what changed.

    Sentences that say the same in several languages are brought together in a middle layer, while the model
    learns to answer in another language than it is asked in and is kept as it was on plain text. Documents
    and languages that are never trained on are retrieved before and after. OUT gets model/, which every
    command takes as --model, adapter/, history.csv, before-after.csv, summary.md and index.html. A run that
    was stopped resumes. Several GPUs: torchrun --nproc-per-node N -m concept_align tune ...
    """
    from ..tuning.plan import TunePlan

    planned = TunePlan.of(config)
    if run.dry_run:
        return _announce(planned, run)
    from ..outputs import output_folder
    from ..report.tune import layers_table, sources_of, tune_report
    from ..tuning.run import LAYOUT
    from ..tuning.run import tune as run_tuning

    with terminal() as progress:
        tuned = run_tuning(planned, out=run.out, force=run.force, progress=progress)
    if tuned is None:  # the first of several processes tells
        return
    with output_folder(run.out, LAYOUT):
        tune_report(tuned, figures=run.figures).write(run.out)
    if run.json:
        about = {"folder": str(run.out), "seconds": round(tuned.seconds, 1), "model": str(tuned.model or "")}
        return emit_json({**about, "notices": list(planned.notes), "results": records(tuned.before_after)})
    frame = tuned.before_after
    for source in sources_of(frame) if len(frame) else ():
        for group in ("seen mean", "unseen mean"):
            if (table := layers_table(frame, source, group)) is not None:
                emit_text_table(table, right=set(range(1, len(table.columns))))
    say_notices(planned.notes)
    done = f"tuned in {duration(tuned.seconds)}"
    files = ["index.html", "summary.md", *(["before-after.csv"] if len(frame) else []), "history.csv"]
    files += ["model"] if tuned.model else []
    done = done if tuned.seconds else "was finished before; --force to tune again"
    say(f"{run.out}: {done}; {', '.join(files)}")


def _announce(planned: "TunePlan", run: RunOptions) -> None:
    """What a run would do."""
    from ..tuning.estimate import estimate

    about = {"out": str(run.out), **estimate(planned)}
    if run.json:
        return emit_json(about)
    shown = about.pop("instructions")
    notices = about.pop("notes")
    emit_facts("would tune", about)
    for one in shown:
        say_title(f"{one['prompt']}[{one['answer']}]")
    say_notices(notices)
