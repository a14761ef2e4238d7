"""``concept-align icl``: in-context learning across languages, and alignment of its states."""

from typing import TYPE_CHECKING, Any

from .. import atomic
from ..outputs import output_folder
from ..progress import duration, terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_facts, emit_json, emit_results, emit_text_table, say, say_notices

if TYPE_CHECKING:
    from ..icl.config import ICLConfig


@configured("icl.config:ICLConfig", kept="finished tests are kept in {out}; {again}", without=())
def icl(config: "ICLConfig", run: RunOptions) -> None:
    """Learn concepts in context, across languages.

    A decoder is asked for the concepts of words after demonstrations in other languages. Demonstrations are
    labelled training sentences; each test sentence follows, word by word, and the labels are scored where
    they would stand. With --layers, learners are taught to read the states there, in five languages, and
    tested in the targets (aligned in-context learning). OUT gets results.csv and .parquet (one number per
    row, with intervals), comparisons.csv (paired tests), summary.md, index.html and figures. Finished tests
    are kept in OUT/units: a run that was stopped resumes, and further targets, languages, numbers of
    demonstrations, draws or kinds of labels cost only themselves.
    """
    from ..config import to_toml
    from ..icl.plan import plan
    from ..icl.runner import KEPT, LAYOUT
    from ..icl.study import estimate, open_session
    from ..icl.study import run as run_study
    from ..report.icl import aligned_table, answers_table, write_icl

    if run.dry_run:
        with terminal() as progress:
            found = estimate(open_session(plan(config), progress=progress))
        return _announce({"out": str(run.out), **found}, run.json)
    planned = plan(config)
    # The targets' test splits are read first, then the tests begin.
    with terminal(weights=[*[0] * len(planned.targets), 1]) as progress:
        session = open_session(planned, folder=run.out, progress=progress)
        with output_folder(run.out, LAYOUT, force=run.force) as held:
            studied = run_study(session, run.out, progress=progress)
            write_icl(studied, run.out, figures=run.figures)
            atomic.write_text(run.out / "run.toml", to_toml(config))
            held.drop_unwritten(*KEPT)
    frame, notices = studied.frame(), studied.notices
    if run.json:
        return emit_results(run.out, frame, studied.comparisons(), notices)
    for table in (answers_table(frame), aligned_table(frame)):
        if table is not None:
            emit_text_table(table, right=table.right - {1})
    say_notices(notices)
    say(f"{run.out}: index.html, summary.md, results.csv, results.parquet, comparisons.csv, gains.csv")


def _announce(about: dict[str, Any], json: bool) -> None:
    """What a run would do."""
    if json:
        return emit_json(about)
    emit_facts("would ask", {key: about[key] for key in about if key not in ("seconds", "notices")})
    say_notices(about["notices"])
    say(f"time: about {duration(about['seconds'])} here, without fitting learners")
