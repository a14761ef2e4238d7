"""``concept-align classify``: put a saved aligner to text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import emit_json, say

if TYPE_CHECKING:
    from ..apply import Classified
    from ..treebanks.concepts import Task
    from ..treebanks.corpus import Corpus


def classify(
    aligner: Annotated[Path, typer.Argument(help="Folder that meta-train wrote.")],
    text: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Plain text, a sentence a line; or a .conllu[.gz|.xz] file; - reads stdin."
        ),
    ],
    support: Annotated[
        Path | None, typer.Option("--support", "-S", help="Labelled sentences of the language, CoNLL-U.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            "--unlabelled",
            "-u",
            help="More text of the language, plain or CoNLL-U: its mean and scale are taken from it. "
            "Default: from INPUT and the support.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Where the aligner's language model is. Default: where its folder says."
        ),
    ] = None,
    pretokenised: Annotated[
        bool,
        typer.Option("--pretokenised", help="In plain text, words stand between spaces, punctuation too."),
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write. Default: stdout.")] = None,
    seed: options.Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Never ask the hub.")] = False,
    json: options.Json = False,
) -> None:
    """Classify the words of a text: word classes of any, relations of CoNLL-U with heads.

    Prints CoNLL-U, with UPOS (or DEPREL, or the feature) filled in and the probability in MISC. If INPUT had
    labels, it says on stderr how many were found again. Words of plain text are runs of letters, marks and
    digits, with apostrophes, hyphens and points between them; other signs are words by themselves.
    """
    from ..apply import TextAligner
    from ..apply.aligner import task_of
    from ..apply.text import read, read_labelled
    from ..evaluation.aligners import read_aligner
    from ..progress import terminal

    # What is cheap to get wrong is looked at before the model is loaded.
    task = task_of(read_aligner(aligner))
    corpus = _input(text, task, pretokenised)
    labelled = None if support is None else read_labelled(support, task)
    more = None if unlabelled is None else read(unlabelled, pretokenised=pretokenised)
    with terminal() as progress:
        loaded = TextAligner.from_pretrained(
            aligner, model, device=device, offline=offline, progress=progress
        )
        found = loaded.adapt(labelled, more, seed=seed).classify(corpus)
    _emit(found, out, json)
    for note in found.notes:
        say(note)
    if agreement := found.agreement():
        say(
            f"{agreement.words:,} words had labels: accuracy {agreement.accuracy:.4f}, "
            f"macro-F1 {agreement.macro_f1:.4f}"
        )


def _input(text: str, task: "Task", pretokenised: bool) -> "Corpus":
    import sys

    from ..apply.text import plain, read, require_heads

    if text == "-":
        corpus = plain(sys.stdin.read().split("\n"), "stdin", pretokenised=pretokenised)
    else:
        corpus = read(Path(text), pretokenised=pretokenised)
    if task.relational:
        require_heads(corpus)
    return corpus


def _emit(found: "Classified", out: Path | None, json: bool) -> None:
    import sys

    from .. import atomic
    from ..apply.fill import fill

    if out is None:
        emit_json(_facts(found)) if json else sys.stdout.writelines(fill(found))
    elif json:
        atomic.write_json(out, _facts(found))
    else:
        atomic.write_text(out, "".join(fill(found)))


def _facts(found: "Classified") -> dict[str, Any]:
    corpus, names, probabilities = found.corpus, found.names(), found.probabilities.tolist()
    sentences = []
    for place in range(corpus.sents):
        words = corpus.words_of(place)
        rows = zip(corpus.forms[words], names[words], probabilities[words], strict=True)
        sentences.append(
            {
                "id": corpus.sent_ids[place],
                "text": corpus.texts[place],
                "words": [
                    {"form": form, "label": label, "probability": None if label is None else round(sure, 4)}
                    for form, label, sure in rows
                ],
            }
        )
    agreement = found.agreement()
    return {
        "task": found.task.name,
        "sentences": sentences,
        "notes": list(found.notes),
        "agreement": None
        if agreement is None
        else {
            "accuracy": agreement.accuracy,
            "macro_f1": agreement.macro_f1,
            "words": agreement.words,
        },
    }
