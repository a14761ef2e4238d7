import json
import re

import planted
import pytest
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.errors import ConceptAlignError, LearningError, UsageError
from concept_align.meta.learners.base import Aligner

CONFIG = """
layers = "1"
learner = "shrink"
train_langs = "en,de,fr"
store = "{store}"
[options]
rank = 4
hidden = 8
pooled_epochs = 1
epochs = 1
episodes = 2
queries = 5
"""


@pytest.fixture(scope="module")
def planted_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted") / "store"
    return planted.write_store(folder, planted.Planted(sents=40), ("en", "de", "fr", "et", "he", "tr"))


@pytest.fixture
def config(tmp_path, planted_store):
    path = tmp_path / "given.toml"
    path.write_text(CONFIG.format(store=planted_store))
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(app, ["meta-train", *map(str, arguments)])
    if isinstance(result.exception, ConceptAlignError):
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_a_run_leaves_an_aligner_with_all_that_made_it(tmp_path, config):
    out = tmp_path / "out"
    found = json.loads(run("--config", config, "--out", out, "--json").stdout)
    assert set(found["validation"]) == {"0", "10"}
    assert found["validation"]["0"]["languages"].keys() == {"et", "he"}
    assert Aligner.from_pretrained(out).learner == "shrink"
    facts = json.loads((out / "provenance.json").read_text())
    assert facts["train"] == ["en", "de", "fr"]
    assert "tr" in facts["targets"]
    assert facts["store"]["model"] == "planted"
    assert not (out / "checkpoints").exists()


def test_the_saved_configuration_makes_the_same_aligner_again(tmp_path, config):
    run("--config", config, "--out", tmp_path / "one", "--seed", 4)
    run("--config", tmp_path / "one" / "run.toml", "--out", tmp_path / "two")
    names = ("run.toml", "model.safetensors", "config.json", "training.jsonl", "provenance.json")
    for name in (*names, "standardiser.safetensors", "README.md", "LICENSE"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_finished_run_is_taken_as_it_is_and_another_is_refused_without_force(tmp_path, config):
    out = tmp_path / "out"
    run("--config", config, "--out", out)
    before = (out / "model.safetensors").stat().st_mtime_ns
    again = run("--config", config, "--out", out)
    assert "finished before" in again.stderr
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(LearningError, match="another configuration"):
        run("--config", config, "--out", out, "--seed", 1)
    run("--config", config, "--out", out, "--seed", 1, "--force")
    assert "seed = 1" in (out / "run.toml").read_text()


def test_a_finished_run_is_known_again_though_its_options_were_given_as_tuples(tmp_path, planted_store):
    from concept_align.meta.config import MetaTrainConfig
    from concept_align.meta.run import run_meta_training

    options = {"rank": 4, "hidden": 8, "pooled_epochs": 1, "epochs": 1, "episodes": 2, "shots": (0, 1)}
    langs = {"train_langs": "en,de,fr", "validation_langs": "et"}
    config = MetaTrainConfig.of(
        store=str(planted_store), layers="1", learner="shrink", **langs, options=options
    )
    assert run_meta_training(config, tmp_path).seconds > 0
    assert run_meta_training(config, tmp_path).seconds == 0


def test_overlapping_languages_are_refused(tmp_path, config):
    with pytest.raises(LearningError, match="de among the training and the target"):
        run("--config", config, "--out", tmp_path / "out", "--target-langs", "de,tr")
    with pytest.raises(LearningError, match="tr among the validation and the target"):
        run("--config", config, "--out", tmp_path / "out", "--validation-langs", "tr")
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path, config):
    out = tmp_path / "out"
    found = json.loads(run("--config", config, "--out", out, "--dry-run", "--json").stdout)
    assert found["train"] == ["en", "de", "fr"]
    assert found["options"]["rank"] == 4
    assert "would train" in run("--config", config, "--out", out, "--dry-run").stdout
    assert not out.exists()


def test_without_a_validation_language_the_training_languages_choose(tmp_path, config):
    found = run("--config", config, "--out", tmp_path / "out", "--validation-langs", "none", "--json")
    assert json.loads(found.stdout)["validation"]["0"]["languages"].keys() == {"en", "de", "fr"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--learner", "nearest"), "unknown learner"),
        (("--preset", "faithful"), "no preset"),
        (("--layers", "7"), "no layer 7"),
        (("--source", "zz"), "no training split of zz"),
        (("--root", "middle"), "'start' or 'exclude'"),
    ],
)
def test_wrong_use_is_named(tmp_path, config, arguments, message):
    with pytest.raises(UsageError, match=message):
        run("--config", config, "--out", tmp_path / "out", *arguments)


def test_an_unknown_option_of_the_learner_is_refused(tmp_path, config):
    config.write_text(config.read_text() + "no_such_thing = 1\n")
    with pytest.raises(UsageError, match="no_such_thing"):
        run("--config", config, "--out", tmp_path / "out")


def test_settings_go_over_those_of_the_file_one_by_one(tmp_path, config):
    words = ("--set", "rank=2", "--set", "shots=[1, 5]", "--set", "lr=1e-3")
    found = run("--config", config, "--out", tmp_path / "out", "--dry-run", "--json", *words)
    options = json.loads(found.stdout)["options"]
    assert [options[name] for name in ("rank", "hidden", "shots", "lr")] == [2, 8, [1, 5], 1e-3]


def test_a_setting_may_be_a_word(tmp_path, planted_store):
    data = ("--store", planted_store, "--train-langs", "en,de,fr", "--layers", "1")
    how = ("--learner", "pooled", "--set", "adapts=head")
    found = run(*data, *how, "--out", tmp_path / "out", "--dry-run", "--json")
    assert json.loads(found.stdout)["options"]["adapts"] == "head"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rank", "not NAME=VALUE"),
        ("=2", "not NAME=VALUE"),
        ("ranks=2", "did you mean 'rank'"),
        ("rank=two", "'two' is not a whole number"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, config, word, message):
    with pytest.raises(UsageError) as error:
        run("--config", config, "--out", tmp_path / "out", "--set", word)
    assert message in str(error.value)


def test_the_help_names_every_learner():
    from concept_align.config import field_docs
    from concept_align.meta.config import MetaTrainConfig
    from concept_align.meta.learners.base import LEARNERS

    said = field_docs(MetaTrainConfig)["learner"]
    assert all(re.search(rf"(?<![\w-]){name}(?![\w-])", said) for name in LEARNERS.names())
