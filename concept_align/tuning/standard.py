"""Sentence vectors freed of their language's mean and of the channels' scales.

    u(s) = (v(s) - m_lang(s)) / sd

m_l [dim] is the mean of the vectors of language l; sd [dim] the standard deviation within languages, pooled
over them. Both are measured once, on training sentences and the model before training, and then fixed: those
of a batch would tie a sentence's vector to its neighbours. Without this, a few channels of a hundred times
the others' size make all cosines of some models nearly 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float

from ..errors import LearningError

_ROUNDING = 1e-6  # of a channel's size: what varies less does not vary
_MEAN = "mean."


@dataclass(frozen=True, eq=False)
class Standard:
    """Means by language and scales of channels, float64 on the CPU."""

    means: dict[str, torch.Tensor]  # [dim] each
    scale: torch.Tensor  # [dim]

    @classmethod
    def measured(cls, vectors: Mapping[str, Float[torch.Tensor, "sents dim"]]) -> "Standard":
        """Of each language's training sentences. LearningError for fewer than two of a language."""
        few = [language for language, own in vectors.items() if len(own) < 2]
        if few or not vectors:
            what = f"too few sentences to measure {few[0] if few else 'anything'} by"
            raise LearningError(what, remedy="give two sentences a language at least, better 256")
        own = {language: vectors[language].detach().double().cpu() for language in sorted(vectors)}
        means = {language: some.mean(0) for language, some in own.items()}
        scale = torch.stack([some.var(0) for some in own.values()]).mean(0).sqrt()
        size = torch.stack([some.abs().amax(0) for some in own.values()]).amax(0)
        return cls(means, torch.where(scale > _ROUNDING * size, scale, torch.ones_like(scale)))

    def applied(
        self, vectors: Float[torch.Tensor, "sents dim"], languages: Sequence[str]
    ) -> Float[torch.Tensor, "sents dim"]:
        """The vectors standardised; of a language without a mean, by the mean of all. A language each."""
        known = sorted(self.means)
        place = {language: number for number, language in enumerate(known)}
        table = torch.stack([self.means[language] for language in known])
        table = torch.cat([table, table.mean(0, keepdim=True)])
        rows = torch.tensor([place.get(language, len(known)) for language in languages])
        means = table[rows].to(vectors.device, vectors.dtype)
        return (vectors - means) / self.scale.to(vectors.device, vectors.dtype)

    def tensors(self) -> dict[str, torch.Tensor]:
        """As named tensors, to be sent or kept."""
        return {"scale": self.scale} | {f"{_MEAN}{name}": mean for name, mean in sorted(self.means.items())}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> "Standard":
        """What :meth:`tensors` gave; LearningError where scales or means are missing."""
        means = {name.removeprefix(_MEAN): one for name, one in tensors.items() if name.startswith(_MEAN)}
        if (
            "scale" not in tensors
            or not means
            or {one.shape for one in means.values()} != {tensors["scale"].shape}
        ):
            raise LearningError("these are no means and scales of vectors", remedy="measure them again")
        return cls(means, tensors["scale"])
