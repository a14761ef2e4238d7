"""Options that mean the same in every command."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="mini-encoder or mini-decoder (shipped), a Hugging Face model id, or a folder that holds a "
        "model (safetensors or GGUF).",
    ),
]
Revision = Annotated[
    str | None, typer.Option(help="Commit, tag or branch of a hub model; pin it for results that stay.")
]
Treebanks = Annotated[
    Path,
    typer.Option(
        "--treebanks", "-t", help="UD release folder, one treebank's folder, or a .conllu[.gz|.xz] file."
    ),
]
Langs = Annotated[str, typer.Option("--langs", "-l", help="Languages: en,de,... or all, or family:germanic.")]
Layers = Annotated[
    str, typer.Option(help="Layers: 7, 0-12, 3,6,9, all or -1 (the last); 0 is the embeddings.")
]
TaskName = Annotated[
    str,
    typer.Option("--task", help="upos, relation, feature:NAME (feature:Case) or column:NAME (column:XPOS)."),
]
Tasks = Annotated[
    str,
    typer.Option(
        "--task", help="One or more of upos, relation, feature:NAME, column:NAME, with commas between."
    ),
]
Root = Annotated[str, typer.Option(help="Head of root words: start (the sentence-start state) or exclude.")]
Mwt = Annotated[
    str, typer.Option(help="Words of multiword tokens: share the surface's state, first only, or skip.")
]
Seed = Annotated[int, typer.Option(help="Seed of everything drawn at random.")]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder for what is written; a run that was stopped resumes there."),
]
StoreFolder = Annotated[Path, typer.Option("--store", "-s", help="Folder that extract wrote.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Start again instead of resuming what is there.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, with disk and time, and stop.")
]
Figures = Annotated[bool, typer.Option("--figures/--no-figures", help="Draw the figures.")]
