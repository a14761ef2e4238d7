"""``concept-align intervene``: concepts taken out of a model while it reads, and what that changes."""

from typing import TYPE_CHECKING

from .. import atomic
from ..outputs import output_folder
from ..progress import duration, terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_facts, emit_json, emit_text_table, records, say, say_notices

if TYPE_CHECKING:
    from ..intervention.config import InterveneConfig


@configured("intervention.config:InterveneConfig", kept="finished languages are kept in {out}; {again}",
            needs=("store",), without=())  # fmt: skip
def intervene(config: "InterveneConfig", run: RunOptions) -> None:
    """Take concepts out of a model as it reads; see what is lost.

    Directions of concepts are learned from the stored words of some languages, and taken out of the states of
    a layer (or changed) while the model reads another language. What does that do to what later layers know
    of concepts, to the model's own predictions, to agreement? Every effect is told beyond that of other
    directions of as much variance. OUT gets effects.csv and .parquet (one number per row, with intervals),
    directions.csv, with --matrix matrix.csv, summary.md, index.html and figures. What is finished is kept in
    OUT/units: a run that was stopped resumes, and further languages and layers cost only themselves.
    """
    from ..config import to_toml
    from ..intervention.plan import plan
    from ..intervention.study import (
        KEPT,
        LAYOUT,
        estimate_interventions,
        open_interventions,
        run_interventions,
    )
    from ..report.intervene import write_intervene
    from ..report.intervene_tables import tables

    planned = plan(config)
    session = open_interventions(planned)
    if run.dry_run:
        about = {"out": str(run.out), **estimate_interventions(session)}
        if run.json:
            return emit_json(about)
        emit_facts("would run", {key: about[key] for key in about if key not in ("seconds", "notices")})
        say_notices(about["notices"])
        return say(f"time: about {duration(about['seconds'])} here")
    with terminal() as progress, output_folder(run.out, LAYOUT, force=run.force) as held:
        found = run_interventions(session, run.out, progress=progress)
        write_intervene(found, run.out, figures=run.figures)
        atomic.write_text(run.out / "run.toml", to_toml(config))
        held.drop_unwritten(*KEPT)
    if run.json:
        about = {"out": str(run.out), "notices": list(found.notices)}
        return emit_json({**about, "effects": records(found.means())})
    for table in tables(found):
        if not table.folded:
            emit_text_table(table, right=table.right)
    say_notices(found.notices)
    say(f"{run.out}: index.html, summary.md, effects.csv, effects.parquet, directions.csv")
