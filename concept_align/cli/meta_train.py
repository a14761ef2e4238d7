"""``concept-align meta-train``: learn an aligner from the training languages of a store."""

from typing import TYPE_CHECKING

from ..progress import duration, terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_facts, emit_json, emit_table, percent, say

if TYPE_CHECKING:
    from ..meta.config import MetaTrainConfig


@configured("meta.config:MetaTrainConfig", kept="epochs done are kept in {out}; {again}", needs=("out",))
def meta_train(config: "MetaTrainConfig", run: RunOptions) -> None:
    """Learn to align concepts across training languages.

    OUT gets the aligner, its training history and a card. A learner has settings of its own: --set epochs=5,
    --set adapts=head, --set shots=[1,10]; --dry-run shows all that there are. A run that was stopped resumes.
    """
    from ..meta.run import MetaTrainPlan, run_meta_training

    planned = MetaTrainPlan.of(config)
    if run.dry_run:
        about = {"out": str(run.out), **planned.about()}
        if run.json:
            return emit_json(about)
        return emit_facts("would train", about, between=" ")
    with terminal(weights=[1] * planned.learner.bars) as progress:
        outcome = run_meta_training(planned, run.out, force=run.force, progress=progress)
    if run.json:
        return emit_json(
            {"folder": str(outcome.folder), "seconds": round(outcome.seconds, 1), **outcome.summary}
        )
    shots = outcome.summary["validation"]
    languages = list(next(iter(shots.values()))["languages"])
    emit_table(
        f"{planned.learner.name}: accuracy on the {outcome.summary.get('scored', 'validation languages')}, %",
        ["shots", "mean", *languages],
        [
            [shot, percent(found["mean"]), *(percent(found["languages"][language]) for language in languages)]
            for shot, found in shots.items()
        ],
        right={0, 1, *range(2, 2 + len(languages))},
    )
    if outcome.seconds:
        say(f"{outcome.folder}: trained in {duration(outcome.seconds)}")
    else:
        say(f"{outcome.folder}: was finished before; --force to train again")
