"""Demonstrations by a learned score: what is worth showing before this query, given what it seems made of.

    s(q, c) = a k(q, c) + x_q' A B' x_c + u'x_c           a scalar, A, B [features, rank], u [features]

k is the likeness it starts from: of the shares of concepts (those a classifier predicts for the query, the
gold ones of the candidate), or of states. With B and u at 0 it is nearest-concept (or nearest-state). x
describes a sentence: log length, number of labels, the main directions of its states, and the shares where it
is asked to. u'x_c is what a candidate is worth for anybody; x_q' A B' x_c, what for this query.
:mod:`.shared` learns the numbers; here they are fixed.

For k > 1, one at a time, the best of

    s_j(c) = a k(q, c) + x_q' A B' x_c + u'x_c / (1 + gamma j) - gamma max over chosen c' of k(c, c')

after j others (:func:`.nearest.best_last`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from numpy.typing import NDArray

from ...config import checked
from ...errors import LearningError, StoreError, UsageError
from ...hashing import digest
from ...outputs import OutputLayout, output_folder
from ...tensors import load_tensors, save_tensors
from ..base import PromptSentence
from . import BaseSelector, SelectorInputs, There
from .features import SIZES, Likeness, SelectionFeatures, SentenceFeatures
from .nearest import best_last
from .selector_card import CARD_FILES, write_selector_card

MODEL, CONFIG = "model", "config"  # model.safetensors, config.json
UNITS = "gains"  # the folder of what was measured, where it was measured for this selector
LAYOUT = OutputLayout(
    "select",
    (f"{MODEL}.safetensors", f"{CONFIG}.json", *CARD_FILES, UNITS),
    ((f"{CONFIG}.json", '"selector"'),),
)
AGAIN = "name a folder that select.fit wrote, or fit the selector again"
STARTS: Mapping[Likeness, float] = {"shares": 5.0, "states": 2.0}  # a before anything is learned


@dataclass(frozen=True, eq=False)
class SelectionHead:
    """The learned numbers, float64, and what makes x of a sentence's features."""

    likeness: Likeness
    shares_in_x: bool
    a: float
    A: Float64[np.ndarray, "features rank"]
    B: Float64[np.ndarray, "features rank"]
    u: Float64[np.ndarray, " features"]
    components: Float64[np.ndarray, "directions dim"]  # of the states
    centre: Float64[np.ndarray, " features"]  # of x, before it is scaled
    scale: Float64[np.ndarray, " features"]

    def x(self, features: SelectionFeatures) -> NDArray[np.float64]:
        """[sents, features]. UsageError for states or shares of another dimension than were learned from."""
        dim = self.components.shape[1]
        if features.states.shape[1] != dim:
            what = f"states of {features.states.shape[1]} dimensions for a selector of {dim}"
            raise UsageError(what, where="selector learned", remedy="use the model it was fitted with")
        raw = raw_features(features, self.components, shares=self.shares_in_x)
        if raw.shape[1] != len(self.centre):
            what = f"{features.shares.shape[1]} concepts, another number than the selector was fitted with"
            raise UsageError(what, where="selector learned", remedy="use the task it was fitted for")
        return np.asarray((raw - self.centre) / self.scale)

    def parts(
        self, queries: SelectionFeatures, candidates: SelectionFeatures
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each candidate is worth for each query [queries, candidates], and for anybody [candidates]."""
        xq, xc = self.x(queries), self.x(candidates)
        wanted = np.einsum("qd,dr,er->qe", xq, self.A, self.B)
        fit = self.a * queries.likeness(candidates, self.likeness) + np.einsum("qd,cd->qc", wanted, xc)
        return fit, np.einsum("cd,d->c", xc, self.u)

    def tensors(self) -> dict[str, NDArray[np.float64]]:
        """Every number, by name."""
        arrays = {name: getattr(self, name) for name in ("A", "B", "u", "components", "centre", "scale")}
        return {"a": np.array([self.a]), **arrays}

    @classmethod
    def of(cls, likeness: Any, shares_in_x: Any, tensors: Mapping[str, NDArray[np.float64]]) -> Self:
        """The inverse of :meth:`tensors`. ValueError or KeyError where they do not belong together."""
        found = {name: np.asarray(tensors[name]) for name in sorted(tensors)}
        if any(one.dtype != np.float64 or not np.isfinite(one).all() for one in found.values()):
            raise ValueError("a number that is not finite, or not of 64 bits")
        sizes = found["A"].shape
        shapes = {"a": (1,), "A": sizes, "B": sizes, **dict.fromkeys(("u", "centre", "scale"), sizes[:1])}
        wrong = [name for name, shape in shapes.items() if found[name].shape != shape]
        if wrong or len(sizes) != 2 or found["components"].ndim != 2 or not (found["scale"] > 0).all():
            raise ValueError("sizes that do not belong together")
        rest = sizes[0] - SIZES - len(found["components"])
        if set(found) != {*shapes, "components"} or rest < 0 or (rest > 0) != shares_in_x:
            raise ValueError("other tensors than a selector has")
        a = float(found.pop("a")[0])
        return cls(
            checked(Likeness, likeness, "likeness"), checked(bool, shares_in_x, "shares_in_x"), a, **found
        )


def raw_features(
    features: SelectionFeatures, components: Float64[np.ndarray, "directions dim"], *, shares: bool
) -> NDArray[np.float64]:
    """[sents, features] before they are centred and scaled: size, directions of states, perhaps shares."""
    parts = [features.size, np.einsum("nd,pd->np", features.states, components)]
    return np.concatenate([*parts, features.shares] if shares else parts, axis=1)


@dataclass(frozen=True, eq=False)
class LearnedSelector(BaseSelector):
    """The k candidates with the highest learned score for the query, each unlike those before, the best last.

    ``about`` says what it was learned from (anything that JSON holds). To choose sentences it needs what a
    study offers (:meth:`with_inputs`); :meth:`score` and :meth:`chosen` take features as they are.

    Example:
        >>> import numpy as np
        >>> from concept_align.icl.selectors.features import SelectionFeatures
        >>> from concept_align.icl.selectors.shared import untrained
        >>> shares = np.array([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4]])
        >>> some = SelectionFeatures(shares, np.eye(3), np.ones((3, 2)))
        >>> untrained(some).chosen(some.rows([0]), some.rows([1, 2]), 2)
        [0, 1]
    """

    name = "learned"
    looks_at = "query"
    head: SelectionHead
    about: Mapping[str, Any] = field(default_factory=dict)
    diversity: float = 0.0  # gamma
    features: SentenceFeatures | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.diversity < np.inf:
            what = f"{self.diversity} is no diversity"
            raise UsageError(what, option="diversity", remedy="say 0 or more, for instance 0.3")

    def score(self, queries: SelectionFeatures, candidates: SelectionFeatures) -> NDArray[np.float64]:
        """s [queries, candidates]: of one demonstration."""
        fit, worth = self.head.parts(queries, candidates)
        return np.asarray(fit + worth)

    def chosen(self, query: SelectionFeatures, candidates: SelectionFeatures, k: int) -> list[int]:
        """The places of ``k`` candidates for the one sentence of ``query``, the best last.

        Those of a smaller k are among those of a larger one. Of equals the earlier wins.
        """
        fit, worth = self.head.parts(query, candidates)
        there = range(len(candidates))
        alike = lambda place: candidates.rows([place]).likeness(candidates, self.head.likeness)[0]  # noqa: E731
        return best_last(fit[0], there, min(k, len(candidates)), alike, self.diversity, worth)

    def with_inputs(self, inputs: SelectorInputs) -> Self:
        """The selector among the sentences of a study, with the diversity that is asked for there.

        Queries' labels are predicted by the study's aligner, or by the nearest prototypes of the candidates.
        UsageError for another layer or other concepts than it was fitted with.
        """
        for name, here in (("layer", inputs.layer), ("concepts", list(inputs.concepts))):
            fitted = self.about.get(name, here)
            if fitted != here and (name == "layer" or self.head.shares_in_x):
                what = f"fitted with {name} {_said(fitted)}, asked with {_said(here)}"
                remedy = "take the same, or fit the selector anew"
                raise UsageError(what, where="selector learned", remedy=remedy)
        return replace(self, features=SentenceFeatures.from_inputs(inputs), diversity=inputs.diversity)

    def refuse_targets(self, targets: Sequence[str]) -> None:
        """LearningError where a target is a language whose queries the selector was learned from."""
        if seen := sorted({*targets} & {*self.about.get("langs", ())}):
            raise LearningError(
                f"the selector learned from queries in {', '.join(seen)}, among the targets",
                where="selector learned",
                remedy="leave them out of the targets, or fit the selector on other languages",
            )

    @property
    def choice(self) -> pd.DataFrame:
        """How penalty, rank and coherence were chosen: a row for each setting that was tried."""
        return pd.DataFrame(self.about.get("choice", []))

    @cached_property
    def made_from(self) -> dict[str, Any]:
        """What its choices depend on besides sentences: answers are kept with it."""
        numbers = {name: value.tolist() for name, value in self.head.tensors().items()}
        found = {"selector": digest([self.head.likeness, self.head.shares_in_x, numbers])}
        found |= {} if self.features is None else self._asked()
        return found | ({"diversity": self.diversity} if self.diversity else {})

    def _asked(self) -> dict[str, Any]:
        assert self.features is not None
        return {"layer": self.features.inputs.layer, **self.features.labels.made_from}

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        assert query is not None
        if self.features is None:
            what = "it has no states of sentences to choose by"
            raise UsageError(
                what, where="selector learned", remedy="give it to icl_study, or use with_inputs"
            )
        if not k:
            return []
        places, sentences = list(there), list(there.values())
        asked = self.features.of_queries([query], [one.language for one in sentences])
        return [places[row] for row in self.chosen(asked, self.features.of_candidates(sentences), k)]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``model.safetensors``, ``config.json``, and a card with the licence of what it learned from.

        Equal selectors give equal bytes. UsageError for a folder that holds anything else.
        """
        about = {
            "selector": self.name,
            "likeness": self.head.likeness,
            "shares_in_x": self.head.shares_in_x,
            "about": dict(self.about),
        }
        arrays = {name: torch.from_numpy(value.copy()) for name, value in self.head.tensors().items()}
        with output_folder(folder, LAYOUT):
            save_tensors(folder, MODEL, arrays, about, described=CONFIG)
            write_selector_card(Path(folder), about)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """What :meth:`save_pretrained` wrote. StoreError where it is absent, damaged or something else."""
        tensors, saved = load_tensors(folder, MODEL, described=CONFIG)
        where = str(Path(folder) / f"{CONFIG}.json")
        try:
            if saved["selector"] != cls.name:
                raise ValueError(f"a selector called {str(saved['selector'])[:40]!r}")
            arrays = {name: value.numpy() for name, value in tensors.items()}
            head = SelectionHead.of(saved["likeness"], saved["shares_in_x"], arrays)
            about = checked(dict, saved["about"], "about")
            _check_about(about)
            return cls(head, about)
        except (UsageError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
            told = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            raise StoreError(f"no learned selector: {told}", where=where, remedy=AGAIN) from error


def _check_about(about: Mapping[str, Any]) -> None:
    """ValueError where what others look up is not what was saved."""
    for name in ("langs", "concepts"):
        checked(tuple[str, ...], about.get(name, []), name)
    if "layer" in about:
        checked(int, about["layer"], "layer")
    if not all(isinstance(row, dict) for row in checked(list, about.get("choice", []), "choice")):
        raise ValueError("choice is no table")


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
