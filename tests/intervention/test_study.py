import mini_aligner
import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.pairs import alignability
from concept_align.errors import ModelError, UsageError
from concept_align.extraction.run import extract
from concept_align.intervention.config import InterveneConfig
from concept_align.intervention.plan import plan
from concept_align.intervention.study import PAIRS, SPANS, intervene, open_interventions, run_interventions
from concept_align.models.shipped import shipped_model
from concept_align.treebanks.discover import mini_treebanks

LANGUAGES = ["en", "de", "fr", "ru", "fi", "ga", "es"]
QUICK = {"sentences": 4, "bootstrap": 100, "controls": ["matched:2"], "readouts": ["probe"]}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intervene") / "store"
    return extract("mini-decoder", mini_treebanks(), folder, layers=[1, 2, 4], langs=LANGUAGES)


def study(store, **options):
    asked = {"layers": 2, "langs": ["ga", "fi"], "source_langs": ["en", "de", "fr", "ru"], **QUICK, **options}
    return intervene(store, **asked)


def values(found, **wanted):
    wanted = {"language": "mean", "concept": "", "source": "pooled", "readout": "probe"} | wanted
    frame = found.frame()
    return frame[(frame[list(wanted)] == list(wanted.values())).all(axis=1)].reset_index(drop=True)


@pytest.fixture(scope="module")
def removed(store):
    return study(store, readouts=["probe", "loss"])


def test_removing_concepts_takes_more_than_directions_of_as_much_variance(removed):
    (change,) = values(removed, control="", against="matched")["value"]
    assert change < -0.02
    shares = removed.directions.groupby("control")["share"].mean()
    assert shares["matched"] == pytest.approx(shares[""], rel=0.02)
    assert (removed.directions.query("control == 'matched'")["overlap"] < 1e-6).all()


def test_batches_change_no_number_by_more_than_rounding(removed, store):
    other = study(store, readouts=["probe", "loss"], batch_tokens=40).frame()
    mine = removed.frame()
    assert len(mine) == len(other)
    nats = mine["unit"] == "nats"
    assert np.abs(mine["value"] - other["value"])[nats].max() < 1e-3
    assert np.abs(mine["value"] - other["value"])[~nats].max() < 0.02  # a word or two on the edge


def test_other_languages_in_the_study_change_nothing_of_one(removed, store):
    alone = study(store, langs=["ga"], readouts=["probe", "loss"]).frame()
    mine, theirs = (one[one["language"] == "ga"].reset_index(drop=True) for one in (removed.frame(), alone))
    columns = ["value", "low", "high", "n"]
    pd.testing.assert_frame_equal(mine[columns], theirs[columns])


@pytest.mark.parametrize("method", ["probe", "leace"])
def test_other_directions_of_concepts_are_removed_as_well(store, method):
    found = study(store, method=method, interventions=["remove", "remove:NOUN", "pair:NOUN-VERB"])
    assert set(found.directions["intervention"]) == {"remove", "remove:NOUN", "pair:NOUN-VERB"}
    (change,) = values(found, intervention="remove", control="", against="untouched")["value"]
    # What a probe reads has little variance, and goes on to be read elsewhere.
    assert change < 0 if method == "leace" else change != 0
    assert (found.directions.query("intervention != 'remove' and control == ''")["rank"] == 1).all()


MORE = {"langs": ["ga", "fi", "es"], "sentences": 10}


def of_concept(found, concept, intervention, against="untouched"):
    rows = values(found, concept=concept, intervention=intervention, control="", against=against)
    return float(rows["value"].iloc[0])


def test_steered_words_are_taken_for_the_concept_that_they_are_steered_to(store):
    there, back = "steer:NOUN-VERB:1", "steer:NOUN-VERB:-1"
    found = study(store, interventions=[there, back], **MORE)
    for concept, sign in (("VERB", 1), ("NOUN", -1)):
        assert sign * of_concept(found, concept, there) > 0.1
        assert sign * of_concept(found, concept, back) < -0.1
    (control,) = values(found, intervention=there, control="matched", against="untouched")["value"]
    assert abs(control) < 0.1


def test_swapped_concepts_are_told_apart_less_and_a_control_changes_little(store):
    found = study(store, interventions=["swap:NOUN-VERB"], **MORE)
    assert of_concept(found, "", "swap:NOUN-VERB", "matched") < 0


def test_steering_by_nothing_does_nothing_at_all(store):
    found = study(store, interventions=["steer:NOUN-VERB:0"], readouts=["probe", "loss"])
    changes = found.frame()[found.frame()["against"] == "untouched"]
    assert (changes["value"] == 0).all()
    assert changes[["low", "high"]].abs().max().max() < 1e-12


def test_words_of_one_concept_alone_may_be_changed(store):
    there = "steer:NOUN-VERB:1"
    of_nouns, of_all = (study(store, interventions=[there], where=where, **MORE) for where in ("NOUN", "all"))
    assert of_concept(of_nouns, "NOUN", there) < -0.1
    assert abs(of_concept(of_nouns, "VERB", there)) < of_concept(of_all, "VERB", there)


def test_directions_never_come_from_the_language_or_where_asked_from_its_family(store):
    options = {"store": store.folder, "langs": ["es", "fi"], "source_langs": ["en", "es", "ru", "fi", "ga"]}
    planned = plan(InterveneConfig.of(**options))
    assert planned.sources_of("es") == ("en", "ru", "fi", "ga")
    options |= {"family_disjoint": True, "langs": ["fi"]}
    assert plan(InterveneConfig.of(**options)).sources_of("fi") == ("en", "es", "ru", "ga")
    with pytest.raises(UsageError, match="1 source languages of other families"):
        plan(InterveneConfig.of(**{**options, "langs": ["es"]}))


def test_languages_and_layers_are_chosen_where_none_are_named(store):
    planned = plan(InterveneConfig.of(store=store.folder))
    assert planned.layers == (2,)
    assert planned.read_layers == (4,)
    assert not {*planned.sources} & {*planned.languages}
    assert {*planned.sources, *planned.languages} <= {*LANGUAGES}


def test_a_matrix_has_every_source_and_goes_with_alignability_or_not(store, tmp_path):
    alignability(store, task="upos", measures=["cka"], layers=[2], permutations=9, bootstrap=0).save(tmp_path)
    five = ["en", "de", "fr", "ru", "es"]
    found = study(store, matrix=True, langs=five, source_langs=five, alignability=tmp_path)
    assert found.matrix().shape == (5, 5)
    assert set(found.predicted["kind"]) >= {"overall", "within-targets", "mantel", "mantel given family"}
    assert (found.predicted["measure"] == "cka").all()
    assert "predict" in found.report().to_markdown()


def test_a_loaded_model_is_taken_where_its_weights_are_the_stores(store):
    import transformers

    folder = shipped_model("mini-decoder")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pair = transformers.AutoModelForCausalLM.from_pretrained(folder), tokenizer
    own = extract(pair, mini_treebanks(), store.folder.parent / "own", layers=[2, 4], langs=LANGUAGES)
    found = study(own, model=pair, langs=["ga"])
    assert len(values(found, control="", against="matched", language="ga"))
    with pytest.raises(ModelError, match="revision"):
        study(store, model=pair, langs=["ga"])


def test_an_interrupted_study_goes_on_where_it_was(store, tmp_path):
    asked = {"layers": (1, 2), "langs": ("ga", "fi"), "source_langs": ("en", "de", "fr", "ru"), **QUICK}
    config = InterveneConfig.of(store=store.folder, **asked)
    whole = run_interventions(open_interventions(plan(config))).frame()
    session = open_interventions(plan(config))
    measure, calls = session.outcome, []

    def failing(unit):
        calls.append(unit)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(unit)

    session.outcome = failing
    with pytest.raises(KeyboardInterrupt):
        run_interventions(session, tmp_path / "out")
    again = open_interventions(plan(config))
    again.outcome, resumed = lambda unit: resumed.append(unit) or measure(unit), []
    found = run_interventions(again, tmp_path / "out")
    pd.testing.assert_frame_equal(found.frame(), whole)
    once_more = run_interventions(again, tmp_path / "out")  # all of it out of what is kept
    for name in ("directions", "agreement"):
        assert tuple(getattr(once_more, name).columns) == {"directions": SPANS, "agreement": PAIRS}[name]
        pd.testing.assert_frame_equal(getattr(once_more, name), getattr(found, name))
    assert len(resumed) == 2


def test_a_saved_aligner_is_asked_where_it_was_not_trained(tmp_path):
    own = extract(
        "mini-encoder", mini_treebanks(), tmp_path / "store", layers=[2, 3], langs=mini_aligner.LANGUAGES
    )
    folder = mini_aligner.train(own.folder, tmp_path / "aligner")
    asked = {
        "langs": ["tr", "et"],
        "source_langs": ["en", "de", "fr"],
        "readouts": ["probe", f"aligner:{folder}"],
    }
    found = study(own, **asked)
    rows = found.frame()[found.frame()["readout"] == f"aligner:{folder}"]
    assert set(rows["language"]) == {"tr", "mean"}
    assert set(rows["read_layer"]) == {"3"}
    assert any("was trained on et" in note for note in found.notices)
    with pytest.raises(UsageError, match="an aligner of upos"):
        study(own, **asked, task="feature:Number")


def test_source_languages_without_a_label_of_the_task_are_left_out_and_refused_where_named(tmp_path):
    own = extract(
        "mini-decoder", mini_treebanks(), tmp_path / "store", layers=[2, 4], langs=["en", "fr", "ja", "ga"]
    )
    asked = {"store": own.folder, "task": "feature:Number", "langs": ["ga"], "readouts": ["probe"]}
    planned = plan(InterveneConfig.of(**asked))
    assert set(planned.sources) == {"en", "fr"}
    assert any(
        note.startswith("ja: no training word has a label of feature:Number") for note in planned.notices
    )
    with pytest.raises(UsageError, match="no training word of ja has a label"):
        plan(InterveneConfig.of(**asked, source_langs=["en", "fr", "ja"]))
