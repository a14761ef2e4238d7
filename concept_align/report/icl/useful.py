"""Does alignability predict which demonstrations help? Tables and a figure of a study's results."""

from pathlib import Path

from ...evaluation.results import save_csv
from ...icl.usefulness import UsefulnessReport
from .figures import usefulness_figure


def write_usefulness(found: UsefulnessReport, folder: Path, *, figure: bool = True) -> list[Path]:
    """``usefulness.csv``, ``usefulness-pairs.csv``, ``usefulness-choice.csv``; the paths of the figure."""
    save_csv(found.table, folder / "usefulness.csv")
    save_csv(found.pairs, folder / "usefulness-pairs.csv")
    save_csv(found.choice, folder / "usefulness-choice.csv")
    if not figure:
        return []
    measure = f"{found.measure}, layer {found.layer}"
    return usefulness_figure(
        found.pairs, folder / "usefulness", measure=measure, k=found.k, said=found.in_words
    )
