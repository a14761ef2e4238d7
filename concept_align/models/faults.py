"""What goes wrong with models, translated: what, where, what to do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from ..errors import ConceptAlignError, ModelError

# (what the library's message contains, what to say, what to do); the first that fits is taken.
_KNOWN: tuple[tuple[Sequence[str], str, str], ...] = (
    (
        ("trust_remote_code", "custom code"),
        "the model needs code of its own, which is never run",
        "use a model whose architecture transformers includes, or a newer transformers",
    ),
    (
        ("valid git identifier", "revisionnotfound"),
        "there is no such revision",
        "check the revision: a commit, tag or branch of the model's repository",
    ),
    (
        ("gatedrepo", "gated repo", "403 client error"),
        "the model is gated",
        "accept its terms on its hub page and log in (hf auth login), or give a local folder",
    ),
    (
        ("not a valid model identifier", "repositorynotfound", "repo id must"),
        "there is no such model, or it is private",
        "check the spelling of the hub id, log in (hf auth login), or give a folder that exists",
    ),
    (
        ("couldn't connect", "localentrynotfound", "offlinemodeisenabled", "cannot find the requested files"),
        "the model is not on this machine, and the hub cannot be reached or must not be (offline)",
        "download it once while online, or give a folder that holds it",
    ),
    (
        ("does not recognize this architecture", "unrecognized model", "unrecognized configuration"),
        "transformers does not know this architecture",
        "use a newer transformers, or another model",
    ),
    (
        ("does not appear to have", "no file named", "couldn't instantiate the backend tokenizer"),
        "a file of the model is missing",
        "the folder needs config.json, weights (*.safetensors or one *.gguf) and the tokenizer's files",
    ),
)
_LIBRARY_FAULTS = (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError)


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Errors of the libraries that load a model become ModelErrors about ``name``."""
    try:
        yield
    except ConceptAlignError:
        raise
    except _LIBRARY_FAULTS as error:
        if _out_of_memory(error):
            raise _memory(name) from error
        text = _chain(error).lower()
        detail = next(
            (line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__
        )
        if isinstance(error, ImportError):
            raise ModelError(
                detail, where=name, remedy="pip install 'concept-align[models,gguf]' and try again"
            ) from error
        for signs, message, remedy in _KNOWN:
            if any(sign in text for sign in signs):
                raise ModelError(f"{message} ({detail[:200]})", where=name, remedy=remedy) from error
        raise ModelError(
            f"the model cannot be loaded: {detail[:300]}",
            where=name,
            remedy="check that its files are whole, and that transformers can load it",
        ) from error


@contextmanager
def explained_memory(name: str) -> Iterator[None]:
    """Running out of memory becomes a ModelError with what to lower."""
    try:
        yield
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        raise _memory(name) from error


def _memory(name: str) -> ModelError:
    return ModelError(
        "out of memory",
        where=name,
        remedy="use fewer batch_tokens, dtype bfloat16, another device, or device_map auto",
    )


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and any(sign in str(error) for sign in ("out of memory", "can't allocate memory"))
    )


def _chain(error: BaseException | None) -> str:
    """The messages of an error and of what caused it."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def refuse_broken(layer: int, words: torch.Tensor, distinct: bool, name: str) -> None:
    """ModelError for states [words, dim] no result should rest on.

    They are not finite, or the same for all words although the words' pieces are ``distinct``.
    """
    if not torch.isfinite(words).all():
        raise ModelError(
            f"states of layer {layer} are not finite",
            where=name,
            remedy="float16 overflows in some models: compute in bfloat16 or float32",
        )
    if distinct and bool((words == words[0]).all()):
        raise ModelError(
            f"states of layer {layer} are the same for all words",
            where=name,
            remedy="the weights are broken or were not loaded: try another dtype or device, "
            "or fetch the model again",
        )
