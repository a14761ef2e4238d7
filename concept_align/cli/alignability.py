"""``concept-align alignability``: how far the concept spaces of languages correspond."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import emit_json, emit_table, say

if TYPE_CHECKING:
    from ..correspondence.plan import AlignabilityPlan
    from ..correspondence.study import AlignabilityStudy

NAME = "alignability"


def alignability(
    *,
    store: Annotated[
        list[Path],
        typer.Option(
            "--store", "-s", help="Folder that extract wrote; give two or more to compare their models."
        ),
    ],
    langs: options.Langs = "all",
    layers: options.Layers = "all",
    task: options.Tasks = "upos",
    measures: Annotated[
        str,
        typer.Option(
            "--measures",
            help="Commas between; the first decides which layer is looked at closely: "
            "rsa[-spearman|-pearson|-cosine][/euclidean|/cosine|/mahalanobis], procrustes, cka, cca, "
            "retrieval-p1[-csls], retrieval-mrr[-csls].",
        ),
    ] = "cka,rsa,procrustes,retrieval-p1",
    space: Annotated[
        str, typer.Option(help="raw states, or probe: after each language's own linear probe.")
    ] = "raw",
    root: options.Root = "start",
    mwt: options.Mwt = "share",
    standardise: Annotated[
        str,
        typer.Option(
            help="Mean and scale of states from unlabelled words: language, global or none (as they are)."
        ),
    ] = "language",
    debias: Annotated[
        bool | None,
        typer.Option(
            "--debias/--no-debias",
            help="Take the prototypes' own errors out of their distances; default: where they are known.",
        ),
    ] = None,
    min_count: Annotated[
        int, typer.Option(min=1, help="Words of a concept that both languages of a pair must have.")
    ] = 10,
    permutations: Annotated[int, typer.Option(min=0, help="Relabellings of the null.")] = 1000,
    bootstrap: Annotated[int, typer.Option(min=0, help="Bootstrap draws of the intervals.")] = 200,
    halves: Annotated[int, typer.Option(min=0, help="Splits into halves, for the ceiling.")] = 10,
    unit: Annotated[str, typer.Option(help="What is resampled: sentences or words.")] = "sentences",
    max_sentences: Annotated[
        int | None, typer.Option(min=1, help="At most so many training sentences a language, by the seed.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help='NAME=STORE, a control: "untrained model=runs/untrained". May be repeated.'),
    ] = None,
    shuffled: Annotated[
        bool, typer.Option(help="As a control, shuffle the labels over the words of each language.")
    ] = True,
    typology: Annotated[
        list[Path] | None,
        typer.Option(help="CSV or TSV of features, a language a row (or CLDF values). May be repeated."),
    ] = None,
    places: Annotated[
        Path | None, typer.Option(help="CSV or TSV with Latitude and Longitude, a language a row.")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="What evaluate wrote: does alignability predict zero-shot accuracy?"),
    ] = None,
    source: Annotated[str, typer.Option(help="The language that transfer starts from.")] = "en",
    show: Annotated[
        str, typer.Option(help="Languages of the map of prototypes; default: one of each family.")
    ] = "",
    seed: options.Seed = 0,
    out: options.Out = Path("runs/alignability"),
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Compare the concept spaces of all pairs of languages, layer by layer, with null and ceiling.

    OUT/index.html shows what was found; OUT/alignability.csv and .parquet hold every score with its interval,
    its null and its ceiling, the other tables what was asked of them: which concepts correspond, families,
    predictors, transfer, models. A run that was stopped goes on where it was.
    """
    from ..correspondence.plan import AlignabilityConfig, AlignabilityPlan
    from ..correspondence.study import alignability_study
    from ..progress import terminal
    from ..report.alignability.study import write_study

    plan = AlignabilityPlan.of(
        AlignabilityConfig.of(
            store=store,
            langs=langs,
            layers=layers,
            task=task,
            measures=measures,
            space=space,
            root=root,
            mwt=mwt,
            standardise=standardise,
            debias=debias,
            min_count=min_count,
            permutations=permutations,
            bootstrap=bootstrap,
            halves=halves,
            unit=unit,
            max_sentences=max_sentences,
            control=control or (),
            shuffled=shuffled,
            typology=typology or (),
            places=places,
            results=results,
            source=source,
            show=show,
            seed=seed,
            out=out,
        )
    )
    if dry_run:
        _announce(plan, json)
        return
    with terminal() as progress:
        studied = alignability_study(plan, progress=progress)
    files = write_study(studied, out)
    if json:
        emit_json(_plain(studied) | {"files": [str(file) for file in files]})
        return
    _show(studied)
    for notice in studied.notices:
        say(notice)
    say(f"look at {files[0]}")


def _announce(plan: "AlignabilityPlan", json: bool) -> None:
    facts = plan.facts()
    if json:
        emit_json({"plan": facts})
        return
    say(
        f"{facts['pairs']} pairs of {len(plan.languages)} languages, {', '.join(facts['tasks'])}, "
        f"{', '.join(facts['models'])} into {facts['out']}"
    )


def _plain(studied: "AlignabilityStudy") -> dict[str, Any]:
    """Means and the answers, for JSON, which has no NaN."""
    from typing import get_args

    from ..correspondence.study import Question

    found: dict[str, Any] = {"means": [], "notices": list(studied.notices)}
    for one in studied.findings:
        found["means"] += _records(one.scores.means())
    for name in get_args(Question):
        found[name] = _records(studied.table(name))
    found["models"] = _records(studied.models)
    return found


def _records(frame: Any) -> list[dict[str, Any]]:
    from math import isnan

    return [
        {str(key): None if isinstance(value, float) and isnan(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _show(studied: "AlignabilityStudy") -> None:
    """The best layer of every model, task and measure."""
    from ..report.alignability.words import best_table, find

    table = best_table(find(studied.scores, studied.controls))
    emit_table(table.title, table.columns, table.rows, right=set(range(1, len(table.columns))))
