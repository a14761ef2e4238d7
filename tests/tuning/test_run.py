"""Runs from Python: what they leave, that they go on, what they refuse; each way to learn and each preset."""

import json
import shutil
import warnings

import pandas as pd
import pytest
import tiny_tuning
import torch
import transformers
from safetensors.torch import load_file

from concept_align.errors import ConceptAlignError, LearningError, ModelError, UsageError
from concept_align.integrity import check_sums
from concept_align.models.load import load_model
from concept_align.tuning import prepare
from concept_align.tuning import run as running
from concept_align.tuning.model import open_tunable
from concept_align.tuning.plan import TunePlan
from concept_align.tuning.run import tune
from concept_align.tuning.settings import TuneConfig
from concept_align.tuning.structural import read_corpora

NOTHING = {"evaluate": "none"}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return tiny_tuning.tiny_run(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def made(given, tmp_path_factory):
    torch.set_num_threads(1)
    return tune(out=tmp_path_factory.mktemp("made") / "out", **given)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_a_model_an_adapter_and_what_changed(made):
    assert made.seconds > 0 and len(made.history) == 4
    assert {"contrast", "answers", "retention", "loss", "norm", "lr", "accuracy"} <= {*made.history.columns}
    assert set(made.before_after["learner"]) >= {"before", "standardising", "tuned", "tuned-standardised"}
    assert made.facts["seen"] == ["en", "ru"] and made.facts["unseen"] == ["el"] and made.facts["layer"] == 3
    for folder in (made.folder, made.model, made.adapter):
        assert check_sums(folder, remedy="none")
        assert not list(folder.glob("**/.saving-*"))
    assert not (made.folder / "checkpoint.safetensors").exists() and not (made.folder / "before").exists()
    card = (made.model / "README.md").read_text()
    assert "tuned on translations" in card and str(made.folder) not in card


def test_the_model_that_is_left_is_that_which_was_trained(given, made):
    before = load_model(given["model"], device="cpu")
    after = load_model(str(made.model), device="cpu")
    assert (after.layers, after.dim, after.kind) == (before.layers, before.dim, before.kind)
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        base = transformers.AutoModelForCausalLM.from_pretrained(given["model"])
        adapted = PeftModel.from_pretrained(base, str(made.adapter)).eval()
    merged = transformers.AutoModelForCausalLM.from_pretrained(made.model).eval()
    plain = transformers.AutoModelForCausalLM.from_pretrained(given["model"]).eval()
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        one, two, three = (model(ids).logits for model in (adapted, merged, plain))
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
    assert float((two - three).abs().max()) > 1e-3
    tokens = transformers.AutoTokenizer.from_pretrained(made.model)
    assert (
        tokens("ab αβ")["input_ids"]
        == transformers.AutoTokenizer.from_pretrained(given["model"])("ab αβ")["input_ids"]
    )


def test_files_may_be_read_by_whoever_may_read_the_folder(made):
    modes = {path.stat().st_mode for path in made.folder.rglob("*") if path.is_file()}
    assert len(modes) == 1


def test_equal_runs_leave_equal_bytes_and_a_finished_one_is_taken_as_it_is(given, made, tmp_path):
    again = tune(out=tmp_path / "out", **given)
    assert files(again.folder) == files(made.folder)
    assert tune(out=tmp_path / "out", **given).seconds == 0
    assert not pd.DataFrame.equals(tune(out=tmp_path / "other", **{**given, "seed": 1}).history, made.history)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", ["checkpoint 1", "checkpoint 3", "after", "export"])
def test_a_run_stopped_anywhere_ends_with_the_bytes_of_one_that_was_not(
    given, made, tmp_path, monkeypatch, stop
):
    written = []

    def stopping(call, at):
        def wrapped(*args, **options):
            written.append(call)
            if len(written) > at:
                raise Stopped
            return call(*args, **options)

        return wrapped

    with monkeypatch.context() as patch:
        if stop.startswith("checkpoint"):
            at = int(stop.split()[1])
            patch.setattr(running.Checkpoints, "write", stopping(running.Checkpoints.write, at))
        else:
            name, at = {"after": ("evaluate", 1), "export": ("export", 0)}[stop]
            patch.setattr(running, name, stopping(getattr(running, name), at))
        with pytest.raises(Stopped):
            tune(out=tmp_path / "out", **given)
    assert (tmp_path / "out" / "checkpoint.safetensors").exists()
    with monkeypatch.context() as patch:  # what was measured before is not measured again
        patch.setattr(running, "evaluate", stopping(running.evaluate, len(written) + 1))
        tune(out=tmp_path / "out", **given)
    assert files(tmp_path / "out") == files(made.folder)


def test_another_run_is_refused_by_the_difference_and_replaced_by_force(given, made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "out")
    with pytest.raises(LearningError, match="seed is 0, not 5"):
        tune(out=tmp_path / "out", **{**given, "seed": 5})
    other = tune(out=tmp_path / "out", force=True, **{**given, "seed": 5, **NOTHING})
    assert other.config.seed == 5 and other.before_after.empty
    assert not (other.folder / "before-after.csv").exists()


def test_a_checkpoint_of_other_translations_is_refused(given, tmp_path, monkeypatch):
    pairs = tmp_path / "pairs.tsv"
    tiny_tuning.translations(pairs)
    with monkeypatch.context() as patch:
        patch.setattr(running, "export", lambda *_: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            tune(out=tmp_path / "out", **{**given, **NOTHING, "pairs": str(pairs)})
    text = pairs.read_text()
    pairs.write_text(text.replace("\n", " more\n", 2).replace("el more", "el"))
    with pytest.raises(LearningError, match=r"of another run: .*pairs is"):
        tune(out=tmp_path / "out", **{**given, **NOTHING, "pairs": str(pairs)})


def test_a_finished_run_is_known_by_what_its_files_hold(given, tmp_path):
    pairs = tmp_path / "pairs.tsv"
    tiny_tuning.translations(pairs)
    own = {**given, **NOTHING, "pairs": str(pairs)}
    tune(out=tmp_path / "out", **own)
    moved = pairs.rename(tmp_path / "moved.tsv")
    assert tune(out=tmp_path / "out", **{**own, "pairs": str(moved)}).seconds == 0
    moved.write_text(moved.read_text().replace("\n", " more\n", 2).replace("el more", "el"))
    with pytest.raises(LearningError, match="a run of other data: instructed, pairs, tested"):
        tune(out=tmp_path / "out", **{**own, "pairs": str(moved)})


@pytest.mark.parametrize("train", ["full", "blocks:2-3"])
def test_whole_weights_may_learn_and_others_stay(given, tmp_path, train):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "train": train})
    assert tuned.adapter is None
    name = "model.safetensors"
    before, after = load_file(f"{given['model']}/{name}"), load_file(tuned.model / name)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    blocks = {key.split(".")[2] for key in changed if "layers." in key}
    assert blocks == ({"1", "2"} if train == "blocks:2-3" else {"0", "1", "2", "3"})


@pytest.mark.parametrize("preset", ["afp", "mid-align"])
def test_published_presets_run(given, tmp_path, preset):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "preset": preset})
    assert tuned.facts["layer"] == {"afp": 1, "mid-align": 2}[preset]
    if preset == "mid-align":  # in turn
        assert tuned.history["contrast"].isna().tolist() == [False, True, False, True]


@pytest.mark.parametrize("control", ["shuffled", "same-language", "answers-only"])
def test_controls_run(given, tmp_path, control):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "control": control})
    assert ("contrast" in tuned.history) == (control != "answers-only")


@pytest.mark.parametrize("negatives", ["both", "hard:2"])
def test_more_negatives_make_the_contrast_harder(given, made, tmp_path, negatives):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "negatives": negatives})
    assert tuned.history["contrast"][0] > made.history["contrast"][0]


def test_chunks_change_nothing_but_rounding(given, made, tmp_path):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "chunk": 2})
    for name in ("contrast", "norm"):
        assert tuned.history[name].tolist() == pytest.approx(made.history[name].tolist(), rel=1e-3)


def test_an_encoder_is_tuned_by_contrast_and_kept_by_its_masks(tmp_path):
    options = {**tiny_tuning.QUICK, "langs": "en,de", "evaluate": "language"}
    tuned = tune("mini-encoder", "mini", out=tmp_path / "out", **options)
    assert {"contrast", "retention"} < {*tuned.history.columns} and "answers" not in tuned.history
    assert tuned.history["retention"][0] == pytest.approx(0, abs=1e-5) and tuned.before_after.empty
    assert load_model(str(tuned.model), device="cpu").kind == "encoder"


def test_an_encoder_without_a_token_for_masks_is_tuned_by_contrast_alone(tmp_path):
    given = tiny_tuning.tiny_run(tmp_path, "bert")
    with pytest.raises(ModelError, match=r"masks|head"):
        tune(out=tmp_path / "out", **{**given, **NOTHING})
    tuned = tune(out=tmp_path / "out", force=True, **{**given, **NOTHING, "weights": "1,0,0"})
    assert "retention" not in tuned.history


@pytest.mark.parametrize("task", ["upos", "relation"])
def test_labelled_concepts_are_learned(tmp_path, task):
    options = {"langs": "en,de", "steps": 6, "batch": 12, "answers": 2, **NOTHING, "preset": "concepts"}
    tuned = tune("mini-decoder", "mini", out=tmp_path / "out", task=task, device="cpu", **options)
    history = tuned.history
    assert history["concepts"][0] == pytest.approx(torch.tensor({"upos": 17.0, "relation": 37.0}[task]).log())
    assert history["concepts"].iloc[-1] < history["concepts"][0] - 0.2


def test_a_layer_is_chosen_by_training_documents_alone(given, tmp_path):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "layer": "auto"})
    assert tuned.facts["layer"] in range(1, 5)
    assert tuned.config.layer == "auto"


def test_held_out_retrieval_may_be_looked_at_and_changes_nothing(given, made, tmp_path):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "eval_every": 2})
    looked = [name for name in tuned.history if name.startswith("tuned")]
    assert looked and tuned.history[looked].notna().any(axis=1).tolist() == [False, True, False, True]
    pd.testing.assert_frame_equal(tuned.history[made.history.columns], made.history)


def test_languages_that_are_not_asked_for_are_not_measured(given, tmp_path):
    tuned = tune(out=tmp_path / "out", **{**given, "eval_langs": "ru", "evaluate": "retrieval,language"})
    assert {*tuned.before_after["language"]} == {"en", "ru", "seen mean"}
    again = {**given, "eval_langs": "zz", **NOTHING}
    with pytest.raises(UsageError, match="zz"):
        tune(out=tmp_path / "other", **again)


def test_without_a_merged_model_the_adapter_stays(given, tmp_path):
    tuned = tune(out=tmp_path / "out", **{**given, **NOTHING, "merge": False})
    assert tuned.model is None and tuned.adapter is not None


def test_states_that_are_all_alike_stop_the_run_with_the_remedy(given, tmp_path, monkeypatch):
    original = running.open_tunable

    def skewed(*args, **options):
        model = original(*args, **options)
        with torch.no_grad():
            model.module.get_input_embeddings().weight[:, :3] += 600
        return model

    monkeypatch.setattr(running, "open_tunable", skewed)
    options = {**given, **NOTHING, "standard": "none"}
    with pytest.raises(LearningError) as caught:
        tune(out=tmp_path / "out", **options)
    assert "cosines" in str(caught.value) and "language" in caught.value.remedy
    with pytest.warns(UserWarning, match="hardly get a grip"):
        tune(out=tmp_path / "afp", **{**given, **NOTHING, "preset": "afp"})
    tune(out=tmp_path / "standardised", **{**given, **NOTHING})


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"langs": "en,zz"}, UsageError, "zz"),
        ({"langs": "en"}, LearningError, "pair"),
        ({"batch": 1000}, LearningError, "batches of 1000"),
        ({"layer": 9}, UsageError, "no layer 9"),
        ({"train": "blocks:3-9"}, UsageError, "blocks:3-9"),
        ({"pairs": "nowhere.tsv"}, ConceptAlignError, "nowhere.tsv"),
        ({"model": "./nowhere"}, ConceptAlignError, "nowhere"),
        ({"retain": "nowhere"}, UsageError, "nowhere"),
        ({"instructions": "structural"}, UsageError, "treebanks"),
        ({"preset": "concepts"}, UsageError, "treebanks"),
        ({"preset": "concepts", "pairs": None}, UsageError, "labelled sentences"),
        ({"pairs": None}, UsageError, "translations"),
        ({"prompt_length": 2}, LearningError, "room for an answer"),
        ({"strength": 3}, UsageError, "strength"),
    ],
)
def test_what_cannot_be_done_is_named(given, tmp_path, options, error, words):
    with pytest.raises(error) as caught:
        tune(out=tmp_path / "out", **{**given, **NOTHING, **options})
    assert words in str(caught.value)


def test_concepts_need_no_translations(given, tmp_path):
    options = {"langs": "en,de", "treebanks": "mini", "steps": 2, "batch": 4}
    found = tune(given["model"], preset="concepts", out=tmp_path / "out", **options)
    assert {"concepts", "retention"} <= {*found.history.columns} and "contrast" not in found.history
    assert found.facts["seen"] == ["en", "de"] and found.facts["pairs"]["held_out"] == 0
    assert found.facts["pairs"]["train"] == sum(one.sents for one in read_corpora("mini", ["en", "de"]))
    assert found.before_after.empty
    card = (found.model / "README.md").read_text()
    assert "tuned on labelled words" in card and "translations" not in card
    assert "before-after.csv" not in (found.folder / "provenance.json").read_text()


def test_languages_may_be_named_by_their_treebanks(given):
    plan = TunePlan.of(TuneConfig(model=given["model"], pairs="mini", langs=("UD_German-Mini", "fi", "en")))
    assert plan.split.seen == ("de", "fi", "en") and len(plan.split.unseen) == 40
    with pytest.raises(UsageError, match="UD_German-GSD"):
        TunePlan.of(TuneConfig(model=given["model"], pairs="mini", langs=("UD_German-GSD", "en")))


def test_the_nearest_sentences_are_the_same_however_many_are_compared_at_once(given, monkeypatch):
    config = TuneConfig(model=given["model"], pairs=given["pairs"], langs=("en", "ru"), layer=2)
    plan, model = TunePlan.of(config), open_tunable(given["model"], device="cpu")
    whole = prepare.neighbours(plan, model, 2, None)
    monkeypatch.setattr(prepare, "ROWS", 5)
    assert prepare.neighbours(plan, model, 2, None) == whole
    assert len(whole) == len(plan.split.train) > 5
    assert all(one not in own and len(own) == len(whole) - 1 for one, own in whole.items())


def test_text_to_be_kept_on_and_text_to_be_measured_share_no_line(given, tmp_path):
    folder = tmp_path / "text"
    folder.mkdir()
    held = TunePlan.of(TuneConfig(model=given["model"], pairs=given["pairs"], langs=("en", "ru"))).measured[
        "en"
    ]
    (folder / "en.txt").write_text("\n".join([*(f"line {n}" for n in range(40)), held[0].upper()]) + "\n")
    (folder / "README.md").write_text("no text")
    plan = TunePlan.of(
        TuneConfig(model=given["model"], pairs=given["pairs"], langs=("en", "ru"), retain=folder)
    )
    assert list(plan.retained) == list(plan.measured) == ["en"]
    kept, measured = plan.retained["en"], plan.measured["en"]
    assert len(kept) == 30 and len(measured) == 10 and not {*kept} & {*measured}
    assert held[0].upper() not in {*kept, *measured}


def test_provenance_says_what_decides_and_no_place(made, given):
    text = (made.folder / "provenance.json").read_text()
    facts = json.loads(text)
    assert facts["pairs"]["train"] + facts["pairs"]["held_out"] == 24
    assert facts["revision"].startswith("sha256:") and facts["peft"] and facts["settings"]["seed"] == 0
    assert facts["model"] == "model" and given["model"] not in text
