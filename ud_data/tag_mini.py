"""Compare the mini treebanks of ``ud_data/mini`` with taggers trained on the real treebank of each language.

    python ud_data/tag_mini.py --store STORE --model MODEL [--treebanks UD_RELEASE] [--langs eu,fi] [--json]

STORE holds states of the real treebanks (``concept-align extract``), MODEL is what made them. For word
classes and for relations (heads given) a linear tagger (``mini_tagger.py``) is trained on a language's real
train part and measured on its test part; then it tags the forty sentences. FOLDER/XX.tsv lists where it says
otherwise, the surest first; FOLDER/agreement.csv holds the numbers, with UD_RELEASE also the share of the
words whose form is there that have the form's commonest class. Taggers are kept in FOLDER, trained once.

The tagger may be wrong: a disagreement is a place to look at. ``pass`` is an agreement on word classes of
at least 93% where the tagger reaches 95% on its own test part, else of its accuracy there less 4 points.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from build_mini import MINI
from check_mini import check
from mini_tagger import Settings, Treebank, tagger

from concept_align.errors import ConceptAlignError, ModelError, StoreError
from concept_align.extraction.run import extract_files
from concept_align.models.load import load_model
from concept_align.models.origin import locate
from concept_align.store import Store
from concept_align.treebanks import conllu
from concept_align.treebanks.concepts import Task, parse_task
from concept_align.treebanks.discover import TreebankFile, find_treebanks

OUT = Path("runs/mini-check")
TASKS = ("upos", "relation")
HIGH, ENOUGH, BELOW = 0.95, 0.93, 0.04


@dataclass(frozen=True)
class Disagreement:
    task: str
    sent_id: str
    place: int
    form: str
    ours: str
    theirs: str
    probability: float  # the tagger's, of theirs


@dataclass(frozen=True)
class Agreement:
    language: str
    words: int
    seen_forms: float | None = None  # words of forms that the real treebanks have, with the commonest class
    tagger_upos: float | None = None  # accuracy on the real test part
    upos: float | None = None  # agreement on the mini treebank
    tagger_relation: float | None = None
    relation: float | None = None

    @property
    def verdict(self) -> str:
        if self.tagger_upos is None or self.upos is None:
            return ""
        least = ENOUGH if self.tagger_upos >= HIGH else self.tagger_upos - BELOW
        return "pass" if self.upos >= least else "below"


def mini_states(files: list[TreebankFile], model: str, real: Store, settings: Settings, out: Path) -> Store:
    """The store of the mini treebanks' states, made as those of ``real`` were."""
    recipe = real.recipe
    if (revision := locate(model, None, offline=True).revision) != recipe.revision:
        raise ModelError(
            f"its revision is {revision}, the store's states were made by {recipe.revision} ({recipe.model})",
            where="--model",
            remedy="give the model that the store was made with, or a store of this model",
        )
    if recipe.max_words_per_concept is not None:
        raise StoreError(
            "it holds a part of each treebank only", where="--store", remedy="extract without a cap"
        )
    extract_files(
        load_model(model, dtype=recipe.dtype, offline=True),
        files,
        out,
        layers=settings.all_layers,
        pooling=recipe.pooling,
        save_dtype=recipe.save_dtype,
        max_words=recipe.max_words,
        batch_tokens=512,
    )
    return Store.open(out)


def compare(
    language: str,
    files: list[TreebankFile],
    mini: Store,
    real: Store,
    task: Task,
    settings: Settings,
    out: Path,
) -> tuple[float, int, list[Disagreement]]:
    """(The tagger's accuracy, words compared, where it disagrees)."""
    found = tagger(out / "taggers", real, real.treebank_of(language), task, settings)
    words, differing = 0, []
    for file in files:
        corpus = conllu.read(file.path)
        if mini.sentences(file.treebank, file.split)[1] != list(corpus.sent_ids):
            raise StoreError("states of other sentences", where=str(mini.folder), remedy="remove that folder")
        given = Treebank(mini, file.treebank, found.standardisers).words(file.split, task, settings)
        sure, guess = found.classifier.probabilities(given.x).max(1)
        words += len(given.y)
        for at in torch.nonzero(guess != given.y)[:, 0].tolist():
            row = int(given.rows[at])
            sentence = int(corpus.offsets.searchsorted(row, "right")) - 1
            differing.append(
                Disagreement(
                    task.name,
                    corpus.sent_ids[sentence],
                    row - int(corpus.offsets[sentence]) + 1,
                    corpus.forms[row],
                    task.concepts[int(given.y[at])],
                    task.concepts[int(guess[at])],
                    round(float(sure[at]), 4),
                )
            )
    return found.accuracy, words, differing


def write_list(path: Path, differing: list[Disagreement]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        rows.writerow([field.name for field in fields(Disagreement)])
        for one in sorted(differing, key=lambda one: -one.probability):
            rows.writerow(asdict(one).values())


def write_table(path: Path, found: list[Agreement]) -> None:
    """The rows of ``found``, beside those of other languages that are there."""
    rows: dict[str, list[str]] = {}
    header = [*(field.name for field in fields(Agreement)), "verdict"]
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            there = list(csv.reader(file))
        rows = {row[0]: row for row in there[1:]} if there[:1] == [header] else {}
    for one in found:
        values = [
            f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
            for value in asdict(one).values()
        ]
        rows[one.language] = [*values, one.verdict]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *(rows[key] for key in sorted(rows))])


def run(options: argparse.Namespace) -> Iterator[tuple[Agreement, list[Disagreement]]]:
    layers = tuple(dict.fromkeys(int(layer) for layer in options.layers.split(",")))
    settings = Settings(layers=layers, beside=10 if 10 in layers else layers[len(layers) // 2])
    real = Store.open(options.store)
    files = find_treebanks(MINI, options.langs)
    options.out.mkdir(parents=True, exist_ok=True)
    mini = mini_states(files, options.model, real, settings, options.out / "store")
    for language in dict.fromkeys(file.language for file in files):
        own = [file for file in files if file.language == language]
        words = 0
        differing: list[Disagreement] = []
        numbers: dict[str, float] = {}
        for name in options.tasks.split(","):
            task = parse_task(name)
            accuracy, words, other = compare(language, own, mini, real, task, settings, options.out)
            differing += other
            numbers |= {f"tagger_{name}": accuracy, name: 1 - len(other) / words}
        write_list(options.out / f"{language}.tsv", differing)
        seen = check(language, options.treebanks).agreement if options.treebanks else None
        yield Agreement(language, words, seen, **numbers), differing


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ud_data/mini with taggers of the real treebanks.")
    parser.add_argument("--store", type=Path, required=True, help="states of the real treebanks")
    parser.add_argument("--model", required=True, help="the model that made them")
    parser.add_argument("--treebanks", type=Path, help="a UD release: count the forms' classes too")
    parser.add_argument("--langs", default="all", help="only these, by code: eu,fi")
    parser.add_argument("--layers", default="6,10,13", help="layers of the store, side by side")
    parser.add_argument("--tasks", default=",".join(TASKS), help="upos, relation or both")
    parser.add_argument("--out", type=Path, default=OUT, help="where lists, table and taggers go")
    parser.add_argument("--json", action="store_true", help="data alone, a list of reports")
    options = parser.parse_args()
    if set(options.tasks.split(",")) - set(TASKS):
        parser.error(f"--tasks: {options.tasks}: use {' or '.join(TASKS)}")
    found, reports = [], []
    try:
        for one, differing in run(options):
            found.append(one)
            numbers = asdict(one) | {"verdict": one.verdict}
            reports.append(numbers | {"disagreements": [asdict(other) for other in differing]})
            if not options.json:
                shown = (
                    f"{v:.3f}" if isinstance(v, float) else str(v) for v in numbers.values() if v is not None
                )
                sys.stdout.write("\t".join(shown) + "\n")
                sys.stdout.flush()
    except ConceptAlignError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    finally:
        if found:
            write_table(options.out / "agreement.csv", found)
    if options.json:
        sys.stdout.write(json.dumps(reports, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
