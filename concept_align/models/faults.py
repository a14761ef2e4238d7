"""What goes wrong with models, translated: what, where, what to do; and quiet while they load."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr

import torch
import transformers
from safetensors import SafetensorError

from ..errors import ConceptAlignError, ModelError

# (what the library's message contains, what to say, what to do); the first that fits is taken.
_KNOWN: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("trust_remote_code", "custom code"),
     "the model needs code of its own, which is never run",
     "use a model whose architecture transformers includes, or a newer transformers"),
    (("valid git identifier", "revisionnotfound"),
     "there is no such revision",
     "check the revision: a commit, tag or branch of the model's repository"),
    (("gatedrepo", "gated repo", "403 client error"),
     "the model is gated",
     "accept its terms on its hub page and log in (hf auth login), or give a local folder"),
    (("not a valid model identifier", "repositorynotfound", "repo id must"),
     "there is no such model, or it is private",
     "check the spelling of the hub id, log in (hf auth login), or give a folder that exists"),
    (("couldn't connect", "localentrynotfound", "offlinemodeisenabled", "cannot find the requested files"),
     "the model is not on this machine, and the hub cannot be reached or must not be (offline)",
     "download it once while online, or give a folder that holds it"),
    (("does not recognize this architecture", "unrecognized model", "unrecognized configuration"),
     "transformers does not know this architecture",
     "use a newer transformers, or another model"),
    (("does not appear to have", "no file named", "couldn't instantiate the backend tokenizer"),
     "a file of the model is missing",
     "the folder needs config.json, weights (*.safetensors or one *.gguf) and the tokenizer's files"),
)  # fmt: skip
_LIBRARY_FAULTS = (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError)


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


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Errors of the libraries that load a model become ModelErrors about ``name``."""
    try:
        with explained_memory(name):
            yield
    except ConceptAlignError:
        raise
    except _LIBRARY_FAULTS as error:
        lines = (line.strip() for line in str(error).splitlines() if line.strip())
        detail = next(lines, type(error).__name__)
        message, remedy = _told(error, detail)
        raise ModelError(message, where=name, remedy=remedy) from error


def _told(error: BaseException, detail: str) -> tuple[str, str]:
    """What to say of a library's ``error``, and what to do."""
    if isinstance(error, ImportError):
        return detail, "pip install 'concept-align[models,gguf]' and try again"
    text = _chain(error).lower()
    for signs, message, remedy in _KNOWN:
        if any(sign in text for sign in signs):
            return f"{message} ({detail[:200]})", remedy
    remedy = "check that its files are whole, and that transformers can load it"
    return f"the model cannot be loaded: {detail[:300]}", remedy


@contextmanager
def explained_memory(name: str) -> Iterator[None]:
    """Running out of memory becomes a ModelError with what to lower."""
    try:
        yield
    except RuntimeError as error:
        signs = ("out of memory", "can't allocate memory")
        known = isinstance(error, torch.cuda.OutOfMemoryError)
        if not known and not any(sign in str(error) for sign in signs):
            raise
        remedy = "lower batch_tokens, use dtype bfloat16 or another device, or let device_map be auto"
        raise ModelError("out of memory", where=name, remedy=remedy) from error


def _chain(error: BaseException | None) -> str:
    """The messages of an error and of what caused it."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def refuse_broken(layer: int, words: torch.Tensor, distinct: bool, name: str) -> None:
    """ModelError for states [words, dim] no result should rest on.

    They are not finite, or the same for all words although the words' tokens are ``distinct``.
    """
    if not torch.isfinite(words).all():
        what, remedy = "not finite", "float16 overflows in some models: use dtype bfloat16 or float32"
    elif distinct and bool((words == words[0]).all()):
        what = "the same for all words"
        remedy = "the weights are broken or were not loaded: try another dtype or device, or fetch it again"
    else:
        return
    raise ModelError(f"states of layer {layer} are {what}", where=name, remedy=remedy)
