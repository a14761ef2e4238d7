"""What the experiments' READMEs say is what their tables hold."""

import json
import shutil
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
FOLDERS = sorted(path.parent for path in EXPERIMENTS.glob("*/expected.json"))
sys.path.insert(0, str(EXPERIMENTS))
import expected  # noqa: E402


def test_every_experiment_has_headline_numbers() -> None:
    assert [folder.name for folder in FOLDERS] == sorted(
        path.parent.name for path in EXPERIMENTS.glob("*/README.md")
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_tables_hold_the_headline_numbers(folder: Path) -> None:
    for what, wanted, found, _ in expected.compare(folder, folder):
        assert found == pytest.approx(wanted, abs=1e-5), what


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_text_states_the_headline_numbers(folder: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.md"))
    for entry in json.loads((folder / "expected.json").read_text(encoding="utf-8")):
        value = entry["expected"]
        shown = {f"{value:.2f}", f"{100 * value:.1f}", f"{100 * value:.0f}%"}
        assert entry["stated"] in text, entry["what"]
        assert any(number in entry["stated"] for number in shown), entry["what"]


def test_a_rerun_that_comes_out_otherwise_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = EXPERIMENTS / "mini-models"
    rerun = (folder / "results.csv").read_text(encoding="utf-8").replace(",0.8", ",0.7")
    (tmp_path / "results.csv").write_text(rerun, encoding="utf-8")
    assert expected.main([str(folder)]) == 0
    assert expected.main([str(folder), "--tables", str(tmp_path)]) == 1
    assert "MISS" in capsys.readouterr().out


def test_a_table_without_the_rows_is_no_rerun(tmp_path: Path) -> None:
    shutil.copy(EXPERIMENTS / "mini-models" / "results.csv", tmp_path / "all.csv")
    (tmp_path / "results.csv").write_text("source,language,layer,value,model\n", encoding="utf-8")
    with pytest.raises(ValueError, match="0 rows"):
        expected.compare(EXPERIMENTS / "mini-models", tmp_path)
