"""What the README says to type is typed here."""

import re
from pathlib import Path
from typing import Any

import planted
import pytest
from typer.main import get_command

from concept_align.cli.commands import app
from concept_align.cli.from_config import made

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
PYTHON = [block for language, block in BLOCKS if language == "python"]
COMMANDS = [
    line.split("#")[0].split()
    for language, block in BLOCKS
    if language == "sh"
    for line in block.splitlines()
    if line.startswith("concept-align ")
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[1:4]))
def test_commands_of_the_readme_have_the_options_they_are_given(words: list[str]) -> None:
    command: Any = get_command(app)
    words = words[1:]
    while hasattr(command, "commands"):
        command = made(command.commands[words.pop(0)])
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_readme_shows_the_whole_main_job() -> None:
    assert [words[1] for words in COMMANDS] == [
        "demo", "treebanks", "extract", "probe", "alignability", "meta-train", "meta-train", "evaluate",
        "classify", "classify", "icl", "icl",
    ]  # fmt: skip


def test_the_excerpt_of_the_demo_has_what_the_demo_prints() -> None:
    from concept_align.demo.settings import MODELS, TASKS

    (excerpt,) = re.findall(r"<!-- demo -->\n```\n(.*?)```", README, flags=re.DOTALL)
    title, head, *rows = excerpt.split("\n\n")[0].splitlines()
    assert title.startswith("Accuracy, %")
    assert [cell.strip() for cell in head.split("┃")][:4] == ["model", "task", "layer", "learner"]
    assert [row.split()[0] for row in rows[1:]] == [model for model in MODELS for _ in TASKS]


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from concept_align.meta.run import MetaTrainConfig, meta_train, plan

    code, _, _ = PYTHON
    assert "(7,)" in code  # the planted store has layer 1 only
    planted.write_store(tmp_path / "store", planted.Planted(sents=40), ["en", "de", "et", "tr"])
    config = MetaTrainConfig(
        store=str(tmp_path / "store"),
        layers="1",
        learner="pooled",
        train_langs="en,de",
        validation_langs="et",
        target_langs="tr",
        options={"epochs": 1},
    )
    meta_train(plan(config), tmp_path / "self-train")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace("(7,)", "(1,)"), names)
    predicted = names["classifier"].predict(names["words"].load("tr", "test").x)
    assert len(predicted) == names["words"].load("tr", "test").words > 0


def test_the_three_lines_of_the_readme_compare_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, code = PYTHON
    planted.write_store(tmp_path / "store", planted.Planted(sents=40), ["en", "de", "et", "tr"])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace("layer=7", "layer=1"), names)
    assert set(names["scores"].frame()["measure"]) == {"rsa", "procrustes", "cka"}
    assert len(names["scores"].frame()) == 3 * 6


def test_the_readme_labels_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mini_aligner

    _, code, _ = PYTHON
    mini_aligner.train(mini_aligner.write_store(tmp_path / "store"), tmp_path / "self-train")
    (tmp_path / "few.conllu").write_bytes(mini_aligner.treebank("tr", "dev").read_bytes())
    (tmp_path / "more.txt").write_text("Köpek uyuyor ve kedi evde yemek yiyor.\n" * 40, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    (labels,) = names["turkish"].predict([["Yaşlı", "köpek", "uyuyor", "."]])
    assert len(labels) == 4
    assert labels[-1] == "PUNCT"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links_of_the_readme_lead_somewhere(path: str) -> None:
    assert (Path(__file__).parents[1] / path).exists()
