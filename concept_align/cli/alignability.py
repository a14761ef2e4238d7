"""``concept-align alignability``: how far the concept spaces of languages correspond."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import emit_json, emit_table, say

if TYPE_CHECKING:
    from ..correspondence.plan import Plan, Studied

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
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws of the intervals.")] = 200,
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
        typer.Option(help="What evaluate wrote: does alignability foretell zero-shot accuracy?"),
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
    from ..correspondence.study import study
    from ..progress import terminal
    from ..report.alignability.study import write_study

    plan = _plan(
        store,
        langs,
        layers,
        control or [],
        typology=typology or [],
        places=places,
        results=results,
        show=show,
        space=space,
        draws=draws,
        halves=halves,
        unit=unit,
        max_sentences=max_sentences,
        tasks=tuple(part.strip() for part in task.split(",")),
        measures=tuple(part.strip() for part in measures.split(",")),
        min_count=min_count,
        permutations=permutations,
        debias=debias,
        shuffled=shuffled,
        root=root,
        mwt=mwt,
        standardise=standardise,
        source=source,
        seed=seed,
    )
    if dry_run:
        _announce(plan, out, json)
        return
    with terminal() as progress:
        studied = study(plan, out, progress)
    files = write_study(studied, plan, out)
    if json:
        emit_json(_plain(studied) | {"files": [str(file) for file in files]})
        return
    _show(studied)
    for notice in studied.notices:
        say(notice)
    say(f"look at {files[0]}")


def _plan(
    folders: list[Path],
    langs: str,
    layers: str,
    controls: list[str],
    *,
    typology: list[Path],
    places: Path | None,
    results: Path | None,
    show: str,
    space: str,
    draws: int,
    halves: int,
    unit: str,
    max_sentences: int | None,
    **choices: Any,
) -> "Plan":
    """What is asked for, checked against what the stores hold."""
    from ..correspondence.measures import parse_measures
    from ..correspondence.plan import Plan
    from ..correspondence.sampling import Sampling
    from ..errors import UsageError
    from ..evaluation.results import read
    from ..layers import parse_layers
    from ..store.store import Store
    from ..treebanks.registry import select

    stores = [Store.open(folder) for folder in folders]
    beside = {}
    for text in controls:
        name, equals, folder = text.rpartition("=")
        if not equals or not name.strip():
            raise UsageError(f"cannot read {text!r}", where="--control", remedy="write NAME=STORE")
        beside[name.strip()] = Store.open(Path(folder))
    chosen = [measure for name in choices["measures"] for measure in parse_measures(name)]
    sampling: dict[str, Any] = {
        "space": space,
        "draws": draws,
        "halves": halves,
        "unit": unit,
        "max_sentences": max_sentences,
        "whiten": any(measure.whitened for measure in chosen),
    }
    Sampling(**sampling)
    if sampling["whiten"] and not all(measure.whitened for measure in chosen):
        raise UsageError(
            "mahalanobis distances need whitened prototypes, which other measures do not expect",
            where="--measures",
            remedy="run it by itself: --measures rsa/mahalanobis",
        )
    every = layers.strip().lower() == "all"
    # Every store must hold the layers; with "all", each has its own.
    numbers = None if every else parse_layers(layers, min(store.recipe.layers for store in stores))
    there = set.intersection(*(set(store.languages("train")) for store in [*stores, *beside.values()]))
    names = select(langs, tuple(sorted(there)))
    return Plan(
        stores=stores,
        controls=beside,
        layers=numbers,
        languages=names,
        sampling=sampling,
        shown=select(show, names) if show else (),
        distances=_distances(names, typology, places),
        results=None if results is None else read(results),
        **choices,
    )


def _distances(names: tuple[str, ...], typology: list[Path], places: Path | None) -> dict[str, Any]:
    from ..correspondence.questions import features
    from ..correspondence.questions.geography import great_circle
    from ..correspondence.questions.typology import distance, read_typology

    tables = {}
    for path in typology:
        table = read_typology(path)
        tables[table.name] = distance(table, names)
    if places is not None:
        tables["geography"] = great_circle(names, features.places(places))
    return tables


def _announce(plan: "Plan", out: Path, json: bool) -> None:
    languages = len(plan.languages or ())
    facts: dict[str, Any] = {
        "models": [store.recipe.model for store in plan.stores],
        "controls": list(plan.controls),
        "tasks": list(plan.tasks),
        "languages": list(plan.languages or ()),
        "pairs": languages * (languages - 1) // 2,
        "measures": [measure.name for measure in plan.chosen_measures()],
        "out": str(out),
    }
    if json:
        emit_json({"plan": facts})
        return
    say(
        f"{facts['pairs']} pairs of {languages} languages, {', '.join(plan.tasks)}, "
        f"{', '.join(facts['models'])} into {out}"
    )


def _plain(studied: "Studied") -> dict[str, Any]:
    """Means and the answers, for JSON, which has no NaN."""
    from typing import get_args

    from ..correspondence.plan import Question

    found: dict[str, Any] = {"means": [], "notices": list(studied.notices)}
    for one in studied.asked:
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


def _show(studied: "Studied") -> None:
    """The best layer of every model, task and measure."""
    from ..report.alignability.words import best_table, find

    table = best_table(find(studied.scores, studied.controls))
    emit_table(table.title, table.columns, table.rows, right=set(range(1, len(table.columns))))
