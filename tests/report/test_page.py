"""Pages: whole, escaped, with nothing from elsewhere."""

import re
from html.parser import HTMLParser

import pytest

from concept_align.report import page
from concept_align.report.inline import VARIABLES, inline_svg
from concept_align.report.tables import TextTable

SHAPE = TextTable(
    "Accuracy, % <of all>",
    ["learner", "zero-shot", "what"],
    [["shrink & co", "71.3 [69.0, 73.5]", "best"], ["majority", "–", "floor"]],
    frozenset({(0, 1)}),
)


class Balanced(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.rows = [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.rows += tag == "tr"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_text_is_escaped_and_code_stands_between_backquotes():
    assert page.paragraph("a < b & `c > d`") == "<p>a &lt; b &amp; <code>c &gt; d</code></p>"
    assert page.bullets(["<i>"]) == "<ul><li>&lt;i&gt;</li></ul>"
    assert "<script>" not in page.code(["<script>"])
    assert 'href="a&quot;b"' in page.files([('a"b', "x")])


def test_a_table_puts_numbers_to_the_right_and_intervals_behind():
    made = page.table(SHAPE, note="A note.")
    assert Balanced(made).rows == 3
    assert '<th scope="col" class="number">zero-shot</th><th scope="col">what</th>' in made
    assert '<td class="number"><strong>71.3</strong> <span class="bounds">[69.0, 73.5]</span></td>' in made
    assert "Accuracy, % &lt;of all&gt;" in made and "shrink &amp; co" in made
    assert page.table(SHAPE, folded=True).startswith("<details><summary>Accuracy")


@pytest.mark.parametrize("cell", ["12", "1,234", "< 0.0001", "13 of 17", "+3.1 [1.0, 5.2]", "−2.0", "–"])
def test_these_are_numbers(cell):
    shape = TextTable("t", ["a", "b"], [["x", cell]])
    assert '<td class="number">' in page.table(shape)


def test_a_document_is_whole_and_every_section_can_be_gone_to():
    sections = [page.Section("First, of all", [page.paragraph("x")]), page.Section("Second", [])]
    made = page.document("A <title>", "Lead.", [page.facts([("1", "model")])], sections, "Foot.")
    read = Balanced(made)
    assert read.open == []
    assert read.ids == ["first-of-all", "second"]
    assert 'href="#first-of-all"' in made
    assert "<title>A &lt;title&gt;</title>" in made
    assert "prefers-color-scheme: dark" in made
    assert "http" not in made and "@import" not in made and "url(" not in made


def test_the_style_knows_every_colour_that_figures_use():
    css = page._css()
    dark = css.split("prefers-color-scheme", 1)[1]
    for name in set(VARIABLES.values()):
        assert re.search(rf"--{name}:", css), name
        assert re.search(rf"--{name}:", dark), name


SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="316pt" height="230pt" viewBox="0 0 316 230"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata><a href="http://example.org"/></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="g1" clip-path="url(#p1)"><use xlink:href="#g1" style="fill: #0072B2; stroke: #ffffff"/>
 <rect width="3" height="4" style="fill: #123456"/></g>
</svg>"""


def test_an_inlined_figure_keeps_its_drawing_and_loses_what_is_not_the_page_s():
    made = inline_svg(SVG, "first", 'said "so"')
    assert made.startswith('<svg role="img" aria-label="said &quot;so&quot;"')
    for gone in ("<?xml", "DOCTYPE", "metadata", "<style", "xmlns", "http", "316pt", "230pt", "version"):
        assert gone not in made, gone
    assert 'viewBox="0 0 316 230"' in made
    assert 'id="first-g1" clip-path="url(#first-p1)"' in made and 'href="#first-g1"' in made
    assert "fill: var(--c0); stroke: var(--paper)" in made
    assert '<rect width="3" height="4" style="fill: #123456"' in made
    assert Balanced(made).open == []
