"""What tuning leaves behind: the tuned model as a folder of its own, the adapter, their cards and licence.

``model/`` is what ``save_pretrained`` writes, with the tokenizer: every command and library takes it for a
model. ``adapter/`` is peft's, to be put on the model before. Each has a card, the licence of the model before
where it comes with one, and the hashes of its files, written last.
"""

import errno
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import SafetensorError
from transformers.utils import cached_file

from .. import atomic
from ..errors import clean
from ..integrity import write_sums
from ..models.faults import explained, quiet
from ..models.origin import Origin
from .adapters import Learning
from .settings import TuneConfig
from .tuned import ADAPTER, MODEL

LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING", "NOTICE", "USE_POLICY.md")
_SAVING = ".saving-"  # what a killed process leaves; one process at a time writes into a folder
CARD = "README.md"


def export(
    learning: Learning, folder: Path, config: TuneConfig, facts: Mapping[str, Any], origin: Origin
) -> None:
    """Write ``adapter/`` (where there is one) and, by ``config.merge``, ``model/`` into ``folder``.

    ``facts`` is what provenance.json says. Raises ConceptAlignError where it cannot be written.
    """
    if files := learning.adapter_files():
        for name, data in files.items():
            atomic.write_bytes(folder / ADAPTER / name, data)
        _finish(folder / ADAPTER, files, config, facts, origin)
    if config.merge:
        merged: Any = learning.merged()
        with _aside(folder) as place:
            with quiet(), explained(learning.model.name), _full(folder / MODEL):
                merged.save_pretrained(place)
                learning.model.tokenizer.save_pretrained(place)
            names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
            mode = (place / "config.json").stat().st_mode  # safetensors keeps its files to their owner
            for name in names:
                (place / name).chmod(mode)
                atomic.adopt(place / name, folder / MODEL / name)
        _finish(folder / MODEL, names, config, facts, origin)


def _finish(
    folder: Path, names: Iterable[str], config: TuneConfig, facts: Mapping[str, Any], origin: Origin
) -> None:
    """Card and licence beside the files ``names``, then the hashes of all."""
    found = licences(origin)
    for licence in found:
        atomic.write_bytes(folder / licence.name, licence.read_bytes())
    atomic.write_text(folder / CARD, card(folder.name, config, facts))
    write_sums(folder, [*names, *(licence.name for licence in found), CARD])


def licences(origin: Origin) -> list[Path]:
    """The files that say under which terms the model before may be used, where it comes with any."""
    place = Path(origin.path)
    if place.is_dir():
        # The minis share the one beside their folders.
        return [path for name in LICENCES if (path := place / name).is_file()] or [
            path for path in [place.parent / LICENCES[0]] if place.parent.name == "weights" and path.is_file()
        ]
    found = []
    for name in LICENCES:
        with suppress(OSError, ValueError):
            file = cached_file(
                origin.path, name, revision=origin.commit, local_files_only=origin.offline,
                _raise_exceptions_for_missing_entries=False,
            )  # fmt: skip
            if file is not None:
                found.append(Path(file))
    return found


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder in ``folder`` for libraries that write by themselves; what killed processes left goes."""
    for left in folder.glob(f"{_SAVING}*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        with TemporaryDirectory(prefix=_SAVING, dir=folder) as place:
            yield Path(place)
    except OSError as error:
        raise atomic.explain(error, folder) from error


@contextmanager
def _full(path: Path) -> Iterator[None]:
    """safetensors' own errors of a disk without space become ours."""
    try:
        yield
    except SafetensorError as error:
        if "os error 28" in str(error) or "space" in str(error).casefold():
            raise atomic.explain(OSError(errno.ENOSPC, "No space left on device"), path) from error
        raise


@dataclass(frozen=True)
class CardWords:
    """How a card speaks of what was trained on."""

    data: str
    rows: str  # of a step
    items: str
    aim: str
    control: str


_TRANSLATED = CardWords(
    "translations",
    "pairs",
    "meanings",
    "sentences that say the same in several\nlanguages lie together in a middle layer",
    "shuffled pairs",
)
_LABELLED = CardWords(
    "labelled words",
    "sentences",
    "sentences",
    "one linear map reads the concepts of words\noff a layer in all its languages",
    "shuffled labels",
)


def card(kind: str, config: TuneConfig, facts: Mapping[str, Any]) -> str:
    """The card of ``model`` or ``adapter``: what it is, of what, and what is to be kept in mind."""
    base, seen, weights = facts["model"], facts["seen"], facts["weights"]
    told = _LABELLED if config.preset == "concepts" else _TRANSLATED
    what = "A low-rank adapter for" if kind == ADAPTER else "A tuned copy of"
    losses = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)
    rows = {
        "model before": f"`{base}`, revision `{facts['revision']}`",
        "preset": config.preset,
        "what learned": config.train,
        "losses": losses,
        "layer aligned": f"{facts['layer']} of {facts['layers']}, {config.pooling} of tokens, "
        f"standardised: {config.standard}",
        "steps": f"{config.steps} of {config.batch} {told.rows}, learning rate {config.lr:g}, "
        f"seed {config.seed}",
        told.data: f"{facts['pairs']['source']}, {facts['pairs']['train']} {told.items}",
        "languages": ", ".join(seen),
        "control": config.control,
    }
    front = ["---", f"base_model: {base}" if "/" in str(base) else "", "tags: [cross-lingual, alignment]"]
    if kind == ADAPTER:
        front.append("library_name: peft")
    lines = [
        *filter(None, front), "---", "", f"# {base}, tuned on {told.data}", "",
        f"{what} `{base}`, trained by `concept-align tune` so that {told.aim}.",
        "What was measured before and after stands in `before-after.csv` beside this folder; a gain counts",
        f"where it is more than what {told.control} and standardising without any training give.", "",
        "| | |", "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in rows.items()), "",
        "Not tested: what it says in answer to people, and languages and genres other than those measured.",
        "The licence of the model before holds for this one too.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return clean(str(value)).replace("|", "\\|")
