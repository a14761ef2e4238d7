"""Several processes find the gradient of one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import gathered_worker
import pytest
import torch
from safetensors.torch import load_file

from concept_align.tuning.gathered import gathered, reduce_gradients

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_the_gradient_of_several_processes_is_that_of_one(tmp_path):
    processes, rows = 2, 7  # one has a row more
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    paths = [str(ROOT), str(ROOT / "tests" / "tiny")]
    common = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths), "WORLD_SIZE": str(processes), "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    command = [sys.executable, gathered_worker.__file__, str(tmp_path / "found"), str(rows)]
    workers = [
        subprocess.Popen(command, env=common | {"RANK": str(number)}, stderr=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    said = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * processes, said
    found, expected = load_file(tmp_path / "found"), gathered_worker.gradients(rows)
    assert found.keys() == expected.keys()
    for name, one in expected.items():
        torch.testing.assert_close(found[name], one, atol=1e-9, rtol=1e-9)
    assert max(float(one.abs().max()) for one in expected.values()) > 1e-3


def test_one_process_gathers_its_own():
    own = torch.randn(3, 4, requires_grad=True)
    assert gathered(own, 3) is own
    reduce_gradients([torch.nn.Parameter(own)])
