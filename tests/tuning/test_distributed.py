"""Processes that torchrun starts tune the model that one process tunes, and one of them writes."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tiny_tuning
import torch
from safetensors.torch import load_file

from concept_align.tuning.run import tune

ROOT = Path(__file__).parent.parent.parent
LAUNCH = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
    "accelerate": [
        "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1",
        "--main_process_port", "0",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    given = tiny_tuning.tiny_run(tmp_path_factory.mktemp("tiny"))
    return {**given, "batch": 7, "lr": 1e-3, "seed": 3}


@pytest.fixture(scope="module")
def alone(given, tmp_path_factory):
    torch.set_num_threads(1)
    return tune(out=tmp_path_factory.mktemp("alone") / "out", **{**given, "evaluate": "none"})


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCH)
def test_two_processes_tune_the_model_of_one(given, alone, tmp_path, launcher):
    pytest.importorskip("accelerate" if launcher == "accelerate" else "torch")
    words = tiny_tuning.words({**given, "out": tmp_path / "out", "evaluate": "none"})
    command = [sys.executable, "-m", *LAUNCH[launcher], "-m", "concept_align", "tune", *words, "--no-figures"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("tuned in") == 1
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    for name in ("contrast", "accuracy", "answers", "retention", "loss", "norm"):
        assert history[name].tolist() == pytest.approx(alone.history[name].tolist(), rel=1e-4, abs=1e-5), name
    one, two = (
        load_file(f / "adapter" / "adapter_model.safetensors") for f in (alone.folder, tmp_path / "out")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-5, rtol=1e-3)


def test_a_run_of_two_processes_goes_on_with_one(given, alone, tmp_path):
    """What decides a run is not how many processes compute it."""
    from concept_align.checkpoint import read_checkpoint
    from concept_align.tuning.checkpoint import NAME
    from concept_align.tuning.plan import TunePlan
    from concept_align.tuning.settings import TuneConfig

    assert not {"world", "processes"} & {*TunePlan.of(alone.config).identity()}
    assert read_checkpoint(tmp_path / NAME, {}) is None and TuneConfig
