"""Reports: Markdown, and a page that is whole, escaped, and needs nothing from elsewhere."""

import re
from html.parser import HTMLParser

import pytest

from concept_align.report.builder import Code, Files, Picture, Report, Section
from concept_align.report.style import single, styled
from concept_align.report.tables import TextTable, p_value, percent

SHAPE = TextTable(
    "Accuracy, % <of all>",
    ["learner", "zero-shot", "what"],
    [["shrink & co", "71.3 [69.0, 73.5]", "best"], ["majority", "–", "floor"]],
    frozenset({(0, 1)}),
    note="A note.",
)


class Balanced(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.rows, self.images = [], [], 0, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.rows += tag == "tr"
        self.images += [dict(attrs)] if tag == "img" else []
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(*blocks, **options):
    return Report(title="A <title>", sections=[Section("First, of all", blocks)], **options).to_html()


@pytest.fixture
def picture():
    with styled():
        figure, axis = single()
        axis.plot([0, 1], [0, 1])
    return Picture("a-line", figure, 'said "so" & <more>')


def test_text_is_escaped_and_code_stands_between_backquotes():
    assert "<p>a &lt; b &amp; <code>c &gt; d</code></p>" in page("a < b & `c > d`")
    assert "<ul><li>&lt;i&gt;</li></ul>" in page(["<i>"])
    assert "<script>" not in page(Code(["<script>"]))
    assert 'href="a&#34;b"' in page(Files([('a"b', "x")]))


def test_a_table_puts_numbers_to_the_right_and_intervals_behind():
    made = page(SHAPE)
    assert Balanced(made).rows == 3
    assert '<th scope="col" class="number">zero-shot</th><th scope="col">what</th>' in made
    shown = '<strong>71.3&nbsp;<span class="bounds">[69.0, 73.5]</span></strong>'
    assert f'<td class="number">{shown}</td>' in made
    assert "Accuracy, % &lt;of all&gt;" in made and "shrink &amp; co" in made and "A note." in made
    assert "<details><summary>Accuracy" in page(SHAPE.folding())


@pytest.mark.parametrize("cell", ["12", "1,234", "< 0.0001", "13 of 17", "+3.1 [1.0, 5.2]", "−2.0", "–"])
def test_these_are_numbers(cell):
    assert '<td class="number">' in page(TextTable("t", ["a", "b"], [["x", cell]]))


def test_a_page_is_whole_and_every_section_can_be_gone_to(picture):
    report = Report(
        title="A <title>",
        lead="Lead.",
        facts=[("1", "model")],
        findings=["Found."],
        tables=[SHAPE],
        figures=[picture],
        sections=[Section("First, of all", ["x"]), Section("Second", [Code(["y"])]), Section("Empty", [])],
        notes=["Careful."],
    )
    made = report.to_html()
    read = Balanced(made)
    assert read.open == []
    sections = ["what-was-found", "first-of-all", "second", "to-be-known-when-reading"]
    assert [name for name in read.ids if name not in ("interactive", "figure-a-line")] == sections
    assert all(f'href="#{name}"' in made for name in sections)
    assert "<title>A &lt;title&gt;</title>" in made
    assert "prefers-color-scheme: dark" in made
    bare = re.sub(r'src="data:[^"]*"', "", made)
    assert "http" not in bare and "@import" not in bare and "url(" not in bare and "<script" not in bare


def test_a_figure_is_on_the_page_as_a_drawing_with_its_caption(picture):
    (image,) = Balanced(page(picture)).images
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == picture.caption


def test_every_part_is_in_the_text_too(picture):
    report = Report(
        title="Title",
        findings=["One."],
        figures=[picture],
        tables=[SHAPE],
        sections=[Section("Next", [["a", "b"], Code(["run"]), Files([("x.csv", "rows")])])],
        notes=["Careful."],
        figure_folder="figures",
    )
    text = report.to_markdown()
    for part in (
        "# Title\n\n- One.",
        "To be known when reading:\n\n- Careful.",
        "![figures/a-line.png](figures/a-line.png)",
        "### Accuracy, % <of all>",
        "**71.3 [69.0, 73.5]**",
        "## Next\n\n- a\n- b",
        "```sh\nrun\n```",
        "- [`x.csv`](x.csv) rows",
    ):
        assert part in text, part


def test_a_report_writes_its_text_its_page_and_its_figures(picture, tmp_path):
    report = Report(title="Title", figures=[picture], figure_folder="figures")
    files = [path.relative_to(tmp_path).as_posix() for path in report.write(tmp_path)]
    assert files == ["summary.md", "index.html", "figures/a-line.png", "figures/a-line.svg"]
    first = {name: (tmp_path / name).read_bytes() for name in files}
    report.write(tmp_path)
    assert first == {name: (tmp_path / name).read_bytes() for name in files}


def test_pages_of_one_model_in_neighbouring_folders_link_to_each_other(tmp_path):
    def write(folder, kind, model):
        Report(title=kind.title(), kind=kind, models=[model]).write(tmp_path / folder)
        return (tmp_path / folder / "index.html").read_text()

    write("a", "probe", "small model (12)")
    write("b", "probe", "other (34)")
    made = write("c", "evaluate", "small model (12)")
    assert '<a href="../a/index.html">probe (a)</a>' in made and "../b/" not in made
    # One of the same kind is another run, not more of this one.
    assert "../c/" not in write("d", "evaluate", "small model (12)")


def test_a_notebook_shows_the_page_in_a_frame_of_its_own():
    shown = Report(title="A & B")._repr_html_()
    assert shown.startswith('<iframe srcdoc="') and shown.count("<") == 2


def test_numbers_are_written_one_way():
    nan = float("nan")
    assert percent(0.7131, 0.69, 0.7349) == "71.3 [69.0, 73.5]"
    assert percent(0.5, nan, nan) == percent(0.5) == "50.0"
    assert percent(0.031, sign=True) == "+3.1" and percent(-0.031, sign=True) == "-3.1"
    assert (p_value(0.125), p_value(0.00001), p_value(nan)) == ("0.1250", "< 0.0001", "–")
