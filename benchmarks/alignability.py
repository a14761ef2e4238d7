"""RSA and Procrustes of 43 languages with 1,000 relabellings: against loops over SciPy, and rsatoolbox.

All 903 pairs of 43 random concept spaces are scored, and scored again under 1,000 relabellings of the
concepts (100 if quick), on one thread. The peers' ways are what their users write: a loop over pairs and
relabellings with ``scipy.stats.spearmanr`` of the condensed distances (taken once a language) or
``scipy.spatial.procrustes`` of the prototypes; ``rsatoolbox.rdm.compare`` of all languages with all, a call
per relabelling. They are timed on a stated number of calls (100, 5 of rsatoolbox, 3 where SciPy decomposes
768 x 768), and their time is extrapolated to the whole. *PCA* reduces prototypes of 768 dimensions to the
K - 1 that K concepts span before SciPy sees them. Nulls are compared before anything is timed.

rsatoolbox need not be installed here: PEER_PATH names a folder with it (``pip install --target FOLDER
rsatoolbox``) that is searched after this environment.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from side_by_side import arguments, interleaved, report
from threadpoolctl import threadpool_limits

from concept_align.correspondence.measures import MeasureScores, find_measure
from concept_align.correspondence.scoring import permutations
from concept_align.seeding import stream

Floats = NDArray[np.float64]

LANGUAGES = 43
PAIRS = torch.triu_indices(LANGUAGES, LANGUAGES, 1).T


class Case:
    """Random prototypes [languages, concepts, dim], all pairs, all relabellings."""

    def __init__(self, concepts: int, dim: int, draws: int) -> None:
        random = stream(0, "benchmark", concepts, dim)
        self.spaces: Floats = random.standard_normal((LANGUAGES, concepts, dim))
        self.orders = permutations(concepts, draws)
        self.drawn = random.integers(0, len(PAIRS), 1000), random.integers(0, draws, 1000)
        self.scores = len(PAIRS) * (1 + draws)

    def gram(self) -> torch.Tensor:
        spaces = torch.from_numpy(self.spaces)
        return (spaces @ spaces.mT)[None]

    def ours(self, measure: str) -> MeasureScores:
        """Everything from the prototypes on."""
        gram = self.gram()
        return find_measure(measure).compare(gram, gram, PAIRS, self.orders)

    def reduced(self) -> Floats:
        """Coordinates in the K - 1 dimensions that centred prototypes span."""
        moved = self.spaces - self.spaces.mean(1, keepdims=True)
        left, singular, _ = np.linalg.svd(moved, full_matrices=False)
        return np.asarray((left * singular[:, None])[..., :-1])

    def loop(self, score: Callable[[int, int, NDArray[np.int64]], float], calls: int) -> Floats:
        """``score`` of so many drawn (pair, relabelling)s, as a user's loop would take all."""
        found = []
        for pair, draw in zip(*(part[:calls] for part in self.drawn), strict=True):
            a, b = PAIRS[pair].tolist()
            found.append(score(a, b, self.orders[draw].numpy()))
        return np.array(found)


def scipy_rsa(case: Case, calls: int) -> Floats:
    distances = [pdist(space) for space in case.spaces]
    squares = [squareform(one) for one in distances]

    def score(a: int, b: int, order: NDArray[np.int64]) -> float:
        relabelled = squareform(squares[b][np.ix_(order, order)], checks=False)
        return float(spearmanr(distances[a], relabelled).statistic)

    return case.loop(score, calls)


def scipy_procrustes(case: Case, spaces: Floats, calls: int) -> Floats:
    return case.loop(lambda a, b, order: 1 - float(procrustes(spaces[a], spaces[b][order])[2]), calls)


def rsatoolbox_rsa(toolbox: ModuleType, case: Case, draws: int) -> Floats:
    """[draws, A, B]: relabelled RDMs of all languages against those as they are, a call per relabelling."""
    distances = np.stack([pdist(space) for space in case.spaces])
    squares = np.stack([squareform(one) for one in distances])
    rdms = toolbox.rdm.RDMs(distances)
    found = []
    for order in case.orders[:draws].numpy():
        moved = toolbox.rdm.RDMs(squares[:, order][:, :, order])
        found.append(toolbox.rdm.compare(rdms, moved, method="rho-a"))
    return np.stack(found)


def peer(name: str) -> ModuleType | None:
    """A peer of this environment or of PEER_PATH, or None."""
    if os.environ.get("PEER_PATH"):
        sys.path.append(os.environ["PEER_PATH"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def agree(case: Case, found: MeasureScores, theirs: Floats, what: str) -> None:
    """Ours and a loop's scores of the drawn pairs and relabellings."""
    pair, draw = (part[: len(theirs)] for part in case.drawn)
    worst = float(np.abs(found.null[draw, 0, pair].numpy() - theirs).max())
    if worst > 1e-6:
        raise SystemExit(f"{what}: nulls differ by {worst:.1e}: nothing to compare")


def against(
    ours: Callable[[], Any], peers: dict[str, tuple[Callable[[], Any], float]], rounds: int
) -> tuple[float, dict[str, float]]:
    """Seconds of ours, and of the whole of each peer, of which a share is timed."""
    seconds = interleaved({"ours": ours, **{name: way for name, (way, _) in peers.items()}}, rounds)
    return seconds["ours"], {name: seconds[name] / share for name, (_, share) in peers.items()}


def main() -> None:
    options = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    relabellings, rounds = (100, 1) if options.quick else (1000, 3)
    toolbox = peer("rsatoolbox")
    if toolbox is None and not options.json:
        print("rsatoolbox is not installed: skipped", file=sys.stderr)
    rows: dict[str, str] = {}
    figures: dict[str, float] = {}

    def note(case: str, ours: float, theirs: dict[str, float]) -> None:
        rows[case] = f"{ours:8.3f} s"
        for name, seconds in theirs.items():
            rows[f"{case}, {name}"] = f"{seconds:8.1f} s extrapolated, {seconds / ours:,.0f} x"
            figures[f"{case}_vs_{name}"] = seconds / ours

    calls = 100
    for concepts, dim, name in ((17, 32, "rsa17"), (37, 64, "rsa37")):
        case = Case(concepts, dim, relabellings)
        found = case.ours("rsa")
        agree(case, found, scipy_rsa(case, calls), name)
        peers = {"scipy": (lambda c=case: scipy_rsa(c, calls), calls / case.scores)}
        if toolbox is not None:
            draws = 5
            theirs = rsatoolbox_rsa(toolbox, case, draws)[:, PAIRS[:, 0], PAIRS[:, 1]]
            assert np.abs(found.null[:draws, 0].numpy() - theirs).max() < 1e-6
            peers["rsatoolbox"] = (
                lambda c=case, d=draws: rsatoolbox_rsa(toolbox, c, d),
                draws / (1 + relabellings),
            )
        note(name, *against(lambda c=case: c.ours("rsa"), peers, 3 * rounds))

    for concepts, dim, name in ((17, 32, "procrustes17x32"), (37, 768, "procrustes37x768")):
        case = Case(concepts, dim, relabellings)
        found = case.ours("procrustes")
        calls = 100 if dim < 768 else 3
        agree(case, found, scipy_procrustes(case, case.spaces, calls), name)
        peers = {"scipy": (lambda c=case, n=calls: scipy_procrustes(c, c.spaces, n), calls / case.scores)}
        if dim == 768:
            narrow = case.reduced()
            agree(case, found, scipy_procrustes(case, narrow, 100), name)
            peers["scipy_pca"] = (lambda c=case, s=narrow: scipy_procrustes(c, s, 100), 100 / case.scores)
        note(name, *against(lambda c=case: c.ours("procrustes"), peers, rounds))

    title = f"{len(PAIRS)} pairs of {LANGUAGES} languages, {relabellings:,} relabellings, one thread"
    report(title, rows, {**figures, "relabellings": relabellings, "threads": 1}, only_json=options.json)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
