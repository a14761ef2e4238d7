"""Interface messages: MediaWiki's JSON, gettext catalogues, Mozilla's Fluent files.

Their keys are the same in every language. Placeholders of numbers become a number, of names drop the
message; wiki markup becomes the text that a reader sees.
"""

import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from corpus_pages import numbered
from corpus_source import Job, Line, by_language
from corpus_text import LANGUAGES, names

_PLURAL = re.compile(r"\{\{\s*(?:PLURAL|plural|GRAMMAR|grammar)\s*:[^{}]*?\|?([^{}|]*)\}\}")
_GENDER = re.compile(r"\{\{\s*(?:GENDER|gender)\s*:[^{}|]*\|([^{}|]*)[^{}]*\}\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_OUTER_LINK = re.compile(r"\[(?:https?:)?(?://|\$\d)\S*\s+([^\[\]]*)\]")
_QUOTES = re.compile(r"'{2,5}")
_NAMES = re.compile(r"\{\{\s*(?:SITENAME|sitename)\s*\}\}")
_PLACEHOLDER = re.compile(r"\$(\d)")
_PARAMETER = re.compile(r"\$\d[a-z]")  # of the API: "$1limit"
_HEADING = re.compile(r"^=+\s*(.*?)\s*=+$")


def unwiki(text: str) -> str:
    """What a reader sees of a wiki text; placeholders become their number."""
    if _PARAMETER.search(text):
        return ""
    text = _NAMES.sub("Wiki", text)
    for _ in range(3):
        text = _GENDER.sub(r"\1", _PLURAL.sub(r"\1", text))
    text = _QUOTES.sub("", _OUTER_LINK.sub(r"\1", _LINK.sub(r"\1", text)))
    return _PLACEHOLDER.sub(r"\1", text) if len(_PLACEHOLDER.findall(text)) <= 2 else ""


def mediawiki(job: Job) -> Iterator[Line]:
    package = job.debian("mediawiki")
    if package is None:
        return
    for english in sorted(package.root.rglob("i18n/**/en.json")):
        folder = english.parent
        where = str(folder.relative_to(package.root)).rpartition("mediawiki/")[2]
        for (language, variant), tag in by_language(path.stem for path in folder.glob("*.json")).items():
            messages = json.loads((folder / f"{tag}.json").read_text("utf-8"))
            for name, text in messages.items():
                if not isinstance(text, str) or name.startswith("@"):
                    continue
                lines = [_HEADING.sub(r"\1", line) for line in text.split("\n") if line.strip()]
                yield from numbered(language, f"{where}/{name}", [unwiki(line) for line in lines], variant)


def catalogue(path: Path) -> Iterator[tuple[str, str]]:
    """(original, translation) of a compiled gettext catalogue; plural forms are left out."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, originals, translations = struct.unpack_from(f"{order}8x3I", data)
    for index in range(count):
        (size, at), (length, there) = (
            struct.unpack_from(f"{order}2I", data, table + 8 * index) for table in (originals, translations)
        )
        original, translation = data[at : at + size], data[there : there + length]
        if original and b"\0" not in original:
            yield original.decode("utf-8", "replace"), translation.decode("utf-8", "replace")


_NUMBER_HERE = re.compile(r"%(?:\d\$)?(?:ld|lu|d|i|u)\b")
_ACCELERATOR = re.compile(r"[_~&](?=\w)(?!\w+;)")
_ASIAN_ACCELERATOR = re.compile(r"\s?\([_~&]\w\)")


def message(text: str) -> str:
    """A message as it is shown: no accelerators, 3 for a number."""
    return _ACCELERATOR.sub("", _ASIAN_ACCELERATOR.sub("", _NUMBER_HERE.sub("3", text)))


def _catalogues(paths: list[tuple[str, str, str, Path]]) -> Iterator[Line]:
    """Lines of (language, variant, name, catalogue), and the English originals with their keys."""
    originals: dict[str, str] = {}
    for language, variant, name, path in paths:
        for original, translation in catalogue(path):
            text = original.rpartition("\x04")[2]
            mark = hashlib.blake2b(original.encode(), digest_size=9).hexdigest()
            key = f"{name}/{mark}"
            originals[key] = text
            if language != "en":
                for part, line in enumerate(shown := _shown(translation)):
                    yield Line(language, f"{key}#{part}/{len(shown)}", line, variant)
    for key, text in originals.items():
        for part, line in enumerate(shown := _shown(text)):
            yield Line("en", f"{key}#{part}/{len(shown)}", line)


def _shown(text: str) -> list[str]:
    """The paragraphs of a message."""
    paragraphs = re.split(r"\n\s*\n|<br\s*/?>|</p>|</li>", text)
    return [message(" ".join(paragraph.split())) for paragraph in paragraphs if paragraph.strip()]


def office(job: Job) -> Iterator[Line]:
    """LibreOffice's interface."""
    paths = []
    packages = {
        language: f"libreoffice-l10n-{ {'no': 'nb', 'zh': 'zh-cn'}.get(language, language) }"
        for language in LANGUAGES
        if language not in ("en", "hy", "ur")
    }
    job.prepare(packages.values())
    for language, name in packages.items():
        package = job.debian(name)
        if package is not None:
            paths += [
                (language, "latin" if "latin" in str(path).casefold() else "", path.stem, path)
                for path in sorted(package.root.rglob("*.mo"))
            ]
    yield from _catalogues(paths)


def wordpress(job: Job) -> Iterator[Line]:
    package = job.debian("wordpress-l10n")
    if package is None:
        return
    folder = package.root / "usr/share/wordpress/wp-content/languages"
    tags: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*.mo")):
        part, _, tag = path.stem.rpartition("-")
        tags.setdefault(part, {})[tag] = path
    found = []
    for part, paths in tags.items():
        for (language, variant), tag in by_language(paths).items():
            found.append((language, variant, part or "core", paths[tag]))
    yield from _catalogues(found)


DESKTOP_PROGRAMS = names(
    "evolution-common inkscape gimp-data pidgin-data gnucash-common abiword-common gnumeric-common "
    "gedit-common nautilus-data gnome-control-center-data libgtk-3-common vlc-l10n epiphany-browser-data "
    "rhythmbox-data python3-django phpmyadmin gramps synaptic tuxpaint-data freeciv-data caja-common "
    "cinnamon-l10n mate-control-center-common plasma-desktop-data kalzium-data libapt-pkg6.0 dpkg coreutils"
)


def programs(job: Job) -> Iterator[Line]:
    """The messages of free programs of many languages."""
    paths = []
    job.prepare(DESKTOP_PROGRAMS)
    for name in DESKTOP_PROGRAMS:
        package = job.debian(name)
        if package is None:
            continue
        found: dict[str, dict[str, Path]] = {}
        for path in sorted(package.root.rglob("*.mo")):
            if path.parent.name == "LC_MESSAGES":
                found.setdefault(path.stem, {})[path.parent.parent.name] = path
        for domain, tags in found.items():
            for (language, variant), tag in by_language(tags).items():
                paths.append((language, variant, f"{name}/{domain}", tags[tag]))
    yield from _catalogues(paths)


_FLUENT = re.compile(r"^(-?[a-zA-Z][\w-]*)\s*=[ \t]*(.*(?:\n[ \t]+[^\n]*)*)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^\s+\.([a-z-]+)\s*=[ \t]*", re.MULTILINE)
_BRANDS = (
    (re.compile(r"\{\s*-brand-(?:short|shorter|full|product)-name[^{}]*\}"), "Firefox"),
    (re.compile(r"\{\s*-vendor-short-name[^{}]*\}"), "Mozilla"),
    (re.compile(r"\{\s*-fxaccount-brand-name[^{}]*\}"), "Firefox"),
    (re.compile(r'\{\s*"([^"{}]*)"\s*\}'), r"\1"),
)


def firefox(job: Job) -> Iterator[Line]:
    """Firefox's interface: only messages without choices or other placeholders."""
    tags = {"en": "en-gb", "es": "es-es", "ga": "ga-ie", "hi": "hi-in", "hy": "hy-am", "no": "nb-no",
            "pt": "pt-pt", "sv": "sv-se", "zh": "zh-cn"}  # fmt: skip
    packages = {language: f"firefox-esr-l10n-{tags.get(language, language)}" for language in LANGUAGES}
    job.prepare(packages.values())
    for language, name in packages.items():
        package = job.debian(name)
        for path in sorted(package.root.rglob("*.xpi")) if package else ():
            tag = path.name.removeprefix("langpack-").partition("@")[0]
            with zipfile.ZipFile(path) as archive:
                for member in sorted(archive.namelist()):
                    where = "/".join(part for part in member.split("/") if part != tag)
                    if member.endswith(".ftl"):
                        yield from _fluent(language, where, archive.read(member).decode("utf-8", "replace"))
                    elif member.endswith(".properties"):
                        yield from _properties(
                            language, where, archive.read(member).decode("utf-8", "replace")
                        )


def _fluent(language: str, where: str, text: str) -> Iterator[Line]:
    for name, body in _FLUENT.findall(text):
        parts = _ATTRIBUTE.split(body)
        for attribute, value in [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]:
            shown = value
            for pattern, brand in _BRANDS:
                shown = pattern.sub(brand, shown)
            if shown.strip() and "{" not in shown:
                yield Line(language, f"{where}/{name}.{attribute}".rstrip("."), shown)


def _properties(language: str, where: str, text: str) -> Iterator[Line]:
    for name, value in re.findall(r"^([\w.-]+)\s*=\s*(.+)$", text, re.MULTILINE):
        yield Line(language, f"{where}/{name}", value)
