"""The losses of the training runs over the pieces seen: ``curves.png``, from the runs' logs."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from networks import KINDS

from concept_align.report.style import styled

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
            log = [json.loads(line) for line in (args.work / kind / "log.jsonl").read_text().splitlines()]
            weights = json.loads((args.work / kind / "settings.json").read_text())["weights"]
            for name, title in NAMES.items():
                points = [(entry["pieces"] / 1e6, entry[name]) for entry in log if name in entry]
                if points:
                    x, y = zip(*points, strict=True)
                    weight = weights[name.split("-")[0]]
                    axis.plot(x, [value / weight for value in y], label=title)
            axis.set(title=f"mini-{kind}", xlabel="million pieces seen")
        axes[0].set_ylabel("loss, nats")
        axes[0].legend()
        figure.tight_layout()
        figure.savefig(HERE / "curves.png", dpi=150)


if __name__ == "__main__":
    main()
