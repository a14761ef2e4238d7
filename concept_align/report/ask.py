"""The report of questions put to a model, and its folder."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from .. import atomic, provenance
from ..atomic import save_csv, save_table
from ..config import to_mapping
from ..evaluation.results import MAJORITY
from ..icl.runner import CALIBRATED
from ..icl.tasks.ask import AskFound
from ..icl.tasks.counting import COPY, REFERENCE
from ..icl.tasks.stand_ins import FLUENCY, MEANING
from .builder import Files, Picture, Report, Section, models_of
from .evaluation_tables import means_of
from .icl import answers_table, demonstrations_count
from .icl_figures import k_figure
from .names import demonstrations_name, language_name, metric_name
from .tables import TextTable, number, percent, pivoted

FILES = (
    ("results.csv", "every number, one per row, with its interval"),
    ("paired.csv", "differences, paired over questions"),
    ("answers.csv", "every answer"),
    ("ask.json", "what it was made from"),
)
MEAN = "mean"


def main_metric(frame: pd.DataFrame) -> str:
    """chrf where it was measured, else accuracy."""
    return "chrf" if (frame["metric"] == "chrf").any() else "accuracy"


def by_language_table(frame: pd.DataFrame, metric: str, source: str) -> TextTable:
    """Languages by answers at the most demonstrations in ``source``."""
    rows = means_of(frame[frame["source"] == source], metric)
    rows = rows[rows["language"] != MEAN]
    most = int(rows["shots"].max())
    rows = rows[rows["shots"] == most]
    learners, codes = list(dict.fromkeys(rows["learner"])), sorted(set(rows["language"]), key=language_name)
    asked = rows.groupby("language")["n"].max()
    cells = pivoted(rows, "language", "learner", codes, learners)
    where = f" in {demonstrations_name(source)}" if most else ""
    return TextTable(
        f"Language by language, {demonstrations_count(most)}{where}: {metric_name(metric)}, %",
        ["language", *learners, "questions"],
        [
            [f"{language_name(code)} ({code})", *own, f"{int(asked[code]):,}"]
            for code, own in zip(codes, cells, strict=True)
        ],
    )


def differences_table(found: AskFound, metric: str) -> TextTable | None:
    """Every difference of means over languages; None without any."""
    rows = found.differences()
    rows = rows[(rows["metric"] == metric) & (rows["language"] == MEAN)]
    cells = [
        [
            demonstrations_name(row["source"]),
            f"{row['learner']} ({row['shots']}) − {row['reference']} ({row['reference_shots']})",
            percent(row["difference"], row["low"], row["high"], sign=True),
            str(row["n"]),
        ]
        for row in rows.to_dict("records")
    ]
    title = f"Differences, paired over questions: mean {metric_name(metric)} over languages, points"
    note = "In brackets: demonstrations."
    columns = ["demonstrations in", "pair", "difference", "languages"]
    return TextTable(title, columns, cells, note=note) if cells else None


def stand_ins_table(frame: pd.DataFrame) -> TextTable | None:
    """Stand-ins for fluency and meaning, means over languages; None where they were not asked for."""
    rows = frame[frame["metric"].isin([FLUENCY, MEANING]) & (frame["language"] == MEAN)]
    if rows.empty:
        return None
    keys = ["source", "learner", "shots"]
    cells = {(*place, metric): row for (*place, metric), row in rows.set_index([*keys, "metric"]).iterrows()}
    table = []
    for place in dict.fromkeys(rows[keys].itertuples(index=False, name=None)):
        nats, found = cells.get((*place, FLUENCY)), cells.get((*place, MEANING))
        table.append(
            [
                demonstrations_name(place[0]), place[1], str(place[2]),
                "–" if nats is None else number(nats["value"], nats["low"], nats["high"]),
                "–" if found is None else percent(found["value"], found["low"], found["high"]),
            ]
        )  # fmt: skip
    return TextTable(
        "Stand-ins for what people would judge",
        ["demonstrations in", "answers", "k", "fluency: nats per token", "meaning: found first, %"],
        table,
        note="Low nats are fluent: compare with those of the references. Meaning: is a text nearest to its "
        "own reference, by the model's states? Neither replaces people.",
    )


def tables(found: AskFound) -> Iterator[TextTable]:
    """Every table in the order of reading; those to be folded are marked."""
    frame = found.frame()
    metric = main_metric(frame)
    yield answers_table(frame, metric)
    if (table := stand_ins_table(frame)) is not None:
        yield table
    if (table := differences_table(found, metric)) is not None:
        yield table.folding()
    for source in dict.fromkeys(frame["source"]):
        yield by_language_table(frame, metric, source).folding()


def ask_findings(found: AskFound) -> list[str]:
    """The best way of answering, against the floor and against no demonstration."""
    frame = found.frame()
    metric = main_metric(frame)
    rows = frame[(frame["metric"] == metric) & (frame["language"] == MEAN)]
    floors = rows[rows["learner"].isin([MAJORITY, COPY])]
    own = rows[~rows["learner"].isin([MAJORITY, COPY, REFERENCE])]
    best = own.sort_values("value", ascending=False, kind="stable").iloc[0]
    shown = int(best["shots"])
    calibrated = ", calibrated" if best["learner"].endswith(CALIBRATED) else ""
    way = f"the model alone{calibrated}"
    if shown:
        where = demonstrations_name(best["source"])
        way = f"{best['learner']} with {demonstrations_count(shown)} in {where}"
    value = percent(best["value"], best["low"], best["high"])
    said = f"Best: {way}, mean {metric_name(metric)} {value} % over {best['n']} languages"
    if len(floors):
        floor = floors.iloc[0]
        name = "the commonest answer" if floor["learner"] == MAJORITY else "copying from the question"
        said += f"; {name} gives {percent(floor['value'])} %"
    note = "The best of several ways is chosen by the numbers that are shown: it is flattered."
    return [said + ".", *([note] if len(own) > 1 else [])]


def ask_report(found: AskFound, *, figures: bool = True) -> Report:
    """The report of what was answered."""
    config, frame = found.config, found.frame()
    metric = main_metric(frame)
    made = list(tables(found))
    drawn = []
    if figures and len(config.k) > 1:
        said = "Mean over languages against the number of demonstrations; bands are 95% intervals."
        shown = frame[~frame["learner"].isin([REFERENCE])]
        drawn = [Picture("demonstrations", k_figure(shown, metric=metric), said, len(config.demo_langs) > 1)]
    sources = ", ".join(map(demonstrations_name, config.demo_langs))
    asked = frame[(frame["metric"] == metric) & (frame["language"] != MEAN)].groupby("language")["n"].max()
    return Report(
        title=f"Questions: {found.task}",
        lead=f"{models_of(frame)[0]}, {len(config.langs)} languages, demonstrations in {sources}",
        facts=[
            (str(len(config.langs)), "languages"),
            (f"{int(asked.sum()):,}", "questions"),
            (str(max(config.k)), "demonstrations at most"),
        ],
        findings=ask_findings(found),
        sections=[
            Section("Answers", [*drawn, *(table for table in made if not table.folded)]),
            Section("All tables", [table for table in made if table.folded]),
            Section("Files", [Files(FILES)]),
        ],
        notes=found.notices,
        kind="ask",
        models=models_of(frame),
    )


def write_ask(found: AskFound, folder: str | Path, *, figures: bool = True) -> list[Path]:
    """Write tables, summary and page into ``folder``; equal answers give equal bytes."""
    folder = Path(folder)
    save_table(found.frame(), folder, "results")
    save_csv(found.differences(), folder / "paired.csv")
    save_csv(found.answers, folder / "answers.csv")
    config = {key: value for key, value in to_mapping(found.config).items() if key != "task"}
    facts = provenance.collect(
        made_from={**found.facts, "task": found.task}, config=config, notices=list(found.notices)
    )
    atomic.write_json(folder / "ask.json", facts)
    return ask_report(found, figures=figures).write(folder)
