"""The two mini models that come with the package; how they were made: ``experiments/mini-models``."""

from importlib.metadata import version
from pathlib import Path

from ..errors import ModelError

NAMES = ("mini-encoder", "mini-decoder")
_WEIGHTS = Path(__file__).parent / "weights"


def shipped_model(name: str) -> Path:
    """The folder of the model called ``name``, as ``from_pretrained`` takes it.

    Weights are under CC BY-NC-SA 4.0, see ``LICENSE`` beside them. ModelError for another name, or where
    the installation lacks them.

    Example:
        >>> import concept_align as ca
        >>> ca.shipped_model("mini-encoder").name
        'mini-encoder'
    """
    if name not in NAMES:
        raise ModelError(f"no model of that name is shipped: {', '.join(NAMES)}", where=name)
    folder = _WEIGHTS / name
    if not (folder / "model.safetensors").is_file():
        raise ModelError(
            "its weights are not in this installation", where=name, remedy="install concept-align again"
        )
    # Older ones do not know which layers look at neighbours only, and would compute something else.
    if int(version("transformers").split(".")[0]) < 5:
        what = f"transformers {version('transformers')} is too old for it"
        raise ModelError(what, where=name, remedy="pip install 'transformers>=5'")
    return folder
