"""Tiny random models of every architecture of text that transformers has: ``make architectures``.

Each is saved, loaded, and asked: are states in a batch those of each sentence alone, and the model's own?
Is a row as long as the window read? Are prompts scored as in the plain way? A refusal is one line.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import zoo
from transformers.models.auto import modeling_auto

MAPPINGS = ("CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM", "TEXT_ENCODING")


def names() -> list[str]:
    """Types of models that read text, and the odd ones of :mod:`zoo`."""
    known = {name for kind in MAPPINGS for name in getattr(modeling_auto, f"MODEL_FOR_{kind}_MAPPING_NAMES")}
    return sorted(known | set(zoo.CONFIGS))


def cell(text: str, folder: str) -> str:
    """A cell of a table of Markdown: one line, no path."""
    text = " ".join(text.replace(folder, "it").split()).replace("|", "/")
    return text if len(text) <= 110 else f"{text[:110]}…"


def table(found: list[zoo.Tried], unmade: dict[str, str], seconds: float) -> Iterator[str]:
    prompted = [one for one in found if one.prompts]
    yield "# Architectures\n"
    yield f"Tiny random models, transformers {version('transformers')}, torch {version('torch')};"
    yield f"`make architectures` ({seconds:.0f} s) writes this page.\n"
    yield "| | tried | equal | refused, with the reason | failed |\n|---|---|---|---|---|"
    for what, cells in (
        ("states", [one.states for one in found]),
        ("prompts", [one.prompts for one in prompted]),
    ):
        counts = [sum(cell.startswith(sort) for cell in cells) for sort in (zoo.EQUAL, "refused", "failed")]
        yield f"| {what} | {len(cells)} | {' | '.join(map(str, counts))} |"
    yield f"\nNot made tiny: {len(unmade)} (their parts are of other kinds, or their rules are many).\n"
    yield "| architecture | kind | states | window | prompts | notes |\n|---|---|---|---|---|---|"
    for one in found:
        notes = "; ".join(note.partition(": ")[2] for note in one.notes)
        yield f"| {one.name} | {one.kind} | {one.states} | {one.window} | {one.prompts} | {notes} |"
    yield "\n| not made | why |\n|---|---|"
    for name, why in unmade.items():
        yield f"| {name} | {why} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="architectures; all without")
    parser.add_argument("--out", type=Path, help="page to write")
    given = parser.parse_args()
    found, unmade, begun = [], dict[str, str](), time.monotonic()
    for name in given.names or names():
        with tempfile.TemporaryDirectory() as folder:
            try:
                one = zoo.tried(name, Path(folder))
            except Exception as error:
                unmade[name] = cell(f"{type(error).__name__}: {error}", folder)
                if given.names:
                    print(name, unmade[name])
                continue
        said = {part: cell(getattr(one, part), folder) for part in ("states", "window", "prompts")}
        found.append(replace(one, **said))
        if one.failed or given.names:
            print(found[-1])
    page = "\n".join(table(found, unmade, time.monotonic() - begun)) + "\n"
    if given.out:
        given.out.write_text(page)
    print(re.split(r"\n\nNot made", page)[0])
    sys.exit(any(one.failed for one in found))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
