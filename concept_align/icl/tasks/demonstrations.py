"""Questions after solved ones: which demonstrate which, and what fits the context.

Demonstrations are chosen by the selectors of prompts (:mod:`..selectors`), to which a question is a sentence:
those that look at sentences, or at states, will do, those that look at labels will not. A question is never
its own demonstration, nor is its translation (an equal id).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import UsageError
from ...seeding import derive
from ..base import PromptSentence
from ..causal import CausalModel, word_states
from ..selectors import SELECTORS, Selector, SelectorInputs, create
from ..selectors.features import SelectionFeatures, SentenceFeatures
from ..selectors.shared_head import LearnedSelector
from .questions import Question


def refuse_labelled(names: Sequence[str]) -> None:
    """UsageError for the name of a selector that is unknown, or looks at labels."""
    for name in names:
        if getattr(SELECTORS.get(name.partition(":")[0]), "labelled", False):
            what = f"the selector {name} looks at labels of words, and questions have none"
            raise UsageError(what, option="selectors", remedy="use random, fixed or nearest-state")


class QuestionFeatures(SentenceFeatures):
    """What a learned selector knows of questions: their states and lengths. All are made of one concept.

    So a selector that was learned without shares in x, on sentences or on other tasks, chooses questions too.
    """

    def _one(self, sentence: PromptSentence, languages: tuple[str, ...] | None) -> SelectionFeatures:
        states = self.labels.states.of(sentence).double().mean(0).numpy()
        size = np.array([[np.log(len(sentence.words)), 0.0]])
        return SelectionFeatures(np.ones((1, 1)), states[None], size)


@dataclass(frozen=True)
class Asked:
    """A question after its demonstrations, and how many were left out because the context is too short."""

    question: Question
    beginning: str  # demonstrations and the question
    before: str = ""  # the demonstrations alone
    left_out: int = 0


def after_demonstrations(
    model: CausalModel, question: Question, shown: Sequence[Question], separator: str, *, room: int = 0
) -> Asked:
    """``question`` after those of ``shown`` that fit, in their order: where not all do, the last are kept.

    ``room`` tokens are left for an answer that is written; without, the longest choice is.
    """

    def tokens(text: str) -> int:
        return len(model.cutter.ids(text))

    longest = "" if room else max(question.choices, key=tokens)
    longer = max(question.beginning, question.domain, key=len)
    before, taken = "", 0
    for one in reversed(shown):
        more = one.solved + separator + before
        if tokens(more + longer + longest) + room > model.max_pieces:
            break
        before, taken = more, taken + 1
    return Asked(question, before + question.beginning, before, len(shown) - taken)


@dataclass(frozen=True, eq=False)
class Demonstrator:
    """Chooses demonstrations for questions by ``selectors``.

    ``pools`` (what may be shown) and ``questions`` are by language; a source is one of them or several.
    """

    task: str
    pools: Mapping[str, Sequence[Question]]
    questions: Mapping[str, Sequence[Question]]
    selectors: Mapping[str, Selector]
    seed: int = 0
    features: QuestionFeatures | None = None  # what learned selectors are fitted and judged by
    _sentences: dict[tuple[str, str], list[PromptSentence]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: CausalModel,
        task: str,
        pools: Mapping[str, Sequence[Question]],
        questions: Mapping[str, Sequence[Question]],
        names: Sequence[str] = ("random",),
        *,
        layer: int | None = None,
        given: Mapping[str, Selector] | None = None,
        seed: int = 0,
    ) -> "Demonstrator":
        """With the selectors called ``names``, some of them ``given``. UsageError for one that is unknown.

        States are those of questions' words at ``layer``, by default the middle one, read when asked for.
        """
        refuse_labelled([name for name in names if name not in (given or {})])
        found = cls(task, pools, questions, dict(given or {}), seed)
        at = model.layers // 2 if layer is None else layer
        inputs = SelectorInputs((), found.sentences, word_states(model, at), at)
        features = QuestionFeatures.from_inputs(inputs)
        chosen = {name: found.selectors.get(name) or create(name, inputs) for name in names}
        for name, one in chosen.items():
            if isinstance(one, LearnedSelector):
                chosen[name] = replace(one, features=features)
        return cls(task, pools, questions, chosen, seed, features, found._sentences)

    def sentences(self, language: str) -> list[list[PromptSentence]]:
        """The pool and the questions of ``language`` as selectors know them, without what is empty."""
        return [own for split in ("dev", "test") if (own := self._of(language, split))]

    def _of(self, language: str, split: str) -> list[PromptSentence]:
        if (language, split) not in self._sentences:
            own = (self.pools if split == "dev" else self.questions).get(language, ())
            # Numbers of pool and questions differ: selectors draw by them.
            first = 0 if split == "test" else 1_000_000
            found = [one.sentence(self.task, first + place) for place, one in enumerate(own)]
            self._sentences[language, split] = found
        return self._sentences[language, split]

    def shown(
        self, language: str, sources: Sequence[str], selector: str, k: int, draw: int = 0
    ) -> list[list[Question]]:
        """For each question of ``language`` ``k`` solved ones in ``sources``, in the order they stand.

        UsageError where there are too few.
        """
        if not k:
            return [[] for _ in self.questions[language]]
        pool = [one for source in sources for one in self.pools[source]]
        there = [one for source in sources for one in self._of(source, "dev")]
        chooser, seed = self.selectors[selector], derive(self.seed, "demonstrations of questions", draw)
        alike = getattr(chooser, "looks_at", "nothing")
        common: list[int] | None = None
        found = []
        for question, sentence in zip(self.questions[language], self._of(language, "test"), strict=True):
            if alike != "query" and common is None:
                common = chooser.select(None if alike == "nothing" else sentence, there, k, seed=seed)
            places = common if alike != "query" else None
            if places is None or any(pool[place].same(question) for place in places):
                rest = [place for place, one in enumerate(pool) if not one.same(question)]
                asked = None if alike == "nothing" else sentence
                chosen = chooser.select(asked, [there[place] for place in rest], k, seed=seed)
                places = [rest[place] for place in chosen]
            found.append([pool[place] for place in places])
        return found
