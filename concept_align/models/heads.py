"""Models of transformers with their language-model head, which is run apart from the rest.

Logits over a whole vocabulary are wanted at few places, and of all of them would fill the memory. So last
states are read first, and the head is run on those places alone. That it gives there what the whole model
gives is proven on a probe.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from ..errors import ModelError
from .capture import close, first_tensor
from .faults import overflow_remedy
from .frozen import FrozenModel

READ = 256  # distributions over the vocabulary held at once
BLOCK = 8192  # tokens of the vocabulary whose logits are held at once, where parts of them will do
_ASKED = (TypeError, ValueError, AttributeError, KeyError, IndexError, RuntimeError)


class _Output(BaseModelOutputWithPastAndCrossAttentions):
    """Last states alone; whatever else a head may ask for is not there."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class HeadedModel(FrozenModel):
    """``module`` is a model with its head, ``base`` the part without."""

    calling: ClassVar[dict[str, Any]] = {}  # what the whole model is called with besides

    def _find_head(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Last states and logits of the probe; ModelError where the head cannot be run apart."""
        final = first_tensor(self.base(input_ids=self.probe_ids, **self.calling)[0])
        whole = self.module(input_ids=self.probe_ids, **self.calling).logits
        for part in (self.base, getattr(self.base, "decoder", None)):
            if part is None:
                continue
            self._read_by_head: nn.Module = part
            if self._has_head_apart(final[0], whole[0]):
                return final, whole
        what = f"the head of {self.architecture} cannot be run apart from it"
        raise ModelError(what, where=self.name, remedy="use another model with a language-model head")

    def _has_head_apart(self, final: torch.Tensor, whole: torch.Tensor) -> bool:
        try:
            return close(self.logits(final), whole, self.tolerance)
        except _ASKED:
            return False

    def _find_linear_head(self, final: torch.Tensor) -> nn.Linear | None:
        """The head, if logits are nothing but its product with last states, however large these are.

        A soft cap is nearly linear where logits are small, so states a hundred times as large are read too.
        """
        head = self.module.get_output_embeddings()  # type: ignore[operator]
        if type(head) is not nn.Linear:
            return None
        for states in (final[0], final[0] * 100):
            if not close(nn.functional.linear(states, head.weight, head.bias), self.logits(states), 1e-5):
                return None
        return head

    def _refuse_overflow(self, found: torch.Tensor) -> None:
        if not bool(torch.isfinite(found).all()):
            remedy = overflow_remedy(self.dtype)
            raise ModelError("its log-probabilities are not finite", where=self.name, remedy=remedy)

    def logits(self, states: Float[torch.Tensor, "n dim"]) -> Float[torch.Tensor, "n vocabulary"]:
        """From last states, in float32 at least: the whole model, its base model passed by.

        So whatever the model does to its logits (scales, soft caps) is done to these.
        """
        output, part = _Output(last_hidden_state=states[None]), self._read_by_head
        passed: Callable[..., Any] = lambda *args, **kwargs: output  # noqa: E731
        part.forward = passed
        try:
            logits: torch.Tensor = self.module(inputs_embeds=states[None], **self.calling).logits[0]
        finally:
            del part.forward  # the class's own again
        return logits if logits.dtype == torch.float64 else logits.float()


class MaskedModel(HeadedModel):
    """An encoder with the head that fills in masked tokens."""

    def _probed(self, states: tuple[torch.Tensor, ...]) -> None:
        _, whole = self._find_head()
        self._refuse_overflow(whole)
