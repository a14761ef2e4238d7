"""Which languages and treebanks there are, of which family, script and licence, and in which named set.

The 43 treebanks and their division are those of Xu et al. 2023 (arXiv 2310.12794). The 30 low-resource
languages are the zero-shot languages published with the code of UDapter (Üstün et al. 2020, arXiv
2004.14327: ``languages/oov-langs.txt``), which names languages only: their treebanks here are those of UD
2.5 and, of two, the one that later releases kept growing or that is freely licensed. PUD are parallel
treebanks: the same 1,000 sentences (Zeman et al. 2017), where an equal ``sent_id`` means translation.
Treebanks that are not in the registry can be used all the same: see
:mod:`concept_align.treebanks.discover`.

The facts are in two files. ``languages.csv`` has every language of Universal Dependencies, whether or not a
treebank of it is in the registry. Family and branch are as on universaldependencies.org, in lower case
with hyphens, with more usual names where a branch is only a compass point (oghuz, kipchak) and the name of
the larger unit where its members are related (macro-je); a language whose family has one branch here
repeats the family. Treebanks that switch between languages of two families have none. ``registry.csv`` has
the treebanks. Scripts (ISO 15924) are those of the word forms in the treebank where one is in the registry
(Serbian SET is in Latin letters), else the language's own. Licences are those of the treebank's LICENSE.txt,
or of its README where the former could not be read; what counts is the LICENSE.txt of the release in use.

Named sets are tuples of language codes, but for ``PUD``, whose members are treebanks.
"""

import csv
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..registration import nearest


@dataclass(frozen=True)
class Language:
    """A language of Universal Dependencies."""

    language: str  # its code: "en"
    name: str  # "English"
    family: str  # "indo-european"; "" where it is of two
    branch: str  # "germanic"
    script: str  # ISO 15924: "Latn"


@dataclass(frozen=True)
class Entry(Language):
    """One treebank as the registry knows it; ``script`` is that of its word forms."""

    treebank: str  # the folder of a UD release: "UD_English-EWT"
    prefix: str  # what its files begin with: "en_ewt"
    licence: str | None  # SPDX; None: not known
    roles: tuple[str, ...]  # the named sets it belongs to


_PUD = re.compile(r"([nw]\d{5})\d{3}[a-z]?")


def pud_document(sent_id: str) -> str | None:
    """The document that a sentence of PUD is of: the first six signs of its id; None for other ids."""
    found = _PUD.fullmatch(sent_id)
    return found[1] if found else None


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


_LANGUAGES: dict[str, Language] = {}
_CALLED: dict[str, Language] = {}  # by name, in small letters, an earlier one too
for _row in _rows("languages.csv"):
    _names = _row["name"].split("/")
    _language = Language(_row["code"], _names[0], _row["family"], _row["branch"], _row["script"])
    _LANGUAGES[_language.language] = _language
    _CALLED |= {name.casefold(): _language for name in _names}
_ROWS = _rows("registry.csv")

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


# Codes of three letters are ISO 639-3 already. UD's code of Norwegian covers both norms.
ISO_639_3: dict[str, tuple[str, ...]] = {
    "af": ("afr",), "am": ("amh",), "ar": ("arb", "ara"), "be": ("bel",), "bg": ("bul",), "bm": ("bam",),
    "br": ("bre",), "ca": ("cat",), "cs": ("ces",), "cy": ("cym",), "de": ("deu",), "el": ("ell",),
    "en": ("eng",), "es": ("spa",), "et": ("ekk", "est"), "eu": ("eus",), "fa": ("pes", "fas"),
    "fi": ("fin",), "fo": ("fao",), "fr": ("fra",), "ga": ("gle",), "gl": ("glg",), "he": ("heb",),
    "hi": ("hin",), "hu": ("hun",), "hy": ("hye",), "id": ("ind",), "is": ("isl",), "it": ("ita",),
    "ja": ("jpn",), "kk": ("kaz",), "ko": ("kor",), "lt": ("lit",), "lv": ("lvs", "lav"), "mr": ("mar",),
    "nl": ("nld",), "no": ("nno", "nob", "nor"), "pl": ("pol",), "pt": ("por",), "ro": ("ron",),
    "ru": ("rus",), "sa": ("san",), "sk": ("slk",), "sr": ("srp",), "sv": ("swe",), "ta": ("tam",),
    "te": ("tel",), "th": ("tha",), "tl": ("tgl",), "tr": ("tur",), "uk": ("ukr",), "ur": ("urd",),
    "vi": ("vie",), "yo": ("yor",), "zh": ("cmn", "zho"),
}  # fmt: skip
_OF_ISO = {name: code for code, names in ISO_639_3.items() for name in names}

_ROLES: dict[str, tuple[str, ...]] = {
    "meta-train": META_TRAIN,
    "validation": VALIDATION,
    "targets": TARGETS,
    "udapter-train": UDAPTER_TRAIN,
    "low-resource": UDAPTER_LOW_RESOURCE,
}


def _entries() -> Iterator[Entry]:
    for row in _ROWS:
        code, short = row["code"], row["treebank"]
        facts = vars(_LANGUAGES[code]) | {"script": row["script"], "licence": row["licence"] or None}
        facts |= {"treebank": f"UD_{_LANGUAGES[code].name.replace(' ', '_')}-{short}"}
        roles = tuple(role for role, codes in _ROLES.items() if code in codes)
        yield Entry(
            prefix=f"{code}_{short.lower()}", roles=("pud",) if row["set"] == "pud" else roles, **facts
        )


ENTRIES: tuple[Entry, ...] = tuple(_entries())
PUD: tuple[str, ...] = tuple(entry.treebank for entry in ENTRIES if "pud" in entry.roles)
# The first entry of a language stands for it: the 43, then the low-resource ones, then PUD.
_DEFAULTS: dict[str, Entry] = {entry.language: entry for entry in reversed(ENTRIES)}
_NAMED: dict[str, Entry] = {
    name.casefold(): entry for entry in ENTRIES for name in (entry.treebank, entry.prefix)
}
_SETS: dict[str, tuple[str, ...]] = {**_ROLES, "train": TRAIN, "pud": PUD}
CODES: tuple[str, ...] = tuple(sorted(_DEFAULTS))
_TREEBANK_NAME = re.compile(r"UD_(?P<language>[A-Z][A-Za-z_]*)-(?P<short>[A-Za-z0-9]+)")


def is_set(name: str) -> bool:
    """Whether ``name`` stands for several languages (``all``, ``pud``, ``targets``), as no code does."""
    return name == "all" or name in _SETS


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


def known(name: str) -> Language | None:
    """What is known of a language (by its code) or of a treebank (by its folder or prefix); None: nothing.

    Treebanks that are not in the registry are known by their language.

    Example:
        >>> known("hr").branch, known("UD_Czech-CLTT").language
        ('slavic', 'cs')
    """
    key = name.casefold()
    found = find(name) or _DEFAULTS.get(key) or _LANGUAGES.get(key)
    if found is not None:
        return found
    if folder := _TREEBANK_NAME.fullmatch(name):
        return _CALLED.get(folder["language"].replace("_", " ").casefold())
    code, _, short = key.partition("_")
    return _LANGUAGES.get(code) if short.isalnum() else None


def of_iso(name: str) -> str:
    """The code of the language that ISO 639-3 calls ``name``; any other name as it is.

    Example:
        >>> of_iso("deu"), of_iso("cmn"), of_iso("de")
        ('de', 'zh', 'de')
    """
    return _OF_ISO.get(name.casefold(), name)


def prefix(name: str) -> str:
    """What the files of a treebank's folder begin with (``hr_set``); any other name as it is."""
    found, match = known(name), _TREEBANK_NAME.fullmatch(name)
    return f"{found.language}_{match['short'].lower()}" if found and match else name


def family(name: str) -> str | None:
    """The family of a language or treebank; None where it is not known, or where it is of two."""
    found = known(name)
    return found.family or None if found else None


def relatives(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The branch (genus) of each language or treebank, and its family; one that is not known is its own.

    Example:
        >>> relatives(["de", "sv", "fi", "tlh"])
        (['germanic', 'germanic', 'finnic', 'tlh'], ['indo-european', 'indo-european', 'uralic', 'tlh'])
    """
    found = [known(name) for name in names]
    pairs = list(zip(names, found, strict=True))
    return (
        [one.branch or name if one else name for name, one in pairs],
        [one.family or name if one else name for name, one in pairs],
    )


def select(
    langs: str | Sequence[str],
    available: Collection[str] | None = None,
    aliases: Mapping[str, str] | None = None,
    *,
    option: str = "langs",
) -> tuple[str, ...]:
    """What ``langs`` asks for: language codes, and folder names for treebanks that were named.

    ``langs`` is one or several of: codes (``de``), treebanks (``UD_English-PUD``, ``en_pud``), ``all``, a
    set (``targets meta-train train validation udapter-train low-resource pud``), ``family:NAME`` (family
    or branch), ``script:NAME``; with ``-`` before an item it is left out. Order is that of mention,
    without repetition; exclusions alone start from ``all``.

    ``available`` (codes and treebank folders) limits ``all``, sets, families and scripts to what is
    there, and makes any other name an error; without it ``all`` is the 43 core languages. ``aliases``
    are further names of available treebanks. A family or script asked for is followed by a UserWarning that
    names the available languages of which it is not known. Raises UsageError, for the argument ``option``,
    with near matches, for what is unknown and for a selection that is empty.

    Example:
        >>> select(["family:celtic", "de"])
        ('br', 'cy', 'ga', 'de')
    """
    try:
        return _selected(langs, _Universe(available, aliases or {}))
    except UsageError as error:
        error.option = option
        raise


def _selected(langs: str | Sequence[str], universe: "_Universe") -> tuple[str, ...]:
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
        entries = [entry for name in folders if (entry := find(name))]
        codes = (set(available) - set(folders)) | {entry.language for entry in entries}
        self.codes = self.everything = tuple(sorted(codes))
        self.treebanks = {prefix(name).casefold(): name for name in folders}
        self.treebanks |= {name.casefold(): name for name in folders}
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
            return self._where(item, value, lambda one: (one.family, one.branch))
        if kind == "script":
            return self._where(item, value, lambda one: (one.script.casefold(),))
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

    def _where(self, item: str, value: str, names: Callable[[Language], tuple[str, ...]]) -> tuple[str, ...]:
        kind, every = item.partition(":")[0], (*_LANGUAGES.values(), *ENTRIES)
        if value not in {name for one in every for name in names(one) if name}:
            raise _unknown(kind, value, {name for one in every for name in names(one) if name})
        facts = {code: names(one) if (one := known(code)) else ("",) for code in self.codes}
        if unknown := [code for code in self.codes if "" in facts[code]]:
            what = f"the {kind} of {', '.join(unknown)} is not known: taken not to be in {item}"
            warnings.warn(what, UserWarning, stacklevel=4)
        return self._not_empty([code for code in self.codes if value in facts[code]], item)

    def _not_empty(self, found: Iterable[str], item: str) -> tuple[str, ...]:
        result = tuple(found)
        if not result:
            raise UsageError(f"{item!r} matches nothing that is here", option="langs", remedy=self._here())
        return result

    def _here(self) -> str:
        names = self.codes or tuple(self.treebanks.values())
        return f"here are: {' '.join(names)}" if names else "there are no treebanks here at all"

    def _refusal(self, item: str) -> UsageError:
        asked = known(item)
        if asked is not None:
            of_language = item.casefold() == asked.language
            name = f"treebank of {asked.name} ({asked.language})" if of_language else _folder(item)
            if self.open:
                what = f"the registry has no {name}"
                remedy = f"name one by its folder: UD_{asked.name.replace(' ', '_')}-NAME"
                return UsageError(what, option="langs", remedy=remedy)
            return UsageError(f"there is no {name} here", option="langs", remedy=self._here())
        if called := _CALLED.get(item.casefold()):
            what = f"languages are named by code, not {item!r}"
            return UsageError(what, option="langs", remedy=f"say {called.language}")
        folders = self.treebanks.values()
        prefixes = [key for key, folder in self.treebanks.items() if key != folder.casefold()]
        names = [*self.codes, *prefixes, *folders, *_SETS, *_CALLED]
        return _unknown("language or treebank", item, names)


def _folder(name: str) -> str:
    entry = find(name)
    return entry.treebank if entry else f"treebank {name}"


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    names = sorted(set(known))
    near = nearest(name, names, most=4, cutoff=0.5)
    # Codes and names of sets are short enough to be listed whole; treebanks are not.
    short = [n for n in names if len(n) <= 3 or n in _SETS or len(names) < 40]
    remedy = f"did you mean {', '.join(near)}?" if near else f"known are: {' '.join(short)}"
    return UsageError(f"unknown {what} {name!r}", option="langs", remedy=remedy)
