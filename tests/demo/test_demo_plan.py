import pytest

from concept_align.demo.settings import DemoConfig, assign_roles, check_writable, plan_demo
from concept_align.demo.stages import middle_layers
from concept_align.errors import UsageError
from concept_align.treebanks import registry


def test_roles_are_the_package_s_own_sets_as_far_as_present():
    roles = assign_roles({"en", "ru", "et", "tr", "xx"})
    assert (roles.train, roles.validation, roles.targets) == (("en", "ru"), ("et",), ("tr",))
    roles = assign_roles(registry.CODES)
    assert (roles.train, roles.validation, roles.targets) == (
        registry.TRAIN,
        registry.VALIDATION,
        registry.TARGETS,
    )


@pytest.mark.parametrize("present", [{"en", "de", "et"}, {"en", "et", "tr"}, {"de", "es", "et", "tr"}, set()])
def test_too_few_languages_are_refused(present):
    with pytest.raises(UsageError, match="too few languages"):
        assign_roles(present)


def test_only_files_of_languages_with_a_role_are_taken(tmp_path):
    planned = plan_demo(DemoConfig(out=tmp_path, langs=("en", "de", "et", "tr")))
    assert {file.language for file in planned.files} == {"en", "de", "et", "tr"}
    assert planned.mini


def test_models_get_short_names_that_differ(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place / "model").mkdir(parents=True)
    models = ["org/some-model", str(tmp_path / "a" / "model")]
    assert list(plan_demo(DemoConfig(model=tuple(models), out=tmp_path)).models) == [
        "org-some-model",
        "model",
    ]
    with pytest.raises(UsageError, match="two models would be called model"):
        plan_demo(DemoConfig(model=tuple(str(tmp_path / place / "model") for place in ("a", "b"))))


def test_a_folder_is_made_and_one_that_cannot_be_is_named(tmp_path):
    check_writable(tmp_path / "new" / "demo")
    assert (tmp_path / "new" / "demo").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write there"):
        check_writable(tmp_path / "file")


def test_middle_layers_exist_in_any_model():
    for layers in range(1, 40):
        assert all(1 <= layer <= layers for layer in middle_layers(layers))
    assert middle_layers(12) == (4, 8)
