"""What the demo found, in a table and some honest sentences."""

from pathlib import Path

from ..evaluation.baselines import MAJORITY
from ..report.names import language_name, shots_name
from ..report.tables import TextTable, percent
from .run import SHOTS, TASK, Shown


def outcome_table(shown: Shown) -> TextTable:
    """Learners by shots, mean over the targets with its interval; then zero-shot in each target."""
    rows = shown.frame[(shown.frame["metric"] == "accuracy") & (shown.frame["draw"] == -1)]
    cells = {(row["learner"], row["language"], row["shots"]): row for row in rows.to_dict("records")}
    learners = sorted(
        {str(name) for name in rows["learner"]}, key=lambda name: -cells[name, "mean", 0]["value"]
    )

    def cell(learner: str, language: str, shots: int, *, bounded: bool) -> str:
        row = cells.get((learner, language, shots))
        if row is None:
            return "–"
        return percent(row["value"], *((row["low"], row["high"]) if bounded else (float("nan"),) * 2))

    return TextTable(
        f"Accuracy on word classes, %: mean over {', '.join(map(language_name, shown.roles.targets))}; "
        "then zero-shot in each",
        ["learner", *map(shots_name, SHOTS), *shown.roles.targets],
        [
            [
                learner,
                *(cell(learner, "mean", shots, bounded=True) for shots in SHOTS),
                *(cell(learner, target, 0, bounded=False) for target in shown.roles.targets),
            ]
            for learner in learners
        ],
    )


def findings(shown: Shown) -> list[str]:
    """What the numbers say and what they cannot say, a sentence each."""
    rows = shown.frame
    means = rows[
        (rows["metric"] == "accuracy") & (rows["draw"] == -1) & (rows["language"] == "mean")
    ].set_index(["learner", "shots"])["value"]
    zero = means.xs(0, level="shots").drop(MAJORITY)
    best, few = str(zero.idxmax()), SHOTS[-1]
    gains = 100 * (means.xs(few, level="shots") - zero).dropna().sort_values(ascending=False)
    tests = rows[(rows["draw"] == -1) & rows["language"].isin(shown.roles.targets)]
    words = int(tests.groupby("language")["n"].max().sum())
    number = len(shown.roles.targets)
    names = ", ".join(map(language_name, shown.roles.train))
    return [
        f"Learned from {names}; layer {shown.layer} was best on their development words, and "
        f"{', '.join(map(language_name, shown.roles.validation))} chose the epochs. "
        "No target language was seen.",
        f"Without a labelled word of the target, {best} names {100 * zero[best]:.0f}% of word classes; "
        f"always saying the source's commonest class, {100 * means[MAJORITY, 0]:.0f}%.",
        f"With {few} labelled sentences of the target, in points (mean over draws): "
        + ", ".join(f"{learner} {gain:+.1f}" for learner, gain in gains.items())
        + ".",
        f"This is {words:,} test words in {number} languages: intervals are wide, and over so few languages "
        f"no paired test can give p below {2 / 2**number:.3g}. It shows that everything runs, not which "
        "learner is better.",
    ]


def written(folder: Path) -> dict[str, str]:
    """Path -> what is there."""
    return {
        str(folder / "evaluation" / "summary.md"): "all tables, with intervals and tests",
        str(folder / "evaluation" / "results.csv"): "one number a row (results.parquet: the same)",
        str(folder / "probe" / f"probe-{TASK}.csv"): "each layer and language by itself",
        str(folder / "aligners"): "an aligner a learner: Aligner.from_pretrained(folder)",
        str(folder / "store"): "hidden states; the commands below make such a store",
    }


def next_steps(shown: Shown) -> list[str]:
    """Commands that do the same with real treebanks."""
    return [
        "concept-align treebanks fetch --out ud",
        f"concept-align extract --model {shown.model} --treebanks ud --langs all --layers {shown.layer} "
        "--out runs/store",
        f"concept-align meta-train --store runs/store --layers {shown.layer} --learner shrink "
        "--out runs/shrink",
        "concept-align evaluate --store runs/store --aligner runs/shrink --out runs/evaluate",
    ]
