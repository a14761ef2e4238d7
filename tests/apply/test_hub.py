"""Aligners go to a hub and come back; the hub is a small one on this machine."""

import json
import shutil

import fake_hub
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import concept_align as ca
from concept_align.apply import TextAligner
from concept_align.apply.sklearn import ConceptClassifier
from concept_align.cli.commands import app
from concept_align.errors import LearningError, UsageError
from concept_align.meta.hub import FILES, locate, named_folder
from concept_align.meta.learners.base import Aligner
from concept_align.meta.reference import ENTROPY
from concept_align.treebanks.concepts import UPOS

WORDS = [["Der", "Hund", "schläft", "."]]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with fake_hub.serve(monkeypatch, tmp_path / "cache") as served:
        yield served


def test_what_is_pushed_is_the_whole_folder_and_comes_back_as_it_was(mini, hub, tmp_path):
    aligner = Aligner.from_pretrained(mini.upos)
    shutil.copytree(mini.upos, tmp_path / "own")
    (tmp_path / "own" / "notes.txt").write_text("mine")
    address = Aligner.from_pretrained(tmp_path / "own").push_to_hub("me/tagger", token="hf_x")
    sha, files = hub.files("me/tagger")
    assert address == f"{hub.url}/me/tagger/commit/{sha}"
    kept = set(FILES) - {ENTROPY}  # of fewer than five training languages there is none
    assert files == {name: (mini.upos / name).read_bytes() for name in kept}
    again = Aligner.from_pretrained("me/tagger")
    x = torch.randn(5, aligner.dim)
    assert torch.equal(again.adapt().scores(x), aligner.adapt().scores(x))
    assert again.concepts == UPOS
    # By its commit, and offline, it is the snapshot that is here.
    asked = len(hub.asked)
    assert Aligner.from_pretrained("me/tagger", revision=sha, offline=True).folder == again.folder
    assert len(hub.asked) == asked


def test_a_text_aligner_is_pushed_and_had_by_its_id(mini, hub):
    own = TextAligner.from_pretrained(mini.upos, mini.model)
    own.push_to_hub("me/tagger", private=True, token="hf_x")
    first = hub.files("me/tagger")[0]
    read = TextAligner.from_pretrained("me/tagger", mini.model, revision=first)
    assert read.adapt().classify(WORDS).names() == own.adapt().classify(WORDS).names()
    assert own.aligner.folder == mini.upos
    x = np.random.default_rng(0).normal(size=(30, 256))
    assert ConceptClassifier("me/tagger").fit(x).predict(x).shape == (30,)


def test_the_command_line_takes_aligners_by_their_ids(mini, hub, tmp_path):
    Aligner.from_pretrained(mini.upos).push_to_hub("me/tagger", token="hf_x")
    first = hub.files("me/tagger")[0]
    words = ["--store", str(mini.store), "--shots", "0", "--langs", "tr", "--no-figures", "--json"]
    for number, given in enumerate(("me/tagger", "own=me/tagger")):
        line = ["evaluate", "--aligner", given, *words, "--out", str(tmp_path / str(number))]
        told = CliRunner().invoke(app, line)
        assert told.exit_code == 0, told.exception
        learners = {row["learner"] for row in json.loads(told.stdout)["results"]}
        assert learners == {"majority", "own" if number else Aligner.from_pretrained(mini.upos).learner}
    assert ca.evaluate("me/tagger", mini.store, langs=["tr"], shots=[0]).frame()["learner"].nunique() == 2
    text = tmp_path / "text.txt"
    text.write_text("Der Hund schläft.")
    told = CliRunner().invoke(app, ["classify", "me/tagger", str(text), "--revision", first])
    assert told.exit_code == 0 and "\tNOUN\t" in told.stdout
    told = CliRunner().invoke(app, ["classify", "me/tagger", str(text), "--revision", "f" * 40])
    assert isinstance(told.exception, LearningError) and "revision" in told.exception.remedy


def test_aligners_without_names_are_called_as_their_repositories(mini, hub):
    for name in ("first", "second"):
        Aligner.from_pretrained(mini.upos).push_to_hub(f"me/{name}", token="hf_x")
    found = [locate(f"me/{name}") for name in ("first", "second")]
    assert [named_folder(folder).name for folder in found] == ["first", "second"]
    assert named_folder(mini.upos) == mini.upos


def test_an_aligner_without_a_folder_is_pushed_with_what_it_is(mini, hub):
    aligner = Aligner.from_pretrained(mini.upos)
    aligner.folder = None
    aligner.push_to_hub("me/bare", token="hf_x")
    assert set(hub.files("me/bare")[1]) == {"SHA256SUMS", "config.json", "model.safetensors"}
    assert aligner.folder is None
    assert Aligner.from_pretrained("me/bare").concepts == UPOS


def test_what_is_neither_here_nor_on_the_hub_is_said(mini, hub, monkeypatch):
    with pytest.raises(LearningError, match="no aligner here: not a folder, nor had from the hub"):
        Aligner.from_pretrained("me/nothing")
    with pytest.raises(LearningError, match="it was not downloaded before, and the hub is not asked"):
        Aligner.from_pretrained("me/nothing", offline=True)
    with pytest.raises(LearningError, match="no aligner here"):
        Aligner.from_pretrained("no-folder")
    with pytest.raises(UsageError, match="a folder has no revisions"):
        TextAligner.from_pretrained(mini.upos, revision="main")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(LearningError, match="was not uploaded"):
        Aligner.from_pretrained(mini.upos).push_to_hub("me/tagger", token="hf_x")
