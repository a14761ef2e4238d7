"""meta-train killed (SIGKILL) at random moments and started again gives the same files, byte for byte.

As a script, with more moments:  python tests/faults/test_meta_train_faults.py 20
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tiny"))  # for the script; pytest has it there already
import planted

FILES = (
    "config.json", "model.safetensors", "training.jsonl", "summary.json", "run.toml", "provenance.json",
    "standardiser.safetensors", "README.md", "LICENSE",
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


def start(config: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "concept_align",
        "meta-train",
        "--config",
        str(config),
        "--out",
        str(out),
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(config: Path, out: Path) -> dict[str, bytes]:
    """Run to the end; the files it leaves."""
    process = start(config, out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES), "something was left behind"
    return {name: (out / name).read_bytes() for name in FILES}


def killed(config: Path, out: Path, seconds: float) -> bool:
    """Run and kill after ``seconds``; whether it was still running."""
    process = start(config, out)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def moments(folder: Path, learner: str, number: int, seed: int = 0) -> int:
    """Kill ``number`` times, each start going on from the last, then finish; how many kills struck.

    When a run was finished by then, the next begins in a new folder. Raises AssertionError where a run's
    files are not those of one that was never interrupted.
    """
    config = prepare(folder, learner)
    began = time.monotonic()
    expected = finish(config, folder / "whole")
    took = time.monotonic() - began
    rng = np.random.default_rng(seed)
    struck, out = 0, folder / "cut-0"
    for kill in range(number):
        # Most of a short run is start-up: aim at its later part.
        if killed(config, out, took * float(rng.uniform(0.3, 1.0))):
            struck += 1
        else:
            assert finish(config, out) == expected
            out = folder / f"cut-{kill + 1}"
    assert finish(config, out) == expected
    return struck


def test_killed_and_resumed_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    moments(tmp_path, "proto", 1)


@pytest.mark.slow
@pytest.mark.parametrize("learner", list(OPTIONS))
def test_often_killed_and_resumed_is_the_same_byte_for_byte(tmp_path: Path, learner: str) -> None:
    assert moments(tmp_path, learner, 3, seed=1) > 0


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for name in OPTIONS:
        with tempfile.TemporaryDirectory() as place:
            hit = moments(Path(place), name, wanted)
            print(f"{name}: killed {hit} times of {wanted}, the files are the same")
