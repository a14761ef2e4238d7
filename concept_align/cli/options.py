"""Options that mean the same in every command, and are no part of its configuration."""

from pathlib import Path
from typing import Annotated

from typer import Option

Treebanks = Annotated[
    Path,
    Option("--treebanks", "-t", help="UD release folder, one treebank's folder, or a .conllu[.gz|.xz] file."),
]
Out = Annotated[Path, Option(help="Folder for what is written; a run that was stopped resumes there.")]
Json = Annotated[bool, Option("--json", help="Print the result as JSON on stdout, nothing else.")]
Force = Annotated[bool, Option(help="Start again instead of resuming what is there.")]
DryRun = Annotated[bool, Option("--dry-run", help="Say what would be done, with disk and time, and stop.")]
Figures = Annotated[bool, Option(help="Draw the figures.")]
