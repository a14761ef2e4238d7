"""Reading everything again to see that it is intact, and removing what no read would use."""

from dataclasses import dataclass
from pathlib import Path

from .. import atomic
from ..hashing import sha256_file
from ..layers import name_layers
from ..progress import Progress, Silent
from . import manifest
from .keys import Recipe
from .manifest import NAME, Marker, fault, layers_with_file, marker_or_none, shards


@dataclass(frozen=True)
class Problem:
    """A file that is not what it should be."""

    path: str
    what: str
    remedy: str


def verify(folder: Path, recipe: Recipe, progress: Progress | None = None) -> list[Problem]:
    """Read every shard and compare its hash; what is wrong, and how to mend it."""
    fingerprint = recipe.fingerprint()
    problems = []
    found = [(path, path.stat().st_size if path.exists() else 0) for path in shards(folder)]
    bar = (progress or Silent()).bar("verify", sum(size for _, size in found), unit="bytes")
    for path, size in found:
        marker = marker_or_none(path)
        what = fault(path, marker, fingerprint)
        if what is None and marker is not None and sha256_file(path) != marker.sha256:
            what = "damaged: its content is not what was written"
        if what is not None:
            problems.append(Problem(str(path), what, mend(path, marker, recipe)))
        bar.advance(size)
    return problems


def sweep(folder: Path, fingerprint: str, *, alone: bool = False) -> list[Path]:
    """Remove from one treebank's folder, which the caller holds for writing, what no read would use.

    ``alone``: states are kept though their annotations are lost, which can be written again.
    """
    useless = list(folder.glob(f".*{atomic.TEMPORARY}"))
    for path in shards(folder.parent, folder.name):
        if fault(path, marker_or_none(path), fingerprint, alone=alone) is not None:
            # The marker goes first: a shard must never look complete while it is being removed.
            useless += [p for p in (manifest.marker_path(path), path) if p.exists()]
    for path in useless:
        path.unlink()
    return useless


def mend(path: Path, marker: Marker | None, recipe: Recipe) -> str:
    """The command that makes the shard at ``path`` again."""
    folder, treebank = path.parent.parent, path.parent.name
    options = [f"--langs {treebank}"]
    if match := NAME.match(path.stem):
        layer = match["layer"] or match["of"]
        there = name_layers(layers_with_file(folder, treebank, match["split"]))
        options += [f"--splits {match['split']}", f"--layers {int(layer) if layer else there or 'all'}"]
        if match["of"]:
            options.append("--sink statistics" + (f" --tasks {marker.task}" if marker else ""))
    if path.exists():
        options.append("--force")
    return extract_command(recipe.model, folder, " ".join(options))


def extract_command(model: str, folder: Path, options: str) -> str:
    return f"concept-align extract --model {model} --treebanks DIR {options} --out {folder}"
