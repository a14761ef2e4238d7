"""The command line in processes that can be killed, without the seconds that each start of Python costs.

A server imports the package once and forks a process for each command.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["concept_align.cli.commands", "concept_align.cli.meta_train", "concept_align.meta.run",
     "concept_align.meta.learners.proto", "concept_align.meta.learners.shrink"]
)  # fmt: skip


def start(arguments: Sequence[str], said: Path) -> ForkServerProcess:
    """``concept-align ARGUMENTS`` in a process of one thread; what it says on stderr goes to ``said``."""
    process = _SERVER.Process(target=_run, args=(list(arguments), str(said)))
    process.start()
    return process


def _run(arguments: list[str], said: str) -> None:
    with open(os.devnull, "w") as nowhere, open(said, "w") as file:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import torch

    from concept_align.cli import main

    torch.set_num_threads(1)
    sys.argv = ["concept-align", *arguments]
    main()
