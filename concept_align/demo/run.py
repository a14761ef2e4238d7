"""The whole line on small treebanks: extract, probe, compare, learn to align, test, one page.

Everything goes through the functions behind the other commands. The layer is chosen by probes on the
development words of the languages learned from, epochs and the learner that is shown first by the validation
languages: no choice looks at a target.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from ..evaluation.protocol import EvaluateConfig
from ..evaluation.results import save_csv
from ..progress import Progress
from ..report.write import write_evaluation
from ..store import Store
from .alike import compare
from .contrasts import Contrast, contrasts
from .page import write_page
from .plan import Plan, check_writable
from .settings import DRAWS, SHOTS
from .shown import Shown
from .stages import choose_layers, evaluate, extract_states, learn, probe_layers

PARTS = ("stores", "probes", "alignability", "aligners", "evaluation", "figures")
PAGE = "index.html"


def demo(
    plan: Plan,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> Shown:
    """Run every stage of ``plan``; what is finished in its folder is not done again.

    ``force`` removes what an earlier demo left there. Raises UsageError where nothing can be written, and
    whatever the stages raise.
    """
    began = time.monotonic()
    check_writable(plan.out)
    if force:
        for part in PARTS:
            shutil.rmtree(plan.out / part, ignore_errors=True)
    stores = extract_states(plan, progress)
    with one_thread(plan.mini):
        shown = _rest(plan, stores, draws=draws, seed=seed, progress=progress)
    return replace(shown, seconds=time.monotonic() - began)


def _rest(plan: Plan, stores: dict[str, Store], *, draws: int, seed: int, progress: Progress | None) -> Shown:
    """What comes after the states: tensors are small from here on."""
    probes = probe_layers(plan, stores, seed=seed, progress=progress)
    alike = compare(plan, stores, seed=seed, progress=progress)
    save_csv(alike.scores, plan.out / "alignability" / "alignability.csv")
    layers = choose_layers(plan, stores, probes)
    learned = learn(plan, stores, layers, seed=seed, progress=progress)
    config = EvaluateConfig(shots=SHOTS, support_draws=draws, seed=seed)
    evaluation = evaluate(plan, stores, learned, config, progress)
    missing = write_evaluation(evaluation, plan.out / "evaluation", figures=False)

    names = {"model": {store.recipe.model: short for short, store in stores.items()}}
    frame, compared, probes = (
        table.replace(names) for table in (evaluation.frame(), evaluation.comparisons(), probes)
    )
    chosen = {place: one.chosen for place, one in learned.items()}
    found = contrasts(frame, probes, layers, chosen, seed=seed)
    save_csv(
        pd.DataFrame(map(vars, found), columns=list(Contrast.columns())),
        plan.out / "evaluation" / "contrasts.csv",
    )
    shown = Shown(
        plan, layers, chosen, frame, probes, compared, found,
        [*evaluation.notices, *missing], alike,
    )  # fmt: skip
    write_page(shown, plan.out / PAGE)
    return shown


@contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """Torch on one thread inside the block: for tensors of a few words, more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if wanted else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def written(folder: Path) -> dict[str, str]:
    """Path -> what is there, the page first."""
    return {
        str(folder / PAGE): "everything on one page, for a browser; no network needed",
        str(folder / "evaluation"): "results.csv and .parquet, comparisons.csv, contrasts.csv, summary.md",
        str(folder / "probes" / "probes.csv"): "every model, layer and language by itself",
        str(folder / "alignability" / "alignability.csv"): "how alike every pair of languages is, by layer",
        str(folder / "figures"): "the page's figures, SVG and PNG",
        str(folder / "aligners"): "MODEL/TASK/LEARNER, for Aligner.from_pretrained(folder)",
        str(folder / "stores"): "hidden states, for the other commands' --store",
    }
