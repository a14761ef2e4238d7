"""What decides an answer: the recipe of a store, and the names of its shards.

A recipe holds what changes the stored numbers and nothing that does not (batch size, device, paths).
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import torch

from ..config import from_mapping
from ..errors import StoreError, UsageError
from ..hashing import digest
from ..types import FinalNorm, ModelKind, Outliers, Pooling, Reading, Split

SCHEMA = 1
CORRECT = "take back what was changed in it, or make it again"

# Fields that recipes of earlier releases have not, and what was done then: left out of what is written where
# it is done still, so that the stores of both are the same to the byte.
LATER: dict[str, Any] = {"read": "once", "outliers": "keep"}

SAVE_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Recipe:
    """How the states of one store are made. Two stores with equal fingerprints hold the same numbers."""

    model: str  # hub id, or name of a local folder; the revision decides, not the name
    revision: str
    architecture: str
    kind: ModelKind
    layers: int  # blocks of the model; states can exist for layers 0..layers
    dim: int
    dtype: str  # compute dtype, "float32"
    save_dtype: str  # "float32" | "float16" | "bfloat16"
    pooling: Pooling
    max_words: int
    final_norm: FinalNorm
    has_start: bool
    max_words_per_concept: int | None = None
    cap_tasks: tuple[str, ...] = ()  # the tasks whose concepts are counted for the cap
    schema: int = SCHEMA
    read: Reading = "once"
    outliers: Outliers = "keep"

    @property
    def summary(self) -> str:
        """What states of words are, in a line: ``last pooling, float16, read twice``."""
        twice = ", read twice" if self.read == "twice" else ""
        done = {"keep": "", "clip": ", outliers clipped", "drop": ", outliers dropped"}[self.outliers]
        return f"{self.pooling} pooling, {self.save_dtype}{twice}{done}"

    def to_json(self) -> dict[str, Any]:
        """Every field, but for those of ``LATER`` that are as they were before there were such."""
        values = dataclasses.asdict(self) | {"cap_tasks": list(self.cap_tasks)}
        return {key: value for key, value in values.items() if key not in LATER or LATER[key] != value}

    @classmethod
    def from_json(cls, value: dict[str, Any], *, where: str) -> "Recipe":
        """Raises StoreError where a field is unknown or missing (another version wrote it), or impossible."""
        known = {field.name for field in dataclasses.fields(cls)}
        if odd := ", ".join(sorted(set(value) - known | known - set(value) - set(LATER))):
            what = f"the recipe has other fields than this version knows ({odd})"
            remedy = "use the version of concept-align that wrote it, or extract into another folder"
            raise StoreError(what, where=where, remedy=remedy)
        try:
            found = from_mapping(cls, value, where=where)
        except UsageError as error:
            raise StoreError(f"{error.option}: {error.message}", where=where, remedy=CORRECT) from error
        if min(found.layers, found.dim - 1, found.max_words - 1) < 0 or found.save_dtype not in SAVE_DTYPES:
            raise StoreError("a recipe of no states", where=where, remedy=CORRECT)
        return found

    def fingerprint(self) -> str:
        """A hash of every field but the model's name (the same weights under another name or path)."""
        fields = {key: value for key, value in self.to_json().items() if key != "model"}
        return digest(fields)

    def differences(self, other: "Recipe") -> list[str]:
        """``field: mine, not theirs`` for each field that decides."""
        mine, theirs = LATER | self.to_json(), LATER | other.to_json()
        return [
            f"{key} is {mine[key]!r}, not {theirs[key]!r}"
            for key in mine
            if key != "model" and mine[key] != theirs[key]
        ]


def misfits(cls: type, value: Mapping[str, Any]) -> list[str]:
    """The names in ``value``, which JSON gave, that do not fit the fields of a dataclass: of another type,
    or a number below 0."""
    hints = _hints(cls)
    return [name for name, one in value.items() if name in hints and not _fits(hints[name], one)]


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _fits(hint: Any, value: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(one, value) for one in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, list) and all(_fits(arguments[0], one) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(arguments[1], one) for one in value.values())
    return type(value) is hint and (hint is not int or value >= 0)


def words_name(split: Split) -> str:
    """The file of a split's annotations."""
    return f"{split}.words.safetensors"


def layer_name(split: Split, layer: int) -> str:
    return f"{split}.layer-{layer:02d}.safetensors"


def statistics_name(split: Split, layer: int, task: str, root: str, mwt: str) -> str:
    """The file of a split's class statistics; the policies are in the name, so that they never mix."""
    safe = task.replace(":", "-")
    return f"{split}.statistics.layer-{layer:02d}.{safe}.root-{root}.mwt-{mwt}.safetensors"
