"""Which treebanks there are, of which language, family, script and licence, and in which named set.

The 43 treebanks and their division are those of Xu et al. 2023 (arXiv 2310.12794). The 30 low-resource
languages are the zero-shot languages published with the code of UDapter (Üstün et al. 2020, arXiv
2004.14327: ``languages/oov-langs.txt``), which names languages only: their treebanks here are those of UD
2.5 and, of two, the one that later releases kept growing or that is freely licensed. PUD are parallel
treebanks: the same 1,000 sentences (Zeman et al. 2017), where an equal ``sent_id`` means translation.
Treebanks that are not in the registry can be used all the same: see
:mod:`concept_align.treebanks.discover`.

The facts are in ``registry.csv``. Family and branch are as on universaldependencies.org, in lower case
with hyphens, with more usual names where a branch is only a compass point (oghuz, kipchak); a language
whose family has one branch here repeats the family. Scripts (ISO 15924) are those of the word forms in the
treebank, not always the language's usual one: Serbian SET is in Latin letters. Licences are those of the
treebank's LICENSE.txt or README, empty where neither could be read; what counts is the LICENSE.txt of the
release in use.

Named sets are tuples of language codes, but for ``PUD``, whose members are treebanks.
"""

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..registration import nearest


@dataclass(frozen=True)
class Entry:
    """One treebank as the registry knows it."""

    treebank: str  # the folder of a UD release: "UD_English-EWT"
    prefix: str  # what its files begin with: "en_ewt"
    language: str  # "en"
    name: str  # "English"
    family: str  # "indo-european"
    branch: str  # "germanic"
    script: str  # of its word forms, ISO 15924: "Latn"
    licence: str | None  # SPDX; None: not known
    roles: tuple[str, ...]  # the named sets it belongs to


with Path(__file__).with_name("registry.csv").open(encoding="utf-8", newline="") as _file:
    _ROWS = list(csv.DictReader(_file))

TARGETS: tuple[str, ...] = (
    "af", "cy", "el", "eu", "ga", "hu", "hy", "ko", "lt", "mr", "sr", "ta", "te", "tr", "ur", "vi", "zh",
)  # fmt: skip
META_TRAIN: tuple[str, ...] = tuple(
    row["code"] for row in _ROWS if row["set"] == "core" and row["code"] not in TARGETS
)
# The published validation list overlaps its targets; this one is taken out of the 26 instead. Four
# languages of three families and three scripts.
VALIDATION: tuple[str, ...] = ("et", "he", "id", "uk")
TRAIN: tuple[str, ...] = tuple(code for code in META_TRAIN if code not in VALIDATION)
UDAPTER_TRAIN: tuple[str, ...] = (
    "ar", "en", "eu", "fi", "he", "hi", "it", "ja", "ko", "ru", "sv", "tr", "zh",
)  # fmt: skip
UDAPTER_LOW_RESOURCE: tuple[str, ...] = tuple(
    sorted([row["code"] for row in _ROWS if row["set"] == "low-resource"] + ["cy", "mr", "ta", "te"])
)


_ROLES: dict[str, tuple[str, ...]] = {
    "meta-train": META_TRAIN,
    "validation": VALIDATION,
    "targets": TARGETS,
    "udapter-train": UDAPTER_TRAIN,
    "low-resource": UDAPTER_LOW_RESOURCE,
}


def _entries() -> Iterator[Entry]:
    for row in _ROWS:
        code, name, short = row["code"], row["name"], row["treebank"]
        treebank, prefix = f"UD_{name.replace(' ', '_')}-{short}", f"{code}_{short.lower()}"
        facts = (row["family"], row["branch"], row["script"], row["licence"] or None)
        roles = tuple(role for role, codes in _ROLES.items() if code in codes)
        yield Entry(treebank, prefix, code, name, *facts, ("pud",) if row["set"] == "pud" else roles)


ENTRIES: tuple[Entry, ...] = tuple(_entries())
PUD: tuple[str, ...] = tuple(entry.treebank for entry in ENTRIES if "pud" in entry.roles)
# The first entry of a language stands for it: the 43, then the low-resource ones, then PUD.
_DEFAULTS: dict[str, Entry] = {entry.language: entry for entry in reversed(ENTRIES)}
_NAMED: dict[str, Entry] = {
    name.casefold(): entry for entry in ENTRIES for name in (entry.treebank, entry.prefix)
}
_SETS: dict[str, tuple[str, ...]] = {**_ROLES, "train": TRAIN, "pud": PUD}
CODES: tuple[str, ...] = tuple(sorted(_DEFAULTS))
_TREEBANK_NAME = re.compile(r"UD_[A-Z][A-Za-z_]*-[A-Za-z0-9]+")


def find(treebank: str) -> Entry | None:
    """The entry called ``treebank``, by folder (``UD_English-EWT``) or prefix (``en_ewt``) or None."""
    return _NAMED.get(treebank.casefold())


def language(code: str) -> Entry:
    """The language with ``code`` (as in UD file names), by the treebank that stands for it.

    Raises UsageError for an unknown one.
    """
    found = _DEFAULTS.get(code.casefold())
    if found is None:
        raise _unknown("language", code, CODES)
    return found


def select(
    langs: str | Sequence[str],
    available: Collection[str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """What ``langs`` asks for: language codes, and folder names for treebanks that were named.

    ``langs`` is one or several of: codes (``de``), treebanks (``UD_English-PUD``, ``en_pud``), ``all``, a
    set (``targets meta-train train validation udapter-train low-resource pud``), ``family:NAME`` (family
    or branch), ``script:NAME``; with ``-`` before an item it is left out. Order is that of mention,
    without repetition; exclusions alone start from ``all``.

    ``available`` (codes and treebank folders) limits ``all``, sets, families and scripts to what is
    there, and makes any other name an error; without it ``all`` is the 43 core languages. ``aliases``
    are further names of available treebanks. Raises UsageError, with near matches, for what is unknown
    and for a selection that is empty.

    Example:
        >>> select(["family:celtic", "de"])
        ('br', 'cy', 'ga', 'de')
    """
    universe = _Universe(available, aliases or {})
    parts = [langs] if isinstance(langs, str) else langs
    items = [item.strip() for part in parts for item in part.split(",") if item.strip()]
    if not items:
        raise UsageError("no languages were named", option="langs", remedy="name some (en, de), or all")
    if all(item.startswith("-") for item in items):
        items = ["all", *items]
    left_out = {name for item in items if item.startswith("-") for name in universe.resolve(item[1:])}
    chosen = [name for item in items if not item.startswith("-") for name in universe.resolve(item)]
    result = tuple(dict.fromkeys(name for name in chosen if name not in left_out))
    if not result:
        raise UsageError(f"{langs!r} leaves nothing", option="langs", remedy="exclude fewer")
    return result


class _Universe:
    """What names may mean: everything in the registry, or what is available."""

    def __init__(self, available: Collection[str] | None, aliases: Mapping[str, str]) -> None:
        self.open = available is None
        if available is None:
            self.codes: tuple[str, ...] = CODES
            self.everything: tuple[str, ...] = tuple(row["code"] for row in _ROWS if row["set"] == "core")
            self.treebanks = {name: entry.treebank for name, entry in _NAMED.items()}
            return
        folders = [name for name in available if _TREEBANK_NAME.fullmatch(name) or name in aliases.values()]
        known = [entry for name in folders if (entry := find(name))]
        codes = (set(available) - set(folders)) | {entry.language for entry in known}
        self.codes = self.everything = tuple(sorted(codes))
        self.treebanks = {name.casefold(): name for name in folders}
        self.treebanks |= {entry.prefix: entry.treebank for entry in known}
        self.treebanks |= {alias.casefold(): name for alias, name in aliases.items()}

    def resolve(self, item: str) -> tuple[str, ...]:
        key = item.casefold()
        kind, _, value = key.partition(":")
        if key == "all":
            return self._not_empty(self.everything, item)
        if key in _SETS:
            here = {*self.codes, *self.treebanks.values()}
            return self._not_empty([name for name in _SETS[key] if name in here], item)
        if kind == "family":
            return self._where(item, value, lambda entry: (entry.family, entry.branch))
        if kind == "script":
            return self._where(item, value, lambda entry: (entry.script.casefold(),))
        return (self._one(item),)

    def _one(self, item: str) -> str:
        key = item.casefold()
        if key in self.codes:
            return key
        if key in self.treebanks:
            return self.treebanks[key]
        if self.open and _TREEBANK_NAME.fullmatch(item):
            return item
        raise self._refusal(item)

    def _where(self, item: str, value: str, names: Callable[[Entry], tuple[str, ...]]) -> tuple[str, ...]:
        known = {name for entry in _DEFAULTS.values() for name in names(entry)}
        if value not in known:
            raise _unknown(item.partition(":")[0], value, known)
        found = [code for code in self.codes if code in _DEFAULTS and value in names(_DEFAULTS[code])]
        return self._not_empty(found, item)

    def _not_empty(self, found: Iterable[str], item: str) -> tuple[str, ...]:
        result = tuple(found)
        if not result:
            raise UsageError(f"{item!r} matches nothing that is here", option="langs", remedy=self._here())
        return result

    def _here(self) -> str:
        names = self.codes or tuple(self.treebanks.values())
        return f"here are: {' '.join(names)}" if names else "there are no treebanks here at all"

    def _refusal(self, item: str) -> UsageError:
        known = find(item)
        code = item.casefold()
        if known or code in _DEFAULTS:
            name = known.treebank if known else f"treebank of {_DEFAULTS[code].name} ({code})"
            return UsageError(f"there is no {name} here", option="langs", remedy=self._here())
        names = {entry.name.casefold(): entry.language for entry in _DEFAULTS.values()}
        if code in names:
            what = f"languages are named by code, not {item!r}"
            return UsageError(what, option="langs", remedy=f"say {names[code]}")
        return _unknown("language or treebank", item, [*self.codes, *self.treebanks, *_SETS, *names])


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    names = sorted(known)
    near = nearest(name, [n.casefold() for n in names], most=4, cutoff=0.5)
    # Codes and names of sets are short enough to be listed whole; treebanks are not.
    short = [n for n in names if len(n) <= 3 or n in _SETS or len(names) < 40]
    remedy = f"did you mean {', '.join(near)}?" if near else f"known are: {' '.join(short)}"
    return UsageError(f"unknown {what} {name!r}", option="langs", remedy=remedy)
