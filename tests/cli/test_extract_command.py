import io
import json
import re
import sys

import pytest
from fake_model import FakeModel
from fake_treebank import write

from concept_align import cli
from concept_align.models import load
from concept_align.store import Store

EN = "UD_EN-Fake"


@pytest.fixture
def release(tmp_path):
    """A release of two languages."""
    write(tmp_path / "ud", "en", "train", [5, 3, 9])
    write(tmp_path / "ud", "en", "dev", [4, 2])
    write(tmp_path / "ud", "de", "train", [6, 200])
    return tmp_path / "ud"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line with a fake model; exit code, stdout, stderr."""
    monkeypatch.setattr(load, "load_model", lambda *args, **options: FakeModel())

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["concept-align", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        shown = capsys.readouterr()
        return stopped.value.code or 0, shown.out, shown.err

    return call


def arguments(release, out, *more):
    return "extract", "-m", "fake", "-t", release, "-o", out, "--layers", "0,2", *more


def test_extract_prints_a_table_and_what_was_left_out(run, release, tmp_path):
    code, out, err = run(*arguments(release, tmp_path / "s"))
    assert code == 0
    assert "UD_DE-Fake" in out
    assert "1 (too many words: 1)" in out
    assert "too many words: 1, the first is s1" in err
    assert "words/s" in err
    assert Store.open(tmp_path / "s").verify() == []
    code, _, err = run(*arguments(release, tmp_path / "s"))
    assert code == 0
    assert "everything was there already" in err


def test_json_is_the_only_thing_on_stdout(run, release, tmp_path):
    code, out, err = run(*arguments(release, tmp_path / "s", "--json", "-l", "en", "--splits", "dev,train"))
    value = json.loads(out)
    assert (code, err) == (0, "")
    assert [(d["language"], d["split"], d["words"]) for d in value["done"]] == [
        ("en", "train", 17),
        ("en", "dev", 6),
    ]
    assert value["recipe"]["pooling"] == "mean"


def test_a_dry_run_says_disk_and_time_and_writes_nothing(run, release, tmp_path):
    code, out, err = run(*arguments(release, tmp_path / "s", "--dry-run"))
    assert code == 0
    assert "to run" in out
    assert re.search(r"disk: [\d.]+ (bytes|kB) \([\d.]+ [GT]B free\)", err)
    assert "words/s" in err
    assert not (tmp_path / "s").exists()
    _, planned, _ = run(*arguments(release, tmp_path / "s", "--dry-run", "--json"))
    _, done, _ = run(*arguments(release, tmp_path / "s", "--json"))
    assert json.loads(planned)["bytes"] == sum(d["bytes"] for d in json.loads(done)["done"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--layers", "7"], "layers 0-3"),
        (["--pooling", "max"], "--pooling"),
        (["--sink", "x"], "--sink: 'x' is not 'states' or 'statistics'"),
        (["--root", "x"], "'start' or 'exclude'"),
        (["--splits", "x"], "--splits: 'x' is not 'train' or 'dev' or 'test'"),
        (["--tasks", "uppos"], "did you mean upos"),
        (["--limit", "0"], "--limit"),
        (["--langs", "fr"], "fr"),
        (["--save-dtype", "int8"], "--save-dtype"),
        (["--max-words", "0"], "--max-words"),
    ],
)
def test_wrong_use_is_exit_code_2_with_a_remedy_and_no_folder(run, release, tmp_path, options, says):
    code, out, err = run(*arguments(release, tmp_path / "s"), *options)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert not (tmp_path / "s").exists()


def test_another_recipe_is_exit_code_1(run, release, tmp_path):
    run(*arguments(release, tmp_path / "s"))
    code, _, err = run(*arguments(release, tmp_path / "s", "--pooling", "last"))
    assert code == 1
    assert "pooling is 'mean', not 'last'" in err


def test_statistics_can_be_extracted_and_listed(run, release, tmp_path):
    code, _, _ = run(*arguments(release, tmp_path / "s", "--sink", "statistics", "--task", "upos"))
    assert code == 0
    code, out, _ = run("store", "ls", tmp_path / "s")
    assert code == 0
    assert "statistics upos" in out


def test_store_ls_lists_layers_words_and_what_cannot_be_used(run, release, tmp_path):
    run(*arguments(release, tmp_path / "s"))
    (tmp_path / "s" / EN / "dev.layer-00.json").unlink()
    code, out, _ = run("store", "ls", tmp_path / "s")
    assert code == 0
    (line,) = [line for line in out.splitlines() if EN in line and "dev" in line]
    cells = [cell.strip() for cell in line.split("│")]
    assert [*cells[3:7], cells[-1]] == ["states", "2", "6", "2", "1"]
    _, out, _ = run("store", "ls", tmp_path / "s", "--json")
    assert len(json.loads(out)["shards"]) == 9


def test_store_verify_finds_damage_and_fails(run, release, tmp_path):
    run(*arguments(release, tmp_path / "s"))
    assert run("store", "verify", tmp_path / "s")[0] == 0
    path = tmp_path / "s" / EN / "dev.layer-00.safetensors"
    path.write_bytes(bytes(path.stat().st_size))
    code, _, err = run("store", "verify", tmp_path / "s")
    assert code == 1
    assert "damaged" in err
    code, out, _ = run("store", "verify", tmp_path / "s", "--json")
    assert code == 1
    assert [problem["path"] for problem in json.loads(out)["problems"]] == [str(path)]


def test_store_gc_removes_partial_files(run, release, tmp_path):
    run(*arguments(release, tmp_path / "s"))
    partial = tmp_path / "s" / EN / ".dev.layer-00.safetensors.partial"
    partial.touch()
    code, out, _ = run("store", "gc", tmp_path / "s", "--json")
    assert code == 0
    assert json.loads(out)["removed"] == [str(partial)]
    assert run("store", "gc", tmp_path / "s")[0] == 0
    assert Store.open(tmp_path / "s").verify() == []


def test_store_gc_says_what_it_would_remove_and_asks_at_a_terminal(run, release, tmp_path, monkeypatch):
    run(*arguments(release, tmp_path / "s"))
    partial = tmp_path / "s" / EN / ".dev.layer-00.safetensors.partial"
    partial.touch()
    told = f"would remove {partial}: left by a writer that was stopped"
    code, _, err = run("store", "gc", tmp_path / "s", "--dry-run")
    assert code == 0 and told in err and "1 files would be removed" in err
    _, out, _ = run("store", "gc", tmp_path / "s", "--dry-run", "--json")
    assert list(json.loads(out)["would_remove"]) == [str(partial)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"n\n")))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    code, _, err = run("store", "gc", tmp_path / "s")
    assert code == 1 and told in err and partial.exists()
    assert run("store", "gc", tmp_path / "s", "--yes")[0] == 0 and not partial.exists()


def test_store_gc_names_what_it_leaves(run, release, tmp_path):
    run(*arguments(release, tmp_path / "s"))
    marker = tmp_path / "s" / EN / "dev.layer-00.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"recipe": "x"}))
    code, _, err = run("store", "gc", tmp_path / "s")
    assert code == 0 and "dev.layer-00.safetensors: stale: made by another recipe" in err
    assert "0 files removed" in err


def test_a_folder_that_is_no_store_is_exit_code_1(run, tmp_path):
    for command in ("ls", "verify", "gc"):
        code, _, err = run("store", command, tmp_path)
        assert code == 1
        assert "no store here" in err
