"""A folder of a finished run is read with what it says of itself; anything else is refused."""

import pytest

from concept_align import atomic
from concept_align.config import to_toml
from concept_align.errors import LearningError
from concept_align.integrity import write_sums
from concept_align.tuning.settings import TuneConfig
from concept_align.tuning.tuned import SUMMED, Tuned


@pytest.fixture
def folder(tmp_path):
    atomic.write_text(tmp_path / "run.toml", to_toml(TuneConfig(model="mini-decoder", pairs="mini", seed=3)))
    atomic.write_json(tmp_path / "provenance.json", {"seen": ["de", "en"]})
    atomic.write_text(tmp_path / "history.csv", "step,loss\n1,2.5\n2,2.25\n")
    write_sums(tmp_path, SUMMED)
    return tmp_path


def test_what_a_run_left_is_read(folder):
    tuned = Tuned.load(folder)
    assert tuned.config.seed == 3 and tuned.facts["seen"] == ["de", "en"]
    assert tuned.history["loss"].tolist() == [2.5, 2.25]
    assert tuned.before_after.empty and tuned.model is None and tuned.adapter is None


@pytest.mark.parametrize("name", ["run.toml", "provenance.json", "history.csv"])
def test_a_changed_or_missing_file_is_named(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(LearningError) as caught:
        Tuned.load(folder)
    assert name in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(LearningError):
        Tuned.load(folder)


def test_a_run_that_is_not_finished_is_none(folder):
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(LearningError, match="no finished run"):
        Tuned.load(folder)
