"""A page of HTML that needs nothing beside it: text, tables and figures, in light and dark.

Blocks are strings of HTML made by the functions here; all text that goes in is escaped. In running text
``code`` may stand between backquotes.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import atomic
from .inline import inline_svg
from .tables import TextTable

_BOUNDS = re.compile(r"^(?P<value>\S+) (?P<bounds>\[.*\])$")
_NUMBER = re.compile(r"^(–|[<+−-]?\s*[\d.,]+( (of|±|to) [\d.,]+)?)$")


@dataclass(frozen=True)
class Section:
    """A heading and the blocks under it."""

    title: str
    blocks: Sequence[str]

    @property
    def anchor(self) -> str:
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


def text(words: str) -> str:
    """Escaped, with ``code`` between backquotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words, quote=False))


def paragraph(words: str) -> str:
    return f"<p>{text(words)}</p>"


def bullets(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A strip of (number, what it is)."""
    cells = "".join(f"<div><dt>{text(what)}</dt><dd>{text(number)}</dd></div>" for number, what in pairs)
    return f'<dl class="facts">{cells}</dl>'


def code(lines: Iterable[str]) -> str:
    return f"<pre><code>{html.escape(chr(10).join(lines), quote=False)}</code></pre>"


def files(pairs: Iterable[tuple[str, str]]) -> str:
    """Links to (relative path, what is there)."""
    items = (
        f'<li><a href="{html.escape(path, quote=True)}"><code>{text(path)}</code></a> {text(what)}</li>'
        for path, what in pairs
    )
    return f'<ul class="files">{"".join(items)}</ul>'


def table(shape: TextTable, *, folded: bool = False, note: str = "") -> str:
    """A table under its title; ``folded`` shows the title alone until it is opened."""
    numeric = _numeric(shape)
    head = "".join(
        f'<th scope="col"{_side(place in numeric)}>{text(name)}</th>'
        for place, name in enumerate(shape.columns)
    )
    body = "".join(f"<tr>{_row(shape, row, numeric)}</tr>" for row in range(len(shape.rows)))
    grid = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    grid = f'<div class="scroll" tabindex="0">{grid}</div>'
    after = f'<p class="note">{text(note)}</p>' if note else ""
    if folded:
        return f"<details><summary>{text(shape.title)}</summary>{grid}{after}</details>"
    return f'<div class="table"><p class="caption">{text(shape.title)}</p>{grid}{after}</div>'


def _numeric(shape: TextTable) -> set[int]:
    """Columns that hold numbers, with or without an interval, and nothing else."""
    return {
        place
        for place in range(1, len(shape.columns))
        if all(_BOUNDS.match(row[place]) or _NUMBER.match(row[place]) for row in shape.rows)
    }


def _side(number: bool) -> str:
    return ' class="number"' if number else ""


def _row(shape: TextTable, row: int, numeric: set[int]) -> str:
    """The first column heads the row; intervals stand back behind their numbers."""
    first, *others = shape.rows[row]
    cells = [f'<th scope="row">{text(first)}</th>']
    for place, value in enumerate(others, start=1):
        match = _BOUNDS.match(value)
        shown = text(match["value"] if match else value)
        shown = f"<strong>{shown}</strong>" if (row, place) in shape.best else shown
        shown += f' <span class="bounds">{text(match["bounds"])}</span>' if match else ""
        cells.append(f"<td{_side(place in numeric)}>{shown}</td>")
    return "".join(cells)


def figure(svg: Path, caption: str) -> str:
    """The drawing in the file ``svg``, as part of the page."""
    name = re.sub(r"\W+", "-", svg.stem)
    drawing = inline_svg(svg.read_text("utf-8"), name, caption)
    return f"<figure>{drawing}<figcaption>{text(caption)}</figcaption></figure>"


def figures(drawn: Sequence[str]) -> str:
    """Figures side by side where there is room."""
    return f'<div class="figures">{"".join(drawn)}</div>' if drawn else ""


def _css() -> str:
    """The style sheet, without its comments."""
    return re.sub(r"/\*.*?\*/\s*", "", Path(__file__).with_name("page.css").read_text("utf-8"), flags=re.S)


def document(title: str, lead: str, opening: Sequence[str], sections: Sequence[Section], foot: str) -> str:
    """The whole page."""
    links = "".join(f'<a href="#{section.anchor}">{text(section.title)}</a>' for section in sections)
    parts = "".join(
        f'<section id="{section.anchor}"><h2>{text(section.title)}</h2>{"".join(section.blocks)}</section>'
        for section in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{_css()}</style></head>\n<body>"
        f'<header><h1>{text(title)}</h1><p class="lead">{text(lead)}</p></header>'
        f"<nav>{links}</nav><main>{''.join(opening)}{parts}</main><footer>{text(foot)}</footer></body></html>\n"
    )


def write(page: str, path: str | Path) -> None:
    """Write ``page`` whole or not at all."""
    atomic.write_text(path, page)
