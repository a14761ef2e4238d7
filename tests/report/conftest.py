"""An evaluation and tables of scores made up of known numbers."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.table import COLUMNS as SCORE_COLUMNS
from concept_align.evaluation.comparisons import GAINED, compare
from concept_align.evaluation.config import Protocol
from concept_align.evaluation.resampling import MetricResamples
from concept_align.evaluation.results import COLUMNS
from concept_align.evaluation.summary import low_resource, summarise
from concept_align.evaluation.tidy import CONFUSED, RELIABLE, Condition, Evaluation
from concept_align.report.style import rendered

TARGETS = ("cy", "eu", "mr", "ta", "xx")
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
    poor = low_resource(dict(zip(TARGETS, (10, 20, 25, 30, 40), strict=True)))
    for (learner, n, metric), by_language in cells.items():
        about = {"learner": learner, "shots": n, "metric": metric, "draw": -1}
        rows += [about | vars(one) for one in summarise(by_language, poor, protocol)]
        for code, cell in by_language.items():
            numbers = {"value": cell.value, "low": cell.value - 0.01, "high": cell.value + 0.01, "n": 1234}
            rows.append(about | {"language": code, **numbers})
    condition = Condition(
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
        {name: condition.into(frame) for name, frame in tables.items()},
        (condition,),
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


LANGUAGES = ("en", "fi", "de", "et", "te", "fr")


def make_scores(
    languages=LANGUAGES,
    layers=(0, 1, 2),
    measure="rsa",
    model="some/model",
    base=0.5,
    without=("te",),
    **other,
):
    """Germanic and Uralic languages are more alike; layer 1 is the best; Telugu has no values."""
    rows = []
    kin = [{"en", "de"}, {"fi", "et"}]
    for at, source in enumerate(languages):
        for target in languages[at + 1 :]:
            gone = source in without or target in without
            for layer in layers:
                value = base + 0.3 * ({source, target} in kin) - 0.1 * abs(layer - 1)
                rows.append({
                    "model": model, "revision": "0123456789ab", "layer": str(layer), "task": "upos",
                    "space": "raw", "measure": measure, "source": source, "target": target,
                    "value": value, "low": np.nan, "high": np.nan, "null_mean": 0.02, "null_sd": 0.1,
                    "z": np.nan, "p": np.nan, "q": 0.01 if value > 0.45 else 0.2, "ceiling": 0.9,
                    "n": 15, "left_out": "", "dim": 32, "against": "", "note": "", **other,
                })  # fmt: skip
                if gone:
                    rows[-1] |= dict.fromkeys(("value", "null_mean", "null_sd", "q", "ceiling"), np.nan)
                    rows[-1]["note"] = "too few concepts"
    return pd.DataFrame(rows)[list(SCORE_COLUMNS)]


def words(figure):
    """Every text of a figure, in the order in which it is drawn: matplotlib leaves them as comments."""
    return re.findall(r"<!-- (.*?) -->", rendered(figure, "svg").decode("utf-8"), re.S)


@pytest.fixture
def scored():
    return SimpleNamespace(make=make_scores, scores=make_scores(), languages=LANGUAGES, words=words)
