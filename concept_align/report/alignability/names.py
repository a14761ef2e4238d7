"""What people read for the names of measures, spaces and models."""

from ..names import short_revision

_MEASURES: dict[str, str] = {
    "rsa": "RSA (Spearman)",
    "rsa-spearman": "RSA (Spearman)",
    "rsa-pearson": "RSA (Pearson)",
    "rsa-cosine": "RSA (cosine)",
    "procrustes": "Procrustes fit (1 − M²)",
    "procrustes-rotation": "Procrustes fit, rotations only",
    "cka": "debiased CKA",
    "cca": "mean squared CCA",
    "retrieval-p1": "retrieval, precision@1",
    "retrieval-mrr": "retrieval, mean reciprocal rank",
}
_SPACES: dict[str, str] = {"raw": "raw states", "probe": "probe's space"}


def measure_name(measure: str) -> str:
    """``RSA (Spearman)`` for ``rsa``; ``RSA (Spearman), cosine distances`` for ``rsa/cosine``."""
    base, _, distance = measure.partition("/")
    plain = base.removesuffix("-csls")
    name = _MEASURES.get(plain, plain) + (" (CSLS)" if plain != base else "")
    if not distance:
        return name
    return f"{name}, {distance if distance == 'cosine' else distance.capitalize()} distances"


def space_name(space: str) -> str:
    return _SPACES.get(space, space)


def model_name(model: str, revision: str = "") -> str:
    """``bert-base (12ab34cd)``, without the owner of the model's repository."""
    short = model.rsplit("/", 1)[-1]
    return f"{short} ({short_revision(revision)})" if revision else short
