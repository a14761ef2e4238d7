"""Notebooks run from top to bottom on what comes with the package."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
# Numbers that decide how long a notebook takes, not what it does: fewer draws, epochs and sentences.
SMALLER = {
    "alignability": {
        'ca.build_geometry(store, task="upos")': 'ca.build_geometry(store, task="upos", bootstrap=10)',
        "permutations=199": "permutations=19, bootstrap=10",
    },
    "demonstrations": {'"queries": 6': '"queries": 2', '"select_queries": 9': '"select_queries": 3'},
    "icl": {
        "queries=6": "queries=2",
        "demo_draws=2": "demo_draws=1",
        "align_sentences=16": "align_sentences=6",
        '"epochs": 30': '"epochs": 3',
        "bootstrap=200": "bootstrap=100",
    },
    "interventions": {'{"sentences": 8, "bootstrap": 200}': '{"sentences": 2, "bootstrap": 100}'},
    "learning": {
        '"epochs": 12': '"epochs": 2',
        '"epochs": 8': '"epochs": 1, "adapt_epochs": 2',
        "support_draws=5": "support_draws=1",
        "bootstrap=500": "bootstrap=100",
    },
    "tuning": {'"steps": 40': '"steps": 3', '"batch": 12': '"batch": 4', '"answers": 4': '"answers": 2'},
}


def make_smaller(notebook, changes):
    for before, after in changes.items():
        (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and before in cell.source]
        assert cell.source.count(before) == 1
        cell.source = cell.source.replace(before, after)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    make_smaller(notebook, SMALLER[path.stem])
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_uses_public_names_and_shows_its_results(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any("concept_align." in line for cell in cells for line in cell.source.splitlines())
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert not any(output.output_type in ("error", "stream") for cell in cells for output in cell.outputs)
