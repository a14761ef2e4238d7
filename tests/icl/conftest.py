"""Gains from demonstrations with a truth planted in them."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

CODES = ("af", "ar", "bg", "ca", "cy", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "ga", "he")


def alignabilities(random: np.random.Generator, codes: tuple[str, ...] = CODES) -> pd.DataFrame:
    """A symmetric table of random numbers from 0 to 1, NaN on the diagonal."""
    values = random.uniform(size=(len(codes), len(codes)))
    values = (values + values.T) / 2
    np.fill_diagonal(values, np.nan)
    return pd.DataFrame(values, index=list(codes), columns=list(codes))


def prompted(
    values: Mapping[tuple[str, str], float], zero: Mapping[str, float], **about: object
) -> pd.DataFrame:
    """Rows as of an evaluation: those with 5 demonstrations, and those without for every source."""
    context = {
        "model": "m", "revision": "r", "layer": "output", "task": "upos", "shots": 5, "draw": -1,
        "learner": "icl-tags", "metric": "accuracy", "low": 0.0, "high": 1.0, "n": 100,
    } | about  # fmt: skip
    rows = [context | {"source": a, "language": b, "value": value} for (a, b), value in values.items()]
    sources = {a for a, _ in values}
    rows += [
        context | {"source": a, "language": b, "value": value, "shots": 0}
        for a in sorted(sources)
        for b, value in zero.items()
        if a != b
    ]
    rows += [context | {"source": a, "language": "mean", "value": 0.5} for a in sorted(sources)]
    return pd.DataFrame(rows)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture(name="alignabilities")
def alignabilities_fixture() -> Callable[..., pd.DataFrame]:
    return alignabilities


@pytest.fixture(name="prompted")
def prompted_fixture() -> Callable[..., pd.DataFrame]:
    return prompted


@pytest.fixture
def codes() -> tuple[str, ...]:
    return CODES
