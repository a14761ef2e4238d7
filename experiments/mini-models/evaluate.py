"""What the mini models know, against untrained ones of the same shape and against their own embeddings.

    python experiments/mini-models/evaluate.py --treebanks UD_RELEASE [--work FOLDER]

Runs the commands a user has (extract, probe, meta-train, evaluate; each goes on where it stopped) and writes
``results.csv`` and ``results.md`` here: accuracy on word classes by layer, of each language's own probe; and
zero-shot, of a probe of English and of a classifier of the 26 languages to learn from, in the 17 targets.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd
from networks import KINDS, LAYERS

from concept_align.evaluation.statistics import sign_flip

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")
LANGUAGES = "meta-train,targets"  # all 43
BARS = {"encoder": (0.80, 0.05, 0.10), "decoder": (0.77, 0.04, 0.08)}  # best layer, over layer 0, over untrained
STATES = ("trained", "untrained")


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def own_probes(work: Path, treebanks: Path, kind: str, state: str) -> pd.DataFrame:
    """Accuracy by language and layer of each language's own probe."""
    model = f"mini-{kind}" if state == "trained" else work / kind / state
    folder = work / "evaluation" / f"{kind}-{state}"
    run("extract", "--model", model, "--treebanks", treebanks, "--langs", LANGUAGES, "--splits", "train,dev,test",
        "--layers", f"0-{len(LAYERS)}", "--out", folder / "store")  # fmt: skip
    run("probe", "--store", folder / "store", "--out", folder / "probe")
    rows = pd.read_csv(folder / "probe" / "probe-upos.csv")
    rows = rows[(rows["learner"] == "probe") & (rows["metric"] == "accuracy") & (rows["language"] != "mean")]
    return rows.assign(source="own", layer=rows["layer"].astype(int))[["source", "language", "layer", "value"]]


def zero_shot(work: Path, kind: str, state: str, layer: int) -> pd.DataFrame:
    """Accuracy in the target languages, learned from English and from 26 languages."""
    folder = work / "evaluation" / f"{kind}-{state}"
    frames = []
    for source, learner, extra in (
        ("en", "source-probe", ["--train-langs", "none", "--validation-langs", "none", "--target-langs", "none"]),
        ("26", "pooled", []),
    ):
        aligner, out = folder / f"{learner}-{layer}", folder / f"evaluate-{learner}-{layer}"
        run("meta-train", "--store", folder / "store", "--layers", layer, "--learner", learner, *extra,
            "--out", aligner)  # fmt: skip
        run("evaluate", "--aligner", aligner, "--store", folder / "store", "--shots", 0, "--langs", "targets",
            "--out", out)  # fmt: skip
        rows = pd.read_csv(out / "results.csv")
        kept = (rows["learner"] == learner) & (rows["metric"] == "accuracy") & (rows["draw"] == -1)
        rows = rows[kept & (rows["shots"] == 0) & (rows["language"] != "mean")]
        frames.append(rows.assign(source=source, layer=layer)[["source", "language", "layer", "value"]])
    return pd.concat(frames)


def measure(work: Path, treebanks: Path, kind: str) -> pd.DataFrame:
    """Every number of one kind: model, source, language, layer, value."""
    frames, best = [], 0
    for state in STATES:
        own = own_probes(work, treebanks, kind, state)
        if state == "trained":
            best = int(own.groupby("layer")["value"].mean().idxmax())
        layers = (0, best) if state == "trained" else (best,)
        zero = pd.concat([zero_shot(work, kind, state, layer) for layer in dict.fromkeys(layers)])
        frames.append(pd.concat([own, zero]).assign(model=f"{kind}, {state}"))
    return pd.concat(frames)


def report(rows: pd.DataFrame) -> str:
    """The tables of ``results.md``, and each bar with what was reached."""
    lines = ["Accuracy on word classes, %: mean over languages.", ""]
    for kind in dict.fromkeys(name.split(",")[0] for name in rows["model"]):
        held = rows[rows["model"].str.startswith(kind)]
        own = held[held["source"] == "own"]
        means = own.groupby(["model", "layer"])["value"].mean().unstack()
        layers = list(means.columns)
        lines += [f"## {kind}", "", "| own probe, 43 languages | " + " | ".join(f"layer {n}" for n in layers) + " |"]
        lines += ["|---" * (len(layers) + 1) + "|"]
        lines += [
            f"| {model.split(', ')[1]} | " + " | ".join(f"{100 * value:.1f}" for value in means.loc[model]) + " |"
            for model in sorted(means.index)
        ]
        top = means.loc[f"{kind}, trained"]
        best, bare = int(top.idxmax()), means.loc[f"{kind}, untrained"].max()
        bars = BARS[kind]
        lines += ["", f"Best layer {best}: {100 * top[best]:.1f} (bar {100 * bars[0]:.0f}); over layer 0 "
                  f"{100 * (top[best] - top[0]):+.1f} (bar {100 * bars[1]:+.0f}); over the untrained model's best "
                  f"{100 * (top[best] - bare):+.1f} (bar {100 * bars[2]:+.0f}).", ""]  # fmt: skip
        lines += ["| zero-shot, 17 languages | best layer | layer 0 | p | untrained | p |", "|---|---|---|---|---|---|"]
        for source in ("en", "26"):
            zero = held[held["source"] == source].pivot(index="language", columns=["model", "layer"], values="value")
            mine = zero[f"{kind}, trained", best]
            cells = [f"{100 * mine.mean():.1f}"]
            for other in ((f"{kind}, trained", 0), (f"{kind}, untrained", best)):
                p = sign_flip((mine - zero[other]).to_numpy())
                cells += [f"{100 * zero[other].mean():.1f}", f"{p:.2g}"]
            lines.append(f"| from {'English' if source == 'en' else '26 languages'} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treebanks", type=Path, required=True, help="a UD 2.10 release folder")
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    parser.add_argument("--kind", choices=KINDS, action="append")
    args = parser.parse_args()
    kinds = args.kind or KINDS
    for kind in kinds:
        rows = measure(args.work, args.treebanks, kind)
        rows.to_csv(args.work / "evaluation" / f"{kind}.csv", index=False)
    files = sorted((args.work / "evaluation").glob("*.csv"))
    rows = pd.concat([pd.read_csv(file, dtype={"source": str}) for file in files])
    rows.round({"value": 5}).to_csv(HERE / "results.csv", index=False)
    text = report(rows)
    (HERE / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
