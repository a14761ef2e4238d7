"""The language model whose states an aligner learned from, and no other."""

from pathlib import Path

from ..errors import ModelError
from ..evaluation.aligners import SavedAligner
from ..extraction.plan import ExtractionRequest, make_recipe
from ..models.load import load_model
from ..models.protocol import LanguageModel
from ..models.shipped import NAMES


def load_recorded(
    trained: SavedAligner, name: str | Path | None = None, *, device: str = "auto", offline: bool = False
) -> LanguageModel:
    """The model of ``trained``'s recipe, from ``name`` where it is not to be found under its own.

    Raises ModelError where it cannot be loaded or is another one.
    """
    recipe = trained.recipe
    chosen = str(name) if name is not None else recipe.model
    local = chosen in NAMES or Path(chosen).expanduser().exists()
    hashed = recipe.revision.startswith(("sha256:", "weights:"))
    if name is None and not local and hashed:
        raise ModelError(
            f"its states are those of a local model called {recipe.model}, which is not here",
            where=str(trained.folder),
            option="model",
            remedy="say where that model is",
        )
    pinned = None if local or hashed else recipe.revision
    model = load_model(chosen, revision=pinned, dtype=recipe.dtype, device=device, offline=offline)
    check_recorded(trained, model)
    return model


def check_recorded(trained: SavedAligner, model: LanguageModel) -> None:
    """ModelError, naming what differs, unless ``model`` makes the states that ``trained`` learned from."""
    recipe = trained.recipe
    request = ExtractionRequest(
        layers=(),
        pooling=recipe.pooling,
        save_dtype=recipe.save_dtype,
        max_words=recipe.max_words,
        max_words_per_concept=recipe.max_words_per_concept,
        tasks=recipe.cap_tasks,
    )
    found = make_recipe(model, request)
    if found.fingerprint() != recipe.fingerprint():
        raise ModelError(
            f"{model.name} is not the model that the aligner learned from: "
            + "; ".join(found.differences(recipe)),
            where=str(trained.folder),
            remedy=f"give {recipe.model} at revision {recipe.revision}, or train on the states of this model",
        )
