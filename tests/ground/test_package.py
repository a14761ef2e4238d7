import subprocess
import sys

import pytest

PROBE = """
import sys, os, pathlib
before = set(os.listdir('.'))
import concept_align, {module}
assert set(os.listdir('.')) == before, 'importing made files'
print(*sorted(m for m in {heavy} if m in sys.modules))
"""
HEAVY = ("torch", "transformers", "pandas", "scipy", "sklearn", "pyarrow", "matplotlib", "rich.progress")


@pytest.mark.parametrize(
    "module",
    [
        "concept_align.cli",
        "concept_align.cli.commands",
        "concept_align.config",
        "concept_align.provenance",
        "concept_align.treebanks.conllu",
        "concept_align.treebanks.fetch",
        "concept_align.treebanks.discover",
    ],
)
def test_importing_makes_no_file_and_loads_nothing_heavy(module, tmp_path):
    script = PROBE.format(module=module, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_a_users_mistake_is_one_line_and_exit_code_two(tmp_path):
    command = [sys.executable, "-m", "concept_align", "store", "ls", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "nowhere" in done.stderr


def test_the_version_is_the_packages():
    from importlib.metadata import version

    import concept_align

    assert concept_align.__version__ == version("concept-align")
