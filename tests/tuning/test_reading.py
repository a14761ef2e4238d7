import json
import random
import shutil

import pytest

from concept_align.errors import TreebankError, UsageError
from concept_align.treebanks.discover import find_treebanks, mini_treebanks
from concept_align.tuning.reading import read_pairs


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return str(path)


# --- tables ---


def test_a_table_has_a_row_a_meaning_and_an_empty_cell_is_missing(tmp_path):
    path = write(tmp_path, "t.tsv", "en\tde\tfi\nDogs bark.\tHunde bellen.\t\nRain.\t\tSade.\n")
    found = read_pairs(path)
    assert found.languages == ("en", "de", "fi")
    assert found.texts["de"] == {"1": "Hunde bellen."}
    assert found.pairs("en", "fi") == ("2",)


def test_the_order_of_columns_does_not_matter_and_ids_and_documents_may_be_given(tmp_path):
    path = write(tmp_path, "t.tsv", "\ufeffdoc\tde\tsent_id\ten\r\nd1\tHunde.\tx\tDogs.\r\n\td\ty\te\r\n")
    found = read_pairs(path)
    assert found.texts == {"de": {"x": "Hunde.", "y": "d"}, "en": {"x": "Dogs.", "y": "e"}}
    assert found.documents == {"x": "d1", "y": "y"}


def test_languages_may_be_called_as_iso_639_3_calls_them(tmp_path):
    assert read_pairs(write(tmp_path, "t.tsv", "eng\tcmn\nRain.\t雨。\n")).languages == ("en", "zh")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("en\tde\na\tb\tc\n", 2, "3 cells where the header has 2"),
        ("en\tde\na\n", 2, "1 cells where"),
        ("en\tde\na\tb\nc\rd\te\n", 3, "line end inside a text"),
        ("en\ten\na\tb\n", 1, "stands twice"),
        ("en\teng\na\tb\n", 1, "stands twice"),
        ("en\tid\tind\na\tb\tc\n", 1, "stands twice"),
        ("English\tde\na\tb\n", 1, "say en"),
        ("source\ttarget\na\tb\n", 1, "no code of a language"),
        ("en\na\n", 1, "two languages"),
        ("sent_id\ten\tde\nx\ta\tb\nx\tc\td\n", 3, "was in line 2"),
        ("sent_id\ten\tde\n\ta\tb\n", 2, "without its id"),
        ("id\ten\tde\n17\ta\tb\n", 1, "does not look like Indonesian"),
    ],
)
def test_a_table_that_is_not_one_is_refused_with_its_line(tmp_path, text, line, says):
    path = write(tmp_path, "t.tsv", text)
    with pytest.raises(UsageError, match=says) as caught:
        read_pairs(path)
    assert caught.value.where == f"{path}:{line}"


def test_a_column_called_id_is_indonesian(tmp_path):
    found = read_pairs(write(tmp_path, "t.tsv", "id\ten\nAnjing itu tidur.\tThe dog sleeps.\n"))
    assert found.texts["id"] == {"1": "Anjing itu tidur."}
    found = read_pairs(write(tmp_path, "t.tsv", "ind\ten\nTidur.\tSleep.\n"))
    assert found.languages == ("id", "en")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"en\tde\n\xff\tb\n", b"\x00"])
def test_what_is_no_text_is_refused(tmp_path, content):
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        read_pairs(str(path))


# --- aligned lines ---


def test_two_files_are_aligned_by_line(tmp_path):
    a, b = write(tmp_path, "a.txt", "Eins.\n\nDrei.\n"), write(tmp_path, "b.txt", "One.\nTwo.\nThree.")
    found = read_pairs(f"{a},{b}", pair_langs=["de", "en"])
    assert found.pairs("de", "en") == ("1", "3")
    assert found.texts["en"]["3"] == "Three."


def test_other_signs_that_end_lines_elsewhere_do_not_shift_the_lines(tmp_path):
    a = write(tmp_path, "a.txt", "Eins\u2028.\nZwei\x85.\nDrei\x0b\x0c.\n")
    b = write(tmp_path, "b.txt", "One.\nTwo.\nThree.\n")
    found = read_pairs(f"{a},{b}", pair_langs=["de", "en"])
    assert found.pairs("de", "en") == ("1", "2", "3")


def test_unequal_numbers_of_lines_and_missing_languages_are_refused(tmp_path):
    a, b = write(tmp_path, "a.txt", "Eins.\nZwei.\n"), write(tmp_path, "b.txt", "One.\n")
    with pytest.raises(UsageError, match=r"1 lines, where .*a.txt has 2"):
        read_pairs(f"{a},{b}", pair_langs=["de", "en"])
    for wrong in ([], ["de"], ["de", "de"], ["de", "en", "fr"], ["de", "x"]):
        with pytest.raises(UsageError) as caught:
            read_pairs(f"{a},{b}", pair_langs=wrong)
        assert caught.value.option == "pair_langs"


def test_lines_that_are_shifted_by_one_are_noted(tmp_path):
    rng = random.Random(0)
    lengths = [rng.randrange(2, 40) for _ in range(200)]
    a = [" ".join(["wort"] * n) for n in lengths]
    b = [" ".join(["word"] * n) for n in lengths]
    for lines, doubts in ((b, 0), (b[1:] + b[:1], 1)):
        one = write(tmp_path, "a.txt", "\n".join(a))
        two = write(tmp_path, "b.txt", "\n".join(lines))
        assert len(read_pairs(f"{one},{two}", pair_langs=["de", "en"]).notes) == doubts


# --- AFP's rows ---


def rows(folder, *found):
    return write(folder, "pairs.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in found))


def test_rows_of_afp_are_read_by_name_with_or_without_their_instructions(tmp_path):
    full = {"clm_prompt_len": 3, "sent1": "Rain.", "clm_text": "x y z", "sent0": "Regen."}
    path = rows(tmp_path, full, {"sent0": "Schnee.", "sent1": "Snow."})
    found = read_pairs(path, pair_langs=["de", "en"])
    assert found.texts == {"de": {"1": "Regen.", "2": "Schnee."}, "en": {"1": "Rain.", "2": "Snow."}}


def test_a_pair_that_is_repeated_is_one_meaning(tmp_path):
    one = {"sent0": "Regen.", "sent1": "Rain."}
    found = read_pairs(
        rows(tmp_path, one, one, {"sent0": "REGEN.", "sent1": "rain. "}), pair_langs=["de", "en"]
    )
    assert found.ids == ("1",)
    assert "2 rows repeat" in found.notes[0]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "object is expected, not list"),
        ('{"sent0": "a"}', "there is no 'sent1'"),
        ('{"sent0": "a", "sent1": 1}', "'sent1' is not text"),
        ("[" * 5000, "not JSON"),
        ('{"sent0": "\\ud800", "sent1": "b"}', "half of a character"),
    ],
)
def test_rows_that_are_none_are_refused_with_their_line(tmp_path, line, says):
    path = write(tmp_path, "pairs.jsonl", '{"sent0": "a", "sent1": "b"}\n' + line + "\n")
    with pytest.raises(UsageError, match=says) as caught:
        read_pairs(path, pair_langs=["de", "en"])
    assert caught.value.where.startswith(path)


# --- Tatoeba and PAWS-X ---


def test_tatoeba_pairs_each_language_with_its_own_english(tmp_path):
    for name, text in {
        "deu-eng.deu": "Regen.\nSchnee.\n",
        "deu-eng.eng": "Rain.\nSnow.\n",
        "cmn-eng.cmn": "雨。\n",
        "cmn-eng.eng": "Raining.\n",
    }.items():
        write(tmp_path, f"tatoeba.{name}", text)
    found = read_pairs(f"tatoeba:{tmp_path}")
    assert set(found.languages) == {"en", "de", "zh"}
    assert found.pairs("en", "de") == ("de:1", "de:2")
    assert found.texts["en"] == {"zh:1": "Raining.", "de:1": "Rain.", "de:2": "Snow."}
    assert found.pairs("de", "zh") == ()
    assert len(set(found.documents.values())) == 3


def test_paws_x_is_parallel_by_id_and_its_test_split_is_left_alone(tmp_path):
    for name, one, two in (("de", "Regen fällt.", "Es regnet."), ("en", "Rain falls.", "It rains.")):
        for split in ("dev", "test"):
            lines = ["id\tsentence1\tsentence2\tlabel", f"7\t{one}\t{two}\t1", "9\tNS\tx\t0", "10\ty\tz\t0"]
            write(tmp_path, f"{name}.{split}_2k.tsv", "\n".join(lines))
    found = read_pairs(f"paws-x:{tmp_path}")
    assert found.texts["de"] == {
        "7:1": "Regen fällt.",
        "7:2": "Es regnet.",
        "9:2": "x",
        "10:1": "y",
        "10:2": "z",
    }
    assert found.documents["7:1"] == found.documents["7:2"] == "7"
    assert "test split is left out" in found.notes[0]


@pytest.mark.parametrize("spec", ["tatoeba:{}", "paws-x:{}", "treebanks:{}", "tatoeba:{}/none"])
def test_a_folder_without_what_it_should_hold_is_refused(tmp_path, spec):
    with pytest.raises(UsageError) as caught:
        read_pairs(spec.format(tmp_path))
    assert caught.value.where and caught.value.remedy


@pytest.mark.parametrize("spec", ["", "x", "tatoeba:", "pairs.csv", "treebanks:"])
def test_what_names_no_translations_is_refused_with_what_would(spec):
    with pytest.raises(UsageError, match=r"treebanks:DIR.*FILE\.tsv"):
        read_pairs(spec)


def test_languages_are_named_where_the_files_do_not_and_nowhere_else(tmp_path):
    path = write(tmp_path, "t.tsv", "en\tde\na\tb\n")
    with pytest.raises(UsageError, match="names its languages itself"):
        read_pairs(path, pair_langs=["en", "de"])
    assert read_pairs(path, langs=["de", "en"]).languages == ("en", "de")
    with pytest.raises(UsageError, match="langs"):
        read_pairs(path, langs=["fr"])


# --- treebanks ---


def test_of_the_mini_treebanks_training_sentences_alone_are_read():
    found = read_pairs("mini", langs=["en", "de", "ja"])
    assert len(found.ids) == 24
    rest = find_treebanks("mini", ["en", "de", "ja"], splits=["dev", "test"])
    held = "\n".join(file.path.read_text("utf-8") for file in rest)
    assert not [one for one in found.ids if f"sent_id = {one}\n" in held]


def sentence(one, text, newdoc=None):
    begin = f"# newdoc id = {newdoc}\n" if newdoc else ""
    words = "".join(
        f"{n}\t{word}\t_\tNOUN\t_\t_\t{n - 1}\t{'root' if n == 1 else 'dep'}\t_\t_\n"
        for n, word in enumerate(text.split(), 1)
    )
    return f"{begin}# sent_id = {one}\n# text = {text}\n{words}\n"


def release(folder, **treebanks):
    """``de_pud=[(id, text, document), ...]``: a release of these treebanks' test splits."""
    names = {"de": "German", "en": "English", "fi": "Finnish"}
    for name, own in treebanks.items():
        code, short = name.split("_")
        path = folder / f"UD_{names[code]}-{short.upper()}" / f"{name}-ud-test.conllu"
        path.parent.mkdir(parents=True)
        path.write_text("".join(sentence(*one) for one in own), "utf-8")
    return f"treebanks:{folder}"


def numbered(count, seed, word, prefix="s"):
    rng = random.Random(seed)
    return [(f"{prefix}{n}", " ".join([word] * rng.randrange(1, 30))) for n in range(count)]


def test_of_several_treebanks_the_one_is_read_whose_sentences_are_translations(tmp_path):
    spec = release(
        tmp_path,
        de_gsd=numbered(300, 1, "a"),  # the ids of other treebanks, by chance
        de_pud=numbered(150, 0, "b"),
        en_ewt=numbered(300, 2, "c"),
        en_pud=numbered(150, 0, "d"),
        fi_tdt=numbered(300, 3, "e"),
    )
    found = read_pairs(spec)
    assert found.languages == ("de", "en")
    assert found.texts["de"]["s0"].startswith("b") and len(found.ids) == 150
    assert "no parallel treebank: fi" in found.notes[0]
    with pytest.raises(UsageError, match="no parallel treebanks"):
        read_pairs(spec, langs=["de", "fi"])
    named = read_pairs(spec, langs=["UD_German-GSD", "UD_English-PUD"])
    assert named.texts["de"]["s0"].startswith("a")
    assert "hardly correlate" in named.notes[-1]


def test_what_is_one_document_in_any_language_is_one(tmp_path):
    ids = ["n01001011", "n01001013", "w02002001", "x1", "x2", "x3"]
    told = ["n01001", None, "w02002", "book", None, "tale"]
    spec = release(
        tmp_path,
        de_pud=[(one, "ein wort", document) for one, document in zip(ids, told, strict=True)],
        en_pud=[(one, "a word") for one in ids],
    )
    documents = read_pairs(spec).documents
    assert documents["n01001011"] == documents["n01001013"] == "n01001"
    assert documents["x1"] == documents["x2"] == "book"
    assert len(set(documents.values())) == 4


def test_pud_has_documents_where_no_treebank_says_so(tmp_path):
    ids = ["n01001011", "n01001013", "w02002001"]
    spec = release(
        tmp_path, de_pud=[(one, "ein wort") for one in ids], en_pud=[(one, "a word") for one in ids]
    )
    assert set(read_pairs(spec).documents.values()) == {"n01001", "w02002"}


def test_an_id_that_stands_twice_is_refused(tmp_path):
    spec = release(tmp_path, de_pud=[("1", "a b"), ("2", "c"), ("1", "d")], en_pud=[("1", "a b"), ("2", "c")])
    with pytest.raises(TreebankError, match=r"de_pud-ud-test\.conllu:10, sentence 1"):
        read_pairs(spec)


def test_a_release_is_read_like_the_one_that_comes_with_the_package(tmp_path):
    for name in ("UD_English-Mini", "UD_German-Mini"):
        shutil.copytree(mini_treebanks() / name, tmp_path / name)
    assert read_pairs(f"treebanks:{tmp_path}").digest == read_pairs("mini", langs=["en", "de"]).digest


def test_the_parallel_treebanks_of_universal_dependencies(ud_release):
    found = read_pairs(f"treebanks:{ud_release}", langs=["pud"])
    common = [one for one in found.ids if all(one in own for own in found.texts.values())]
    assert (len(found.languages), len(common)) == (21, 996)
    assert len({found.documents[one] for one in common}) == 397
    assert not [note for note in found.notes if "correlate" in note]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_every_row_is_read_the_first_and_the_last_too(tmp_path, end):
    lines = [f"a{n}\tb{n}" for n in range(7)]
    found = read_pairs(write(tmp_path, "t.tsv", "\n".join(["en\tde", *lines]) + end))
    assert list(found.texts["de"].values()) == [f"b{n}" for n in range(7)]
    a = write(tmp_path, "a.txt", "\n".join(f"a{n}" for n in range(7)) + end)
    b = write(tmp_path, "b.txt", "\n".join(f"b{n}" for n in range(7)))
    assert len(read_pairs(f"{a},{b}", pair_langs=["en", "de"]).ids) == 7
    some = [json.dumps({"sent0": f"a{n}", "sent1": f"b{n}"}) for n in range(7)]
    path = write(tmp_path, "p.jsonl", "\n".join(some) + end)
    assert len(read_pairs(path, pair_langs=["en", "de"]).ids) == 7
