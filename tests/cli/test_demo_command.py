"""The demo runs from treebanks to a table with any model, goes on where it was, and says what is wrong."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from concept_align.cli import main
from concept_align.demo import LEARNERS, assign_roles, default_treebanks, run
from concept_align.demo.run import best_layer, middle_layers
from concept_align.errors import UsageError

SAMPLE = Path(__file__).parents[2] / "ud_data" / "sample"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of three small blocks that reads bytes."""
    folder = tmp_path_factory.mktemp("model")
    letters = ["<s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({letter: code for code, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<s>").save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(letters), n_positions=512, n_embd=16, n_layer=3, n_head=2,
                        bos_token_id=0, eos_token_id=0)  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def quick() -> Any:
    """Fewer epochs: what is learned is not looked at here."""
    few = {"pooled": {"epochs": 1}, "proto": {"epochs": 1}, "shrink": {"epochs": 1, "pooled_epochs": 1}}
    before = {name: dict(options) for name, options in LEARNERS.items()}
    for name, options in few.items():
        LEARNERS[name] |= options
    yield
    LEARNERS.clear()
    LEARNERS.update(before)


def call(*arguments: str | Path) -> int:
    command, sys.argv = sys.argv, ["concept-align", "demo", *map(str, arguments)]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = command
    return 0


@pytest.fixture(scope="module")
def ran(model: Path, quick: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The demo's folder and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    capture = pytest.MonkeyPatch()
    said: list[str] = []
    with capture.context() as patched:
        patched.setattr(
            sys, "stderr", SimpleNamespace(write=said.append, isatty=lambda: False, flush=lambda: None)
        )
        code = call("--model", model, "--out", out)
    return SimpleNamespace(out=out, code=code, said="".join(said))


def test_the_demo_succeeds_and_writes_every_part(ran: Any) -> None:
    assert ran.code == 0
    for name in (
        "store/store.json",
        "probe/probe-upos.csv",
        "evaluation/summary.md",
        "evaluation/results.csv",
    ):
        assert (ran.out / name).is_file(), name
    assert {path.name for path in (ran.out / "aligners").iterdir()} == set(LEARNERS)


def test_results_hold_every_learner_target_and_number_of_shots(ran: Any) -> None:
    frame = pd.read_csv(ran.out / "evaluation" / "results.csv")
    rows = frame[(frame["metric"] == "accuracy") & (frame["draw"] == -1)]
    assert set(rows["learner"]) == {*LEARNERS, "majority"}
    for target in ("tr", "zh", "hi", "ar"):
        of_target = rows[rows["language"] == target]
        assert set(of_target["shots"]) == {0, 1, 5}
        assert of_target["value"].between(0, 1).all()
        assert (of_target["low"] <= of_target["high"]).all()
    assert not {"en", "de", "es", "ru", "fi"} & set(rows["language"])


def test_the_text_is_honest_about_the_sample_and_names_files_that_exist(ran: Any) -> None:
    assert "intervals are wide" in ran.said
    assert "No target language was seen" in ran.said
    paths = [line.split()[0] for line in ran.said.splitlines() if line.startswith(f"  {ran.out}")]
    assert len(paths) == 5
    assert all(Path(path).exists() for path in paths)
    assert "concept-align treebanks fetch" in ran.said


def test_a_second_demo_trains_nothing_and_gives_the_same(
    ran: Any, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (ran.out / "evaluation" / "results.csv").read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in (ran.out / "aligners").rglob("model.safetensors")}
    assert call("--model", model, "--out", ran.out, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (ran.out / "evaluation" / "results.csv").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert shown["layer"] in middle_layers(3)
    assert {row["learner"] for row in shown["results"]} == {*LEARNERS, "majority"}


def test_commands_it_advises_are_commands_of_ours(ran: Any) -> None:
    from typer.main import get_command

    from concept_align.cli import app

    root: Any = get_command(app)
    lines = [line.split() for line in ran.said.splitlines() if line.startswith("  concept-align ")]
    assert len(lines) == 4
    for _, *words in lines:
        command = root
        while words and hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_a_dry_run_says_the_languages_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--out", tmp_path / "out", "--dry-run", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["languages"]["targets"] == ["tr", "zh", "hi", "ar"]
    assert not (tmp_path / "out").exists()


def test_treebanks_without_the_source_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "UD_German-Sample").symlink_to(SAMPLE / "UD_German-Sample")
    assert call("--treebanks", tmp_path, "--out", tmp_path / "out", "--dry-run") == 2
    assert "too few languages: de" in capsys.readouterr().err


def test_roles_are_disjoint_and_only_of_languages_present() -> None:
    roles = assign_roles({"en", "ru", "fi", "hi", "ja"})
    assert (roles.train, roles.validation, roles.targets) == (("en", "ru"), ("fi",), ("hi",))
    with pytest.raises(UsageError, match="too few"):
        assign_roles({"en", "de", "fi"})


def test_the_layer_is_chosen_on_development_words_of_the_given_languages_alone() -> None:
    rows = pd.DataFrame(
        [
            ("4", "en", "dev_accuracy", 0.9),
            ("8", "en", "dev_accuracy", 0.5),
            ("4", "tr", "dev_accuracy", 0.1),
            ("8", "tr", "dev_accuracy", 0.9),
            ("8", "en", "accuracy", 1.0),
        ],
        columns=["layer", "language", "metric", "value"],
    )
    assert best_layer(rows, ["en"]) == 4
    assert best_layer(rows, ["tr"]) == 8


def test_middle_layers_exist_in_any_model() -> None:
    for layers in range(1, 40):
        assert all(1 <= layer <= layers for layer in middle_layers(layers))
    assert middle_layers(12) == (4, 8)


def test_the_sample_is_found_from_the_package_and_missed_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_treebanks() == SAMPLE
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "__file__", str(tmp_path / "a" / "b" / "run.py"))
    with pytest.raises(UsageError, match="--treebanks"):
        default_treebanks()
