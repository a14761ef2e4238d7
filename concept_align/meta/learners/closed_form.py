"""Meta-learning whose inner step is solved, not descended to: one model for any number of labelled sentences.

``solver = "ridge"`` (R2-D2: Bertinetto et al. 2019, arXiv 1805.08136, equations 4 to 7), from a learned
start W_0 rather than from zero:

    s(x) = alpha W'u(x) + beta,   u(x) = [h(x), 1, s x],   h the hidden layer of f
    W    = W_0 + argmin_D ||U D - (Y - U W_0)||^2 + r ||D||^2

solved in words or in features, whichever are fewer (Woodbury). alpha and beta start where the zero-shot
scores of the training words are nearest to alpha Y + beta. (Leaving over what a softmax leaves,
Y - softmax(s_0(x)), one step of logistic regression, was no better on held-out languages.)

``solver = "procrustes"``: the language's prototypes are turned and moved onto learned ones, mu,

    s_k(x) = -t ||R f(x) + a - mu_k||^2 + log pi_k
    R, a   = argmin_{R'R = I} sum_k w_k ||R m_k + a - mu_k||^2 + lambda_R ||R - I||^2 + lambda_a ||a||^2

m_k the mean of f(x) over the n_k support words of k, w_k = n_k / (1 + n_k / kappa), and pi the frequencies of
concepts, shrunk to those of all languages as in :mod:`.shrink` (Schoenemann 1966; :mod:`..solvers`).

Either way n = 0 is the zero-shot classifier, few words change little, and gradients go through the solution.
Three stages: f and the zero-shot classifier on the words of all training languages; both again on episodes of
these languages (``encoder_epochs``; kept only if the validation languages gain by it); then r, alpha, beta
and s, or lambda, kappa and the mass of pi, on episodes of the validation languages, whose words f does not
know (see :mod:`.shrink`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from ...config import from_mapping
from ...progress import Progress
from ...spaces.features import Features
from ..data import identity, torch_stream
from ..episodes import Words
from ..history import save_history
from ..maps import Encoder
from ..train import train
from .base import TrainingData
from .closed_form_models import ClosedFormModel, ProcrustesModel, RidgeModel
from .saved import FunctionClassifier, ModelAligner, predictable


def presets(task: str) -> dict[str, dict[str, Any]]:
    """``default`` solves ridge regression, ``procrustes`` the orthogonal map."""
    shape = {"rank": 64, "hidden": 384} if task == "relation" else {"rank": 32, "hidden": 256}
    return {
        "default": shape,
        "procrustes": {**shape, "solver": "procrustes"},
    }


class ClosedFormAligner(ModelAligner):
    """One model for every number of shots."""

    learner: ClassVar[str] = "closed-form"

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> FunctionClassifier:
        """Closed form: ``seed`` changes nothing. Support words of concepts not valid are left out."""
        valid, model = predictable(self.known, valid), self.model
        if support is None or not bool((counted := valid[support.y]).any()):
            return FunctionClassifier(model.zero_shot, valid)
        with torch.no_grad():
            words = Words.alone(support.x[counted].float(), support.y[counted])
            solution = model.solve(words, valid.unsqueeze(0))

        def logits(x: torch.Tensor) -> torch.Tensor:
            return model.logits(Words.alone(x), solution)

        return FunctionClassifier(logits, valid)

    @classmethod
    def configured(cls, values: dict[str, Any]) -> "ClosedForm":
        return from_mapping(ClosedForm, values, where="config.json")


@dataclass(frozen=True)
class ClosedForm:
    """The configuration."""

    name: ClassVar[str] = "closed-form"
    solver: Literal["ridge", "procrustes"] = "ridge"
    rank: int = 32  # of procrustes
    hidden: int = 256
    dropout: float = 0.33
    least: int = 10  # training words a concept needs, over all languages
    pooled_epochs: int = 4
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    pooled_lr: float = 1e-3
    weight_decay: float = 1e-4
    encoder_epochs: int = 0  # of episodes of the training languages, which teach f and the classifier
    encoder_lr: float = 1e-4
    epochs: int = 4  # of episodes of the validation languages, which teach the strengths
    lr: float = 0.02
    episodes: int = 15  # of each language an epoch
    queries: int = 20  # sentences
    shots: tuple[int, ...] = (1, 5, 10, 20, 50)  # one drawn for each episode
    validation_shots: tuple[int, ...] = (1, 10, 50)

    def config(self) -> dict[str, Any]:
        found = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    def model(self, dim: int, concepts: int, seed: int) -> ClosedFormModel:
        generator = torch_stream(seed, "closed-form", "init")
        rank = concepts if self.solver == "ridge" else self.rank
        encoder = Encoder(dim, rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        if self.solver == "ridge":
            return RidgeModel(encoder, concepts)
        return ProcrustesModel(encoder, rank, concepts, generator)

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> ClosedFormAligner:
        """All stages, each with its own checkpoints."""
        from .closed_form_fit import ClosedFormFit  # it needs the models' aligner

        fit = ClosedFormFit(self, data, seed)
        which = identity(data, self.name, self.config(), seed)
        stages = [fit.pooled, *([fit.encoder] if self.encoder_epochs else []), fit.strengths]
        histories = {
            # A stage is made when the one before is done: it says what is still learned.
            stage.__name__: train(stage(), seed=seed, identity=which, folder=folder, progress=progress)
            for stage in stages
        }
        save_history(folder, histories)
        return ClosedFormAligner(self, fit.model, fit.known)
