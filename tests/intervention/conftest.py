"""The mini models with their heads, their states of a few languages, and a text to be read."""

from dataclasses import dataclass

import pytest

import concept_align as ca
from concept_align.icl.whole import open_whole
from concept_align.intervention.texts import TargetText, target_text
from concept_align.models.frozen import FrozenModel
from concept_align.models.rerun import Rerun
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.treebanks import conllu
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks

LANGUAGES = ["de", "en", "es", "pt"]


@dataclass(frozen=True)
class Read:
    """A model that reads Spanish, and the store that its states are in."""

    model: FrozenModel
    rerun: Rerun
    store: ca.Store

    def source(self, task: str = "upos", layer: int = 4, **how: object) -> FeatureSource:
        return FeatureSource(self.store, FeatureSpec(task, (layer,), **how))

    def text(self, task: str = "upos", **how: object) -> TargetText:
        return target_text(self.model, spanish()[-1], self.source(task).task, **how)


def spanish() -> list[Corpus]:
    return [conllu.read(file.path) for file in find_treebanks("mini", ["es"])]


@pytest.fixture(scope="session")
def corpora() -> list[Corpus]:
    return spanish()


@pytest.fixture(scope="module", params=["mini-decoder", "mini-encoder"])
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Read:
    return opened(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Read:
    return opened("mini-decoder", tmp_path_factory)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Read:
    return opened("mini-encoder", tmp_path_factory)


def opened(name: str, paths: pytest.TempPathFactory) -> Read:
    folder = paths.mktemp(name) / "store"
    store = ca.extract(name, "mini", folder, langs=LANGUAGES, layers=[2, 4], save_dtype="float32")
    model = open_whole(name, device="cpu")
    return Read(model, Rerun(model), store)
