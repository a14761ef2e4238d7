"""The folder of a study of in-context learning: tables for machines, a page and figures for people."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ... import atomic, provenance
from ...config import to_mapping
from ...evaluation.results import save, save_csv
from ...icl.evidence import ALIGNED
from ...icl.study import ICLStudy
from ...treebanks.discover import TreebankFile
from .. import page
from .figures import demonstrations_name, gains_figure, k_figure, languages_figure, layers_figure
from .summary import lead, summary, tables
from .useful import write_usefulness

CAPTIONS = {
    "demonstrations": "Mean over targets against the number of demonstrations; bands are 95% intervals.",
    "gains": "What demonstrations add to none, target by target.",
    "layers": "Learners of the states that labels are chosen from, with demonstrations and without; lines "
    "across are the model's own answers.",
    "usefulness": "What demonstrations add to none, against how alignable their language and the target are.",
    "languages": "Target by target: the model's own answers and learners of its states, at the layer where "
    "the learners' mean is best.",
}


def write_study(studied: ICLStudy, folder: str | Path, *, figures: bool = True) -> list[str]:
    """Write everything into ``folder``; what could not be drawn is said in the list that is returned.

    ``results.csv`` and ``.parquet``, ``comparisons.csv``, ``gains.csv``, ``confusion.csv``,
    ``reliability.csv``, ``summary.md``, ``index.html``, ``icl.json`` (configuration, languages, versions)
    and, with ``figures`` and where matplotlib is installed, the figures. Equal studies give equal bytes.
    Of a study that was given alignability, ``usefulness.csv``: does it predict what helps?
    """
    folder = Path(folder)
    found = studied.evaluation
    frame, comparisons, gains = found.frame(), found.comparisons(), found.gains()
    save(frame, folder)
    for name in ("comparisons", "gains", "confusion", "reliability"):
        save_csv(found.tables[name], folder / f"{name}.csv")
    if studied.effects is not None:
        save_csv(studied.effects.accuracy, folder / "effects-accuracy.csv")
        save_csv(studied.effects.alignability, folder / "effects-alignability.csv")
    missing: list[str] = []
    drawn: list[Path] = []
    if figures and find_spec("matplotlib"):
        drawn = [path for paths in draw(studied, frame, gains, folder) for path in paths]
    elif figures:
        missing.append('no figures: they need matplotlib (pip install "concept-align[plots]")')
    drawable = figures and not missing
    if (useful := studied.usefulness()) is not None:
        drawn += write_usefulness(useful, folder, figure=drawable)
    pictures = [path.name for path in drawn if path.suffix == ".png"]
    atomic.write_text(folder / "summary.md", summary(studied, frame, comparisons, pictures))
    page.write(_page(studied, frame, comparisons, drawn), folder / "index.html")
    plan = studied.plan
    facts = provenance.collect(
        made_from=dict(studied.facts),
        config={key: value for key, value in to_mapping(plan.config).items() if key != "treebanks"},
        targets=list(plan.targets),
        demonstrations=list(plan.sources),
        train=list(plan.train),
        validation=list(plan.validation),
        treebanks={"-".join(key): file.treebank for key, file in sorted(_used(studied).items())},
        notices=list(studied.notices),
    )
    atomic.write_json(folder / "icl.json", facts)
    return missing


def _used(studied: ICLStudy) -> dict[tuple[str, str], TreebankFile]:
    plan = studied.plan
    codes = {*plan.targets, *plan.sources, *plan.train, *plan.validation}
    return {key: file for key, file in plan.files.items() if key[0] in codes}


def draw(studied: ICLStudy, frame: pd.DataFrame, gains: pd.DataFrame, folder: Path) -> Iterator[list[Path]]:
    """Every figure in the order of reading."""
    plan = studied.plan
    first, most = plan.variants[0].name, max(plan.config.k)
    if len(plan.config.k) > 1:
        yield k_figure(frame, folder / "demonstrations")
    if most and 0 in plan.config.k:
        yield gains_figure(gains, folder / "gains", learner=first, k=most)
    read = frame[frame["learner"].str.startswith(f"{ALIGNED}-") & (frame["draw"] == -1)]
    read = read[(read["language"] == "mean") & (read["metric"] == "accuracy")]
    if frame["layer"].str.isdigit().any():
        yield layers_figure(frame, folder / "layers", plain=first)
    for source, rows in read.groupby("source", sort=False):
        best = rows.sort_values("value", ascending=False, kind="stable").iloc[0]
        stem = folder / f"languages-{source}"
        yield languages_figure(
            frame, stem, k=int(best["shots"]), layer=str(best["layer"]), source=str(source), plain=first
        )


def _page(studied: ICLStudy, frame: pd.DataFrame, comparisons: pd.DataFrame, drawn: list[Path]) -> str:
    plan = studied.plan
    svgs = [path for path in drawn if path.suffix == ".svg"]
    shown = [page.figure(path, _caption(path.stem)) for path in svgs]
    first, *others = tables(frame, comparisons, studied.effects)
    sections = [
        page.Section("Demonstrations", [page.figures(shown), page.table(first)]),
        page.Section("All tables", [page.table(one, folded=True) for one in others]),
        page.Section(
            "Files",
            [
                page.files(
                    [
                        ("results.csv", "one number a row, with its interval"),
                        ("comparisons.csv", "paired tests"),
                        ("gains.csv", "differences, target by target and concept by concept"),
                        ("summary.md", "this page as text"),
                        ("icl.json", "what it was made from"),
                    ]
                )
            ],
        ),
    ]
    opening = [page.paragraph(said) for said in lead(studied)]
    if studied.notices:
        opening.append(page.bullets(studied.notices))
    title = "In-context learning"
    setting = studied.evaluation.settings[0]
    told = f"{setting.model}, {len(plan.targets)} target languages, demonstrations in " + ", ".join(
        demonstrations_name(source) for source in plan.sources
    )
    return page.document(title, told, opening, sections, "Made by concept-align icl.")


def _caption(stem: str) -> str:
    name, _, source = stem.partition("-")
    return CAPTIONS[name] + (f" Demonstrations in {demonstrations_name(source)}." if source else "")
