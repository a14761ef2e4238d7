"""What learners were shown beside support sets, in words for the reader."""

from dataclasses import dataclass, field

from .targets import Target
from .tested import UnderTest


@dataclass(frozen=True)
class Looked:
    """Collects, language by language, what was seen of it."""

    words: dict[str, list[int]] = field(default_factory=dict)  # learner -> unlabelled words of each target
    test: dict[str, list[str]] = field(default_factory=dict)  # learner -> targets whose test words were seen
    without: dict[str, list[str]] = field(default_factory=dict)  # learner -> targets it was not tested in
    everything: set[str] = field(default_factory=set)

    def at(self, one: UnderTest, target: Target) -> None:
        language, trained = target.test.language, target.train is not None and target.train.words > 0
        if one.everything:
            self.everything.add(one.name)
            if not trained:
                self.without.setdefault(one.name, []).append(language)
        if one.transductive and (trained or not one.everything):
            self.words.setdefault(one.name, []).append(len(target.unlabelled))
            if not trained:
                self.test.setdefault(one.name, []).append(language)

    def notices(self) -> list[str]:
        """A line for everything that a reader must know."""
        found = []
        for name, words in sorted(self.words.items()):
            many = f"{min(words):,}" + (f" to {max(words):,}" if max(words) > min(words) else "")
            said = f"{name} looked at {many} unlabelled words of each target"
            if languages := self.test.get(name):
                said += f"; the test words themselves, for want of a train split: {', '.join(languages)}"
            found.append(said)
        for name in sorted(self.everything):
            said = f"{name} was given all labelled training words of each target: an upper bound"
            if languages := self.without.get(name):
                said += f"; left out for want of a train split: {', '.join(languages)}"
            found.append(said)
        return found
