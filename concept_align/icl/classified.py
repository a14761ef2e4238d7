"""What a saved aligner takes words for: classes of sentences whose labels a selector must not see."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float32

from ..apply.aligner import TextAligner
from ..apply.recorded import check_recorded
from ..errors import UsageError
from ..evaluation.aligners import SavedAligner, read_aligner
from ..treebanks.concepts import Task
from .base import PromptSentence
from .causal import CausalModel, plain_reader


def selecting_aligner(
    folder: Path,
    task: Task,
    layer: int | None,
    *,
    options: tuple[str, str] = ("select_aligner", "select_layer"),
    offline: bool = False,
) -> SavedAligner:
    """What the folder of a saved aligner says; it is for the words of ``task``.

    ``options`` are what the caller calls the aligner and the layer.

    Raises UsageError for an aligner of another task, of relations (which are asked of a word and its head,
    and a sentence to choose for has no tree), of two models, or without states of ``layer``, where one is
    named; LearningError for a folder that holds none.
    """
    found = read_aligner(folder, offline=offline)
    of = found.features
    if of.task != task.name or of.relational:
        what = f"an aligner of {of.task}" + (", and trees are not given to it" if of.relational else "")
        remedy = f"name one of {task.name}" if not task.relational else "leave it out: prototypes will do"
        raise UsageError(what, where=str(folder), option=options[0], remedy=remedy)
    if of.other_layers:
        what, remedy = "an aligner of the states of two models", "name one of this model's alone"
        raise UsageError(what, where=str(folder), option=options[0], remedy=remedy)
    if layer is not None and layer not in of.layers:
        what = f"it reads layer {of.layer_name}, and selectors layer {layer}"
        remedy = f"name that layer in {options[1]}, or leave it out"
        raise UsageError(what, where=str(folder), option=options[0], remedy=remedy)
    return found


def classifier(
    trained: SavedAligner, model: CausalModel
) -> Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words concepts"]]:
    """Log-probabilities of the words of sentences of one language, end to end, zero-shot.

    NaN for a word that cannot be read. Mean and scale of the language are those of the sentences given.
    Raises ModelError where ``model`` is not the one that the aligner learned from.
    """
    reader = plain_reader(model)
    check_recorded(trained.recipe, trained.folder, reader)
    text = TextAligner(trained.load(), trained, reader, trained.expected())

    def classify(sentences: Sequence[PromptSentence]) -> Float32[torch.Tensor, "words concepts"]:
        return text.adapt().classify([one.words for one in sentences]).scores

    return classify
