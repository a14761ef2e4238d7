"""``concept-align classify``: put a saved aligner to text."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import atomic
from ..errors import UsageError
from ..progress import terminal
from .from_config import configured
from .options import RunOptions
from .output import emit_json, percent, say, say_notices
from .streams import read_stdin

if TYPE_CHECKING:
    from ..apply import Classification
    from ..apply.text import Document
    from ..treebanks.concepts import Task


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig:
    """How an aligner is put to a text."""

    support: Path | None = None
    """Labelled sentences of the language, CoNLL-U."""
    unlabelled: Path | None = None
    """More text of the language, plain or CoNLL-U: its mean and scale are taken from it. By default from
    INPUT and the support."""
    model: str | None = None
    """Where the aligner's language model is. By default where its folder says."""
    with_model: str | None = None
    """The same of the second model, for an aligner of two."""
    revision: str | None = None
    """Commit, tag or branch of an aligner on the hub; pin it to make results reproducible."""
    pretokenised: bool = False
    """In plain text, words stand between spaces, punctuation too."""
    out: Path | None = None
    """File to write. By default stdout."""
    seed: int = 0
    """Seed of everything drawn at random."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    offline: bool = False
    """Never contact the Hugging Face hub."""


@configured("cli.classify:ClassifyConfig", kept="nothing is kept", without=("figures", "dry_run"))
def classify(
    config: ClassifyConfig,
    run: RunOptions,
    *,
    aligner: Annotated[str, typer.Argument(help="Folder that meta-train wrote, or a hub id.")],
    text: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Plain text, a sentence a line; or CoNLL-U; packed or not; - reads stdin."
        ),
    ],
) -> None:
    """Classify the words of a text.

    Word classes of any text, relations of CoNLL-U with heads. Prints CoNLL-U, with UPOS (or DEPREL, or the
    feature) filled in and the probability in MISC. If INPUT had labels, accuracy is reported on stderr. Words
    of plain text are runs of letters, marks and digits, with apostrophes, hyphens and points between them;
    other signs are words by themselves.
    """
    from ..apply import TextAligner
    from ..apply.aligner import task_of
    from ..apply.text import read, read_labelled
    from ..evaluation.aligners import read_aligner

    # What is cheap to get wrong is looked at before the model is loaded.
    _keep_others(config, text, force=run.force)
    trained = read_aligner(aligner, revision=config.revision, offline=config.offline)
    task = task_of(trained)
    given = _input(text, task, config.pretokenised)
    labelled = None if config.support is None else read_labelled(config.support, task)
    more = None if config.unlabelled is None else read(config.unlabelled, pretokenised=config.pretokenised)
    with terminal() as progress:
        loaded = TextAligner.from_pretrained(
            trained.folder,
            config.model,
            with_model=config.with_model,
            device=config.device,
            offline=config.offline,
            progress=progress,
        )
        found = loaded.adapt(labelled, more, seed=config.seed).classify(given)
    _emit(found, config.out, run.json)
    say_notices(found.notes)
    if agreement := found.agreement():
        say(
            f"{agreement.words:,} words had labels: accuracy {percent(agreement.accuracy)}%, "
            f"macro-F1 {percent(agreement.macro_f1)}%"
        )


def _keep_others(config: ClassifyConfig, text: str, *, force: bool) -> None:
    """UsageError where the output would take the place of what is read, or, unless forced, of any file."""
    out = config.out
    if out is None or not out.exists():
        return
    read = [path for path in (Path(text), config.support, config.unlabelled) if path and path.exists()]
    if any(path.samefile(out) for path in read):
        raise UsageError(f"{out} is read, too", option="out", remedy="name another file")
    if out.is_file() and not force:
        remedy = "name another file, or write over it by force"
        raise UsageError(f"{out} is there already", option="out", remedy=remedy)


def _input(text: str, task: "Task", pretokenised: bool) -> "Document":
    from ..apply.text import document, of_bytes, require_heads

    if text == "-":
        given = of_bytes(read_stdin(), "stdin", pretokenised=pretokenised)
    else:
        given = document(Path(text), pretokenised=pretokenised)
    if task.relational:
        require_heads(given.corpus)
    return given


def _emit(found: "Classification", out: Path | None, json: bool) -> None:
    if out is None:
        emit_json(_facts(found)) if json else sys.stdout.writelines(found.conllu())
    elif json:
        atomic.write_json(out, _facts(found))
    else:
        from ..treebanks.corpus import write_packed

        write_packed(out, "".join(found.conllu()).encode())


def _facts(found: "Classification") -> dict[str, Any]:
    corpus, names, probabilities = found.corpus, found.names(), found.probabilities.tolist()
    sentences = []
    for place in range(corpus.sents):
        here = corpus.words_of(place)
        words = [
            {"form": form, "label": label, "probability": None if label is None else round(sure, 4)}
            for form, label, sure in zip(corpus.forms[here], names[here], probabilities[here], strict=True)
        ]
        sentences.append({"id": corpus.sent_ids[place], "text": corpus.texts[place], "words": words})
    agreement = found.agreement()
    return {
        "task": found.task.name,
        "sentences": sentences,
        "notes": list(found.notes),
        "agreement": None if agreement is None else asdict(agreement),
    }
