"""From saved aligners to a folder of results, through the command line."""

import json
import sys

import planted
import pytest

from concept_align.cli import main

TARGETS = ["cy", "ta"]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A store, and two aligners trained from it; cy and ta set aside."""
    from concept_align.meta.config import MetaTrainConfig
    from concept_align.meta.run import run_meta_training

    folder = tmp_path_factory.mktemp("evaluate")
    planted.write_store(folder / "store", planted.Planted(shift=0.3), ["en", "de", "fr", "et", *TARGETS])
    for learner, options in (("source-probe", {"least": 5}), ("pooled", {"epochs": 2})):
        config = MetaTrainConfig.of(
            store=folder / "store",
            layers="1",
            learner=learner,
            train_langs="en,de,fr",
            validation_langs="et",
            target_langs="cy,ta",
            root="exclude",
            options=options,
        )
        run_meta_training(config, folder / learner)
    return folder


@pytest.fixture
def run(here, capsys, monkeypatch):
    def call(*arguments, aligners=("source-probe", "pooled"), store="store"):
        command = ["concept-align", "evaluate", "--store", str(here / store)]
        for aligner in aligners:
            name, equals, folder = aligner.rpartition("=")
            command += ["--aligner", f"{name}{equals}{here / folder}"]
        monkeypatch.setattr(sys, "argv", [*command, *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return call


QUICK = ("--shots", "0,5", "--support-draws", "2", "--bootstrap", "100", "--no-figures")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_aligners_are_tested_in_the_languages_set_aside(run, out):
    code, stdout, stderr = run("--out", out, "--json", *QUICK)
    assert code == 0, stderr
    answer = json.loads(stdout)
    assert {row["language"] for row in answer["results"]} >= {"cy", "ta", "mean", "worst"}
    assert {row["learner"] for row in answer["results"]} == {"source-probe", "pooled", "majority"}
    by = {
        (r["learner"], r["language"], r["shots"]): r["value"]
        for r in answer["results"]
        if r["metric"] == "accuracy"
    }
    assert by["pooled", "mean", 0] > by["majority", "mean", 0] + 0.2
    assert {row["layer"] for row in answer["results"]} == {"1"}
    assert (out / "summary.md").exists()


def test_people_get_tables_figures_and_the_place_of_the_files(run, out):
    code, stdout, stderr = run("--out", out, *QUICK, "--figures")
    assert code == 0, stderr
    assert {path.stem for path in out.glob("*.svg")} >= {"shots", "gains-concepts-0-shot", "confusion-0-shot"}
    assert "Mean over target languages" in stdout
    assert "Welsh (cy)" in stdout
    assert "comparisons.csv" in stderr


def test_of_one_language_no_equal_means_are_printed(run, out):
    code, stdout, stderr = run("--out", out, *QUICK, "--langs", "cy")
    assert code == 0, stderr
    assert stdout.count("Mean over target languages") == 1 and "Welsh (cy)" in stdout
    assert not any(word in stdout for word in ("Low-resource", "low-resource", "Worst", "Standard deviation"))


def test_a_second_run_adapts_nothing_and_gives_the_same_bytes(run, out, monkeypatch):
    assert run("--out", out, *QUICK)[0] == 0
    first = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    monkeypatch.setattr("concept_align.meta.learners.pooled.PooledAligner.adapt", None)
    monkeypatch.setattr("concept_align.meta.learners.source_probe.SourceProbeAligner.adapt", None)
    code, _, stderr = run("--out", out, *QUICK)
    assert code == 0, stderr
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == first


def test_force_tests_again(run, out, monkeypatch):
    assert run("--out", out, *QUICK)[0] == 0
    monkeypatch.setattr("concept_align.meta.learners.pooled.PooledAligner.adapt", None)
    with pytest.raises(TypeError):
        run("--out", out, "--force", *QUICK)


@pytest.mark.parametrize("language", ["de", "et"])
def test_languages_that_an_aligner_has_seen_are_refused(run, out, language):
    code, _, stderr = run("--out", out, "--langs", f"cy,{language}", *QUICK)
    assert code == 1
    assert language in stderr
    assert "--langs" in stderr
    assert not out.exists()


def test_a_store_of_another_recipe_is_refused(run, here, out):
    other = here / "other"
    if not other.exists():
        planted.write_store(other, planted.Planted(dim=20), ["cy"])
    code, _, stderr = run("--out", out, store="other")
    assert code == 1
    assert "another recipe: dim is 24, not 20" in stderr


def test_a_folder_without_an_aligner_is_refused(run, here, out):
    code, _, stderr = run("--out", out, aligners=("store",))
    assert code == 1
    assert "no aligner here" in stderr


def test_two_aligners_of_one_learner_go_by_folder_or_by_the_name_given(run, here, out, tmp_path):
    code, _, stderr = run("--out", out, aligners=("pooled", "pooled"))
    assert code == 2
    assert "NAME=DIR" in stderr
    code, stdout, stderr = run("--out", out, "--json", *QUICK, aligners=("pooled", "again=pooled"))
    assert code == 0, stderr
    assert {row["learner"] for row in json.loads(stdout)["results"]} == {"pooled", "again", "majority"}


def test_a_dry_run_writes_nothing_and_counts_the_tests(run, out):
    code, stdout, _ = run("--out", out, "--dry-run", "--json", *QUICK)
    assert code == 0
    answer = json.loads(stdout)
    assert answer["targets"] == TARGETS
    assert answer["groups"][0]["tests"] == 3 * 2 * 3
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--shots", "one"), "--shots"), (("--valid", "some"), "pair"), (("--langs", "xyz"), "--langs")],
)
def test_wrong_use_has_its_exit_code_and_says_what_is_right(run, out, arguments, said):
    code, _, stderr = run("--out", out, *arguments)
    assert code == 2
    assert said in stderr


def test_a_broken_provenance_is_an_error_of_the_folder(run, here, out, tmp_path):
    import shutil

    broken = here / "broken"
    shutil.copytree(here / "pooled", broken, dirs_exist_ok=True)
    (broken / "provenance.json").write_text('{"features": {"task": "upos"}}')
    code, _, stderr = run("--out", out, aligners=("broken",))
    assert code == 1
    assert "provenance.json" in stderr


@pytest.fixture(scope="module")
def other_layer(here):
    """The pooled baseline again, with the words around beside each."""
    from concept_align.meta.config import MetaTrainConfig
    from concept_align.meta.run import run_meta_training

    config = MetaTrainConfig.of(
        store=here / "store",
        layers="1",
        context_layers=1,
        learner="pooled",
        train_langs="en,de,fr",
        validation_langs="et",
        target_langs="cy,ta",
        root="exclude",
        options={"epochs": 2},
    )
    run_meta_training(config, here / "wide")
    return "wide"


def test_aligners_of_other_layers_are_compared_across(run, out, other_layer):
    aligners = ("pooled", f"wide={other_layer}")
    code, stdout, stderr = run("--out", out, "--json", "--across", *QUICK, aligners=aligners)
    assert code == 0, stderr
    answer = json.loads(stdout)
    assert {(row["a"], row["b"]) for row in answer["comparisons"]} == {("pooled", "wide")}
    assert {row["layer"] for row in answer["results"]} == {"1 | 1~1"}
    code, stdout, _ = run("--out", out / "apart", "--json", *QUICK, aligners=aligners)
    apart = json.loads(stdout)
    assert code == 0 and not apart["comparisons"]

    def values(rows, learner):
        return sorted(
            (r["language"], r["shots"], r["metric"], r["value"]) for r in rows if r["learner"] == learner
        )

    for learner in ("pooled", "wide"):  # together or apart, an aligner does as it does
        assert values(answer["results"], learner) == values(apart["results"], learner)


def test_one_name_for_different_features_cannot_be_compared_across(run, out, other_layer):
    code, _, stderr = run("--out", out, "--across", aligners=("x=pooled", f"x={other_layer}"))
    assert code == 2 and "x" in stderr and "NAME=DIR" in stderr


@pytest.fixture(scope="module")
def second_seed(here):
    """The pooled baseline trained with another seed, and with other options."""
    from concept_align.meta.config import MetaTrainConfig
    from concept_align.meta.run import run_meta_training

    for name, seed, options in (("pooled-seed1", 1, {"epochs": 2}), ("longer", 1, {"epochs": 3})):
        config = MetaTrainConfig.of(
            store=here / "store",
            layers="1",
            learner="pooled",
            train_langs="en,de,fr",
            validation_langs="et",
            target_langs="cy,ta",
            root="exclude",
            seed=seed,
            options=options,
        )
        run_meta_training(config, here / name)
    return "pooled-seed1"


def test_training_seeds_are_one_learner_named_or_not(run, out, second_seed):
    answers = []
    for number, aligners in enumerate((("pooled", second_seed), (f"pooled={second_seed}", "pooled=pooled"))):
        folder = out / str(number)
        code, stdout, stderr = run("--out", folder, "--json", *QUICK, aligners=aligners)
        assert code == 0, stderr
        answers.append(json.loads(stdout)["results"])
        (setting,) = json.loads((folder / "evaluation.json").read_text())["settings"]
        assert setting["seeds"] == {"pooled": 2}
        assert "Training seeds that are averaged: pooled 2." in (folder / "summary.md").read_text()
    assert answers[0] == answers[1]
    assert {row["learner"] for row in answers[0]} == {"pooled", "majority"}


def test_seeds_of_different_configurations_are_refused_or_go_by_folder(run, out, second_seed):
    code, _, stderr = run("--out", out, *QUICK, aligners=("x=pooled", "x=longer"))
    assert code == 2
    assert "options.epochs 2 and 3" in stderr
    code, stdout, stderr = run(
        "--out", out, "--json", *QUICK, aligners=("pooled", second_seed, "longer"), store="store"
    )
    assert code == 0, stderr
    assert {row["learner"] for row in json.loads(stdout)["results"]} == {"pooled", "longer", "majority"}


def test_one_training_seed_twice_is_refused(run, here, out, second_seed):
    import shutil

    shutil.copytree(here / second_seed, here / "copied", dirs_exist_ok=True)
    code, _, stderr = run("--out", out, aligners=(f"x={second_seed}", "x=copied"))
    assert code == 2
    assert "seed 1" in stderr


def test_learners_are_compared_with_the_one_named(run, out, second_seed):
    aligners = ("source-probe", "pooled", "longer=longer")
    code, stdout, stderr = run("--out", out, "--json", "--against", "pooled", *QUICK, aligners=aligners)
    assert code == 0, stderr
    found = {(row["a"], row["b"]) for row in json.loads(stdout)["comparisons"]}
    assert found == {("source-probe", "pooled"), ("longer", "pooled")}
    code, _, stderr = run("--out", out, "--against", "nobody", *QUICK)
    assert code == 2
    assert "choose from pooled, source-probe" in stderr


def test_targets_of_a_family_that_was_seen_can_be_left_out(run, out):
    code, stdout, stderr = run("--out", out, "--json", "--family-disjoint", *QUICK)
    assert code == 0, stderr
    answer = json.loads(stdout)
    assert {"cy", "ta"} & {row["language"] for row in answer["results"]} == {"ta"}
    assert "cy: of a family that an aligner has seen; left out" in answer["notices"]
    code, _, stderr = run("--out", out, "--family-disjoint", "--langs", "cy")
    assert code == 2
    assert "--family-disjoint" in stderr
