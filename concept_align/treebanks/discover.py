"""Which treebank files a path holds: a UD release, one treebank's folder, or one CoNLL-U file.

A language may have several treebanks in a release. Unless one is named, the language is represented by
its treebank in the registry; where that one is not there, by the first, in alphabetical order, of those
with a training split, else of those that are not parallel treebanks, else of all. What was chosen is in
every :class:`TreebankFile`, and the commands show it.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..types import SPLITS, Split
from . import registry

SUFFIXES: tuple[str, ...] = (".conllu", ".conllu.gz", ".conllu.xz")
_FILE_NAME = re.compile(r"([^.].*?)\.conllu(?:\.gz|\.xz)?", re.DOTALL | re.IGNORECASE)
_UD_NAME = re.compile(
    r"(?P<prefix>(?P<language>[a-z]{2,3})_[A-Za-z0-9]+)-ud-(?P<split>train|dev|test)(?P<part>-[\w-]+)?"
)

_PLACES = (
    "a UD release (a folder of UD_* folders), a treebank's folder (with xx_name-ud-train.conllu), one "
    ".conllu file, or mini (what comes with the package)"
)
_PACKAGE = Path(__file__).parents[1]
MINI = "mini"  # names the mini treebanks wherever a path to treebanks is asked for
# Inside the package where it was installed, beside it in a checkout: there is one copy of the data.
_MINI = (_PACKAGE / "mini", _PACKAGE.parent / "ud_data" / "mini")


@dataclass(frozen=True)
class TreebankFile:
    """One split of one treebank on disk; it is not opened here."""

    treebank: str  # "UD_English-EWT"
    language: str  # "en"
    split: Split
    path: Path


def find_treebanks(
    path: str | Path,
    langs: str | Sequence[str] | None = None,
    splits: str | Collection[str] | None = None,
    *,
    every: bool = False,
) -> list[TreebankFile]:
    """The treebank files in a release, in a treebank's folder, or at a file's path; none is opened.

    Args:
        path: a folder of ``UD_*`` folders, one such folder, or a ``.conllu`` file (``.gz``, ``.xz``); or
            ``"mini"``, which stands for :func:`mini_treebanks`. A file without a UD name is a treebank
            called like it; its language is what stands before the first ``_``, or else the one code in
            ``langs``; its split is the one its name speaks of, else test.
        langs: languages (``["en", "de"]``), treebanks, or the name of a set (``"targets"``,
            ``"family:germanic"``): see :func:`registry.select`. None is everything in a file or a
            treebank's folder, and ``"all"`` in a release: one treebank for each language.
        splits: of ``"train"``, ``"dev"`` and ``"test"``; None: all three.
        every: all treebanks of each language, and a split may come in several files, which is refused
            otherwise.

    Returns:
        Files in the order of mention, of each treebank train, dev, test.

    Raises:
        UsageError: which lists what was found, where nothing matches.

    Example:
        >>> [file.path.name for file in find_treebanks(mini_treebanks(), ["en", "de"], splits="test")]
        ['en_mini-ud-test.conllu', 'de_mini-ud-test.conllu']
    """
    path = mini_treebanks() if str(path) == MINI and not Path(path).exists() else Path(path)
    langs = tuple(langs) if langs is not None and not isinstance(langs, str) else langs
    wanted = _checked((splits,) if isinstance(splits, str) else splits)
    if path.is_file():
        files, single = [_lone(path, langs)], True
    elif path.is_dir():
        files, single = _inside(path)
    else:
        remedy = f"give {_PLACES}; `concept-align treebanks fetch` gets a release"
        raise UsageError("no such file or folder", where=str(path), remedy=remedy)
    if not files:
        what = f"no treebank here{_near_misses(path)}"
        raise UsageError(what, where=str(path), remedy=f"give {_PLACES}")
    by_treebank: dict[str, list[TreebankFile]] = {}
    for file in files:
        by_treebank.setdefault(file.treebank, []).append(file)
    whole = langs is None and (single or every)
    names = list(by_treebank) if whole else _chosen(by_treebank, langs, path)
    found = [file for name in names for file in _ordered(by_treebank[name]) if file.split in wanted]
    if not found:
        splits_of = {n: dict.fromkeys(file.split for file in _ordered(by_treebank[n])) for n in names[:8]}
        there = ", ".join(f"{name} has {' '.join(held)}" for name, held in splits_of.items())
        raise UsageError(f"no {' or '.join(wanted)} split", option="splits", where=str(path), remedy=there)
    if not every:
        _refuse_parts(found)
    return found


def mini_treebanks() -> Path:
    """The folder of the mini treebanks, which come with the package: laid out as a UD release.

    Forty parallel sentences in each of 43 languages, in the public domain (``ud_data/mini/README.md``).
    Raises UsageError where they are not part of the installation.

    Example:
        >>> len(find_treebanks(mini_treebanks(), splits="train"))
        43
    """
    for place in _MINI:
        if (place / "UD_English-Mini").is_dir():
            return place
    remedy = "install concept-align again, or name a UD release"
    raise UsageError("the mini treebanks are not in this installation", option="treebanks", remedy=remedy)


def _checked(splits: Collection[str] | None) -> tuple[Split, ...]:
    if splits is None:
        return SPLITS
    wrong = [split for split in splits if split not in SPLITS]
    if wrong or not splits:
        what = f"unknown split {', '.join(wrong)!r}"
        raise UsageError(what, option="splits", remedy="use train, dev or test")
    return tuple(split for split in SPLITS if split in splits)


def _inside(path: Path) -> tuple[list[TreebankFile], bool]:
    """The files of a folder, and whether it is one treebank's rather than a release."""
    if any(_stem(child) for child in path.iterdir()):
        return list(_folder(path)), True
    folders = _treebank_folders(path)
    if not folders:
        # A release as its archive unpacks: one folder down.
        inner = [child for child in path.iterdir() if child.is_dir() and _treebank_folders(child)]
        folders = _treebank_folders(inner[0]) if len(inner) == 1 else []
    return [file for folder in folders for file in _folder(folder)], False


def _treebank_folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.name.startswith("UD_") and child.is_dir())


def _stem(path: Path) -> str | None:
    """The name without its suffix, None where it is no CoNLL-U file."""
    match = _FILE_NAME.fullmatch(path.name)
    return match[1] if match else None


def _folder(folder: Path) -> Iterator[TreebankFile]:
    """The splits of one treebank; where a split is there plain and packed, the plain file is taken."""
    taken: set[str] = set()
    files = [child for child in folder.iterdir() if _stem(child) and child.is_file()]
    for file in sorted(files, key=lambda child: (len(child.suffixes), child.name)):
        stem, found = _stem(file) or "", _by_name(file)
        if found and stem not in taken:
            taken.add(stem)
            yield found


def _by_name(path: Path) -> TreebankFile | None:
    """The file that ``path`` is by UD's naming; None for another name."""
    match = _UD_NAME.fullmatch(_stem(path) or "")
    if match is None:
        return None
    folder, known = path.absolute().parent.name, registry.find(match["prefix"])
    name = folder if folder.startswith("UD_") else known.treebank if known else match["prefix"]
    return TreebankFile(name, match["language"], _split(match["split"]), path)


def _split(text: str) -> Split:
    return next((split for split in SPLITS if split in text), "test")


def _lone(path: Path, langs: str | Sequence[str] | None) -> TreebankFile:
    stem = _stem(path)
    if stem is None:
        remedy = f"rename it to end in {SUFFIXES[0]}[.gz|.xz]"
        raise UsageError("not a CoNLL-U file by its name", where=str(path), remedy=remedy)
    if found := _by_name(path):
        return found
    prefix = stem.partition("_")[0].casefold()
    if "_" in stem and prefix in registry.CODES:
        return TreebankFile(stem, prefix, _split(stem.casefold()), path)
    code = langs if isinstance(langs, str) else langs[0] if langs and len(langs) == 1 else ""
    if re.fullmatch(r"[a-z]{2,3}", code) and not registry.is_set(code):
        return TreebankFile(stem, code, _split(stem.casefold()), path)
    raise UsageError(
        "the name does not say which language this is",
        where=str(path),
        option="langs",
        remedy='name its language by its code, for instance "de"',
    )


def _chosen(files: dict[str, list[TreebankFile]], langs: str | Sequence[str] | None, path: Path) -> list[str]:
    langs = "all" if langs is None else langs
    by_language: dict[str, list[str]] = {}
    aliases = {name: name for name in files}
    for name, members in files.items():
        by_language.setdefault(members[0].language, []).append(name)
        if match := _UD_NAME.match(members[0].path.name):
            aliases[match["prefix"]] = name
    try:
        selection = registry.select(langs, [*by_language, *files], aliases)
    except UsageError as error:
        raise UsageError(error.message, option="langs", where=str(path), remedy=error.remedy) from error
    names = [item if item in files else _default(item, by_language[item], files) for item in selection]
    return list(dict.fromkeys(names))


def _default(code: str, names: list[str], files: dict[str, list[TreebankFile]]) -> str:
    if code in registry.CODES and registry.language(code).treebank in names:
        return registry.language(code).treebank

    def rank(name: str) -> tuple[bool, bool, str]:
        return all(file.split != "train" for file in files[name]), name.endswith("-PUD"), name

    return min(names, key=rank)


def _ordered(files: list[TreebankFile]) -> list[TreebankFile]:
    return sorted(files, key=lambda file: (SPLITS.index(file.split), file.path.name))


def _refuse_parts(found: list[TreebankFile]) -> None:
    """A split in several files would be several corpora under one name."""
    seen: dict[tuple[str, Split], Path] = {}
    for file in found:
        first = seen.setdefault((file.treebank, file.split), file.path)
        if first is not file.path:
            both = f"{first.name}, {file.path.name}"
            what = f"the {file.split} split of {file.treebank} comes in several files: {both}"
            remedy = "join them into one file, or name one file instead of the folder"
            raise UsageError(what, where=str(file.path.parent), remedy=remedy)


def _near_misses(path: Path) -> str:
    """What is in the folder instead, for the error message."""
    names = sorted(child.name + "/" * child.is_dir() for child in path.iterdir())
    if not names:
        return "; the folder is empty"
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"; found {', '.join(names[:6])}{more}"
