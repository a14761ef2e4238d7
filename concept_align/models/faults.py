"""What goes wrong with models, translated: what, where, what to do; and quiet while they load."""

import io
import re
import sys
import traceback
import warnings
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
    (("ignore_mismatched_sizes",),
     "its weights are of other sizes than config.json says",
     "the files belong to another model or are not whole: fetch it again"),
    (("weights only load failed", "unpickling"),
     "its weights (*.bin) are damaged, or hold more than weights, which is never run",
     "save the model as safetensors where it is trusted, or fetch it again"),
    (("gpu found", "gpu is needed", "requires a gpu", "gpu is required", "only supported on gpu"),
     "its quantised weights need a GPU",
     "use the model's unquantised weights, or a machine with a GPU"),
)  # fmt: skip
_LIBRARY_FAULTS = (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError)
_LIBRARIES = {"transformers", "torch", "tokenizers", "safetensors", "huggingface_hub", "gguf", "accelerate"}
_EXTRAS = ("sentencepiece", "protobuf", "tiktoken", "accelerate", "gguf")  # packages that our extras bring
# How libraries name a package that they miss.
_PACKAGE = re.compile(
    r"pip install (?:-U |--upgrade )?['\"]?(?P<pip>[\w.\-]+)|No module named '(?P<module>\w+)"
    r"|need to install (?P<need>[\w\-]+)|requires the (?P<library>[\w\-]+) library"
    r"|valid (?P<valid>[\w\-]+) version|The (?P<data>\w+) dictionary is not installed"
)
_LONGEST = 300  # characters of what a library says


@contextmanager
def quiet() -> Iterator[None]:
    """No bars, warnings and advice of libraries while they load; settings are as before after the block."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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
    """Whatever goes wrong in the libraries that load and run a model becomes a ModelError about ``name``.

    What they raised is its cause. Errors of our own lines keep their traceback.
    """
    try:
        with explained_memory(name):
            yield
    except ConceptAlignError as error:
        if error.option is None:
            error.where = error.where or name
        raise
    except BaseException as error:
        if not _of_a_library(error):
            raise
        message, remedy = _told(error, _detail(error))
        raise ModelError(message, where=name, remedy=remedy) from error


def _of_a_library(error: BaseException) -> bool:
    """Whether a library raised it, by its type or by the lines that it came through."""
    if not isinstance(error, Exception):
        return type(error).__name__ == "PanicException"  # of libraries written in Rust
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return (
        isinstance(error, _LIBRARY_FAULTS)
        or type(error) is Exception  # tokenizers raises nothing else
        or any(module.partition(".")[0] in _LIBRARIES for module in (*modules, type(error).__module__))
    )


def _detail(error: BaseException) -> str:
    """What a library said, in one line without control characters; its kind where that says more."""
    said = " ".join("".join(sign if sign.isprintable() else " " for sign in str(error)).split())
    if not said or not isinstance(error, (OSError, ValueError, ImportError, RuntimeError)):
        said = ": ".join(part for part in (type(error).__name__, said) if part)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _told(error: BaseException, detail: str) -> tuple[str, str]:
    """What to say of a library's ``error``, and what to do."""
    if isinstance(error, ImportError):
        found = _PACKAGE.search(str(error))
        name = next(filter(None, found.groups()), "") if found else ""
        if any(extra in f"{name} {detail}".lower() for extra in _EXTRAS):
            return detail, "pip install 'concept-align[models,gguf]' and try again"
        if name:
            return detail, f"pip install {name.lower()} and try again"
    text = _chain(error).lower()
    for signs, message, remedy in _KNOWN:
        if any(sign in text for sign in signs):
            return f"{message} ({detail[:200]})", remedy
    if isinstance(error, ImportError):
        return detail, "install it and try again"
    remedy = "check that its files are whole, and that transformers can load it"
    return f"the model cannot be loaded: {detail}", remedy


@contextmanager
def explained_memory(name: str) -> Iterator[None]:
    """Running out of memory becomes a ModelError with what to lower."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        remedy = "lower batch_tokens, use dtype bfloat16 or another device, or let device_map be auto"
        raise ModelError("out of memory", where=name, remedy=remedy) from error


def out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return any(sign in str(error) for sign in ("out of memory", "can't allocate memory"))


def _chain(error: BaseException | None) -> str:
    """The messages of an error and of what caused it."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def overflow_remedy(dtype: torch.dtype) -> str:
    """What to do about numbers that are not finite where a model computes in ``dtype``."""
    if dtype == torch.float16:
        return "float16 overflows in some models: use dtype bfloat16 or float32"
    broken = "its weights are broken: fetch it again"
    return broken if dtype == torch.float32 else f"use dtype float32; if that does not help, {broken}"


def refuse_broken(layer: int, words: torch.Tensor, distinct: bool, name: str, dtype: torch.dtype) -> None:
    """ModelError for states [words, dim] no result should rest on; the model computed them in ``dtype``.

    They are not finite, or the same for all words although the words' tokens are ``distinct``.
    """
    if not torch.isfinite(words).all():
        what, remedy = "not finite", overflow_remedy(dtype)
    elif distinct and bool((words == words[0]).all()):
        what = "the same for all words"
        remedy = "the weights are broken or were not loaded: try another dtype or device, or fetch it again"
    else:
        return
    raise ModelError(f"states of layer {layer} are {what}", where=name, remedy=remedy)
