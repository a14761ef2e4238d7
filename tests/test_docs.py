"""Pages say what the code does: examples run, tables name what there is, words are those of the glossary."""

import csv
import importlib
import re
from dataclasses import fields
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
EXPERIMENTS = sorted((ROOT / "experiments").glob("*/README.md"))
READ = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES, *EXPERIMENTS]


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows_of(text: str) -> list[list[str]]:
    """The cells of every row of every table, without heads and rules."""
    lines = text.splitlines()
    found = []
    for place, line in enumerate(lines):
        head = place + 1 < len(lines) and re.fullmatch(r"[|: -]+", lines[place + 1])
        if line.startswith("|") and not re.fullmatch(r"[|: -]+", line) and not head:
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    return found


# What the project's texts once said in words that nobody else uses -> what to write.
INSTEAD = {
    r"foretell|foretold": "predict",
    r"told right|says? .{0,20}right": "predicted correctly",
    r"go(es)? on where": "resumes",
    r"turned on to": "rotated onto",
    r"\brows? a (layer|score|measure|pair|word|language|number)|\ba row a\b|number a row": "one row per ...",
    r"\bbeside\b": "with, next to; context layers",
    r"(?<!-)\bpieces?\b(?!-)": "tokens",
    r"commonest (class|concept)": "majority class",
    r"leaves out\b": "is invariant to",
}


@pytest.mark.parametrize("page", READ, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_pages_use_the_terms_of_the_field(page: Path) -> None:
    # What the demo printed is quoted as it is.
    text = re.sub(r"<!-- demo -->\n```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for pattern, better in INSTEAD.items():
        assert not (found := re.search(pattern, text, re.IGNORECASE)), f"{found.group()!r}: write {better}"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert f": {page.relative_to(ROOT / 'docs').as_posix()}\n" in navigation


def test_the_site_needs_nothing_from_elsewhere() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in settings
    assert not re.search(r"extra_(javascript|css):[^\n]*\n\s*- https?:", settings)


def test_the_glossary_has_one_line_for_each_term() -> None:
    rows = rows_of(text_of("glossary.md"))
    terms = [row[0] for row in rows]
    assert len(terms) == len(set(terms)) > 70
    assert all(len(row) == 2 and row[1] for row in rows)


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def test_the_settings_of_every_learner_are_explained_with_their_values() -> None:
    from concept_align.meta.learners import registry
    from concept_align.meta.learners.base import LEARNERS

    def shipped(learner: type) -> bool:  # and not registered by an example
        return hasattr(importlib.import_module(learner.__module__), learner.__name__)

    own = [
        name
        for name in LEARNERS.names()
        if LEARNERS.get(name).__module__.startswith("concept_align.") and shipped(LEARNERS.get(name))
    ]
    sections = re.split(r"\n## ", text_of("settings.md"))[1:]
    explained = {}
    for section in sections:
        for name in re.findall(r"`([\w-]+)`", section.splitlines()[0]):
            explained[name] = {row[0].strip("`"): row[1] for row in rows_of(section)}
    assert set(explained) == set(own)
    for name, settings in explained.items():
        learner = registry.create(name)
        assert list(settings) == [field.name for field in fields(learner)], name
        for setting, shown in settings.items():
            value = _shown(getattr(learner, setting))
            of_this = re.findall(rf"([^;]+) \({name}\)", shown) or re.findall(r"^([^(;]+)", shown)
            assert of_this[0].strip() == value, f"{name}: {setting}"


def columns_of(text: str) -> dict[str, set[str]]:
    """The columns that the page explains, by the file of their section."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"\n## ", text)[1:]:
        names = {name for row in rows_of(section) for name in re.findall(r"`([a-z_]+)`", row[0])}
        for file in re.findall(r"`([\w-]+\.csv)`", section.splitlines()[0]):
            found[file] = names
    return found


def test_the_columns_of_every_table_are_explained() -> None:
    explained = columns_of(text_of("tables.md"))
    for path in (ROOT / "experiments").rglob("*.csv"):
        name = path.name.replace("-every-learner", "")
        if name in explained and path.parent.name != "mini-models":
            with path.open(encoding="utf-8") as file:
                assert set(next(csv.reader(file))) <= explained[name], path
    from concept_align.correspondence.table import COLUMNS as SCORES
    from concept_align.evaluation.results import COLUMNS as RESULTS

    assert set(RESULTS) == explained["results.csv"]
    assert set(SCORES) == explained["alignability.csv"]


def python_of(page: Path) -> str:
    """The Python of a page, block after block."""
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL))


WITH_PYTHON = [page for page in READ if page.exists() and "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.filterwarnings("ignore:mean and scale of the language:UserWarning")
@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_the_python_of_the_pages_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(python_of(page), str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_pages_use_public_names_alone(page: Path) -> None:
    assert not re.search(r"(from|import) concept_align\.", python_of(page))


def test_every_table_that_the_code_writes_is_explained() -> None:
    text = text_of("tables.md")
    written = {
        name
        for path in (ROOT / "concept_align").rglob("*.py")
        for name in re.findall(r"\"(?:\w+/)?([\w-]+\.csv)\"", path.read_text(encoding="utf-8"))
    } - {"languages.csv", "values.csv", "registry.csv"}  # which are read
    assert {name for name in written if f"`{name}`" not in text} == set()


def test_the_architecture_names_what_there_is() -> None:
    text, package = text_of("architecture.md"), ROOT / "concept_align"
    rooms = {row[0].strip("`/") for row in rows_of(text)} - {"ground", "pipeline.py"}
    there = {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms == there
    for path in re.findall(r"`((?:\w+/)*\w+\.py)`", text):
        assert (package / path).exists() or (ROOT / path).exists() or (ROOT / "tests" / path).exists(), path
    source = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    for name in set(re.findall(r"[`(→][ ]?([A-Z][a-z]+(?:[A-Z][a-z]*)+)\b", text)):
        assert re.search(rf"class {name}\b", source), name
