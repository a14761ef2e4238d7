"""Training of :mod:`.self_train`: the start on words of all languages, then the rates of adapting."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from ...progress import Progress, Silent
from ...seeding import derive, stream
from ..data import Validation, WordBatches, identity, require, total_counts
from ..history import save_history
from ..train import Optimisation, Stage, train
from .base import TrainingData
from .saved import FunctionClassifier, predictable
from .self_train import SelfTrain, SelfTrainAligner

DRAWS = 3  # support sets of each validation language that a rate is chosen by


def fit(
    config: SelfTrain, data: TrainingData, seed: int, folder: Path | None, progress: Progress | None
) -> SelfTrainAligner:
    """The start with the epoch that is best on the validation languages, and the rates likewise."""
    known = total_counts(data) >= config.least
    batches = WordBatches(data, seed=seed, stage="start", size=config.batch, cap=config.cap)
    model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
    validation = Validation(data, least=config.least, seed=derive(seed, "validation"), known=known)

    def loss(epoch: int, step: int) -> torch.Tensor:
        x, y = batches(epoch, step)
        return functional.cross_entropy(model(x), y, label_smoothing=config.smoothing)

    def validate() -> dict[str, float]:
        def classifier(language: str) -> FunctionClassifier:
            return FunctionClassifier(model, predictable(known, validation.valid[language]))

        return {"zero-shot accuracy": validation.accuracy(classifier)}

    plan = Optimisation(config.epochs, config.lr, config.weight_decay, decoupled=True)
    stage = Stage("start", model, batches.steps, loss, validate, plan)
    which = identity(data, config.name, config.config(), seed)
    history = train(stage, seed=seed, identity=which, folder=folder, progress=progress)
    aligner = SelfTrainAligner(config, model, known, {})
    records = _choose(aligner, data, validation, seed, progress)
    save_history(folder, {"start": history, "adapt": records})
    return aligner


def _choose(
    aligner: SelfTrainAligner,
    data: TrainingData,
    validation: Validation,
    seed: int,
    progress: Progress | None,
) -> list[dict[str, float]]:
    """Set the rate for each number of sentences to the best on the validation languages; the trials."""
    config = aligner.config
    trials = (0.0, *config.adapt_lrs)
    bar = (progress or Silent()).bar("adapt rates", len(validation.languages) * len(config.adapt_shots))
    right = np.zeros((len(config.adapt_shots), len(trials)))
    for language in validation.languages:
        train_split = require(data.load(language, "train"), language)
        query, valid = validation.queries[language], validation.valid[language]
        usable = np.flatnonzero(np.diff(train_split.offsets))
        for row, shots in enumerate(config.adapt_shots):
            for draw in range(DRAWS):
                chosen = stream(seed, "rates", language, draw).permutation(usable)[:shots]
                support = train_split.of_sentences(chosen)
                for column, rate in enumerate(trials):
                    aligner.rates = {1: rate}
                    classifier = aligner.adapt(support, unlabelled=train_split.x, valid=valid, seed=draw)
                    right[row, column] += float((classifier.predict(query.x) == query.y).double().mean())
            bar.advance()
    right /= DRAWS * len(validation.languages)
    aligner.rates = {shots: trials[int(right[row].argmax())] for row, shots in enumerate(config.adapt_shots)}
    return [
        {"shots": shots, "rate": rate, "accuracy": float(right[row, column])}
        for row, shots in enumerate(config.adapt_shots)
        for column, rate in enumerate(trials)
    ]
