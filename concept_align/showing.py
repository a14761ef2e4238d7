"""Results that show themselves, without depending on how: the room of reports is asked when they do.

Results lie below reports, which import them; so a result names the function that makes a report of it, and
it is imported when somebody looks (as pandas finds its plotting backend).
"""

from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from .atomic import write_bytes, write_text
from .errors import UsageError

REPORTS = "concept_align.report."
FORMATS = ("png", "svg", "pdf")


def reporter(place: str) -> Any:
    """The function ``"module:name"`` of the room of reports."""
    module, _, name = place.partition(":")
    return getattr(import_module(REPORTS + module), name)


class Showable:
    """A result with a page, a text and figures of its own."""

    report_maker: ClassVar[str]  # "module:function" in the room of reports

    def report(self) -> Any:
        """Findings, tables and figures, as a :class:`concept_align.report.builder.Report`."""
        return reporter(self.report_maker)(self)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one page that needs nothing from elsewhere; written to ``path`` where one is
        given."""
        page: str = self.report().to_html()
        if path is not None:
            write_text(path, page)
        return page

    def to_markdown(self) -> str:
        """The report as Markdown; figures are links."""
        text: str = self.report().to_markdown()
        return text

    def _repr_html_(self) -> str:
        shown: str = self.report()._repr_html_()
        return shown

    def _plot(self, place: str, *given: Any, path: str | Path | None, **options: Any) -> Any:
        """The Matplotlib figure that ``place`` draws; saved to ``path`` where one is given."""
        figure = reporter(place)(*given, **options)
        if path is not None:
            suffix = Path(path).suffix.removeprefix(".").lower()
            if suffix not in FORMATS:
                raise UsageError(
                    f"{path} is no figure's name", option="path", remedy=f"end it in .{', .'.join(FORMATS)}"
                )
            write_bytes(path, reporter("style:rendered")(figure, suffix))
        return figure
