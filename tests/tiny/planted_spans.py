"""Means and words with planted directions, and what tests of directions ask of them."""

import numpy as np
import torch

from concept_align.seeding import stream

CONCEPTS, DIM = ("noun", "verb", "adjective", "pronoun"), 12


def turned(seed=0, dim=DIM):
    return np.linalg.qr(stream(seed, "turn").normal(size=(dim, dim)))[0]


def planted(languages=("en", "de", "fr"), noise=0.0, seed=0):
    """Means that differ by concept along three axes, by language along others."""
    rng = stream(seed, "means")
    places = np.zeros((len(CONCEPTS), DIM))
    places[:, :3] = rng.normal(size=(len(CONCEPTS), 3))
    found = {}
    for language in languages:
        own = np.zeros(DIM)
        own[3:6] = 5 * rng.normal(size=3)
        found[language] = places + own + noise * rng.normal(size=places.shape)
    return found


def words(size=4000, seed=3):
    """States with correlated dimensions of unequal size, concepts and their covariances."""
    rng = stream(seed, "words")
    y = rng.choice(4, size=size, p=[0.4, 0.3, 0.2, 0.1])
    shape = turned(4) * np.geomspace(5, 0.2, DIM)
    x = (rng.normal(size=(4, DIM)) * 1.5)[y] + rng.normal(size=(size, DIM)) @ shape.T + 2
    z = np.eye(4)[y]
    about = x - x.mean(0)
    return x, y, about.T @ about / size, about.T @ (z - z.mean(0)) / size


def without(span, x):
    edit = span.removal()
    return edit(torch.from_numpy(x)[None])[0].numpy()


def same_span(a, b):
    return np.allclose(a.read @ a.write, b.read @ b.write, atol=1e-6)
