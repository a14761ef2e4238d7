"""An evaluation made up of known numbers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from concept_align.evaluation.comparisons import GAINED, compare
from concept_align.evaluation.protocol import Protocol
from concept_align.evaluation.resampling import MetricResamples
from concept_align.evaluation.results import COLUMNS
from concept_align.evaluation.summary import low_resource, summarise
from concept_align.evaluation.tidy import CONFUSED, RELIABLE, Evaluation, Setting

TARGETS = ("cy", "eu", "ta", "xx")
LEARNERS = {"shrink": 0.7, "proto": 0.65, "majority": 0.2}


def make(task="upos", layer="7", shots=(0, 5), learners=LEARNERS):
    protocol = Protocol(shots=shots, support_draws=2, bootstrap=100)
    cells, rows = {}, []
    for learner, base in learners.items():
        for number, n in enumerate(shots):
            for place, code in enumerate(TARGETS):
                value = base + 0.05 * number - 0.03 * place
                alone = np.array([value])
                cell = MetricResamples(1234, alone, alone, alone, np.linspace(-0.01, 0.01, 100)[None] + value)
                for metric in ("accuracy", "macro_f1"):
                    cells.setdefault((learner, n, metric), {})[code] = cell
    poor = low_resource(dict(zip(TARGETS, (10, 20, 30, 40), strict=True)))
    for (learner, n, metric), by_language in cells.items():
        about = {"learner": learner, "shots": n, "metric": metric, "draw": -1}
        rows += [
            about | {"language": one.name, "value": one.value, "low": one.low, "high": one.high, "n": one.n}
            for one in summarise(by_language, poor, protocol)
        ]
        for code, cell in by_language.items():
            numbers = {"value": cell.value, "low": cell.value - 0.01, "high": cell.value + 0.01, "n": 1234}
            rows.append(about | {"language": code, **numbers})
    setting = Setting(
        model="some/model", revision="0123456789ab", layer=layer, task=task,
        low_resource=poor, seeds={"shrink": 3, "proto": 1},
    )  # fmt: skip
    tables = {
        "results": pd.DataFrame(rows, columns=list(COLUMNS[5:])),
        "comparisons": compare(cells, protocol),
        "gains": pd.DataFrame(_gains(shots, learners), columns=list(GAINED)),
        "confusion": pd.DataFrame(_confusion(shots, learners), columns=list(CONFUSED)),
        "reliability": pd.DataFrame(_reliability(shots, learners), columns=list(RELIABLE)),
    }
    return Evaluation(
        {name: setting.into(frame) for name, frame in tables.items()},
        (setting,),
        (f"xx: something odd about {task}",),
        protocol,
        {"seen": "here"},
    )


def _gains(shots, learners):
    """Of shrink over proto, by language and by concept; VERB is in three languages only."""
    if not {"shrink", "proto"} <= set(learners):
        return []
    found = []
    for n in shots:
        for place, code in enumerate(TARGETS):
            gain = 0.05 - 0.04 * place
            found.append(("shrink", "proto", n, "accuracy", code, gain, gain - 0.02, gain + 0.02, 1234))
        for concept, gain, languages in (("NOUN", 0.1, 4), ("VERB", -0.03, 3)):
            found.append(
                ("shrink", "proto", n, f"f1:{concept}", "mean", gain, gain - 0.05, gain + 0.05, languages)
            )
    return found


def _confusion(shots, learners):
    pairs = (("NOUN", "NOUN", 0.5), ("NOUN", "VERB", 0.1), ("VERB", "VERB", 0.4))
    return [
        (learner, n, gold, predicted, share, share / (0.6 if gold == "NOUN" else 0.4), 4)
        for learner in learners
        for n in shots
        for gold, predicted, share in pairs
    ]


def _reliability(shots, learners):
    return [
        (learner, n, low / 15, (low + 1) / 15, 0.25, (low + 0.5) / 15, low / 16, 4)
        for learner in learners
        if learner != "majority"
        for n in shots
        for low in (5, 8, 11, 14)
    ]


@pytest.fixture
def made():
    evaluation = make()
    return SimpleNamespace(
        make=make,
        evaluation=evaluation,
        frame=evaluation.frame(),
        protocol=Protocol(shots=(0, 5), support_draws=2, bootstrap=100),
    )
