"""``concept-align ask``: tasks beyond tagging, after demonstrations in any language."""

from typing import TYPE_CHECKING

from .. import atomic
from ..outputs import output_folder
from ..progress import duration, terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_facts, emit_json, emit_text_table, records, say, say_notices

if TYPE_CHECKING:
    from ..icl.tasks.config import AskConfig


@configured("icl.tasks.config:AskConfig", kept="finished answers are kept in {out}; {again}", without=())
def ask(config: "AskConfig", run: RunOptions) -> None:
    """Put questions to a decoder, after solved ones in any language.

    A task is a built-in one (paws-x, xcopa, translation, lemma, inflection, choices, texts) or a TOML file of
    your own, with the path of its questions: --task paws-x:DIR. Where there are choices, the likeliest is
    taken, by plain and by calibrated scores; else the answer is written. OUT gets results.csv and .parquet
    (one number per row, with intervals), paired.csv (paired over questions), answers.csv (every answer),
    summary.md, index.html and figures. Finished answers are kept in OUT/units.jsonl: a run that was stopped
    resumes, and further languages, demonstrations, draws or selectors cost only themselves.
    """
    from ..config import to_toml
    from ..icl.tasks.ask import KEPT, LAYOUT, estimate_asking, run_asking
    from ..icl.tasks.asking import open_asking
    from ..report.ask import tables, write_ask

    session = open_asking(config)
    if run.dry_run:
        about = {"out": str(run.out), **estimate_asking(session)}
        if run.json:
            return emit_json(about)
        emit_facts("would ask", {key: about[key] for key in about if key not in ("seconds", "notices")})
        say_notices(about["notices"])
        return say(f"time: about {duration(about['seconds'])} here")
    with terminal() as progress, output_folder(run.out, LAYOUT, force=run.force) as held:
        found = run_asking(session, run.out, progress=progress)
        write_ask(found, run.out, figures=run.figures)
        atomic.write_text(run.out / "run.toml", to_toml(config))
        held.drop_unwritten(*KEPT)
    if run.json:
        about = {"out": str(run.out), "notices": list(found.notices), "results": records(found.frame())}
        return emit_json({**about, "differences": records(found.differences())})
    for table in tables(found):
        if not table.folded:
            emit_text_table(table, right=table.right - {1})
    say_notices(found.notices)
    say(f"{run.out}: index.html, summary.md, results.csv, results.parquet, paired.csv, answers.csv")
