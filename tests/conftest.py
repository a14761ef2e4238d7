"""Shapes of arrays are checked in every test; shared fixtures."""

import os
from pathlib import Path

import hypothesis
import pytest
import shapes

# Before the package is imported: only later imports are checked. CONCEPT_ALIGN_SHAPES=0 turns it off.
if os.environ.get("CONCEPT_ALIGN_SHAPES", "1") != "0":
    shapes.install("concept_align")

# A machine may be busy: no test is about time.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

REPOSITORY = Path(__file__).parent.parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: side by side, no process is left alone with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def _no_traces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is remembered of files stays in the tests' own folders."""
    os.environ["CONCEPT_ALIGN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def ud_release() -> Path:
    """A folder laid out as a UD release: $CONCEPT_ALIGN_UD, or shared/ud beside the repository."""
    folder = Path(os.environ.get("CONCEPT_ALIGN_UD", REPOSITORY.parent / "shared" / "ud"))
    if not folder.is_dir():
        pytest.skip("no UD release at hand: set CONCEPT_ALIGN_UD to a folder that holds UD_* treebanks")
    return folder


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered in a test is gone after it: other tests in this process may use the name."""
    from concept_align.correspondence.measures.custom import MEASURES
    from concept_align.icl.selectors import SELECTORS
    from concept_align.icl.tasks import TASK_READERS
    from concept_align.meta.engines.base import ENGINES
    from concept_align.meta.learners.base import LEARNERS

    for registry in (ENGINES, LEARNERS, MEASURES, SELECTORS, TASK_READERS):
        monkeypatch.setattr(registry, "_made", dict(registry._made))
