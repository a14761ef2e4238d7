"""Which languages a run may learn from, choose by and be tested on: three sets without a common member.

A validation language that is also a target chooses the model by the test, which is a leak (it happened in
the published lists); so an overlap is refused, never repaired.
"""

from collections.abc import Collection, Iterable, Mapping

from ..errors import LearningError
from ..treebanks import registry


def check_disjoint(
    train: Collection[str],
    validation: Collection[str],
    test: Collection[str],
    *,
    family: Mapping[str, str] | None = None,
) -> None:
    """Refuse languages that are in two of the three sets.

    With ``family`` (language -> family) no family may be in both the training or validation languages and
    the test languages either: the stricter question of languages unlike any seen.

    Raises LearningError naming the languages (or families) and the sets they are in.
    """
    named = {"training": set(train), "validation": set(validation), "target": set(test)}
    for first, second in (("training", "validation"), ("training", "target"), ("validation", "target")):
        shared = sorted(named[first] & named[second])
        if shared:
            raise LearningError(
                f"{', '.join(shared)} among the {first} and the {second} languages",
                where="languages",
                remedy=f"take them out of one: a {second} language may not have been learned from",
            )
    if family is None:
        return
    seen = {family[language] for language in named["training"] | named["validation"] if language in family}
    tested = {family[language] for language in named["target"] if language in family}
    if shared := sorted(seen & tested):
        raise LearningError(
            f"families {', '.join(shared)} among both the training and the target languages",
            where="languages",
            remedy="leave their languages out of one, or do not ask for disjoint families",
        )


def branches_of(languages: Iterable[str]) -> dict[str, str]:
    """The branch of its family of each language that the registry of treebanks knows."""
    known = [registry.language(code) for code in languages if code in registry.CODES]
    return {one.language: f"{one.family}/{one.branch}" for one in known}
