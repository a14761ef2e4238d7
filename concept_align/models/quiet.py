"""Libraries that load models keep to themselves what they would say on stderr."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr

import transformers


@contextmanager
def quiet() -> Iterator[None]:
    """No bars and no advice of transformers while it loads; its settings are as before after the block."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def unwatched() -> Iterator[None]:
    """The GGUF reader's own bars are shown to a terminal, to nothing else."""
    with nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO()):
        yield
