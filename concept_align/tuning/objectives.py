"""The losses of a step, each on the rows that this process takes of it, with their gradients.

Rows are those that samplers draw for the step. Every process knows all of them, so it knows by what a loss is
to be divided; process r of N takes rows r, r + N, r + 2N, ...
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from ..errors import LearningError, ModelError
from ..seeding import stream
from ..treebanks.concepts import parse_task
from .adapters import Learning
from .answers import answer_loss
from .cached import in_chunks
from .concept_rows import ConceptBatch, ConceptRow, ConceptSampler
from .concepts import ConceptHead, concept_loss, concept_vectors
from .contrast import contrast
from .gathered import gathered
from .model import TunableModel
from .plan import TunePlan
from .pooling import pooled
from .prepare import neighbours, refuse_alike
from .processes import count, rank, summed
from .retain import kept_nats, masked
from .sampling import InstructionSampler, PairRow, PairSampler, TextSampler
from .settings import TuneConfig
from .splits import texts_of
from .standard import Standard
from .tokens import TextTokens
from .train import Row, StepLoss

STANDARD_STEPS, SENTENCES = 4, 32  # labelled sentences of a language that scales are measured on


@dataclass(frozen=True, eq=False)
class SentenceVectors:
    """Vectors of sentences at the tuned layer, as the contrast compares them."""

    model: TunableModel
    tokens: TextTokens
    config: TuneConfig  # resolved
    standard: Standard | None

    def __call__(self, texts: Sequence[str], languages: Sequence[str]) -> torch.Tensor:
        """[n, dim] of all texts, with the gradient of those that this process takes."""
        config = self.config
        assert config.length and config.chunk
        own = slice(rank(), None, count())
        batch = self.tokens.texts(list(texts[own]), config.length)
        found = in_chunks(self._pooled, batch.ids, batch.mask, batch.content, config.chunk)
        found = gathered(found, len(texts))
        return found if self.standard is None else self.standard.applied(found, list(languages))

    def _pooled(self, ids: torch.Tensor, mask: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
        layer, how = self.config.layer, self.config.pooling
        assert isinstance(layer, int) and how
        states = self.model.hidden(ids, mask, [layer])[layer]
        return pooled(states, content.to(states.device), how)


@dataclass(frozen=True, eq=False)
class PairContrast:
    """The contrast of a step's pairs; ``nearest`` gives ids like another one, the nearest first."""

    vectors: SentenceVectors
    pairs: PairSampler
    nearest: Mapping[str, Sequence[str]] | None = None
    name: str = "contrast"

    def backward(self, step: int, weight: float) -> Row:
        config, device = self.vectors.config, self.vectors.model.device
        assert config.batch and config.chunk and config.temperature
        rows = self.pairs.rows(step, config.batch)
        a, b = self.pairs.texts(rows)
        sides = [(a, [row.language_a for row in rows]), (b, [row.language_b for row in rows])]
        excluded = torch.from_numpy(self.pairs.false_negatives(rows))
        if self.pairs.hardest:
            hard, left_out = self._hard(rows, step)
            sides.append(hard)
            excluded = torch.cat([excluded, left_out], dim=1)
        vectors = [self.vectors(*side) for side in sides]
        made = contrast(
            vectors[0], vectors[1], temperature=config.temperature, both=config.directions == "both",
            excluded=excluded.to(device), own=config.negatives == "both",
            more=vectors[2] if self.pairs.hardest else None,
        )  # fmt: skip
        (weight * made.loss).backward()
        # Every process finds the same; the shares add up to it.
        return {"contrast": float(made.loss.detach()) / count(), "accuracy": float(made.accuracy) / count()}

    def _hard(self, rows: Sequence[PairRow], step: int) -> tuple[tuple[list[str], list[str]], torch.Tensor]:
        """Texts and languages of hard negatives, and [pairs, texts] of which pair they say the same as."""
        asked = self.pairs.hard(rows, step, self.nearest)
        made = [replace(row, id_a=one, id_b=one) for row, own in zip(rows, asked, strict=True) for one in own]
        texts = self.pairs.texts([replace(row, language_a=row.language_b) for row in made])[1]
        both = self.pairs.false_negatives([*rows, *made])
        return (texts, [row.language_b for row in made]), torch.from_numpy(both[: len(rows), len(rows) :])


@dataclass(frozen=True, eq=False)
class Answers:
    """How well a step's instructions are answered."""

    model: TunableModel
    tokens: TextTokens
    instructions: InstructionSampler
    config: TuneConfig
    name: str = "answers"

    def backward(self, step: int, weight: float) -> Row:
        config = self.config
        assert config.answers and config.prompt_length
        rows = self.instructions.rows(step, config.answers)
        batch, left_out = self.tokens.instructions(rows, config.prompt_length, config.answer_tokens)
        total, own = int(batch.answer.sum()), slice(rank(), None, count())
        found = {"answers": 0.0, "left_out": len(left_out) / count()}
        if not total:
            raise LearningError(
                f"no instruction of step {step + 1} has room for an answer", option="prompt_length",
                remedy="say more tokens, or give shorter instructions",
            )  # fmt: skip
        ids, mask, answer = batch.ids[own], batch.mask[own], batch.answer[own]
        if len(ids):
            nats, _ = answer_loss(self.model.logits, self.model.last(ids, mask), ids, answer)
            (weight * nats / total).backward()
            found["answers"] = float(nats.detach()) / total
        return found


@dataclass(frozen=True, eq=False)
class Retention:
    """How far what the model says of plain text is from what it said before."""

    learning: Learning
    tokens: TextTokens
    texts: TextSampler
    config: TuneConfig
    name: str = "retention"

    def backward(self, step: int, weight: float) -> Row:
        config, model = self.config, self.learning.model
        assert config.answers and config.prompt_length
        rows = self.texts.rows(step, config.answers)
        batch = self.tokens.texts([text for _, text in rows], config.prompt_length)
        total, own = int(batch.content.sum()), slice(rank(), None, count())
        ids, mask, content = batch.ids, batch.mask, batch.content
        if model.kind == "encoder":
            token = model.tokenizer.mask_token_id
            if token is None:
                what = "its tokenizer has no token for masks, so it cannot be kept as it was"
                raise ModelError(what, where=model.name, remedy="let weights be 1,0,0 (contrast alone)")
            ids = masked(ids, content, token, stream(config.seed, "tune", "masks", step))
        ids, mask, content = ids[own], mask[own], content[own]
        if not len(ids):
            return {"retention": 0.0}
        with self.learning.before():
            before = model.last(ids, mask)[content]
        after = model.last(ids, mask)[content]
        # An adapter leaves the head as it is; what learns in place may be the head, or tied to it.
        within = {} if self.learning.adapter is not None else {"within": self.learning.before}
        nats = kept_nats(model.logits, before, after, **within)
        (weight * nats / total).backward()
        return {"retention": float(nats.detach()) / total}


@dataclass(frozen=True, eq=False)
class Concepts:
    """How well a linear head reads the concepts of labelled words off the tuned layer."""

    model: TunableModel
    labelled: ConceptSampler
    head: ConceptHead
    config: TuneConfig
    standard: Standard | None
    name: str = "concepts"

    def vectors(self, batch: ConceptBatch) -> torch.Tensor:
        """[items, dim], standardised where that is wanted."""
        layer = self.config.layer
        assert isinstance(layer, int)
        found = concept_vectors(self.model.hidden(batch.ids, batch.mask, [layer])[layer], batch)
        return found if self.standard is None else self.standard.applied(found, list(batch.languages))

    def batch(self, rows: Sequence[ConceptRow]) -> ConceptBatch:
        """The sentences ``rows`` as the model reads them; twice, where that is wanted."""
        config, model = self.config, self.model
        length = (config.length or 1) * (2 if config.read == "twice" else 1)
        return self.labelled.batch(
            rows, model.tokens, pad=model.pad, length=min(length, model.max_tokens),
            pooling="mean" if model.kind == "encoder" else "last", read=config.read,
        )  # fmt: skip

    def backward(self, step: int, weight: float) -> Row:
        assert self.config.batch
        rows = self.labelled.rows(step, self.config.batch)
        batch = self.batch(rows[rank() :: count()])
        total = summed({"items": float(len(batch.y))}, self.model.device)["items"]
        made = concept_loss(self.head, self.vectors(batch), batch.y)
        (weight * made.nats / total).backward()
        return {"concepts": float(made.nats.detach()) / total, "accuracy": float(made.correct) / total}


def _concepts(planned: TunePlan, learning: Learning) -> Concepts:
    """The loss of labelled words; vectors are standardised by words of the model before."""
    config, model = planned.config, learning.model
    task = parse_task(config.task)
    held = texts_of(planned.parallel, planned.split.held_out)
    control = "shuffled" if config.control == "shuffled" else "none"
    sampler = ConceptSampler(planned.corpora, task, config.seed, control=control, without=held)
    head = ConceptHead(model.dim, len(task.concepts)).to(model.device)
    made = Concepts(model, sampler, head, config, None)
    if config.standard != "language":
        return made
    by_language: dict[str, list[torch.Tensor]] = {}
    with torch.no_grad(), model.running():  # nothing has been learned yet
        for step in range(STANDARD_STEPS):
            # Steps that training does not take.
            batch = made.batch(sampler.rows(-1 - step, SENTENCES * len(sampler.languages)))
            vectors = made.vectors(batch)
            for language in sorted(set(batch.languages)):
                own = [place for place, one in enumerate(batch.languages) if one == language]
                by_language.setdefault(language, []).append(vectors[own])
    return replace(made, standard=Standard.measured({k: torch.cat(v) for k, v in by_language.items()}))


def losses(
    planned: TunePlan, learning: Learning, standard: Standard | None, layer: int
) -> tuple[list[tuple[StepLoss, float]], nn.Module | None]:
    """The losses of a plan with their weights, and the head that learns with them, where one does."""
    model, config, weights = learning.model, planned.config, planned.weights
    tokens = TextTokens(model.tokens, model.pad, model.max_tokens, model.tokenizer.eos_token_id)
    found: list[tuple[StepLoss, float]] = []
    if weight := weights.get("contrast"):
        vectors = SentenceVectors(model, tokens, config, standard)
        refuse_alike(vectors, planned)
        nearest = neighbours(planned, model, layer, standard) if planned.pairs.hardest else None
        found.append((PairContrast(vectors, planned.pairs, nearest), weight))
    if weight := weights.get("answers"):
        found.append((Answers(model, tokens, planned.instructions, config), weight))
    if weight := weights.get("retention"):
        found.append((Retention(learning, tokens, planned.texts, config), weight))
    head = None
    if weight := weights.get("concepts"):
        made = _concepts(planned, learning)
        head = made.head
        found.append((made, weight))
    return found, head
