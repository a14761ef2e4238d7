"""Labelled representations of one language: what probes and learners train and are tested on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Features:
    """The represented words of one (language, split) with their concepts, sentence by sentence.

    A word is here if the task gives it a label and its representation exists under the root and
    multiword-token policies; ``offsets`` keeps every sentence, so that sentence i of the features is
    sentence i of the stored split (a sentence may have no item).
    """

    language: str
    concepts: tuple[str, ...]
    x: torch.Tensor  # float32 [words, dim]; float16 where wide, to be widened in use
    y: torch.Tensor  # int64 [words], index into concepts
    offsets: NDArray[np.int64]  # [sents + 1]

    @property
    def words(self) -> int:
        return int(self.y.shape[0])

    @property
    def sents(self) -> int:
        return len(self.offsets) - 1

    @property
    def dim(self) -> int:
        return int(self.x.shape[1])

    def counts(self) -> torch.Tensor:
        """int64 [concepts]: words of each concept."""
        return torch.bincount(self.y, minlength=len(self.concepts))

    def of_sentences(self, sentences: ArrayLike) -> "Features":
        """The items of the given sentences (their places, from 0), in the order given, x widened."""
        sentences = np.asarray(sentences, dtype=np.int64)
        begin, end = self.offsets[sentences], self.offsets[sentences + 1]
        lengths = end - begin
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = torch.from_numpy(np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], lengths))
        return Features(self.language, self.concepts, widened(self.x[rows]), self.y[rows], offsets)


def widened(x: torch.Tensor) -> torch.Tensor:
    """``x``, in float32 if it is kept in 16 bits."""
    return x.float() if x.element_size() < 4 else x
