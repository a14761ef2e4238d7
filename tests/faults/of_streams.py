"""Every command in a C locale, and stopped by Ctrl-C at any moment: one line, never a traceback."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from campaign import Campaign, Outcome

from concept_align.treebanks.discover import mini_treebanks

COMMANDS = (
    "--help", "doctor", "treebanks list -t {mini}", "treebanks stats -t {mini} -l ta,he --splits test",
    "treebanks verify -t {mini} -l ja", "treebanks fetch --offline --out fö",
    "extract --config c.toml --dry-run", "probe -s störe", "alignability -s störe",
    "meta-train -s störe --learner pröto --out x", "evaluate -s störe -a é=nö --out x",
    "classify nö text.txt", "icl --model mini-decöder -t xé --langs de",
    "ask --model mini-decöder --task lemma:xé --langs de",
    "tune --model nö --pairs nö.tsv --out x", "store ls störe",
    "store verify störe", "store gc störe", "demo --dry-run --out dé",
)  # fmt: skip
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ROW = "# sent_id = ä\n1\tschläft\t_\tVERB\t_\t_\t0\troot\t_\t_\n\n"


def prepare(folder: Path) -> Path:
    (folder / "xé").mkdir(parents=True)
    (folder / "xé" / "de_x-ud-test.conllu").write_text(ROW, "utf-8")
    settings = 'out = "aüs"\nmodel = "mini-encoder"\ntreebanks = "xé"\nlayers = [3]\n'
    (folder / "c.toml").write_text(settings, "utf-8")
    return folder


def started(folder: Path, line: str, **environment: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "concept_align", *line.format(mini=mini_treebanks()).split()]
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    everything = {**os.environ, **environment}
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    return subprocess.Popen(words, env=everything, cwd=folder, stdin=null, stdout=pipe, stderr=pipe)


def locale(prepared: Path, folder: Path, rng: random.Random) -> Outcome:
    line = rng.choice(COMMANDS)
    process = started(prepared, line, **C_LOCALE)
    out, err = (part.decode() for part in process.communicate())  # UTF-8, all of it
    assert "Traceback" not in err, f"{line}: {err}"
    assert "\\udc" not in out + err, f"{line}: bytes that were not understood: {err}"
    if process.returncode == 0:
        return "unchanged"
    assert process.returncode in (1, 2) and err.startswith("error: "), f"{line}: {err}"
    return "refused"


def interrupt(prepared: Path, folder: Path, rng: random.Random) -> Outcome:
    """Not before Python itself has begun: what it does then, no program hears of."""
    line = rng.choice(COMMANDS)
    process = started(prepared, line)
    time.sleep(0.1 + rng.random() ** 2 * 3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert b"Traceback" not in err, f"{line}: {err.decode()}"
    assert process.returncode in (0, 1, 2, 130, -signal.SIGINT), f"{line}: {process.returncode}"
    return "recovered" if b"stopped" in err else "unchanged"


CAMPAIGNS = [
    Campaign("locales", "every command in a C locale", prepare, locale, default=1, full=80),
    Campaign("interrupts", "every command, Ctrl-C at any moment", prepare, interrupt, default=2, full=80),
]
