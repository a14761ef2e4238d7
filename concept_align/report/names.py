"""Names that people read for the codes of the tables: languages, tasks, metrics, measures, models."""

from ..evaluation.results import ALL_SHOTS
from ..treebanks.registry import find, known, prefix

SUMMARY_TITLES: dict[str, str] = {
    "mean": "Mean over target languages",
    "low-resource mean": "Mean over low-resource targets",
    "worst": "Worst target language",
    "sd": "Standard deviation over target languages",
    "max-min": "Best minus worst target language",
}
METRIC_TITLES: dict[str, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "ece": "expected calibration error",
    "chrf": "chrF",
    "chrf-corpus": "chrF of all sentences at once",
}
TASK_TITLES: dict[str, str] = {"upos": "word classes", "relation": "relations"}
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


def language_name(code: str) -> str:
    """``Welsh`` for ``cy``; a code that the registry does not know stays as it is."""
    found = known(code)
    return found.name if found and code.casefold() == found.language else code


def full_name(name: str) -> str:
    """``Welsh`` for ``cy``; ``English (PUD)`` for ``UD_English-PUD``."""
    entry, of = find(name), known(name)
    treebank = name if entry is None else entry.treebank
    return (
        f"{of.name} ({treebank.rpartition('-')[2]})" if of and treebank[:3] == "UD_" else language_name(name)
    )


def short_name(name: str) -> str:
    """What an axis shows: a code; of a treebank that was named by its folder, the prefix of its files."""
    return prefix(name)


def demonstrations_name(source: str) -> str:
    """``English`` for ``en``; ``the target itself`` for demonstrations in it (``own``)."""
    return {"own": "the target itself", "any": "any of the languages"}.get(source) or language_name(source)


def short_revision(revision: str) -> str:
    """The first eight digits of a commit or of a hash of files."""
    return revision.rpartition(":")[2][:8]


def model_name(model: str, revision: str = "") -> str:
    """``bert-base (12ab34cd)``, without the owner of the model's repository."""
    short = model.rsplit("/", 1)[-1]
    return f"{short} ({short_revision(revision)})" if revision else short


def task_name(task: str) -> str:
    """``word classes`` for ``upos``, ``Case`` for ``feature:Case``, ``XPOS`` for ``column:XPOS``."""
    return TASK_TITLES.get(task, task.removeprefix("feature:").removeprefix("column:"))


def shots_name(shots: int) -> str:
    """``zero-shot``, ``5 sentences``, ``all sentences``."""
    return {ALL_SHOTS: "all sentences", 0: "zero-shot", 1: "1 sentence"}.get(shots, f"{shots} sentences")


def metric_name(metric: str) -> str:
    """``macro-F1`` for ``macro_f1``, ``F1 of NOUN`` for ``f1:NOUN``."""
    return METRIC_TITLES.get(metric) or metric.replace("f1:", "F1 of ", 1)


def measure_name(measure: str) -> str:
    """``RSA (Spearman)`` for ``rsa``; ``RSA (Spearman), cosine distances`` for ``rsa/cosine``."""
    base, _, distance = measure.partition("/")
    plain = base.removesuffix("-csls")
    name = _MEASURES.get(plain, plain) + (" (CSLS)" if plain != base else "")
    if not distance:
        return name
    return f"{name}, {distance if distance == 'cosine' else distance.capitalize()} distances"


def space_name(space: str) -> str:
    """``raw states`` for ``raw``."""
    return _SPACES.get(space, space)


def capital(text: str) -> str:
    """``text`` with its first letter large and the others as they are."""
    return text[:1].upper() + text[1:]
