"""The whole line on small treebanks: extract, probe, compare, learn to align, test, one page."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from ..atomic import save_csv
from ..correspondence.study import SHUFFLED
from ..evaluation.tidy import Evaluation
from ..outputs import PAGE_FILES, OutputLayout, output_folder
from ..progress import Progress
from ..report.evaluation import write_evaluation
from .contrasts import Contrast, contrasts
from .findings import DemoResult
from .page import demo_report
from .settings import COMMAND, DemoConfig, DemoPlan, check_writable, plan_demo
from .stage_progress import run_together
from .stages import ModelFindings, ModelStages

PARTS = ("stores", "probes", "alignability", "aligners", "evaluation")
PAGE = "index.html"
LAYOUT = OutputLayout(COMMAND, (*PARTS, *PAGE_FILES), (("stores/*/store.json", '"recipe"'),))


def demo(
    config: DemoConfig | None = None, *, force: bool = False, progress: Progress | None = None
) -> DemoResult:
    """Run every stage; what is finished in the demo's folder is not done again.

    ``force`` removes what an earlier demo left there. On the embedded treebanks several models run side by
    side, each in a process. Raises UsageError where nothing can be written, and whatever the stages raise.
    """
    began = time.monotonic()
    plan = plan_demo(config)
    check_writable(plan.out)
    with output_folder(plan.out, LAYOUT, force=force) as held:
        result = _write(plan, _run(plan, progress), began)
        held.drop_unwritten(*PARTS)
    return result


def _run(plan: DemoPlan, progress: Progress | None) -> list[ModelFindings]:
    jobs = [ModelStages(plan, short) for short in plan.models]
    if plan.mini and len(jobs) > 1 and (os.cpu_count() or 1) > 1:
        return run_together(jobs, progress)
    threads = torch.get_num_threads()
    # For tensors of a few words, more threads only wait for each other.
    torch.set_num_threads(1 if plan.mini else threads)
    try:
        return [job.run(progress) for job in jobs]
    finally:
        torch.set_num_threads(threads)


def _write(plan: DemoPlan, models: list[ModelFindings], began: float) -> DemoResult:
    """Tables, and the page about them."""
    found = dict(zip(plan.models, models, strict=True))
    names = {"model": {str(one.recipe["model"]): short for short, one in found.items()}}
    probes = pd.concat([one.probes for one in models], ignore_index=True)
    save_csv(probes, plan.out / "probes" / "probes.csv")
    scores, shuffled = (
        pd.concat([getattr(one, name).assign(model=short) for short, one in found.items()], ignore_index=True)
        for name in ("scores", "shuffled")
    )
    save_csv(scores, plan.out / "alignability" / "alignability.csv")
    stores = {short: one.recipe for short, one in found.items()}
    evaluation = replace(Evaluation.join([one.evaluation for one in models]), facts={"stores": stores})
    folder = plan.out / "evaluation"
    write_evaluation(evaluation, folder, figures=False)
    frame, compared = (one.replace(names) for one in (evaluation.frame(), evaluation.comparisons()))
    probes = probes.replace(names)
    layers = {(short, task): layer for short, one in found.items() for task, layer in one.layers.items()}
    chosen = {(short, task): name for short, one in found.items() for task, name in one.chosen.items()}
    tested = contrasts(frame, probes, layers, chosen, seed=plan.config.seed)
    save_csv(
        pd.DataFrame(map(vars, tested), columns=list(Contrast.__dataclass_fields__)), folder / "contrasts.csv"
    )
    result = DemoResult(
        plan, layers, chosen, frame, probes, compared, tested, list(evaluation.notices),
        scores, {SHUFFLED: shuffled}, seconds=time.monotonic() - began,
    )  # fmt: skip
    demo_report(result).write(plan.out, links=[("evaluation/index.html", "evaluate: all learners")])
    return result


def written(folder: Path) -> dict[str, str]:
    """Path -> what is there, the page first."""
    return {
        str(folder / PAGE): "everything on one page, for a browser; no network needed",
        str(folder / "evaluation"): "index.html, results.csv and .parquet, comparisons.csv, contrasts.csv",
        str(folder / "probes" / "probes.csv"): "every model, layer and language by itself",
        str(folder / "alignability" / "alignability.csv"): "similarity of every pair of languages, by layer",
        str(folder / "figures"): "the page's figures, SVG and PNG",
        str(folder / "aligners"): "MODEL/TASK/LEARNER, for Aligner.from_pretrained(folder)",
        str(folder / "stores"): "hidden states, for the other commands",
    }
