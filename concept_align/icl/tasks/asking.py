"""Questions ready to be put to a model: read, demonstrated, answered set by set."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...errors import UsageError
from ...hashing import digest
from ..causal import CausalModel, load_causal, word_states
from ..config import ANY, OWN
from ..selectors import Selector
from .choosing import Scores, choice_scores, information
from .config import AskConfig, Asking, askings, check_ask
from .demonstrations import Asked, Demonstrator, after_demonstrations, refuse_labelled
from .generating import written
from .questions import Question
from .spec import NamedTask, limited
from .stand_ins import fluency, meaning
from .texts import TextReader


@dataclass(frozen=True, eq=False)
class AskSession:
    """Questions, what demonstrates them, and the model they are put to."""

    config: AskConfig
    task: NamedTask
    reader: TextReader
    questions: Mapping[str, list[Question]]
    demonstrator: Demonstrator
    askings: list[Asking]
    notices: dict[str, None] = field(default_factory=dict)

    @property
    def model(self) -> CausalModel:
        return self.reader.model

    @property
    def layer(self) -> int:
        """Of the states that texts are compared by."""
        layer = self.config.select_layer
        return self.model.layers // 2 if layer is None else layer

    def sources(self, asking: Asking) -> list[str]:
        """The languages that demonstrations are taken from."""
        if asking.source == ANY:
            return [code for code in self.config.demo_langs if code not in (ANY, OWN)]
        return [asking.language if asking.source == OWN else asking.source]

    def asked(self, asking: Asking, few: int | None = None) -> list[Asked]:
        """The questions after their demonstrations; the first ``few``."""
        spec = self.task.spec
        room = spec.max_tokens if spec.kind == "generate" else 0
        shown = self.demonstrator.shown(
            asking.language, self.sources(asking), asking.selector, asking.k, asking.draw
        )
        pairs = list(zip(self.questions[asking.language], shown, strict=True))[:few]
        found = [after_demonstrations(self.model, one, own, spec.separator, room=room) for one, own in pairs]
        if left := sum(one.left_out for one in found):
            what = f"{asking.language}, {asking.k} demonstrations in {asking.source}"
            self.notices.setdefault(f"{what}: {left} of {asking.k * len(found)} did not fit the context")
        return found

    def answers(self, asking: Asking, few: int | None = None) -> dict[str, Any]:
        """What the model answers, as JSON holds it: scores of choices, or texts."""
        found, spec = self.asked(asking, few), self.task.spec
        beginnings, questions = [one.beginning for one in found], [one.question for one in found]
        if spec.kind == "choice":
            choices = [one.choices for one in questions]
            answer: dict[str, Any] = {"scores": _plain(choice_scores(self.reader, beginnings, choices))}
            if self.config.calibrate and not spec.shared:
                domains = [one.before + one.question.domain for one in found]
                answer["information"] = _plain(information(self.reader, beginnings, domains, choices))
            return answer
        candidates = None
        if self.config.constrained:
            candidates = [one.choices[one.answer] for one in self.questions[asking.language]]
        texts = written(self.reader, beginnings, max_tokens=spec.max_tokens, candidates=candidates)
        answer = {"texts": texts}
        if self.config.stand_ins:
            nats = fluency(self.reader, texts)
            answer["nats"] = [None if np.isnan(one) else float(one) for one in nats]
            references = [one.gold for one in questions]
            answer["meaning"] = meaning(word_states(self.model, self.layer), texts, references).tolist()
        return answer

    def key(self, asking: Asking) -> str:
        """What an answer depends on besides the folder's header, as a hash."""
        chooser = self.demonstrator.selectors[asking.selector]
        pools = [self.demonstrator.pools[code] for code in self.sources(asking)] if asking.k else []
        about = [
            asdict(asking) if asking.k else [asking.language],
            [[asdict(one) for one in own] for own in (self.questions[asking.language], *pools)],
            getattr(chooser, "made_from", None) if asking.k else None,
            asdict(self.task.spec),
            [self.config.stand_ins and self.layer, self.config.stand_ins, self.config.calibrate],
        ]
        return str(digest(about))


def _plain(scores: Scores) -> list[list[float]]:
    return [[float(one) for one in own] for own in scores]


def open_asking(
    config: AskConfig,
    *,
    model: CausalModel | None = None,
    selectors: Mapping[str, Selector] | None = None,
) -> AskSession:
    """Read the questions and load the model, unless it is given; what is cheap to get wrong comes first."""
    check_ask(config)
    task = NamedTask.of(config.task, config.options)
    refuse_labelled([name for name in config.selectors if name not in (selectors or {})])
    if task.spec.kind == "choice" and (config.constrained or config.stand_ins):
        what = f"{task.name} has choices, and nothing is written"
        option = "constrained" if config.constrained else "stand_ins"
        raise UsageError(what, option=option, remedy="leave the option out")
    questions = {
        code: limited(task.questions(code, "test", config.wording), config.limit, config.seed)
        for code in config.langs
    }
    shared = {len(one.choices) for own in questions.values() for one in own}
    if task.spec.shared and len(shared) > 1:
        what = f"{task.name} says that choices are shared, and questions have {sorted(shared)} choices"
        raise UsageError(what, option="task", remedy="write shared = false")
    for code, own in questions.items():
        if not own:
            raise UsageError(f"no question in {code}", option="langs", remedy="leave the language out")
    shown = [code for code in config.demo_langs if code not in (OWN, ANY)]
    shown += config.langs if OWN in config.demo_langs else ()
    pools = {
        code: limited(task.questions(code, "dev", config.wording), config.candidates, config.seed)
        for code in dict.fromkeys(shown if set(config.k) != {0} else ())
    }
    if model is None:
        options = {name: getattr(config, name) for name in ("revision", "dtype", "device", "offline")}
        model = load_causal(config.model, **options)
    demonstrator = Demonstrator.of(
        model, task.name, pools, questions, config.selectors,
        layer=config.select_layer, given=selectors, seed=config.seed,
    )  # fmt: skip
    seeded = {name: getattr(one, "seeded", True) for name, one in demonstrator.selectors.items()}
    session = AskSession(config, task, TextReader(model), questions, demonstrator, askings(config, seeded))
    for note in model.notes:
        session.notices.setdefault(note)
    return session
