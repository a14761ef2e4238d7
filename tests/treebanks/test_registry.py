import pytest

from concept_align.errors import UsageError
from concept_align.treebanks import discover, registry
from concept_align.treebanks.manifest import read_manifest


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
    stand_ins = {  # Hindi-PUD in the place of Hindi-HDTB, with its licence
        name
        for name, listed in (read_manifest(ud_release) or {"treebanks": {}})["treebanks"].items()
        if "PUD" in listed.get("how", "") and not name.endswith("-PUD")
    }
    for folder in {file.path.parent for file in files if file.treebank not in stand_ins}:
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


def test_every_language_of_universal_dependencies_has_a_family_whether_or_not_its_treebanks_are_here():
    for code, branch in {"hr": "slavic", "sl": "slavic", "da": "germanic", "ka": "kartvelian"}.items():
        assert registry.known(code).branch == branch and code not in registry.CODES
    assert registry.known("UD_Czech-CLTT").language == registry.known("cs_cltt").language == "cs"
    assert registry.known("UD_Old_Russian-TOROT") == registry.known("UD_Old_East_Slavic-RNC")
    assert registry.known("sr").script == "Latn" and registry.known("UD_Serbian-SET").script == "Latn"
    for name in ("xx", "UD_Klingon-X", "xx_y", "hr_", "_", "", "hr-x"):
        assert registry.known(name) is None and registry.family(name) is None, name
    for entry in registry.ENTRIES:
        assert registry.family(entry.treebank) == registry.family(entry.language) == entry.family


def test_facts_of_languages_are_written_as_they_are_asked_for():
    languages = registry._LANGUAGES.values()
    assert len(languages) > 180
    for one in languages:
        assert one.language.islower() and 2 <= len(one.language) <= 3
        assert len(one.script) == 4 and one.script.istitle()
        assert bool(one.family) == bool(one.branch)
        assert all(part == part.lower() and " " not in part for part in (one.family, one.branch))
        assert registry._TREEBANK_NAME.fullmatch(f"UD_{one.name.replace(' ', '_')}-X")


def test_treebanks_that_switch_between_families_have_none():
    assert registry.known("qtd").name == "Turkish German" and registry.family("qtd") is None


def test_a_family_takes_in_languages_that_have_no_treebank_in_the_registry():
    here = ["hr", "sl", "ru", "en", "UD_Czech-CLTT", "cs"]
    assert set(registry.select("family:slavic", here)) == {"hr", "sl", "ru", "cs"}
    assert registry.select("all,-family:slavic", here) == ("en",)
    assert registry.select("script:geor", ["ka", "en"]) == ("ka",)


@pytest.mark.parametrize("asked", ["family:slavic", "-family:slavic", "script:latn"])
def test_a_language_whose_relatives_are_not_known_is_named_where_families_are_asked_for(asked):
    with pytest.warns(UserWarning, match=r"the (family|script) of xx is not known"):
        assert ("xx" in registry.select(asked, ["ru", "pl", "en", "xx"])) == asked.startswith("-")
    registry.select("family:slavic", ["ru", "en"])  # warnings are errors in tests
    registry.select("all", ["ru", "xx"])


@pytest.mark.parametrize(
    ("expression", "available", "says"),
    [
        ("hr", None, "UD_Croatian-NAME"),
        ("hr", ["en"], "there is no treebank of Croatian"),
        ("croatian", ["en"], "say hr"),
        ("UD_Spanish-AnCora", ["es", "de"], "there is no treebank UD_Spanish-AnCora here"),
        ("es_ancora", ["es", "de"], "there is no treebank es_ancora here"),
        ("UD_Spanish-AnCorra", ["es", "UD_Spanish-AnCora"], "no treebank UD_Spanish-AnCorra here"),
        ("UD_Klingon-KTB", ["kk", "UD_Kazakh-KTB"], "did you mean UD_Kazakh-KTB"),
    ],
)
def test_what_is_not_there_is_told_from_what_is_not_known(expression, available, says):
    with pytest.raises(UsageError, match=says):
        registry.select(expression, available)


def test_a_treebank_of_any_language_is_found_by_the_prefix_of_its_files():
    here = ["es", "UD_Spanish-GSD", "UD_Spanish-AnCora"]
    assert registry.select("es_ancora,es_gsd", here) == ("UD_Spanish-AnCora", "UD_Spanish-GSD")


def test_licences_of_treebanks_that_may_not_be_sold_say_so():
    assert all(entry.licence for entry in registry.ENTRIES)
    for name in ("UD_Hindi-HDTB", "UD_Mbya_Guarani-Thomas"):
        assert registry.find(name).licence == "CC-BY-NC-SA-4.0"
