"""The losses of the training runs over the pieces seen: ``curves.png``, from the runs' logs.

A dotted line is the end of a run; the next one starts from its weights, with new heads and classes.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from networks import KINDS
from stages import stages

from concept_align.report.style import GREY, styled

HERE = Path(__file__).parent
NAMES = {
    "classes-own": "class of hidden / next word",
    "seen-own": "class of seen word",
    "words": "piece itself",
    "replaced": "replaced or not",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    args = parser.parse_args()
    with styled():
        figure, axes = plt.subplots(1, len(KINDS), figsize=(9, 3.4), sharey=True)
        for axis, kind in zip(axes, KINDS, strict=True):
            before = 0
            for run in stages(args.work / kind):
                for at, (name, title) in enumerate(NAMES.items()):
                    weight = run.settings["weights"][name.split("-")[0]]
                    points = [
                        ((before + run.batch * entry["step"]) / 1e6, entry[name] / weight)
                        for entry in run.log
                        if name in entry
                    ]
                    if points:
                        axis.plot(*zip(*points, strict=True), color=f"C{at}", label="" if before else title)
                before += run.pieces
                axis.axvline(before / 1e6, color=GREY, linestyle=":", linewidth=1)
            axis.set(title=f"mini-{kind}", xlabel="million pieces seen")
        axes[0].set_ylabel("loss, nats")
        axes[0].legend()
        figure.tight_layout()
        figure.savefig(HERE / "curves.png", dpi=150)


if __name__ == "__main__":
    main()
