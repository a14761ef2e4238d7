"""What a model is tuned on, and what it is tested on: other documents, other texts, and other languages.

Documents are held out whole. A training sentence whose text, in any language, also stands in a held-out
document is left out of training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import LearningError, UsageError
from ..seeding import derive
from .parallel import Parallel, normalised


@dataclass(frozen=True)
class Split:
    """Ids and languages, each divided in two."""

    train: tuple[str, ...]  # ids
    held_out: tuple[str, ...]
    seen: tuple[str, ...]  # languages that are tuned on
    unseen: tuple[str, ...]  # the others
    left_out: tuple[str, ...] = ()  # ids of neither part: a text of theirs is also held out


def split(parallel: Parallel, *, held_out: float, seen: Sequence[str], seed: int) -> Split:
    """Divide ``parallel`` so that nothing that is tuned on is tested on.

    Args:
        held_out: the share of meanings to hold out, of 1; documents are held out until it is reached.
        seen: the languages that are tuned on, at least one.
        seed: which documents; a document's turn does not depend on which others there are.

    Returns:
        Ids in the order of ``parallel``. Texts are compared in all languages, without case or spacing.

    Raises:
        UsageError: for an impossible share, and a language that is not there or twice.
        LearningError: where nothing remains to train on, or nothing to hold out.

    Example:
        >>> texts = {code: {str(n): f"{code} says {n}" for n in range(8)} for code in ("en", "de", "fi")}
        >>> found = split(Parallel.of(texts), held_out=0.25, seen=["en", "de"], seed=0)
        >>> len(found.train), len(found.held_out), found.unseen
        (6, 2, ('fi',))
    """
    if not 0 <= held_out < 1:
        raise UsageError(f"{held_out} is no share", option="held_out", remedy="say 0.33, or 0 for none")
    if not seen or len(set(seen)) < len(seen):
        raise UsageError(f"{list(seen)} names none, or one twice", option="langs", remedy="name each once")
    if missing := [language for language in seen if language not in parallel.languages]:
        remedy = f"there are {', '.join(parallel.languages)}"
        raise UsageError(f"no texts in {missing[0]}", option="langs", where=parallel.source, remedy=remedy)
    sizes: dict[str, int] = {}
    for one in parallel.ids:
        sizes[parallel.documents[one]] = sizes.get(parallel.documents[one], 0) + 1
    chosen, count = set[str](), 0
    for document in sorted(sizes, key=lambda name: derive(seed, "tune", "split", name)):
        if count >= held_out * len(parallel.ids):
            break
        chosen.add(document)
        count += sizes[document]
    kept = tuple(one for one in parallel.ids if parallel.documents[one] in chosen)
    taken = texts_of(parallel, kept)
    rest = [one for one in parallel.ids if parallel.documents[one] not in chosen]
    leaks = {one for one in rest if not taken.isdisjoint(texts_of(parallel, [one]))}
    train = tuple(one for one in rest if one not in leaks)
    if not train or (held_out and not kept):
        what = f"{len(sizes)} documents leave {len(train)} meanings to train on, {len(kept)} to hold out"
        remedy = "hold out another share, or give more documents"
        raise LearningError(what, option="held_out", where=parallel.source, remedy=remedy)
    unseen = tuple(language for language in parallel.languages if language not in seen)
    return Split(train, kept, tuple(seen), unseen, tuple(one for one in rest if one in leaks))


def texts_of(parallel: Parallel, ids: Iterable[str]) -> frozenset[str]:
    """The normalised texts of these ids in every language: of held-out ids, what no other data may hold."""
    return frozenset(normalised(own[one]) for one in ids for own in parallel.texts.values() if one in own)
