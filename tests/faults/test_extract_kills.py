import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("extract_kills", Path(__file__).with_name("extract_kills.py"))
assert SPEC is not None
assert SPEC.loader is not None
kills = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(kills)


def test_an_extraction_killed_at_random_moments_ends_with_the_same_bytes(tmp_path):
    assert len(kills.at_random(tmp_path, moments=4, seed=1)) == 4


def test_an_extraction_killed_between_steps_on_the_disk_ends_with_the_same_bytes(tmp_path):
    assert kills.at_every_step(tmp_path, stride=13) > 8


@pytest.mark.slow
def test_an_extraction_killed_at_twenty_moments_and_before_every_step_ends_with_the_same_bytes(tmp_path):
    kills.at_random(tmp_path / "random", moments=20, seed=0)
    kills.at_every_step(tmp_path / "steps")
