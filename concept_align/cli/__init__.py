"""The command line: one thin file a command, which parses, calls the library and prints.

Neither torch nor transformers is imported before a command runs, and next to nothing before :func:`main`, so
that Ctrl-C is answered from the first moment.
"""

import sys


def main() -> None:
    """Run the command line; a user's error is printed without a traceback and sets the exit code."""
    try:
        from ..errors import ConceptAlignError
        from .streams import in_utf8, standard

        in_utf8()

        try:
            with standard():
                from .commands import run

                run()
        except ConceptAlignError as error:  # of stdout itself, while the last of it is written
            sys.stderr.write(f"error: {error}\n")
            sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped before anything was done\n")
        sys.exit(130)
