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
    assert found.stderr.count(b"error:") == 1


@pytest.mark.parametrize("command", ["treebanks list --json | head -c 1", "treebanks list | head -1"])
def test_a_reader_that_goes_away_is_no_error(command):
    found = shell(f"concept-align {command}")
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


def test_names_that_the_locale_cannot_write_are_opened_all_the_same(tmp_path):
    (tmp_path / "xé").mkdir()
    row = "# sent_id = ä\n1\tschläft\t_\tVERB\t_\t_\t0\troot\t_\t_\n\n"
    (tmp_path / "xé" / "de_x-ud-test.conllu").write_text(row, "utf-8")
    config = f'out = "aüs"\nmodel = "nö"\ntreebanks = "{tmp_path}/xé"\nlayers = [3]\n'
    (tmp_path / "c.toml").write_text(config, "utf-8")
    found = shell(f"concept-align treebanks stats -t {tmp_path}/xé --json", **C_LOCALE)
    assert (found.returncode, found.stderr) == (0, b"")
    found = shell(f"concept-align extract --config {tmp_path}/c.toml --offline", **C_LOCALE)
    assert found.returncode == 1
    assert found.stderr.decode().startswith("error: nö: "), found.stderr.decode()


def test_ctrl_c_is_one_line_from_the_first_millisecond(tmp_path):
    script = tmp_path / "stopped.py"
    script.write_text(
        "import signal, sys\nimport concept_align\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "after, sys.argv = float(sys.argv[1]), ['concept-align', 'doctor']\n"
        "from concept_align.cli import main\n"
        "signal.setitimer(signal.ITIMER_REAL, after)\nmain()\n"
    )
    moments = [0.001, 0.002, 0.004, 0.006, *(0.01 * 1.32**n for n in range(16))]
    for some in (moments[::2], moments[1::2]):
        running = [
            subprocess.Popen([sys.executable, str(script), str(after)], stdout=-1, stderr=-1)
            for after in some
        ]
        for after, process in zip(some, running, strict=True):
            _, err = process.communicate(timeout=120)
            assert b"Traceback" not in err, (after, err.decode())
            assert process.returncode in (0, 130) and (process.returncode == 0 or b"stopped" in err), after
