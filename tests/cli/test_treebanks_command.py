import json

import pytest

from concept_align import cli

SENTENCE = """# sent_id = {id}
# text = Go home.
1\tGo\tgo\tVERB\t_\t_\t0\troot\t_\t_
2\thome\thome\tADV\t_\t_\t1\tadvmod\t_\tSpaceAfter=No
3\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_

"""


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "ud" / "UD_English-EWT"
    folder.mkdir(parents=True)
    for split, count in (("train", 3), ("test", 2)):
        text = "".join(SENTENCE.format(id=f"{split}-{i}") for i in range(count))
        (folder / f"en_ewt-ud-{split}.conllu").write_text(text)
    return tmp_path / "ud"


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["concept-align", "treebanks", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        shown = capsys.readouterr()
        return end.value.code or 0, shown.out, shown.err

    return run


def data(result):
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def test_list_shows_the_registry(run):
    code, out, _ = run("list")
    assert code == 0
    assert "UD_Chinese-GSDSimp" in out and "UD_Akkadian-PISANDUB" in out
    assert max(map(len, out.splitlines())) <= 160


def test_list_says_what_is_here_and_takes_in_what_the_registry_does_not_know(run, release):
    other = release / "UD_Klingon-Foo"
    other.mkdir()
    (other / "tlh_foo-ud-test.conllu").write_text("")
    rows = {row["treebank"]: row for row in data(run("list", "-t", release, "--json"))}
    assert rows["UD_English-EWT"]["here"] == ["train", "test"]
    assert rows["UD_English-EWT"]["licence"] == "CC-BY-SA-4.0"
    assert rows["UD_Basque-BDT"]["here"] == []
    assert rows["UD_Klingon-Foo"]["language"] == "tlh" and rows["UD_Klingon-Foo"]["family"] == ""


def test_list_shows_only_the_languages_asked_for(run):
    rows = data(run("list", "--langs", "family:celtic,en_pud", "--json"))
    assert [row["treebank"] for row in rows] == [
        "UD_Breton-KEB", "UD_Welsh-CCG", "UD_English-PUD", "UD_Irish-IDT",
    ]  # fmt: skip


def test_verify_reads_everything_and_is_content(run, release):
    code, out, err = run("verify", "-t", release)
    assert (code, out) == (0, "")
    assert "2 files of 1 treebanks read, 5 sentences, 15 words; 0 compared" in err


def test_verify_names_a_broken_file_and_exits_with_1(run, release):
    path = release / "UD_English-EWT" / "en_ewt-ud-test.conllu"
    path.write_text(path.read_text().replace("\t1\tadvmod", "\t9\tadvmod"))
    code, out, err = run("verify", "-t", release, "--json")
    problems = {check["split"]: check["problems"] for check in json.loads(out)}
    assert code == 1 and problems["train"] == [] and "en_ewt-ud-test.conllu:" in problems["test"][0]
    assert "1 of 2 files" in err


def test_verify_compares_with_the_manifest_and_misses_what_it_lists(run, release):
    files = {
        "en_ewt-ud-train.conllu": {"sentences": 3, "words": 10, "sha256": "0" * 64},
        "en_ewt-ud-dev.conllu": {"sentences": 3},
    }
    manifest = {"release": "x", "treebanks": {"UD_English-EWT": {"files": files}}}
    (release / "MANIFEST.json").write_text(json.dumps(manifest))
    code, out, _ = run("verify", "-t", release, "--json")
    problems = {check["path"].rpartition("/")[2]: check["problems"] for check in json.loads(out)}
    assert code == 1
    assert any("SHA-256" in text for text in problems["en_ewt-ud-train.conllu"])
    assert any("9 words, 10 in" in text for text in problems["en_ewt-ud-train.conllu"])
    assert problems["en_ewt-ud-test.conllu"] == []
    assert "missing" in problems["en_ewt-ud-dev.conllu"][0]


def test_stats_count_words_and_concepts(run, release):
    rows = data(run("stats", "-t", release, "--json"))
    assert [(row["split"], row["sentences"], row["words"]) for row in rows] == [
        ("train", 3, 9),
        ("test", 2, 6),
    ]
    assert rows[0]["upos"] == {"ADV": 3, "PUNCT": 3, "VERB": 3}
    assert rows[1]["relations"] == {"advmod": 2, "punct": 2, "root": 2}
    code, out, _ = run("stats", "-t", release, "--task", "relation", "--top", "1")
    assert code == 0 and "advmod 33" in out


def test_fetch_can_say_what_it_would_do(run, tmp_path):
    plan = data(run("fetch", "--dry-run", "--langs", "en,pud", "--out", tmp_path / "new", "--json"))
    assert len(plan["wanted"]) == 22 and not plan["complete"] and not plan["downloaded"]
    assert not (tmp_path / "new").exists()


def test_fetch_of_what_is_there_does_nothing_offline(run, release):
    done = data(run("fetch", "--langs", "en", "--out", release, "--offline", "--json"))
    assert done["present"] == ["UD_English-EWT"] and done["written"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["list", "--langs", "enn"], 2, "did you mean en"),
        (["stats", "-t", "nowhere"], 2, "no such file"),
        (["fetch", "--release", "2.11"], 2, "--sha256"),
        (["fetch", "--offline", "--out", "{here}"], 1, "put https://"),
        (["stats", "-t", "{here}", "--task", "lemma"], 2, "upos or relation"),
        (["verify"], 2, "--treebanks"),
    ],
)
def test_what_goes_wrong_is_said_without_a_traceback(run, tmp_path, arguments, code, says):
    found, out, err = run(*[argument.format(here=tmp_path) for argument in arguments])
    assert (found, out) == (code, "")
    assert says in err and "Traceback" not in err


def test_real_treebanks_are_as_their_manifest_says(run, ud_release):
    if not (ud_release / "MANIFEST.json").exists():
        pytest.skip("the release at hand has no MANIFEST.json")
    checks = data(run("verify", "-t", ud_release, "--langs", "en,ar,zh_pud,mr", "--json"))
    assert len(checks) == 10 and all(check["listed"] and not check["problems"] for check in checks)
