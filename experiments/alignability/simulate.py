"""Concept spaces with a known correspondence, and samples of words from them, as Gram matrices."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = 40  # a concept of more words is sampled as so many blocks, each the mean of equally many words


def gram(prototypes: Floats) -> Floats:
    """[..., concepts, dim] -> [..., concepts, concepts]"""
    return np.asarray(prototypes @ np.swapaxes(prototypes, -1, -2), dtype=np.float64)


def planted(
    random: np.random.Generator,
    pairs: int,
    concepts: int,
    dim: int,
    correspondence: float,
    decay: float = 0.0,
) -> tuple[Floats, Floats]:
    """Prototypes [pairs, concepts, dim] of two languages: y = rho x + sqrt(1 - rho^2) e.

    x and e are Gaussian, with standard deviation j^-decay along axis j. No rotation is applied: Gram
    matrices would not show it.
    """
    scale = np.arange(1, dim + 1) ** -decay
    x, e = random.standard_normal((2, pairs, concepts, dim)) * scale
    return x, correspondence * x + np.sqrt(1 - correspondence**2) * e


def zipf(random: np.random.Generator, concepts: int, most: int, least: int) -> NDArray[np.int64]:
    """[concepts] counts of words, evenly spaced on the logarithmic scale, give or take a third."""
    even = np.exp(np.linspace(np.log(most), np.log(least), concepts))
    return np.maximum(least, np.round(even * np.exp(random.normal(0, 0.3, concepts)))).astype(np.int64)


def unit(prototypes: Floats) -> Floats:
    """[concepts, dim] scaled so that the median squared distance is 1."""
    g = gram(prototypes)
    d = np.diagonal(g)
    return prototypes / np.sqrt(np.median((d[:, None] + d - 2 * g)[np.triu_indices(len(g), 1)]))


def sampled(
    random: np.random.Generator,
    prototypes: Floats,
    counts: NDArray[np.int64],
    spread: float,
    samples: int,
    draws: int,
    *,
    debias: bool = True,
) -> tuple[Floats, Floats]:
    """Gram matrices of samples of words [samples, K, K], and of their bootstrap draws [draws, samples, K, K].

    Words of concept k are Gaussian about its prototype, with a total variance of about ``spread`` (1 is the
    median squared distance of two prototypes) and a spectrum j^-0.7, as in the states of language models.
    Draws weight words by exponential variables (Bayesian bootstrap), and are stretched to the variance of a
    mean of n words. ``debias`` takes the expected squared errors off: a sample's, a draw's twice.
    """
    concepts, dim = prototypes.shape
    spectrum = np.arange(1, dim + 1) ** -0.7
    spectrum = np.sqrt(spectrum / spectrum.sum()).astype(np.float32)
    spreads = spread * np.exp(random.normal(0, 0.25, concepts))
    diagonal = np.arange(concepts)
    means = np.empty((samples, concepts, dim), np.float32)
    noise = np.empty((samples, concepts))
    drawn = np.empty((samples, draws, concepts, dim), np.float32)
    for k, n in enumerate(np.minimum(counts, BLOCKS)):
        x = random.standard_normal((samples, n, dim), dtype=np.float32)
        x *= np.float32(np.sqrt(spreads[k] * n / counts[k])) * spectrum
        mean = x.mean(1)
        noise[:, k] = ((x - mean[:, None]) ** 2).sum((1, 2)) / (n * (n - 1))
        weights = random.standard_exponential((samples, draws, n), dtype=np.float32)
        weights /= weights.sum(2, keepdims=True)
        stretch = np.float32(np.sqrt((n + 1) / (n - 1)))
        means[:, k] = mean + prototypes[k]
        drawn[:, :, k] = means[:, None, k] + (weights @ x - mean[:, None]) * stretch
    grams, replicates = gram(means.astype(np.float64)), gram(drawn).swapaxes(0, 1)
    if debias:
        grams[:, diagonal, diagonal] -= noise
        replicates[:, :, diagonal, diagonal] -= 2 * noise
    return grams, replicates
