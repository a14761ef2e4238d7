"""Files of translations as :class:`~concept_align.tuning.parallel.Parallel`: one format a module."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import UsageError
from ...treebanks import registry
from ...treebanks.discover import MINI
from ...treebanks.translations import AGREE, length_agreement
from ..parallel import Parallel
from . import afp, lines, paws, tables, tatoeba, treebanks

FOLDERS = {"tatoeba": tatoeba.read, "paws-x": paws.read}
KINDS = (
    "treebanks:DIR (equal sent_id), mini, FILE.tsv (a column a language), A.txt,B.txt (with pair_langs), "
    "FILE.jsonl (sent0 and sent1, with pair_langs), tatoeba:DIR or paws-x:DIR"
)


def read_pairs(spec: str, *, langs: Sequence[str] = ("all",), pair_langs: Sequence[str] = ()) -> Parallel:
    """The translations that ``spec`` names.

    Args:
        spec: ``treebanks:DIR``, ``mini``, ``FILE.tsv``, ``A.txt,B.txt``, ``FILE.jsonl``, ``tatoeba:DIR`` or
            ``paws-x:DIR``; the modules of this package say what each holds.
        langs: languages of them: codes, names of sets, and treebanks (``UD_German-PUD``) where ``spec`` is of
            treebanks.
        pair_langs: the languages of files that do not name them, in the files' order.

    Returns:
        All translations of these languages. Its ``notes`` say what was left out, and which texts do not look
        like translations of each other.

    Raises:
        UsageError: for a specification, a file or a line that is wrong, with its place.
        TreebankError: for a treebank that is absent or has an id twice.

    Example:
        >>> read_pairs("mini", langs=["en", "de", "fi"])
        <Parallel mini: 24 meanings, 3 languages>
    """
    kind, _, path = spec.partition(":")
    if spec == MINI or (kind == "treebanks" and path):
        return _with_doubts(treebanks.read(path or spec, langs))
    if kind in FOLDERS and path:
        _refuse_names(pair_langs, spec)
        return _with_doubts(_chosen(FOLDERS[kind](Path(path)), langs))
    if spec.endswith(".tsv"):
        _refuse_names(pair_langs, spec)
        return _with_doubts(_chosen(tables.read(Path(spec)), langs))
    if spec.endswith(".jsonl"):
        return _with_doubts(_chosen(afp.read(Path(spec), lines.named(pair_langs, 2, spec)), langs))
    if "," in spec:
        files = [Path(part.strip()) for part in spec.split(",")]
        return _with_doubts(_chosen(lines.read(files, lines.named(pair_langs, len(files), spec)), langs))
    raise UsageError(f"{spec!r} names no translations", option="pairs", remedy=f"give {KINDS}")


def _refuse_names(pair_langs: Sequence[str], spec: str) -> None:
    if pair_langs:
        what = f"{spec} names its languages itself"
        raise UsageError(what, option="pair_langs", remedy="leave pair_langs out; choose with langs")


def _chosen(parallel: Parallel, langs: Sequence[str]) -> Parallel:
    chosen = registry.select(langs, parallel.languages)
    return parallel if set(chosen) == set(parallel.languages) else parallel.only(chosen)


def _with_doubts(parallel: Parallel) -> Parallel:
    """With notes on languages whose texts are not as long as the others say: are the files aligned?"""
    doubts = []
    for a, b in itertools.combinations(parallel.languages, 2):
        agreement = length_agreement(parallel.texts[a], parallel.texts[b])
        if agreement is not None and agreement < AGREE:
            doubts.append(f"{a}-{b} ({agreement:.2f})")
    if not doubts:
        return parallel
    more = f" and {len(doubts) - 6} more" if len(doubts) > 6 else ""
    note = f"lengths of texts hardly correlate: are these translations? {', '.join(doubts[:6])}{more}"
    return replace(parallel, notes=(*parallel.notes, note))
