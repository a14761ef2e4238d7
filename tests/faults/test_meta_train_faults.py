"""meta-train killed (SIGKILL) at random moments and started again gives the same files, byte for byte.

As a script, with more moments:  python tests/faults/test_meta_train_faults.py 20
"""

import signal
import sys
import tempfile
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tiny"))  # for the script; pytest has it there already
import command
import planted

FILES = (
    "config.json", "model.safetensors", "training.jsonl", "summary.json", "run.toml", "provenance.json",
    "standardiser.safetensors", "README.md", "LICENSE", "SHA256SUMS", ".concept-align",
)  # fmt: skip
CONFIG = """
store = "{store}"
layers = "1"
learner = "{learner}"
train_langs = "en,de,fr"
[options]
rank = 4
hidden = 16
{options}
"""
OPTIONS = {
    "proto": 'probe_preset = "fast"\nepochs = 6\nepisodes = 40\nqueries = 8',
    "shrink": "pooled_epochs = 4\nepochs = 6\nepisodes = 20\nqueries = 8",
}


def prepare(folder: Path, learner: str) -> Path:
    """A store of planted languages and a configuration for it."""
    planted.write_store(folder / "store", planted.Planted(sents=60), ("en", "de", "fr", "et", "he"))
    config = folder / "run.toml"
    config.write_text(
        CONFIG.format(store=folder / "store", learner=learner, options=OPTIONS[learner]), encoding="utf-8"
    )
    return config


def start(config: Path, out: Path) -> ForkServerProcess:
    arguments = ["meta-train", "--config", str(config), "--out", str(out)]
    return command.start(arguments, config.with_name("said"))


def finish(config: Path, out: Path) -> dict[str, bytes]:
    """Run to the end; the files it leaves."""
    process = start(config, out)
    process.join(300)
    assert process.exitcode == 0, config.with_name("said").read_text(encoding="utf-8")
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES), "something was left behind"
    return {name: (out / name).read_bytes() for name in FILES}


def killed(config: Path, out: Path, seconds: float) -> bool:
    """Run and kill after ``seconds``; whether it was still running."""
    process = start(config, out)
    process.join(seconds)
    process.kill()  # nothing to one that has ended
    process.join()
    return process.exitcode == -signal.SIGKILL


def moments(folder: Path, learner: str, number: int, seed: int = 0) -> int:
    """Kill ``number`` times, each start going on from the last, then finish; how many kills struck.

    When a run was finished by then, the next begins in a new folder. Raises AssertionError where a run's
    files are not those of one that was never interrupted.
    """
    config = prepare(folder, learner)
    command.start(["--version"], folder / "said").join()  # the first start imports the package
    began = time.monotonic()
    expected = finish(config, folder / "whole")
    took = time.monotonic() - began
    rng = np.random.default_rng(seed)
    struck, out = 0, folder / "cut-0"
    for kill in range(number):
        if killed(config, out, took * float(rng.uniform(0.1, 1.0))):
            struck += 1
        else:
            assert finish(config, out) == expected
            out = folder / f"cut-{kill + 1}"
    assert finish(config, out) == expected
    return struck


@pytest.mark.parametrize("learner", ["proto", pytest.param("shrink", marks=pytest.mark.slow)])
def test_often_killed_and_resumed_is_the_same_byte_for_byte(tmp_path: Path, learner: str) -> None:
    assert moments(tmp_path, learner, 3, seed=1) > 0


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for name in OPTIONS:
        with tempfile.TemporaryDirectory() as place:
            hit = moments(Path(place), name, wanted)
            print(f"{name}: killed {hit} times of {wanted}, the files are the same")
