import json
import re

import mini_aligner
import pytest
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.errors import ConceptAlignError, LearningError, ModelError, TreebankError, UsageError
from concept_align.treebanks import conllu
from concept_align.treebanks.concepts import UPOS


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aligners")
    store = mini_aligner.write_store(folder / "store")
    mini_aligner.train(store, folder / "upos")
    mini_aligner.train(store, folder / "relation", task="relation")
    return folder


def run(*arguments, stdin=None):
    result = CliRunner().invoke(app, ["classify", *map(str, arguments)], input=stdin)
    if isinstance(result.exception, ConceptAlignError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def test_plain_text_becomes_conllu_that_reads_back(folders, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("Der alte Hund schläft.\n\nEr geht nicht.\n", encoding="utf-8")
    out = tmp_path / "out.conllu"
    result = run(folders / "upos", text, "--out", out)
    assert result.stdout == ""
    assert "9 words only" in result.stderr
    corpus = conllu.read(out, language="de", split="test")
    assert list(corpus.texts) == ["Der alte Hund schläft.", "Er geht nicht."]
    assert list(corpus.sent_ids) == ["1", "3"]
    assert (corpus.upos >= 0).all()
    line = out.read_text(encoding="utf-8").splitlines()[5]
    assert line.startswith("4\tschläft\t_\t")
    assert "\tSpaceAfter=No|Prob=" in line
    assert corpus.rebuilt == 0


def test_stdin_and_words_between_spaces(folders):
    result = run(folders / "upos", "-", "--pretokenised", "--json", stdin="A dog .\n")
    (sentence,) = json.loads(result.stdout)["sentences"]
    assert [word["form"] for word in sentence["words"]] == ["A", "dog", "."]
    assert all(word["label"] in UPOS and 0 < word["probability"] <= 1 for word in sentence["words"])


def test_conllu_keeps_all_but_what_was_asked_for(folders):
    path = mini_aligner.treebank("tr", "test")
    support = mini_aligner.treebank("tr", "dev")
    result = run(
        folders / "relation", path, "--support", support, "--unlabelled", mini_aligner.treebank("tr", "train")
    )
    before, after = path.read_text("utf-8").splitlines(), result.stdout.splitlines()
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        one, two = old.split("\t"), new.split("\t")
        assert one[:7] == two[:7]
        if one[0].isdecimal():
            assert one[8] == two[8]
            assert float(two[9].rpartition("Prob=")[2]) > 0
        else:
            assert old == new
    assert re.search(r"72 words had labels: accuracy \d\d\.\d%, macro-F1 \d\d\.\d%", result.stderr)


def test_json_tells_the_agreement_with_gold_labels(folders):
    found = json.loads(run(folders / "upos", mini_aligner.treebank("de", "test"), "--json").stdout)
    assert found["task"] == "upos"
    assert found["agreement"]["accuracy"] > 0.5
    assert 0 < found["agreement"]["macro_f1"] < 1
    assert sum(len(sentence["words"]) for sentence in found["sentences"]) == found["agreement"]["words"]


def test_conllu_on_stdin_is_read_as_conllu(folders, tmp_path):
    path = mini_aligner.treebank("de", "dev")
    found = run(folders / "upos", "-", stdin=path.read_text("utf-8"))
    assert found.stdout == run(folders / "upos", path).stdout
    assert "words had labels: accuracy" in found.stderr


def test_output_is_the_input_but_for_the_cells_asked_for_and_reads_back(folders, tmp_path):
    text = "\ufeff# sent_id = 1\r\n1\tDer\t_\tDET\t_\t_\t2\tdet\t_\ta\rb||c\r\n"
    text += "2\tHund\tx\ry\tN\t_\t_\t0\tROOT\t_\t_"
    path, out = tmp_path / "odd.txt", tmp_path / "out.conllu"
    path.write_bytes(text.encode())
    result = run(folders / "upos", path, "--out", out)
    first, second = re.findall(r"Prob=\d\.\d\d", out.read_text("utf-8"))
    words = conllu.read(out, language="de", split="test", strict=())
    labels = [UPOS[code] for code in words.upos]
    expected = text.replace("a\rb||c", f"a\rb||c|{first}").replace(
        "_\t_\t0\tROOT\t_\t_", f"_\t_\t0\tROOT\t_\t{second}"
    )
    expected = expected.replace("\tDET\t", f"\t{labels[0]}\t").replace("\tN\t", f"\t{labels[1]}\t")
    assert out.read_bytes() == expected.encode()
    assert "UPOS: 1 words have labels that are not of Universal Dependencies" in result.stderr
    assert "DEPREL: 1 words have labels that are not of Universal Dependencies" in result.stderr
    packed = tmp_path / "out.conllu.gz"
    run(folders / "upos", path, "--out", packed)
    assert list(conllu.read(packed, language="de", split="test", strict=()).forms) == ["Der", "Hund"]


def test_a_packed_file_is_filled_as_a_plain_one(folders, tmp_path):
    import gzip

    path = mini_aligner.treebank("de", "dev")
    (tmp_path / "de.conllu.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert run(folders / "upos", tmp_path / "de.conllu.gz").stdout == run(folders / "upos", path).stdout


def test_relations_of_text_without_heads_are_refused_by_file_and_sentence(folders, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("A dog.\n")
    with pytest.raises(TreebankError, match=r"word 1 'A' has no head") as caught:
        run(folders / "relation", text)
    assert f"{text}:1, sentence 1" in str(caught.value)


def test_what_cannot_be_classified_is_refused_before_the_model_is_loaded(folders, tmp_path, monkeypatch):
    from concept_align.apply import recorded as model

    monkeypatch.setattr(model, "load_model", lambda *a, **k: pytest.fail("the model was loaded"))
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(UsageError, match="no sentence"):
        run(folders / "upos", empty)
    support = tmp_path / "support.conllu"
    support.write_text("1\tA\t_\tDETT\t_\t_\t0\troot\t_\t_\n\n")
    with pytest.raises(TreebankError, match="unknown UPOS 'DETT'"):
        run(folders / "upos", mini_aligner.treebank("de", "test"), "--support", support)
    with pytest.raises(LearningError, match="no aligner here"):
        run(tmp_path, mini_aligner.treebank("de", "test"))


def test_another_model_is_refused(folders):
    with pytest.raises(ModelError, match="not the model that the aligner learned from"):
        run(folders / "upos", mini_aligner.treebank("de", "test"), "--model", "mini-decoder")


def test_a_feature_is_filled_into_feats(folders, tmp_path):
    store = folders / "store"
    mini_aligner.train(store, tmp_path / "number", task="feature:Number")
    found = run(tmp_path / "number", mini_aligner.treebank("de", "test")).stdout
    rows = [
        line.split("\t") for line in found.splitlines() if line[:1].isdigit() and "-" not in line.split()[0]
    ]
    assert all("Number=" in row[5] for row in rows)
    assert all(row[5].split("|") == sorted(row[5].split("|"), key=str.casefold) for row in rows)


def test_the_card_tells_how_and_of_what_it_was_made(folders, tmp_path):
    card = (folders / "upos" / "README.md").read_text("utf-8")
    assert card.startswith("---\nlibrary_name: concept-align\nlicense: cc-by-nc-sa-4.0\n")
    assert "| fr | UD_French-Mini |" in card
    assert "| et | UD_Estonian-Mini | see its LICENSE.txt | chose the model |" in card
    assert "classify FOLDER" in card
    assert "CC-BY-NC-SA-4.0" in (folders / "upos" / "LICENSE").read_text()
    size = sum(path.stat().st_size for path in (folders / "upos").iterdir())
    assert size < 100_000


def test_names_in_a_card_are_text_and_no_html(folders):
    from concept_align.meta.card import card

    facts = json.loads((folders / "upos" / "provenance.json").read_text())
    summary = json.loads((folders / "upos" / "summary.json").read_text())
    made = {"options": {"hidden": 0, "note": "<b>"}, "seed": 0}
    before = card(facts, summary, **made)
    facts["store"]["model"] = odd = "<script>alert(1)<script> | `x`\n# y"
    facts["treebanks"]["de"] = "UD_<img src=x onerror=y>|-Z"
    text = card(facts, summary, **made)
    assert "<script" not in text and "<img" not in text and "\n# y" not in text
    assert "| UD_&lt;img src=x onerror=y&gt;\\|-Z |" in text
    assert text.count("\n") == before.count("\n")
    assert "&lt;script&gt;" in text and odd not in text


def test_a_readme_of_somebody_else_is_left_alone(folders, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"did not write this folder \(it holds README\.md\)"):
        mini_aligner.train(folders / "store", tmp_path)
    made = mini_aligner.train(folders / "store", tmp_path / "made")
    (made / "README.md").write_text("mine")
    mini_aligner.train(folders / "store", made, force=True)
    assert (made / "README.md").read_text() == "mine"
    assert (made / "LICENSE").exists()


def test_what_is_read_is_not_written_over(folders, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("A dog sleeps.\n")
    with pytest.raises(UsageError, match="is read, too"):
        run(folders / "upos", text, "--out", text)
    assert text.read_text() == "A dog sleeps.\n"


def test_a_file_that_is_there_is_written_over_by_force_alone(folders, tmp_path):
    text, out = tmp_path / "text.txt", tmp_path / "thesis.txt"
    text.write_text("A dog sleeps.\n")
    out.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        run(folders / "upos", text, "--out", out)
    assert out.read_text() == "mine"
    run(folders / "upos", text, "--out", out, "--force")
    assert out.read_text() != "mine"
