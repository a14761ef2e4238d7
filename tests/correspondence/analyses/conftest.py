"""Tables of distances, scores and geometries with a truth planted in them."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.geometry import Geometry

CODES = ("af", "ar", "bg", "ca", "cy", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "ga", "he",
         "hi", "hu", "hy", "id", "is", "it", "ja", "ko")  # fmt: skip


def between(points: np.ndarray, names: Sequence[str] = CODES) -> pd.DataFrame:
    """Euclidean distances of points [n] or [n, dims] as a table of languages."""
    places = np.asarray(points, dtype=float).reshape(len(points), -1)
    apart = np.sqrt(((places[:, None] - places) ** 2).sum(-1))
    return pd.DataFrame(apart, index=names[: len(places)], columns=names[: len(places)])


def scored(square: pd.DataFrame, **about: object) -> pd.DataFrame:
    """The tidy scores of a table: one row a pair, as of a symmetric measure."""
    context = {
        "model": "m", "revision": "r", "layer": "3", "task": "upos", "space": "raw", "measure": "rsa",
        "against": "", "null_mean": 0.0, "null_sd": 0.1, "ceiling": 1.0,
    } | about  # fmt: skip
    return pd.DataFrame([
        context | {"source": a, "target": b, "value": square.loc[a, b], "z": square.loc[a, b] / 0.1}
        for i, a in enumerate(square.index)
        for b in square.index[i + 1 :]
    ])  # fmt: skip


def spaces(prototypes: np.ndarray, counts: np.ndarray | None = None) -> Geometry:
    """The geometry of prototypes [layers, langs, concepts, dim]; a concept of count 0 is absent."""
    layers, langs, concepts, dim = prototypes.shape
    counts = np.full((langs, concepts), 100) if counts is None else counts
    there = np.where(counts > 0, 1.0, np.nan)
    gram = prototypes @ np.swapaxes(prototypes, -1, -2) * (there[:, :, None] * there[:, None, :])
    return Geometry(
        model="m", revision="r", task="upos", space="raw",
        layers=tuple(map(str, range(layers))), languages=CODES[:langs],
        concepts=tuple(f"C{k}" for k in range(concepts)), counts=counts.astype(np.int64), gram=gram,
        noise=np.full((layers, langs, concepts), np.nan), dims=(dim,) * layers,
    )  # fmt: skip


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture(name="between")
def between_fixture() -> Callable[..., pd.DataFrame]:
    return between


@pytest.fixture(name="scored")
def scored_fixture() -> Callable[..., pd.DataFrame]:
    return scored


@pytest.fixture(name="spaces")
def spaces_fixture() -> Callable[..., Geometry]:
    return spaces


@pytest.fixture
def turned() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Prototypes [langs, concepts, dim], each language in axes of its own."""

    def turn(prototypes: np.ndarray, random: np.random.Generator) -> np.ndarray:
        dim = prototypes.shape[-1]
        return prototypes @ np.linalg.qr(random.normal(size=(len(prototypes), dim, dim)))[0]

    return turn
