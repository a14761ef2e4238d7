"""The report of a study of interventions, and its folder."""

from collections.abc import Iterator
from pathlib import Path

from .. import atomic, provenance
from ..atomic import save_csv, save_table
from ..intervention.config import POOLED
from ..intervention.evidence import MEAN, parts_of, single_part
from ..intervention.found import Interventions
from ..progress import collapsed
from .builder import Files, Picture, Report, Section, models_of
from .intervene_figures import (
    concepts_figure,
    languages_figure,
    layers_figure,
    matrix_figure,
    treatments_figure,
)
from .intervene_findings import intervene_findings
from .intervene_tables import (
    control_name,
    detailed,
    intervention_name,
    interventions_of,
    main_layer,
    readout_name,
    tables,
)
from .names import task_name

FILES = (
    ("effects.csv", "every value, change and excess, with its interval"),
    ("matrix.csv", "what directions of each source language did in each language"),
    ("directions.csv", "the directions: how much variance they take, how they overlap"),
    ("agreement.csv", "relations that agree in each treebank, and how many minimal pairs there are"),
    ("intervene.json", "what it was made from"),
)


def intervene_report(found: Interventions, *, figures: bool = True) -> Report:
    """The report of a study of interventions."""
    effects, layer, facts = found.effects, main_layer(found.effects), found.facts
    made = list(tables(found))
    drawn = list(_pictures(found, layer)) if figures else []
    sources = len(facts.get("source_langs", ()))
    languages = effects.loc[effects["language"] != MEAN, "language"].nunique()
    lead = f"{models_of(effects)[0]}, {task_name(str(effects['task'].iloc[0]))}: directions learned in "
    lead += f"{sources} languages, taken out or changed while the model reads {languages}"
    return Report(
        title="Interventions: are concepts used?",
        lead=lead,
        facts=[
            (str(languages), "languages that are read"),
            (str(sources), "source languages"),
            (str(facts.get("rank", "")), "directions"),
        ],
        findings=intervene_findings(found),
        sections=[
            Section("Effects", [*drawn, *(table for table in made if not table.folded)]),
            Section("All tables", [table for table in made if table.folded]),
            Section("Files", [Files(_files(found))]),
        ],
        notes=(*collapsed([*found.notices, *_of_directions(found)]), *_READ),
        kind="intervene",
        models=models_of(effects),
    )


_READ = (
    "A value against a control is the value after the intervention less the mean after the control; accuracy "
    "and agreement in points, losses in nats.",
    "The main control takes as much variance out of the states, in directions drawn by their covariance and "
    "orthogonal to the concepts' own. Principal components take more variance, concepts among it.",
    "Intervals draw whole branches of languages and their sentences; p flips the signs of whole branches; "
    "Holm's adjustment is over interventions and layers.",
)


def _of_directions(found: Interventions) -> list[str]:
    """Controls of several languages' directions that are not of their rank, layer by layer."""
    rows = found.directions
    if "note" not in rows:
        return []
    rows = rows[(rows["note"] != "") & (rows["source"] == POOLED)]
    said = []
    for (layer, control), part in rows.groupby(["layer", "control"], sort=False):
        low, high = int(part["rank"].min()), int(part["rank"].max())
        many = f"{low} to {high}" if low < high else str(low)
        what = f"layer {layer}, {control_name(control)}: {many} directions, as fewer that are orthogonal to "
        said.append(f"{what}those of concepts have less variance")
        if part["note"].str.startswith("overlaps").any():
            said[-1] += "; where all have less, they overlap with them"
    return said


def _files(found: Interventions) -> list[tuple[str, str]]:
    absent = {"matrix.csv": found.sources.empty, "agreement.csv": found.agreement.empty}
    return [one for one in FILES if not absent.get(one[0])]


def _pictures(found: Interventions, layer: int) -> Iterator[Picture]:
    effects = found.effects
    several = len(set(effects["layer"])) > 1
    readouts = list(dict.fromkeys(effects["readout"]))
    if several:
        for readout in readouts:
            said = "Means over languages by the layer that is changed; bands are 95% intervals."
            yield Picture(f"layers-{_file(readout)}", layers_figure(effects, readout=readout), said)
    said = f"Layer {layer} changed: means over languages, with 95% intervals over branches and sentences."
    yield Picture("treatments", treatments_figure(effects, layer=layer), said, wide=len(readouts) > 1)
    if len(detailed(effects, layer)):
        said = f"Layer {layer} changed: effects beyond the control, by concept of the word."
        yield Picture("concepts", concepts_figure(effects, layer=layer), said, wide=True)
    yield Picture("languages", languages_figure(effects, layer=layer), "Effects by language.", wide=True)
    first = interventions_of(effects)[0]
    for part in parts_of(found.sources):
        if part[1] != layer or part[2] != first:
            continue
        what = f"{intervention_name(part[2])} at layer {part[1]}, {readout_name(part[0], str(part[3]))}"
        name = f"matrix-{_file(part[0])}-{part[1]}-{_file(part[2])}-{part[3]}"
        unit = str(effects.loc[effects["readout"] == part[0], "unit"].iloc[0])
        caption = f"Directions of each source language in each language that is read: {what}."
        yield Picture(name, matrix_figure(single_part(found.sources, part), unit=unit), caption)


def _file(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name).strip("-").lower()


def write_intervene(found: Interventions, folder: str | Path, *, figures: bool = True) -> list[Path]:
    """Write tables, summary and page into ``folder``; equal effects give equal bytes."""
    folder = Path(folder)
    save_table(found.effects, folder, "effects")
    save_csv(found.directions, folder / "directions.csv")
    if len(found.agreement):
        save_csv(found.agreement, folder / "agreement.csv")
    if len(found.sources):
        save_csv(found.sources, folder / "matrix.csv")
    if len(found.predicted):
        save_csv(found.predicted, folder / "matrix-alignability.csv")
    made_from = {key: value for key, value in found.facts.items() if key != "config"}
    facts = provenance.collect(
        made_from=made_from, config=found.facts.get("config"), notices=list(found.notices)
    )
    atomic.write_json(folder / "intervene.json", facts)
    return intervene_report(found, figures=figures).write(folder)
