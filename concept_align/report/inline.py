"""A figure's SVG as part of a page: no declarations, identifiers of its own, the page's colours.

Colours of :mod:`.style` become CSS variables, so that the page decides what they are in light and in dark.
"""

import html
import re

from .style import COLOURS, GREY, INK, STRIPE

# Colour -> CSS variable. White is the paper: the patch behind a figure, and the edges of its markers.
VARIABLES: dict[str, str] = {
    "#ffffff": "paper",
    INK: "ink",
    "#000000": "ink",
    "#555555": "rule",
    "#e3e3e3": "grid",
    STRIPE.lower(): "stripe",
    GREY.lower(): "quiet",
    **{
        colour.lower(): f"c{place}"
        for place, colour in enumerate(COLOURS)
        if colour.lower() != "#000000"
    },
}  # fmt: skip
_DROPPED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.S
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")


def inline_svg(svg: str, name: str, label: str) -> str:
    """``svg`` as an element of an HTML page, called ``label`` for those who cannot see it.

    ``name`` goes before every identifier in it: give each figure of a page another one.
    """
    text = _DROPPED.sub("", svg)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'\bxlink:href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = _COLOUR.sub(_variable, text)
    text = re.sub(r'(<svg\b[^>]*?)\swidth="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?)\sheight="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?)\sversion="[^"]*"', r"\1", text, count=1)
    spoken = html.escape(label, quote=True)
    return re.sub(r"<svg\b", f'<svg role="img" aria-label="{spoken}"', text, count=1).strip()


def _variable(match: re.Match[str]) -> str:
    name = VARIABLES.get(match[0].lower())
    return f"var(--{name})" if name else match[0]
