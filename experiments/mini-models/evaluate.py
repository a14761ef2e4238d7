"""What the mini models know, against untrained ones of the same shape and against their own embeddings.

    python experiments/mini-models/evaluate.py --treebanks UD_RELEASE [--work FOLDER]

Runs the commands a user has (extract, probe, meta-train, evaluate; each resumes) and writes
``results.csv`` and ``results.md`` here: accuracy on word classes by layer, of each language's own probe; and
zero-shot, of a probe of English and of a classifier of the 26 languages to learn from, in the 17 targets.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd
from networks import KINDS, LAYERS

from concept_align.statistics import sign_flip
from concept_align.treebanks.registry import META_TRAIN, TARGETS

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("concept-align")
LANGUAGES = "meta-train,targets"  # all 43
BARS = {
    "encoder": (0.80, 0.05, 0.10),
    "decoder": (0.77, 0.04, 0.08),
}  # best layer, over layer 0, over untrained
STATES = ("trained", "untrained")


def run(*words: object) -> None:
    line = [str(COMMAND), *map(str, words)]
    print("+", "concept-align", *line[1:], file=sys.stderr, flush=True)
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def own_probes(work: Path, treebanks: Path, kind: str, state: str) -> pd.DataFrame:
    """Accuracy by language and layer of each language's own probe."""
    model = f"mini-{kind}" if state == "trained" else work / kind / state
    folder = work / "evaluation" / f"{kind}-{state}"
    run("extract", "--model", model, "--treebanks", treebanks, "--langs", LANGUAGES,
        "--splits", "train,dev,test", "--layers", f"0-{len(LAYERS)}", "--out", folder / "store")  # fmt: skip
    run("probe", "--store", folder / "store", "--out", folder / "probe")
    rows = pd.read_csv(folder / "probe" / "probe-upos.csv")
    rows = rows[(rows["learner"] == "probe") & (rows["metric"] == "accuracy") & _single(rows)]
    return rows.assign(source="own", layer=rows["layer"].astype(int))[
        ["source", "language", "layer", "value"]
    ]


def _single(rows: pd.DataFrame) -> pd.Series:
    """Which rows are about one language, not about a mean or a spread of several."""
    return rows["language"].isin(META_TRAIN + TARGETS)


def zero_shot(work: Path, kind: str, state: str, layer: int) -> pd.DataFrame:
    """Accuracy in the target languages, learned from English and from 26 languages."""
    folder = work / "evaluation" / f"{kind}-{state}"
    frames = []
    for source, learner, extra in (
        (
            "en",
            "source-probe",
            ["--train-langs", "en", "--validation-langs", "none", "--target-langs", "none"],
        ),
        ("26", "pooled", ["--preset", "single"]),
    ):
        aligner, out = folder / f"{learner}-{layer}", folder / f"evaluate-{learner}-{layer}"
        run("meta-train", "--store", folder / "store", "--layers", layer, "--learner", learner, *extra,
            "--out", aligner)  # fmt: skip
        run("evaluate", "--aligner", aligner, "--store", folder / "store", "--shots", 0, "--langs", "targets",
            "--out", out)  # fmt: skip
        rows = pd.read_csv(out / "results.csv")
        kept = (rows["learner"] == learner) & (rows["metric"] == "accuracy") & (rows["draw"] == -1)
        rows = rows[kept & (rows["shots"] == 0) & _single(rows)]
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
    lines = ["Accuracy on word classes, %: means over languages. Written by `evaluate.py`."]
    for kind in KINDS:
        held = rows[rows["model"].str.startswith(kind)]
        if len(held):
            lines += ["", f"## {kind}", "", *measured(kind, rows)]
    return "\n".join(lines) + "\n"


def measured(kind: str, rows: pd.DataFrame) -> list[str]:
    """The lines of one kind."""
    held = rows[rows["model"].str.startswith(kind)]
    best = int(_own(held).loc["trained"].idxmax())
    return [*_own_table(held), "", *_bars(kind, held, best), "", *_zero_table(held, best)]


def _own(held: pd.DataFrame) -> pd.DataFrame:
    """[trained | untrained, layer] mean accuracy of the languages' own probes."""
    own = held[held["source"] == "own"]
    state = own["model"].str.split(", ").str[1]
    return own.groupby([state, "layer"])["value"].mean().unstack()


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _own_table(held: pd.DataFrame) -> list[str]:
    means = _own(held)
    head = ["own probe, 43 languages", *(f"layer {layer}" for layer in means.columns)]
    body = [[state, *map(_percent, means.loc[state])] for state in STATES]
    return _table(head, body)


def _bars(kind: str, held: pd.DataFrame, best: int) -> list[str]:
    means = _own(held)
    top = means.loc["trained", best]
    reached = (top, top - means.loc["trained", 0], top - means.loc["untrained"].max())
    names = (f"layer {best}", "over layer 0", "over the untrained model's best layer")
    return [
        f"- {name}: {_percent(value)} (bar: {_percent(bar)})"
        for name, value, bar in zip(names, reached, BARS[kind], strict=True)
    ]


def _zero_table(held: pd.DataFrame, best: int) -> list[str]:
    head = ["zero-shot, 17 languages", f"layer {best}", "layer 0", "p", "untrained", "p"]
    body = []
    for source, name in (("en", "from English"), ("26", "from 26 languages")):
        zero = held[held["source"] == source].pivot(
            index="language", columns=["model", "layer"], values="value"
        )
        kind = held["model"].iloc[0].split(",")[0]
        mine = zero[f"{kind}, trained", best]
        cells = [name, _percent(mine.mean())]
        for other in ((f"{kind}, trained", 0), (f"{kind}, untrained", best)):
            p = sign_flip((mine - zero[other]).to_numpy()) if other in zero else float("nan")
            cells += [_percent(zero[other].mean()) if other in zero else "–", f"{p:.2g}"]
        body.append(cells)
    return _table(head, body)


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    rows = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(row) + " |" for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
