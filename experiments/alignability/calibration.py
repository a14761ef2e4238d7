"""Are the p-values, the power and the intervals of alignability scores what they claim to be?

    python experiments/alignability/calibration.py [--out FOLDER]

Simulations of spaces with a known correspondence, each cell with a random stream of its own:

- null: independent spaces. p-values should be uniform; rejections at 0.05 and 0.01.
- counts: independent spaces of sampled words where the same concepts are rare, debiased and not.
- power: planted correspondence, against the prediction of ``power.py``.
- coverage: samples of words with Zipf-like counts, bootstrap draws, and how often the 95 % interval holds the
  score of the true prototypes.

Writes calibration.csv cell by cell (a stopped run resumes there), then calibration.png and .svg.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from power import power
from scipy.stats import binomtest, kstest
from simulate import gram, planted, sampled, unit, zipf

from concept_align import atomic
from concept_align.correspondence.intervals import interval
from concept_align.correspondence.measures import find_measure
from concept_align.correspondence.scoring import TOLERANCE, permutations
from concept_align.progress import terminal
from concept_align.seeding import derive, stream

HERE = Path(__file__).parent
Cell = dict[str, Any]
Row = dict[str, Any]
Simulation = Callable[[Cell, int, int], Iterator[Row]]

KEY = ["part", "concepts", "dim", "correspondence", "setting"]
COLUMNS = [*KEY, "measure", "quantity", "value", "low", "high", "expected", "n"]

PERMUTATIONS, BATCH = 99, 50  # 0.05 and 0.01 are reachable p-values of 99 relabellings
MEASURES = ("rsa", "rsa-pearson", "rsa/cosine", "procrustes", "cka", "retrieval-p1")
SLOW = ("procrustes", "retrieval-p1")
FAMILIES = {"rsa-pearson": "rsa", "procrustes": "procrustes", "cka": "cka"}
CORRESPONDENCES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
INTERVAL_MEASURES = ("rsa", "rsa-pearson", "rsa/cosine", "procrustes", "cka")
# concepts, dim, error of a word over the median squared distance, least count, correspondence, debiased
SETTINGS = (
    (8, 32, 0.6, 10, 0.5, True),
    (17, 32, 0.6, 10, 0.2, True),
    (17, 32, 0.6, 10, 0.8, True),
    (37, 32, 0.6, 10, 0.8, True),
    (17, 96, 2.5, 10, 0.8, True),
    (17, 96, 2.5, 10, 0.8, False),
    (14, 96, 2.5, 40, 0.95, True),
    (14, 96, 2.5, 10, 0.95, True),
)


def pairs_of(number: int) -> torch.Tensor:
    return torch.arange(number)[:, None].repeat(1, 2)


def randomised_p(
    name: str, a: np.ndarray, b: np.ndarray, seed: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """p-values [pairs] as the library gives them, and with ties broken at random (uniform under the null).

    Every ``BATCH`` of pairs gets relabellings of its own: pairs that share them are not independent.
    """
    measure, plain, broken = find_measure(name), [], []
    for place in range(0, len(a), BATCH):
        one, other = (torch.from_numpy(x[place : place + BATCH])[None] for x in (a, b))
        order = permutations(a.shape[1], PERMUTATIONS, derive(seed, place))
        found = measure.compare(one, other, pairs_of(one.shape[1]), order)
        value, null = found.values[0].numpy(), found.null[:, 0].numpy().astype(np.float64)
        least = (null >= value - TOLERANCE).sum(0)
        tied = least - (null > value + TOLERANCE).sum(0)
        plain.append((1 + least) / (1 + PERMUTATIONS))
        broken.append((least - tied + random.random(len(value)) * (1 + tied)) / (1 + PERMUTATIONS))
    return np.concatenate(plain), np.concatenate(broken)


def share(quantity: str, hits: np.ndarray, expected: float) -> dict[str, Any]:
    """A share of ``hits`` [n] with its 95 % binomial (Clopper-Pearson) interval."""
    bounds = binomtest(int(hits.sum()), len(hits)).proportion_ci()
    return {
        "quantity": quantity, "value": hits.mean(), "low": bounds.low, "high": bounds.high,
        "expected": expected, "n": len(hits),
    }  # fmt: skip


def null_cell(cell: Cell, seed: int, number: int) -> Iterator[Row]:
    random = stream(seed, *map(str, cell.values()))
    a, b = (gram(x) for x in planted(random, number, cell["concepts"], cell["dim"], 0.0))
    for name in MEASURES:
        few = number // 3 if name in SLOW else number
        plain, broken = randomised_p(
            name, a[:few], b[:few], derive(seed, name, *map(str, cell.values())), random
        )
        about = {"measure": name}
        yield about | share("rejected at 0.05", plain <= 0.05 + 1e-9, 0.05)
        yield about | share("rejected at 0.01", plain <= 0.01 + 1e-9, 0.01)
        yield about | {
            "quantity": "p of Kolmogorov-Smirnov",
            "value": kstest(broken, "uniform").pvalue,
            "n": few,
        }


def counts_cell(cell: Cell, seed: int, number: int, spread: float, debias: bool) -> Iterator[Row]:
    """Independent spaces in which the same concepts are rare, so that their prototypes lie far out."""
    random = stream(seed, *map(str, cell.values()))
    number, sides = number // 2, []
    for x in planted(random, number, cell["concepts"], cell["dim"], 0.0, decay=0.5):
        found = [
            sampled(random, unit(one), zipf(random, cell["concepts"], 5000, 10), spread, 1, 0, debias=debias)[
                0
            ]
            for one in x
        ]
        sides.append(np.concatenate(found))
    for name in MEASURES:
        few = number // 3 if name in SLOW else number
        plain, _ = randomised_p(
            name, *(side[:few] for side in sides), derive(seed, name, cell["setting"]), random
        )
        yield {"measure": name} | share("rejected at 0.05", plain <= 0.05 + 1e-9, 0.05)


def power_cell(cell: Cell, seed: int, number: int) -> Iterator[Row]:
    random = stream(seed, *map(str, cell.values()))
    concepts, dim, rho = cell["concepts"], cell["dim"], cell["correspondence"]
    a, b = (gram(x) for x in planted(random, number, concepts, dim, rho))
    for name, family in FAMILIES.items():
        few = number // 3 if name in SLOW else number
        plain, _ = randomised_p(name, a[:few], b[:few], derive(seed, name, *map(str, cell.values())), random)
        yield {"measure": name} | share(
            "power at 0.05", plain <= 0.05 + 1e-9, power(concepts, dim, rho, family)
        )


def coverage_cell(
    cell: Cell,
    seed: int,
    number: int,
    spread: float,
    least: int,
    debias: bool,
    draws: int = 120,
    spaces: int = 12,
) -> Iterator[Row]:
    random = stream(seed, *map(str, cell.values()))
    concepts, samples = cell["concepts"], number // 3 // spaces
    inside: dict[str, list[np.ndarray]] = {name: [] for name in INTERVAL_MEASURES}
    error: dict[str, list[np.ndarray]] = {name: [] for name in INTERVAL_MEASURES}
    for _ in range(spaces):
        both = planted(random, 1, concepts, cell["dim"], cell["correspondence"], decay=0.5)
        true = [unit(x[0]) for x in both]
        counts = [zipf(random, concepts, 5000, least) for _ in both]
        (a, drawn_a), (b, drawn_b) = (
            sampled(random, x, n, spread, samples, draws, debias=debias)
            for x, n in zip(true, counts, strict=True)
        )
        for name in INTERVAL_MEASURES:
            value = scores(name, a[None], b[None])[0]
            low, high = interval(value, scores(name, drawn_a, drawn_b), freedom=2 * (least - 1))
            truth = scores(name, *(gram(x)[None, None] for x in true))[0, 0]
            inside[name].append((low <= truth) & (truth <= high))
            error[name].append(value - truth)
    for name in INTERVAL_MEASURES:
        about = {"measure": name}
        yield about | share("coverage of 95 % intervals", np.concatenate(inside[name]), 0.95)
        bias = np.concatenate(error[name])
        yield about | {"quantity": "bias of the score", "value": np.nanmean(bias), "n": len(bias)}


def scores(name: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[layers, pairs] of each space of ``a`` [layers, pairs, K, K] with that of ``b`` in its place."""
    nothing = torch.empty(0, a.shape[-1], dtype=torch.int64)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    return find_measure(name).compare(x, y, pairs_of(x.shape[1]), nothing).values.numpy()


def cells() -> Iterator[tuple[Cell, Simulation]]:
    def key(*values: Any) -> Cell:
        return dict(zip(KEY, values, strict=True))

    for concepts in (8, 14, 17, 37):
        for dim in (8, 32, 64, 256):
            yield key("null", concepts, dim, 0.0, ""), null_cell
    for debias in (False, True):
        cell = key("counts", 17, 96, 0.0, f"noise 2.5, from 10 words, {'debiased' if debias else 'plain'}")
        yield cell, partial(counts_cell, spread=2.5, debias=debias)
    for concepts in (14, 37):
        for rho in CORRESPONDENCES:
            yield key("power", concepts, 512, rho, ""), power_cell
    for concepts, dim, spread, least, rho, debias in SETTINGS:
        setting = f"noise {spread}, from {least} words, {'debiased' if debias else 'plain'}"
        simulate = partial(coverage_cell, spread=spread, least=least, debias=debias)
        yield key("coverage", concepts, dim, rho, setting), simulate


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--number", type=int, default=960, help="simulated pairs a cell (a third or half where slow)"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = options.out / "calibration.csv"
    rows = (
        pd.read_csv(path, keep_default_na=False, na_values=["NaN"]).to_dict("records")
        if path.exists()
        else []
    )
    done = {tuple(str(row[name]) for name in KEY) for row in rows}
    todo = list(cells())
    with terminal() as progress:
        bar = progress.bar("calibration", len(todo), unit="cells")
        for cell, simulate in todo:
            bar.note(f"{cell['part']} {cell['concepts']} x {cell['dim']}")
            if tuple(map(str, cell.values())) not in done:
                rows += [cell | row for row in simulate(cell, options.seed, options.number)]
                table = pd.DataFrame(rows, columns=COLUMNS)
                text = table.to_csv(index=False, float_format="%.5g", na_rep="NaN", lineterminator="\n")
                atomic.write_bytes(path, text.encode())
            bar.advance()
    from figure import draw

    draw(pd.read_csv(path, keep_default_na=False, na_values=["NaN"]), options.out / "calibration")


if __name__ == "__main__":
    main()
