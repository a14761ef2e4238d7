"""Examples in docstrings run, and every public name has one."""

import doctest
import importlib
import inspect
import shutil
from pathlib import Path

import pytest

import concept_align as ca

PACKAGE = Path(__file__).parent.parent / "concept_align"
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What examples take as given: ``runs/store`` and ``runs/probe``, an aligner trained on it."""
    folder = tmp_path_factory.mktemp("examples") / "runs"
    langs = ["de", "en", "et", "tr"]
    store = ca.extract("mini-encoder", ca.mini_treebanks(), folder / "store", langs=langs, layers=[2, 3])
    ca.meta_train(store, layers=[3], learner="source-probe", out=folder / "probe")
    return folder


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"tmp": tmp_path}, optionflags=FLAGS)
    assert failed == 0


def test_every_public_function_has_an_example() -> None:
    for name in ca.__all__:
        thing = getattr(ca, name)
        if inspect.isroutine(thing):
            examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
            needs_network = name == "fetch_treebanks"
            skipped = [example for example in examples if example.options.get(doctest.SKIP)]
            assert examples, name
            assert needs_network or not skipped, name
