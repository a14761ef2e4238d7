"""The demo runs from treebanks to a page with any model, goes on where it was, and says what is wrong."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from concept_align.cli import main
from concept_align.demo.settings import LEARNERS
from concept_align.models.shipped import NAMES, shipped_model
from concept_align.treebanks.discover import mini_treebanks

SIX = "en,de,et,he,tr,zh"
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """The structure of a page: what is open, what refers to what, its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.counts: dict[str, int] = {}
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.references += [
            value for name, value in attrs if name in ("href", "src", "xlink:href", "data") and value
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of three small blocks that reads bytes."""
    folder = tmp_path_factory.mktemp("models") / "random"
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
    """Fewer epochs, in processes of the demo's too: what is learned is not looked at here."""
    few = {
        "pooled": {"epochs": 1},
        "proto": {"epochs": 1, "adapt_epochs": 2},
        "shrink": {"epochs": 1, "pooled_epochs": 1},
    }
    before = {name: dict(options) for name, options in LEARNERS.items()}
    for name, options in few.items():
        LEARNERS[name] = {**LEARNERS[name], **options}
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


def listening(*arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what was said on stderr."""
    said: list[str] = []
    with pytest.MonkeyPatch().context() as patched:
        patched.setattr(
            sys, "stderr", SimpleNamespace(write=said.append, isatty=lambda: False, flush=lambda: None)
        )
        return call(*arguments), "".join(said)


@pytest.fixture(scope="module")
def ran(model: Path, quick: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The demo's folder and what it said: six languages, one model, one task."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    code, said = listening("--model", model, "--langs", SIX, "--task", "upos", "--out", out)
    page = (out / "index.html").read_text("utf-8")
    return SimpleNamespace(out=out, code=code, said=said, text=page, page=Page(page))


def test_the_demo_succeeds_and_writes_every_part(ran: Any) -> None:
    assert ran.code == 0, ran.said
    for name in (
        "stores/random/store.json",
        "probes/probes.csv",
        "evaluation/summary.md",
        "evaluation/results.csv",
        "evaluation/contrasts.csv",
        "figures/layers-upos.svg",
        "figures/layers-upos.png",
        "figures/zero-shot-random-upos.png",
        "figures/shots-random-upos.svg",
    ):
        assert (ran.out / name).is_file(), name
    assert {path.name for path in (ran.out / "aligners" / "random" / "upos").iterdir()} == set(LEARNERS)


def test_results_hold_every_learner_target_and_number_of_shots(ran: Any) -> None:
    frame = pd.read_csv(ran.out / "evaluation" / "results.csv")
    rows = frame[(frame["metric"] == "accuracy") & (frame["draw"] == -1)]
    assert set(rows["learner"]) == {*LEARNERS, "majority"}
    for target in ("tr", "zh"):
        of_target = rows[rows["language"] == target]
        assert set(of_target["shots"]) == {0, 1, 5}
        assert of_target["value"].between(0, 1).all()
        assert (of_target["low"] <= of_target["high"]).all()
    assert not {"en", "de", "et", "he"} & set(rows["language"])


def test_every_layer_and_language_is_probed(ran: Any) -> None:
    rows = pd.read_csv(ran.out / "probes" / "probes.csv")
    assert set(rows["layer"]) == {0, 1, 2, 3}
    assert set(SIX.split(",")) <= set(rows["language"])


def test_the_text_is_honest_and_names_files_that_exist(ran: Any) -> None:
    assert "no paired test can give p below 0.5" in ran.said
    assert "do not rank languages" in ran.said
    paths = [line.split()[0] for line in ran.said.splitlines() if line.startswith(f"  {ran.out}")]
    assert len(paths) == 7
    assert all(Path(path).exists() for path in paths)


def test_the_page_is_well_formed_and_refers_to_nothing_outside(ran: Any) -> None:
    page = ran.page
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    bare = re.sub(r'src="data:[^"]+"', "", ran.text)
    assert "http" not in bare and "//" not in re.sub(r"</?\w", "", bare)
    anchors = {reference[1:] for reference in page.references if reference.startswith("#")}
    assert anchors <= set(page.ids)
    links = [reference for reference in page.references if not reference.startswith(("#", "data:"))]
    assert len(links) >= 6
    assert all((ran.out / link).exists() for link in links), links
    assert not {"script", "link", "iframe", "object"} & set(page.counts)
    assert "url(" not in bare


def test_figures_are_in_the_page_with_their_captions(ran: Any) -> None:
    assert ran.page.counts["img"] == ran.page.counts["figure"] == 6
    assert len(re.findall(r'<img src="data:image/(?:svg\+xml|png);base64,[^"]+" alt="[^"]+">', ran.text)) == 6


def test_the_page_tells_what_the_command_tells(ran: Any) -> None:
    words = " ".join(ran.page.words.split())
    said = [line[2:] for line in ran.said.splitlines() if line.startswith("- ")]
    assert 5 <= len(said) <= 10
    for line in said:
        assert line in words
    for heading in ("Layer by layer", "A language never seen", "How to read it", "What it cannot show"):
        assert heading in words


def test_a_second_demo_trains_nothing_and_gives_the_same(
    ran: Any, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ("evaluation/results.csv", "probes/probes.csv", "evaluation/contrasts.csv", "index.html")
    before = {name: (ran.out / name).read_bytes() for name in kept}
    stamps = {
        path: path.stat().st_mtime_ns for path in ran.out.rglob("*.safetensors") if "layer" in str(path)
    } | {path: path.stat().st_mtime_ns for path in (ran.out / "aligners").rglob("model.safetensors")}
    assert len(stamps) > 4
    assert call("--model", model, "--langs", SIX, "--task", "upos", "--out", ran.out, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {name: (ran.out / name).read_bytes() for name in kept} == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    (chosen,) = shown["chosen"]
    assert chosen["model"] == "random" and chosen["layer"] in range(4) and chosen["learner"] in LEARNERS
    assert {row["learner"] for row in shown["results"]} == {*LEARNERS, "majority"}


def test_another_demo_in_the_same_folder_is_refused_in_one_message(ran: Any, model: Path) -> None:
    code, said = listening("--model", model, "--langs", "en,es,et,tr", "--task", "upos", "--out", ran.out)
    assert code == 1
    assert said.startswith("error: ") and "another configuration" in said and "force" in said
    assert "Traceback" not in said


def test_commands_it_advises_are_commands_of_ours(ran: Any) -> None:
    from typer.main import get_command

    from concept_align.cli.commands import app
    from concept_align.cli.from_config import made

    root: Any = get_command(app)
    lines = [line.split() for line in ran.said.splitlines() if line.startswith("  concept-align ")]
    assert len(lines) == 5
    for _, *words in lines:
        command = root
        while words and hasattr(command, "commands"):
            command = made(command.commands[words.pop(0)])
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_a_dry_run_says_all_43_languages_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--out", tmp_path / "out", "--dry-run", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert {role: len(codes) for role, codes in said["languages"].items()} == {
        "train": 22,
        "validation": 4,
        "targets": 17,
    }
    assert said["models"] == list(NAMES) and said["tasks"] == ["upos", "relation"]
    assert said["files"] == 129
    assert not (tmp_path / "out").exists()
    code, text = listening("--out", tmp_path / "out", "--dry-run")
    assert code == 0 and "mini-encoder, mini-decoder" in text


def test_languages_that_are_too_few_are_named_with_what_is_needed() -> None:
    code, said = listening("--langs", "de,et,tr", "--dry-run")
    assert code == 2
    assert "--langs: too few languages: de, et, tr; needed are en, one more of " in said


def test_treebanks_without_the_languages_are_refused(tmp_path: Path) -> None:
    (tmp_path / "UD_German-Mini").symlink_to(mini_treebanks() / "UD_German-Mini")
    code, said = listening("--treebanks", tmp_path, "--out", tmp_path / "out")
    assert code == 2
    assert "--treebanks: too few languages: de" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = listening("--out", tmp_path / "file" / "demo", "--langs", SIX)
    assert code == 2
    assert said.startswith(f"error: --out: {tmp_path}/file/demo: cannot write there")


def test_an_unknown_task_is_refused_at_once(tmp_path: Path) -> None:
    code, said = listening("--task", "upos,nouns", "--out", tmp_path / "out")
    assert code == 2
    assert "nouns" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_by_itself_it_runs_both_shipped_models_on_43_languages(quick: None, tmp_path: Path) -> None:
    for name in NAMES:
        shipped_model(name)
    code, said = listening("--out", tmp_path / "demo")
    assert code == 0, said
    page = Page((tmp_path / "demo" / "index.html").read_text("utf-8"))
    assert page.counts["img"] == 16
    assert len(page.ids) == len(set(page.ids))
    assert "mini-encoder − mini-decoder" in said
    frame = pd.read_csv(tmp_path / "demo" / "evaluation" / "results.csv")
    assert frame.groupby(["model", "task"]).ngroups == 4
    assert frame["language"].nunique() == 17 + 5
