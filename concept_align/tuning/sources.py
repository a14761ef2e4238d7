"""The sources of instructions that a run names: ``parallel``, ``structural``, folders and files."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from .instruction_files import FileInstructions, RowInstructions
from .instructions import InstructionSource, InstructionTemplates, TranslationInstructions
from .parallel import Parallel
from .splits import Split, texts_of
from .structural import StructuralInstructions, read_corpora


def open_sources(
    names: Sequence[str], parallel: Parallel, split: Split, *, treebanks: str | Path | None = None
) -> list[InstructionSource]:
    """The sources called ``names``, in the seen languages and without what is held out.

    Args:
        names: ``parallel`` (the translations themselves), ``structural`` (labelled sentences of
            ``treebanks``), a folder of ``de.json``, ``en.json``, ..., a ``.jsonl`` file of AFP's; a ``.toml``
            file among them has the templates of all.

    Raises UsageError for another name, and what the sources raise.
    """
    files = [name for name in names if name.endswith(".toml")]
    if len(files) > 1:
        raise UsageError("two files of templates", option="instructions", remedy="give one .toml file")
    templates = InstructionTemplates.read(files[0]) if files else InstructionTemplates()
    held = texts_of(parallel, split.held_out)
    found: list[InstructionSource] = []
    for name in names:
        if name in files:
            continue
        if name == "parallel":
            found.append(TranslationInstructions(parallel, split, templates))
        elif name == "structural":
            if treebanks is None:
                what = "instructions of structure need labelled sentences"
                raise UsageError(
                    what, option="treebanks", remedy="name treebanks in the seen languages, or mini"
                )
            corpora = read_corpora(treebanks, split.seen)
            found.append(StructuralInstructions(corpora, split.seen, templates=templates, without=held))
        elif name.endswith(".jsonl"):
            found.append(RowInstructions(Path(name), held))
        else:
            found.append(FileInstructions(Path(name), split.seen, templates, held))
    return found
