"""The language model that an aligner learned from is looked up, and another one refused."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import ModelError
from ..extraction.plan import facts_of
from ..models.load import load_model
from ..models.origin import WEIGHTS, weights_fingerprint
from ..models.protocol import LanguageModel
from ..models.shipped import NAMES
from ..store import Recipe

AnyModel = str | Path | LanguageModel | tuple[Any, Any]


def load_recorded(
    recipe: Recipe,
    folder: Path,
    model: AnyModel | None = None,
    *,
    option: str = "model",
    device: str = "auto",
    offline: bool = False,
) -> LanguageModel:
    """The model of a ``recipe`` that the aligner in ``folder`` keeps, from ``model`` where it is not to be
    found under its own name.

    Raises ModelError where it cannot be loaded or is another one.
    """
    if model is None or isinstance(model, str | Path):
        chosen = str(model) if model is not None else recipe.model
        local = chosen in NAMES or Path(chosen).expanduser().exists()
        pinned = not recipe.revision.startswith(("sha256:", WEIGHTS))
        if model is None and not local and not pinned:
            raise ModelError(
                f"its states are those of a local model called {recipe.model}, which is not here",
                where=str(folder),
                option=option,
                remedy="say where that model is",
            )
        revision = recipe.revision if pinned and not local else None
        model = load_model(chosen, revision=revision, dtype=recipe.dtype, device=device, offline=offline)
    else:
        model = load_model(model)
    check_recorded(recipe, folder, model)
    return model


def check_recorded(recipe: Recipe, folder: Path, model: LanguageModel) -> None:
    """ModelError, naming what differs, unless ``model`` makes the states of the ``recipe`` that the aligner
    in ``folder`` keeps."""
    found = replace(recipe, **facts_of(model))
    # A pair that was loaded in memory is known by its weights, every other model by its files.
    if recipe.revision.startswith(WEIGHTS) and isinstance(
        module := getattr(model, "module", None), nn.Module
    ):
        found = replace(found, revision=weights_fingerprint(module))
    untold = found.revision.startswith(WEIGHTS) and not recipe.revision.startswith(WEIGHTS)
    if untold:
        found = replace(found, revision=recipe.revision)
    if found.fingerprint() != recipe.fingerprint():
        raise ModelError(
            f"{model.name} is not the model that the aligner learned from: "
            + "; ".join(found.differences(recipe)),
            where=str(folder),
            remedy=f"give {recipe.model} at revision {recipe.revision}, or train on the states of this model",
        )
    if untold:
        warnings.warn(
            f"the aligner learned from {recipe.model} at revision {recipe.revision}: whether the loaded "
            "model has its weights was not checked",
            UserWarning,
            stacklevel=4,
        )
