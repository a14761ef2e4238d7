"""The process's own streams, as a shell gives them: closed, full, broken, of another encoding."""

import os
import subprocess
import sys

import pytest

from concept_align.cli import streams
from concept_align.errors import UsageError

COMMAND = [sys.executable, "-m", "concept_align"]
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(command, **environment):
    line = command.replace("concept-align", " ".join(COMMAND))
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.mark.parametrize(
    "command", ["--version", "--help", "treebanks list", "treebanks list --json", "doctor"]
)
@pytest.mark.parametrize("end, told", [(">/dev/full", "No space left"), (">&-", "Bad file descriptor")])
def test_output_that_cannot_be_written_is_one_line(command, end, told):
    found = shell(f"concept-align {command} {end}")
    assert found.returncode == 1
    assert found.stderr.decode().startswith("error: cannot write to stdout: " + told), found.stderr.decode()
    assert b"Traceback" not in found.stderr


def test_a_reader_that_goes_away_is_no_error():
    found = shell("concept-align treebanks list --json | head -c 1")
    assert found.returncode in (0, 141)
    assert found.stderr == b""


def test_nobody_has_to_listen_to_stderr():
    found = shell("concept-align --version 2>&-")
    assert (found.returncode, found.stdout.decode()[:13]) == (0, "concept-align")
    assert shell("concept-align extract --model nothing-like-it --treebanks none 2>/dev/full").returncode == 2


@pytest.mark.parametrize("environment", [C_LOCALE, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "xx_YY"}])
def test_output_is_utf8_whatever_the_locale(tmp_path, environment):
    script = tmp_path / "say.py"
    script.write_text(
        "import sys\nfrom concept_align.cli.streams import standard\n"
        "with standard():\n    sys.stdout.write('Kätze 我们 \\udcff\\n')\n",
        encoding="utf-8",
    )
    found = shell(f"{sys.executable} {script}", **environment)
    assert found.stdout.decode() == "Kätze 我们 \\udcff\n"


def test_a_closed_stream_is_not_the_place_of_the_next_file(tmp_path):
    script = tmp_path / "say.py"
    script.write_text(
        "import sys\nfrom concept_align.cli.streams import standard\n"
        f"with standard(), open({str(tmp_path / 'mine')!r}, 'w') as file:\n"
        "    sys.stderr.write('for nobody')\n    file.write('mine')\n",
        encoding="utf-8",
    )
    assert shell(f"{sys.executable} {script} 2>&-").returncode == 0
    assert (tmp_path / "mine").read_text() == "mine"


def test_closed_stdin_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="stdin is closed"):
        streams.read_stdin()
