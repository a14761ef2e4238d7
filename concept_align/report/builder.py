"""One report for every command: a Markdown text, and a page of HTML that needs nothing from elsewhere.

A report is a title, findings, tables, figures and notes, in sections. Figures are matplotlib's; a page holds
them as SVG, a Markdown text links to the files that :meth:`Report.write` makes of them. All text is escaped;
in running text ``code`` may be put between backquotes.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from .. import __version__, atomic
from .names import model_name
from .style import Chart, rendered
from .tables import TextTable

PAGE, SUMMARY = "index.html", "summary.md"
FORMATS = ("png", "svg")
LARGE = 300_000  # bytes of a drawing from which on a page holds its pixels
NOTES = "To be known when reading"
_BOUNDS = re.compile(r"^(?P<value>\S+) (?P<bounds>\[.*\])$")
_NUMBER = re.compile(r"^(–|[<+−-]?\s*[\d.,]+( (of|±|to) [\d.,]+)?)$")
_MADE_OF = re.compile(r'<meta name="concept-align" content="([^"]*)" data-models="([^"]*)">')
_HEAD = 4096  # bytes of a page in which its meta elements are


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its caption; ``name`` is the stem of its files. ``wide``: it needs a row of its own."""

    name: str
    figure: Chart
    caption: str
    wide: bool = False

    @cached_property
    def svg(self) -> bytes:
        return rendered(self.figure, "svg")

    @cached_property
    def png(self) -> bytes:
        return rendered(self.figure, "png")

    @property
    def source(self) -> str:
        """The figure as a URL that holds it: the drawing, or pixels of a very large one."""
        kind, data = ("svg+xml", self.svg) if len(self.svg) < LARGE else ("png", self.png)
        return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"

    def save(self, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
        """Write the figure into ``folder``, in all ``formats``."""
        known = {"svg": lambda: self.svg, "png": lambda: self.png}
        paths = [folder / f"{self.name}.{suffix}" for suffix in formats]
        for path, suffix in zip(paths, formats, strict=True):
            atomic.write_bytes(path, known[suffix]() if suffix in known else rendered(self.figure, suffix))
        return paths


@dataclass(frozen=True)
class Code:
    """Lines to be typed."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Files:
    """Links: (relative path, what is there)."""

    paths: Sequence[tuple[str, str]]


# A string is a paragraph, a list of strings has bullets.
Block = str | list[str] | TextTable | Picture | Code | Files


@dataclass(frozen=True)
class Section:
    """A heading and the blocks under it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found, to be read.

    ``facts`` are pairs of a number and what it is of; ``findings``, ``tables`` and ``figures`` come first,
    ``sections`` after them, ``notes`` (what must be known when reading) last on the page. ``kind`` is the
    command that made it and ``models`` what its numbers are of: pages of other kinds and the same models in
    neighbouring folders link to each other. ``figure_folder`` is where figures are written, within the
    report's own folder.

    Example:
        >>> from concept_align.report.builder import Report
        >>> print(Report(title="Counts", findings=["Three words."]).to_markdown())
        # Counts
        <BLANKLINE>
        - Three words.
        <BLANKLINE>
    """

    title: str
    lead: str = ""
    facts: Sequence[tuple[str, str]] = ()
    findings: Sequence[str] = ()
    tables: Sequence[TextTable] = ()
    figures: Sequence[Picture] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    kind: str = ""
    models: Sequence[str] = ()
    figure_folder: str = ""
    heading: str = "What was found"

    @property
    def parts(self) -> list[Section]:
        """All sections, without empty ones."""
        first: list[Block] = [*self.figures, *self.tables, *([list(self.findings)] if self.findings else [])]
        made = [Section(self.heading, first), *self.sections]
        made += [Section(NOTES, [list(self.notes)])] if self.notes else []
        return [section for section in made if section.blocks]

    @property
    def pictures(self) -> list[Picture]:
        """All figures, in the order of reading."""
        return [block for part in self.parts for block in part.blocks if isinstance(block, Picture)]

    def to_markdown(self) -> str:
        """The report as text; figures are links to their files (PNG)."""
        parts = [f"# {self.title}", self.lead, _bullets(self.findings)]
        parts += [f"{NOTES}:\n\n{_bullets(self.notes)}" if self.notes else ""]
        parts += [*map(self._markdown, self.figures), *map(self._markdown, self.tables)]
        for section in self.sections:
            parts += [f"## {section.title}", *map(self._markdown, section.blocks)] if section.blocks else []
        return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"

    def _markdown(self, block: Block) -> str:
        if isinstance(block, TextTable):
            return block.markdown()
        if isinstance(block, Picture):
            path = "/".join(part for part in (self.figure_folder, f"{block.name}.png") if part)
            return f"![{path}]({path})\n\n{block.caption}"
        if isinstance(block, Code):
            return "\n".join(["```sh", *block.lines, "```"])
        if isinstance(block, Files):
            return _bullets(f"[`{path}`]({path}) {what}" for path, what in block.paths)
        return block if isinstance(block, str) else _bullets(block)

    def to_html(self, siblings: Sequence[tuple[str, str]] = ()) -> str:
        """The report as one page; ``siblings`` are (relative path, title) of pages to link to."""
        return _template().render(report=self, version=__version__, siblings=siblings)

    def _repr_html_(self) -> str:
        page = escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:40rem;border:1px solid #ccc"></iframe>'

    def write(
        self, folder: str | Path, *, formats: Sequence[str] = FORMATS, links: Sequence[tuple[str, str]] = ()
    ) -> list[Path]:
        """Write ``summary.md``, ``index.html`` and every figure in ``formats``; their paths in this order.

        ``links`` are further pages, by relative path and title. Equal reports give equal bytes, as long as
        their neighbours are the same.
        """
        folder = Path(folder)
        atomic.write_text(folder / SUMMARY, self.to_markdown())
        siblings = [*links, *neighbours(folder, self.kind, self.models)]
        atomic.write_text(folder / PAGE, self.to_html(siblings))
        drawn = [picture.save(folder / self.figure_folder, formats) for picture in self.pictures]
        return [folder / SUMMARY, folder / PAGE, *(path for paths in drawn for path in paths)]


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def neighbours(folder: Path, kind: str, models: Sequence[str]) -> list[tuple[str, str]]:
    """Pages of other kinds about one of ``models`` in folders next to ``folder``: (relative path, title)."""
    found = []
    for page in sorted(folder.resolve().parent.glob(f"*/{PAGE}")) if models else ():
        with page.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", errors="replace")
        made = _MADE_OF.search(head)
        if made and made[1] not in ("", kind) and set(made[2].split()) & set(map(_token, models)):
            found.append((f"../{page.parent.name}/{PAGE}", f"{made[1]} ({page.parent.name})"))
    return found


def models_of(frame: pd.DataFrame) -> list[str]:
    """``bert-base (12ab34cd)`` for every model and revision of the rows."""
    known = frame[["model", "revision"]].astype(str).drop_duplicates()
    return [model_name(*pair) for pair in known.itertuples(index=False)]


def _token(model: str) -> str:
    """A model's name without blanks, as it is in a page's head."""
    return re.sub(r"[^\w.()+-]+", "_", model)


def _text(words: str) -> Markup:
    """Escaped, with ``code`` between backquotes."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(words, quote=False)))


def _numeric(table: TextTable) -> set[int]:
    """Columns that hold numbers, with or without an interval, and nothing else."""
    return {
        place
        for place in range(1, len(table.columns))
        if all(_BOUNDS.match(row[place]) or _NUMBER.match(row[place]) for row in table.rows)
    }


def _cell(words: str) -> Markup:
    """An interval is set back behind its number."""
    match = _BOUNDS.match(words)
    if not match:
        return _text(words)
    return _text(match["value"]) + Markup('&nbsp;<span class="bounds">{}</span>').format(match["bounds"])


def _grouped(blocks: Sequence[Block]) -> list[tuple[str, Any]]:
    """(kind, block) of each; figures that follow each other are one block, side by side."""
    made: list[tuple[str, Any]] = []
    for block in blocks:
        kind = type(block).__name__.lower()
        if kind == "picture" and made and made[-1][0] == "picture":
            made[-1][1].append(block)
        else:
            made.append((kind, [block] if kind == "picture" else block))
    return made


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("concept_align.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (Path(__file__).with_name("page.css")).read_text("utf-8")
    environment.globals["css"] = Markup(re.sub(r"/\*.*?\*/\s*", "", css, flags=re.S))
    environment.filters.update(text=_text, cell=_cell, numeric=_numeric, grouped=_grouped, token=_token)
    return environment.get_template("page.html.j2")
