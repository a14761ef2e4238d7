"""All commands, by name, in the order of the work."""

import sys
import traceback
import warnings
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import ConceptAlignError
from ..progress import never_silent
from . import (
    alignability,
    ask,
    classify,
    demo,
    doctor,
    evaluate,
    extract,
    icl,
    intervene,
    meta_train,
    probe,
    store,
    treebanks,
    tune,
)
from .from_config import Commands, InterruptExit, flag, group
from .output import say
from .streams import OutputError

app = group(name="concept-align", cls=Commands, no_args_is_help=True)
app.add_typer(treebanks.app, name="treebanks")
app.command("extract")(extract.extract)
app.command("probe")(probe.probe)
app.command("alignability")(alignability.alignability)
app.command("meta-train")(meta_train.meta_train)
app.command("evaluate")(evaluate.evaluate)
app.command("classify")(classify.classify)
app.command("icl")(icl.icl)
app.command("ask")(ask.ask)
app.command("intervene")(intervene.intervene)
app.command("tune")(tune.tune)
app.add_typer(store.app, name="store")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"concept-align {__version__}\n")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where errors come from.")] = False,
) -> None:
    """Do a language model's structural concepts correspond across languages? Measure it, and use it."""


def run() -> None:
    """Parse ``sys.argv`` and run what it says; exits with 1 or 2 after a user's error."""
    show = warnings.showwarning

    def showing(message: Any, category: type[Warning], *rest: Any) -> None:
        told = category is UserWarning or " is now called " in str(message)
        say(f"note: {message}") if told else show(message, category, *rest)

    try:
        quiet = nullcontext() if sys.stderr is None or sys.stderr.isatty() else never_silent()
        with warnings.catch_warnings(), quiet:
            warnings.filterwarnings("once", ".* is now called ", DeprecationWarning)
            warnings.showwarning = showing  # type: ignore[assignment]
            app()
    except SystemExit as end:
        if end.code == 130 and not isinstance(end, InterruptExit):  # typer had Ctrl-C before a command did
            say("\nstopped before anything was done")
        raise
    except OutputError:  # said once, or not at all, where the streams end
        raise
    except ConceptAlignError as error:
        if "--debug" in sys.argv:
            say(traceback.format_exc())
        say("error: " + error.told(flag))
        sys.exit(error.exit_code)
