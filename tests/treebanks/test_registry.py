import pytest

from concept_align.errors import UsageError
from concept_align.treebanks import discover, registry


def test_the_named_sets_have_their_published_sizes():
    assert len(registry.META_TRAIN) == 26
    assert len(registry.TARGETS) == 17
    assert len(registry.UDAPTER_TRAIN) == 13
    assert len(registry.UDAPTER_LOW_RESOURCE) == 30
    assert len(registry.PUD) == 21
    assert len(registry.select("all")) == 43


def test_training_validation_and_targets_are_disjoint():
    train, validation, targets = map(set, (registry.TRAIN, registry.VALIDATION, registry.TARGETS))
    assert not train & validation and not train & targets and not validation & targets
    assert train | validation == set(registry.META_TRAIN)
    assert not set(registry.UDAPTER_TRAIN) & set(registry.UDAPTER_LOW_RESOURCE)


def test_names_of_treebanks_and_prefixes_are_unique():
    names = [name.casefold() for e in registry.ENTRIES for name in (e.treebank, e.prefix)]
    assert len(names) == len(set(names))


def test_every_entry_follows_the_naming_of_ud():
    for entry in registry.ENTRIES:
        assert entry.treebank.startswith(f"UD_{entry.name.replace(' ', '_')}-")
        assert entry.prefix == f"{entry.language}_{entry.treebank.rpartition('-')[2].lower()}"
        assert entry.roles, entry
        assert len(entry.script) == 4 and entry.script.istitle()


def test_an_entry_is_found_by_folder_and_by_prefix():
    assert registry.find("UD_Chinese-GSDSimp") is registry.find("zh_gsdsimp")
    assert registry.find("is_modern").treebank == "UD_Icelandic-Modern"
    assert registry.find("cy_ccg").language == "cy"
    assert registry.find("en_ewtt") is None


def test_a_language_is_represented_by_its_core_treebank_and_not_by_pud():
    assert registry.language("en").treebank == "UD_English-EWT"
    assert registry.language("th").treebank == "UD_Thai-PUD"  # it has no other here
    assert registry.language("ga").branch == "celtic"
    with pytest.raises(UsageError):
        registry.language("xx")


def test_codes_keep_the_order_of_mention_and_come_once():
    assert registry.select("tr, en,DE,en") == ("tr", "en", "de")


def test_families_branches_and_scripts_select_their_languages():
    assert registry.select("family:Germanic", ["de", "en", "fi"]) == ("de", "en")
    assert {"hu", "et", "fi", "krl"} <= set(registry.select("family:uralic"))
    assert "hu" not in registry.select("family:finnic")
    assert "sr" not in registry.select("script:Cyrl") and "ru" in registry.select("script:cyrl")


def test_exclusions_apply_wherever_they_stand():
    assert registry.select("-en,de,en") == ("de",)
    assert set(registry.select("-family:slavic")) == set(registry.select("all")) - set(
        registry.select("family:slavic")
    )
    with pytest.raises(UsageError, match="leaves nothing"):
        registry.select("en,-en")


def test_a_set_is_limited_to_what_is_available():
    assert registry.select("targets", ["tr", "en", "vi"]) == ("tr", "vi")
    assert registry.select("all", ["tr", "en"]) == ("en", "tr")
    with pytest.raises(UsageError, match="here are: en"):
        registry.select("targets", ["en"])


def test_pud_selects_treebanks_and_not_languages():
    assert registry.select("pud")[0].endswith("-PUD")
    assert registry.select("pud", ["en", "UD_English-EWT", "UD_English-PUD"]) == ("UD_English-PUD",)


def test_named_treebanks_are_given_back_by_folder():
    assert registry.select("en_pud,UD_Greek-GDT") == ("UD_English-PUD", "UD_Greek-GDT")
    assert registry.select("sw_x", ["sw", "UD_Swahili-X"], {"sw_x": "UD_Swahili-X"}) == ("UD_Swahili-X",)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("enn", "did you mean en"),
        ("german", "say de"),
        ("family:germanik", "did you mean germanic"),
        ("script:latin", "did you mean latn"),
        ("en_ewtt", "en_ewt"),
        ("  ,", "no languages"),
        ("qqq", "known are"),
    ],
)
def test_a_wrong_name_is_refused_with_what_was_perhaps_meant(expression, says):
    with pytest.raises(UsageError) as caught:
        registry.select(expression)
    assert says in str(caught.value)


def test_a_known_language_that_is_not_there_is_told_from_an_unknown_one():
    with pytest.raises(UsageError, match="no treebank of Welsh"):
        registry.select("cy", ["en"])


def test_a_treebank_outside_the_registry_may_be_named_where_nothing_limits_the_choice():
    assert registry.select("UD_Swahili-Foo") == ("UD_Swahili-Foo",)


def test_the_registry_agrees_with_a_real_release(ud_release):
    files = discover.find_treebanks(ud_release, every=True)
    for file in files:
        entry = registry.find(file.treebank)
        assert (entry.language, file.path.name.split("-ud-")[0]) == (file.language, entry.prefix)
    licences = {"by-nc-sa": "NC", "noncommercial": "NC", "non-commercial": "NC"}
    for folder in {file.path.parent for file in files}:
        text = (folder / "LICENSE.txt").read_text(errors="replace").casefold()
        not_commercial = any(word in text for word in licences)
        assert not_commercial == ("NC" in (registry.find(folder.name).licence or "")), folder.name


def test_languages_may_be_a_list():
    assert registry.select(["de", "family:celtic"]) == registry.select("de,family:celtic")
    assert registry.select(("all", "-en")) == registry.select("-en")
    with pytest.raises(UsageError, match="did you mean") as caught:
        registry.select(["en", "enn"])
    assert caught.value.option == "langs"
    with pytest.raises(UsageError, match="no languages"):
        registry.select([])
