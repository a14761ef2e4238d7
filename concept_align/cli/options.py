"""Options that mean the same in every command, and are no part of its configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from ..config import field_docs


@dataclass(frozen=True)
class RunOptions:
    """What is said of a run, beside what is to be done; a command may lack some."""

    out: Path = Path()
    """Folder for what is written; a run that was stopped resumes there."""
    figures: bool = True
    """Draw the figures."""
    force: bool = False
    """Start again instead of resuming what is there."""
    dry_run: bool = False
    """Say what would be done, with disk and time, and stop."""
    json: bool = False
    """Print the result as JSON on stdout, nothing else."""


_TOLD = field_docs(RunOptions)
Json = Annotated[bool, Option("--json", help=_TOLD["json"])]
DryRun = Annotated[bool, Option("--dry-run", help=_TOLD["dry_run"])]
Treebanks = Annotated[
    Path,
    Option(
        "--treebanks",
        "-t",
        help="UD release folder, one treebank's folder, a .conllu[.gz|.xz] file, or mini.",
    ),
]
