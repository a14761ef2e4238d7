"""What is found out with the model before its first step: layer, scales, neighbours; can it learn?"""

import warnings
from collections.abc import Callable, Mapping

import torch
from torch.nn.functional import normalize

from ..errors import LearningError
from .model import TunableModel
from .plan import TunePlan
from .retrieval import retrieval, sentence_vectors
from .sampling import training_texts
from .standard import Standard

MEASURED = 256  # training sentences of a language that means and scales are of
DOCUMENTS = 64  # training documents by whose retrieval a layer is chosen
NEAREST = 64  # neighbours of a sentence that hard negatives are taken from
ROWS = 1024  # sentences that are compared with all others at once
ALIKE = 0.05  # where all cosines of a batch lie within this, a contrast gets no grip


def chosen_layer(plan: TunePlan, model: TunableModel) -> int:
    """The layer with the best retrieval, centred by language, of some training documents.

    Held-out documents are not looked at.
    """
    texts, documents = plan.parallel.texts, plan.parallel.documents
    some = set(list(dict.fromkeys(documents[one] for one in plan.split.train))[:DOCUMENTS])
    pivot = "en" if "en" in plan.split.seen else plan.split.seen[0]
    scores = torch.zeros(model.layers + 1, dtype=torch.float64)
    layers = range(1, model.layers + 1)
    for language in plan.split.seen:
        ids = [
            one for one in plan.split.train
            if documents[one] in some and one in texts[language] and one in texts[pivot]
        ]  # fmt: skip
        if language == pivot or len(ids) < 2:
            continue
        sides = {code: [texts[code][one] for one in ids] for code in (pivot, language)}
        found = sentence_vectors(
            model, sides, layers, pooling=plan.config.pooling or "mean", length=plan.config.length
        )
        for layer in layers:
            a, b = (found[layer][code] - found[layer][code].mean(0) for code in (pivot, language))
            scores[layer] += retrieval(a, b).p1
    return int(scores[1:].argmax()) + 1


def measured_standard(plan: TunePlan, model: TunableModel, layer: int) -> Standard | None:
    """Means and scales of sentence vectors of the model before, by language; None where none are wanted.

    Of training sentences; of a language that none are in, of its monolingual text.
    """
    if plan.config.standard != "language":
        return None
    texts: Mapping[str, list[str]] = {**plan.retained, **training_texts(plan.parallel, plan.split)}
    some = {code: own[:MEASURED] for code, own in texts.items() if code in plan.split.seen and len(own) > 1}
    vectors = sentence_vectors(
        model, some, [layer], pooling=plan.config.pooling or "mean", length=plan.config.length
    )
    return Standard.measured(vectors[layer])


def neighbours(
    plan: TunePlan, model: TunableModel, layer: int, standard: Standard | None
) -> dict[str, list[str]]:
    """By training id, the ids like it, the nearest first, by the model before and in the language of most."""
    texts = training_texts(plan.parallel, plan.split)
    language = max(texts, key=lambda code: (len(texts[code]), code == "en"))
    own = plan.parallel.texts[language]
    ids = [one for one in plan.split.train if one in own]
    made = sentence_vectors(
        model, {language: [own[one] for one in ids]}, [layer],
        pooling=plan.config.pooling or "mean", length=plan.config.length,
    )[layer][language]  # fmt: skip
    if standard is not None:
        made = standard.applied(made, [language] * len(ids))
    made, found = normalize(made, dim=1), dict[str, list[str]]()
    for begin in range(0, len(ids), ROWS):  # all cosines of 25,000 sentences would take 2.5 GB
        like = made[begin : begin + ROWS] @ made.T
        like.diagonal(begin).fill_(-2)  # of a sentence with itself
        nearest = like.topk(min(NEAREST, len(ids) - 1), dim=1).indices.tolist()
        found |= zip(ids[begin : begin + ROWS], [[ids[at] for at in row] for row in nearest], strict=True)
    return found


def refuse_alike(vectors: Callable[[list[str], list[str]], torch.Tensor], plan: TunePlan) -> None:
    """LearningError where the vectors of the first batch are nearly all one: the contrast would get no grip.

    The published presets go on, with a warning: it is what they do.
    """
    config = plan.config
    rows = plan.pairs.rows(0, min(64, len(plan.pairs.ids)))
    a, b = plan.pairs.texts(rows)
    with torch.no_grad():
        one = normalize(vectors(a, [row.language_a for row in rows]).float(), dim=1)
        two = normalize(vectors(b, [row.language_b for row in rows]).float(), dim=1)
    cosines = one @ two.T
    spread = float(cosines.max() - cosines.min())
    if len(rows) < 2 or spread > ALIKE:
        return
    what = f"the cosines of {len(rows)} sentences at layer {config.layer} are all within {spread:.3f}"
    if config.preset in ("afp", "mid-align"):
        warnings.warn(f"{what}: the contrast will hardly get a grip", UserWarning, stacklevel=2)
        return
    remedy = "say standard language (a few large channels drown the others), or choose another layer"
    raise LearningError(what, option="standard", remedy=remedy)
