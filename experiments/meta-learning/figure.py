"""Every learner at every number of labelled sentences: dots with intervals, the best learner on top."""

from pathlib import Path

import pandas as pd

from concept_align.evaluation.results import ALL_SHOTS, MAJORITY
from concept_align.report.names import shots_name, task_name
from concept_align.report.style import INK, STRIPE, look, save, single, styled

FIGURE = "every-learner"


def learners_figure(results: pd.DataFrame, stem: Path) -> list[Path]:
    """Mean accuracy over targets of every learner in ``results`` (of one model and task).

    A learner that is given all training sentences is a line from top to bottom.
    """
    rows = results[(results["metric"] == "accuracy") & (results["language"] == "mean")]
    rows = rows[rows["learner"] != MAJORITY]
    whole, rows = rows[rows["shots"] == ALL_SHOTS], rows[rows["shots"] != ALL_SHOTS]
    learners = list(rows.groupby("learner")["value"].mean().sort_values().index)
    shots = sorted(rows["shots"].unique())
    with styled():
        figure, axis = single(6.6, 1.4 + 0.27 * len(learners))
        for row in range(0, len(learners), 2):
            axis.axhspan(row - 0.5, row + 0.5, color=STRIPE, linewidth=0, zorder=0)
        for place, (number, style) in enumerate(look(list(map(str, shots))).items()):
            part = rows[rows["shots"] == int(number)].set_index("learner").reindex(learners)
            low, high = (100 * (part["value"] - part[end]).abs() for end in ("low", "high"))
            heights = [row + 0.13 * (place - (len(shots) - 1) / 2) for row in range(len(learners))]
            axis.errorbar(
                100 * part["value"], heights, xerr=[low, high], fmt=style["marker"], color=style["color"],
                markersize=4, elinewidth=0.8, label=shots_name(int(number)),
            )  # fmt: skip
        for row in whole.to_dict("records"):
            axis.axvline(100 * row["value"], color=INK, linestyle="--", linewidth=1.2, label=row["learner"])
        axis.set_yticks(range(len(learners)), learners)
        axis.set_ylim(-0.5, len(learners) - 0.5)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel("mean accuracy over target languages, %")
        axis.set_title(task_name(str(results["task"].iloc[0])).capitalize())
        figure.legend(loc="outside lower center", ncols=len(shots) + len(whole))
        return save(figure, stem, formats=("png",))
