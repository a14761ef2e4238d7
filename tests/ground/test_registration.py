from importlib.metadata import EntryPoint, EntryPoints

import pytest

from concept_align import registration
from concept_align.errors import UsageError
from concept_align.registration import Registry, suggest


@pytest.fixture
def registry():
    return Registry("thing", option="thing", entry_point_group="none", builtin={"lists": "builtins:list"})


def test_what_is_built_in_is_imported_when_asked_for(registry):
    assert registry.get("lists") is list and registry.names() == ("lists",)


def test_a_decorated_thing_is_known_by_its_name(registry):
    @registry.register("own")
    def own():
        return 7

    assert registry.get("own")() == 7 and registry.names() == ("lists", "own")


def test_a_name_that_is_taken_is_refused(registry):
    with pytest.raises(UsageError, match="exists already"):
        registry.register("lists")(dict)


def test_the_same_definition_run_again_replaces_itself(registry):
    for value in (1, 2):

        @registry.register("own")
        def own(value=value):
            return value

    assert registry.get("own")() == 2


def test_an_unknown_name_is_told_its_nearest(registry):
    with pytest.raises(UsageError, match="unknown thing 'list'") as raised:
        registry.get("list")
    assert raised.value.option == "thing" and raised.value.remedy == "did you mean 'lists'?"


def test_packages_offer_things_by_entry_points(registry, monkeypatch):
    offered = EntryPoints([EntryPoint("theirs", "collections:OrderedDict", "none")])
    monkeypatch.setattr(registration, "entry_points", lambda group: offered)
    assert registry.names() == ("lists", "theirs")
    assert registry.get("theirs").__name__ == "OrderedDict"


def test_where_nothing_is_near_all_names_are_told():
    assert suggest("zzz", ["upos", "relation"]) == "use upos, relation"
    assert suggest("UPOS", ["upos", "relation"]) == "did you mean 'upos'?"
