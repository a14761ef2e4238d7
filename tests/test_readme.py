"""What README and pages say to type has the options it is given; README's excerpt and links are true."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from concept_align.cli.commands import app
from concept_align.cli.from_config import made

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands_of(path: Path) -> list[list[str]]:
    """The words of every ``concept-align`` line of the shell blocks of a page, continued lines joined."""
    return [
        shlex.split(line, comments=True)
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("concept-align ")
    ]


COMMANDS = {
    f"{path.name}: {' '.join(words[1:])[:60]}": words
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for words in commands_of(path)
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_commands_have_the_options_they_are_given(words: list[str]) -> None:
    command: Any = get_command(app)
    words = words[1:]
    while hasattr(command, "commands") and not words[0].startswith("-"):
        command = made(command.commands[words.pop(0)])
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    needed = [one.opts for one in command.params if "[required]" in (getattr(one, "help", "") or "")]
    assert all(set(names) & set(words) for names in needed)


def test_the_readme_shows_the_whole_line() -> None:
    shown = [words[1] for words in commands_of(ROOT / "README.md")]
    assert shown == ["treebanks", "extract", "alignability", "meta-train", "evaluate", "classify"]


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len(re.sub(r"```.*?```", "", README, flags=re.DOTALL).split()) < 900


def test_the_excerpt_of_the_demo_has_what_the_demo_prints() -> None:
    from concept_align.demo.settings import MODELS, TASKS

    (excerpt,) = re.findall(r"<!-- demo -->\n```\n(.*?)```", README, flags=re.DOTALL)
    title, head, *rows = excerpt.split("\n\n")[0].splitlines()
    assert title.startswith("Accuracy, %")
    assert [cell.strip() for cell in head.split("┃")][:4] == ["model", "task", "layer", "learner"]
    assert [row.split()[0] for row in rows[1:]] == [model for model in MODELS for _ in TASKS]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links_of_the_readme_lead_somewhere(path: str) -> None:
    assert (ROOT / path).exists()
