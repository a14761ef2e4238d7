import dataclasses
import shutil

import mini_aligner
import numpy as np
import pytest
import torch
from fake_model import FakeModel

from concept_align.apply import TextAligner
from concept_align.apply import aligner as module
from concept_align.apply.doubts import of_entropy, of_labels, of_tokens
from concept_align.apply.recorded import load_recorded
from concept_align.errors import LearningError, ModelError, UsageError
from concept_align.evaluation.aligners import read_aligner
from concept_align.meta.learners.base import Aligner
from concept_align.meta.reference import NAME, UsualEntropy, entropies_of, read_reference
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.treebanks.concepts import UPOS
from concept_align.treebanks.registry import TARGETS


@pytest.fixture(scope="module")
def upos(mini):
    return TextAligner.from_pretrained(mini.upos, mini.model)


@pytest.mark.parametrize(("name", "shots"), [("upos", 0), ("upos", 4), ("relation", 4), ("beside", 0)])
def test_text_gives_the_scores_that_a_store_gives(mini, name, shots):
    folder = getattr(mini, name)
    source = FeatureSource(Store.open(mini.store), read_aligner(folder).features)
    support = source.load("tr", "dev") if shots else None
    expected = Aligner.from_pretrained(folder).adapt(support).scores(source.load("tr", "test").x)
    text = TextAligner.from_pretrained(folder, mini.model)
    classifier = text.adapt(
        mini.treebank("tr", "dev") if shots else None, unlabelled=mini.treebank("tr", "train")
    )
    found = classifier.classify(mini.treebank("tr", "test"))
    torch.testing.assert_close(found.scores, expected, atol=1e-4, rtol=1e-4)
    gold = source.load("tr", "test").y.numpy()
    assert found.agreement().accuracy == pytest.approx((found.codes == gold).mean())
    assert not found.notes


def test_the_aligner_knows_more_than_the_commonest_class(mini, upos):
    found = upos.adapt(unlabelled=mini.treebank("de", "train")).classify(mini.treebank("de", "test"))
    assert found.agreement().accuracy > 0.5


def test_words_in_lists_get_a_label_each_and_few_words_are_told(upos):
    classifier = upos.adapt()
    with pytest.warns(UserWarning, match="from 7 words only, drawn towards"):
        labels = classifier.predict([["Der", "Hund", "schläft", "."], "Er geht."])
    assert [len(sentence) for sentence in labels] == [4, 3]
    assert {label for sentence in labels for label in sentence} <= set(UPOS)
    assert labels[0][3] == labels[1][2] == "PUNCT"
    with pytest.warns(UserWarning, match="only"):
        (first, second) = classifier.predict_proba([["Der", "Hund", "schläft", "."], "Er geht."])
    assert first.shape == (4, 17)
    np.testing.assert_allclose(second.sum(1), 1, rtol=1e-5)


def test_without_adapting_it_is_zero_shot(mini, upos):
    with pytest.warns(UserWarning, match="4 words only") as caught:
        labels = upos.predict([["Der", "Hund", "schläft", "."]])
    assert caught[0].filename == __file__
    assert labels == upos.adapt().classify([["Der", "Hund", "schläft", "."]]).labels()


def test_they_show_what_they_are(mini, upos):
    named = upos.trained.learner
    assert repr(upos) == f"TextAligner({named}, upos, {upos.model.name})"
    assert f"({named}, 17 concepts, in " in repr(upos.aligner)


def test_a_single_word_leans_on_the_training_languages_alone(upos):
    found = upos.adapt().classify(["Hund"])
    assert found.notes == (
        "mean and scale of the language are from 1 words only: those of the training languages are taken",
    )


def test_few_words_give_the_mean_and_scale_to_expect_and_many_their_own(mini, upos):
    held = upos.states(module.read(mini.treebank("de", "train")))
    own, notes = upos.standardiser(held)
    assert notes == []
    assert own.provenance["words"] == held.annotations.words >= 50
    few, notes = upos.standardiser(upos.states(module.read(["Der Hund schläft."])))
    assert few.provenance["share"] == pytest.approx(4 / 50)
    expected = read_reference(mini.upos, dim=256)
    assert (few.mean - expected.mean).abs().max() < (own.mean - expected.mean).abs().max()


def test_support_in_words_moves_the_predictions_it_contradicts(mini, upos):
    classifier = dataclasses.replace(upos.aligner.config, adapts="all", adapt_lr=0.05)
    tuned = type(upos.aligner)(classifier, upos.aligner.model, upos.aligner.known, {1: 20})
    aligner = TextAligner(tuned, upos.trained, mini.model, upos.expected)
    words, unlabelled = ["Hund", "Baum"], mini.treebank("de", "train")
    before = aligner.adapt(unlabelled=unlabelled).classify([words])
    assert before.names() != ["VERB", "VERB"]
    assert aligner.adapt([(words, ["VERB", "VERB"])], unlabelled).classify([words]).names() == [
        "VERB",
        "VERB",
    ]


def test_only_valid_concepts_are_predicted(upos):
    found = upos.adapt(valid=["NOUN", "VERB"]).classify(["Der Hund schläft."])
    assert set(found.names()) <= {"NOUN", "VERB"}
    with pytest.raises(UsageError, match="unknown concepts NOUNS"):
        upos.adapt(valid=["NOUNS"])


def test_a_sentence_that_the_model_cannot_read_has_no_labels(mini, upos):
    long = ["wort"] * 600
    found = upos.adapt(unlabelled=mini.treebank("de", "train")).classify([["Ja", "."], long, ["Nein", "."]])
    labels = found.labels()
    assert labels[1] == [None] * 600
    assert None not in labels[0] + labels[2]
    assert found.notes == (
        "sentences without labels, more tokens than the model's context length: 1 (the first is 2)",
    )
    assert torch.isnan(found.scores[2:602]).all()


@pytest.mark.parametrize("lost", [(1,), (0, 1), (2, 3)])
def test_a_word_without_tokens_has_no_label_and_its_sentence_has(mini, upos, lost, monkeypatch):
    plain = type(mini.model).pieces_many

    def pieces_many(self, texts, spans):
        """A tokenizer that drops variation selectors, as normalisers do."""
        found = plain(self, texts, spans)
        dropped = [any(text[a:b] == "\ufe0f" for a, b in own) for text, own in zip(texts, spans, strict=True)]
        return [ModelError("no token") if no else one for no, one in zip(dropped, found, strict=True)]

    monkeypatch.setattr(type(mini.model), "pieces_many", pieces_many)
    words = ["Der", "Hund", "schläft", "."]
    odd = ["\ufe0f" if place in lost else word for place, word in enumerate(words)]
    found = upos.adapt(unlabelled=mini.treebank("de", "train")).classify([words, odd, ["\ufe0f"]])
    labels = found.labels()
    assert [place for place, label in enumerate(labels[1]) if label is None] == list(lost)
    assert labels[2] == [None]
    assert None not in labels[0]
    assert f"of which the model has no token: {len(lost)} (the first is '\ufe0f', U+FE0F)" in found.notes[0]
    support = [(odd, ["DET", "NOUN", "VERB", "PUNCT"])]
    assert upos.adapt(support, mini.treebank("de", "train")).classify([words]).names() is not None


def test_relations_to_a_word_without_tokens_are_not_told(mini):
    corpus = module.read(mini.treebank("tr", "test"))
    kept = np.ones(corpus.words, bool)
    kept[[1, 5]] = False
    left = corpus.of_words(kept)
    for place in range(corpus.sents):
        own, new = corpus.words_of(place), left.words_of(place)
        names = [corpus.forms[w] for w in range(own.start, own.stop) if kept[w]]
        assert list(left.forms[new]) == names
        for old, head in zip(np.flatnonzero(kept[own]) + own.start, left.heads[new], strict=True):
            before = corpus.heads[old]
            if before <= 0:
                assert head == before
            elif not kept[own.start + before - 1]:
                assert head == -1
            else:
                assert left.forms[new.start + head - 1] == corpus.forms[own.start + before - 1]


UNKNOWN = {
    "Myanmar": "ကျွန်တော် ထမင်း စားတယ် ။ မင်း ဘယ် သွား မလဲ ။ သူ ကျောင်း ကို သွား တယ် ။",
    "Ethiopic": "እኔ ምግብ በላሁ ። አንተ ወዴት ትሄዳለህ ?",
    "Georgian": "მე ვჭამ პურს . სად მიდიხარ შენ ?",
    "Cherokee": "ᎣᏏᏲ ᏙᎯᏧ . ᎠᏴ ᎠᎩᏲᏏᎭ ᎤᏂ .",
    "Thai": "ฉัน กิน ข้าว . คุณ ไป ไหน ?",
}


@pytest.mark.parametrize("script", UNKNOWN)
def test_a_script_that_the_model_hardly_knows_is_told_with_the_number(upos, script):
    (note,) = [
        note
        for note in upos.adapt().classify([UNKNOWN[script].split()]).notes
        if note.startswith("the model hardly knows this text: its words take ")
    ]
    number = float(note.removeprefix("the model hardly knows this text: its words take ").split()[0])
    assert number > 2
    assert f"none of the 3 languages it learned from is written in {script}" in note


def test_targets_are_not_doubted(mini, upos):
    for language in TARGETS:
        notes = upos.adapt().classify(mini.treebank(language, "test")).notes
        assert all("words only" in note or "undivided" in note for note in notes), (language, notes)


def test_words_with_the_same_tokens_are_told(mini):
    class Blind(FakeModel):
        """All words are one unknown token."""

        def pieces_many(self, texts, spans):
            found = super().pieces_many(texts, spans)
            return [dataclasses.replace(one, ids=np.zeros_like(one.ids)) for one in found]

    corpus = module.read([["a", "b", "c", "d", "e", "f"]])
    (note,) = of_tokens(Blind(), corpus, ("en",))
    assert "83% of its different words have the same tokens as another" in note
    assert of_tokens(FakeModel(), module.read(mini.treebank("de", "test")), ("en",)) == []


def test_labels_such_as_no_text_has_are_told():
    forms = ["word"] * 10 + [".", ",", "!", "?", "।"]
    (one, marks) = of_labels(forms, ["NOUN"] * 14 + ["PUNCT"])
    assert one.startswith("93% of 15 words are labelled NOUN")
    assert marks.startswith("of 5 marks of punctuation 1 are labelled PUNCT")
    assert of_labels(forms, ["NOUN", "VERB"] * 5 + ["PUNCT"] * 5) == []
    assert of_labels(["word"] * 4, ["NOUN"] * 4) == of_labels(["x"], [None]) == []


def test_labels_that_are_surer_than_in_any_language_learned_from_are_told(mini, upos, monkeypatch):
    text = mini.treebank("tr", "test")
    scores = upos.adapt().classify(text).scores
    own = UsualEntropy.of([entropies_of(scores)] * 5)
    for shift, note in ((0.0, ""), (1.0, "far surer"), (-0.9, "far less sure")):
        usual = dataclasses.replace(own, mean=own.mean + shift, between=0.1)
        monkeypatch.setattr(upos, "entropy", usual)
        notes = " ".join(upos.adapt().classify(text).notes)
        assert (note in notes) if note else "sure" not in notes
        assert "5 languages learned from" in notes or not note
        assert "sure" not in " ".join(upos.adapt(mini.treebank("tr", "dev")).classify(text).notes)
    assert of_entropy(scores[:4], dataclasses.replace(own, mean=9.0)) == of_entropy(scores, None) == []


def test_another_model_is_refused_with_what_differs(mini):
    with pytest.raises(ModelError, match=r"not the model that the aligner learned from: .*dim is 8, not 256"):
        TextAligner.from_pretrained(mini.upos, FakeModel())
    with pytest.raises(ModelError, match="revision is"):
        TextAligner.from_pretrained(mini.upos, "mini-decoder")


def test_a_pair_that_is_loaded_stands_for_its_model(mini, upos):
    from transformers import AutoModel, AutoTokenizer

    from concept_align.models.shipped import shipped_model

    path = shipped_model("mini-encoder")
    pair = AutoModel.from_pretrained(path), AutoTokenizer.from_pretrained(path)
    with pytest.warns(UserWarning, match="its weights was not checked"):
        found = TextAligner.from_pretrained(mini.upos, pair)
    text = [["Der", "Hund", "schläft", "."]]
    assert found.adapt().classify(text).names() == upos.adapt().classify(text).names()
    # Trained on such a pair, an aligner knows its weights, wherever they come from.
    recipe = dataclasses.replace(upos.trained.recipe, revision=found.model.revision)
    assert load_recorded(recipe, mini.upos, pair) and load_recorded(recipe, mini.upos, mini.model)
    other = AutoModel.from_pretrained(path)
    other.embeddings.tok_embeddings.weight.data[9] += 1
    with pytest.raises(ModelError, match="revision is"):
        load_recorded(recipe, mini.upos, (other, pair[1]))


def test_a_local_model_that_is_gone_is_asked_for(mini, upos):
    recipe = dataclasses.replace(upos.trained.recipe, model="my-model")
    with pytest.raises(ModelError, match="a local model called my-model") as caught:
        load_recorded(recipe, mini.upos)
    assert "model: " in str(caught.value)


def test_global_standardisation_is_that_of_training_and_must_be_there(mini, tmp_path):
    folder = mini_aligner.train(mini.store, tmp_path / "global", standardise="global")
    source = FeatureSource(Store.open(mini.store), FeatureSpec("upos", (3,), standardise="global"))
    expected = Aligner.from_pretrained(folder).adapt().scores(source.load("tr", "test").x)
    found = TextAligner.from_pretrained(folder, mini.model).adapt().classify(mini.treebank("tr", "test"))
    torch.testing.assert_close(found.scores, expected, atol=1e-4, rtol=1e-4)
    assert not found.notes
    (folder / NAME).unlink()
    with pytest.raises(LearningError, match=f"{NAME}: cannot read: No such file"):
        TextAligner.from_pretrained(folder, mini.model)
    mini_aligner.without_hashes(folder)
    with pytest.raises(LearningError, match="does not hold the mean and scale"):
        TextAligner.from_pretrained(folder, mini.model)


def test_an_aligner_from_before_says_that_it_has_nothing_to_lean_on(mini, tmp_path):
    shutil.copytree(mini.upos, tmp_path / "old")
    (mini_aligner.without_hashes(tmp_path / "old") / NAME).unlink()
    found = TextAligner.from_pretrained(tmp_path / "old", mini.model).adapt().classify(["Der Hund schläft."])
    assert "holds none to lean on" in found.notes[0]


def test_a_transductive_aligner_gets_the_words_of_the_text(upos, monkeypatch):
    seen = []
    plain = type(upos.aligner).adapt

    def adapt(self, support=None, **options):
        seen.append(options["unlabelled"])
        return plain(self, support, **options)

    monkeypatch.setattr(type(upos.aligner), "adapt", adapt)
    upos.adapt().classify(["Der Hund schläft."])
    monkeypatch.setattr(type(upos.aligner), "transductive", True)
    upos.adapt().classify(["Der Hund schläft."])
    assert seen[0] is None
    assert seen[1].x.shape == (4, 256) and seen[1].sents == 1
