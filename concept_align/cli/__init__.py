"""The command line: one thin file a command, which parses, calls the library and prints.

Neither torch nor transformers is imported before a command runs.
"""

import sys

import typer

from ..errors import ConceptAlignError
from . import (
    alignability,
    classify,
    demo,
    doctor,
    evaluate,
    extract,
    icl,
    meta_train,
    probe,
    store,
    treebanks,
)

app = typer.Typer(
    name="concept-align",
    help="Do a language model's structural concepts correspond across languages? Measure it, and use it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(treebanks.app, name="treebanks")
app.command("extract")(extract.extract)
app.command("probe")(probe.probe)
app.command("alignability")(alignability.alignability)
app.command("meta-train")(meta_train.meta_train)
app.command("evaluate")(evaluate.evaluate)
app.command("classify")(classify.classify)
app.command("icl")(icl.icl)
app.add_typer(store.app, name="store")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; a user's error is printed without a traceback and sets the exit code."""
    try:
        app()
    except ConceptAlignError as error:
        text = error.told(lambda name: "--" + name.replace("_", "-"))
        print(f"error: {text}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept, run the same command again to go on", file=sys.stderr)  # noqa: T201
        sys.exit(130)
