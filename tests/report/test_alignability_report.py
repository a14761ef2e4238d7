"""Summary and page: what was measured, in words."""

import re

import numpy as np
import pandas as pd

from concept_align.report.alignability import alignability_report, slug
from concept_align.report.alignability_findings import best_table, find, layer_table, sentences
from concept_align.report.names import measure_name
from concept_align.report.tables import number


def test_a_finding_has_n_interval_null_share_ceiling_and_layer(scored):
    (found,) = find(scored.scores)
    said = sentences(found)
    assert said[0].startswith(
        "model, word classes, raw states, RSA (Spearman): in layer 1, the highest of 3,"
    )
    assert re.search(r"10 pairs of 5 languages is 0\.56 \[0\.\d\d, 0\.\d\d\]", said[0])
    assert "Relabelled concepts give 0.02 (sd of a pair 0.10)" in said[0]
    assert "10 of 10 pairs (100%) are above chance at a false discovery rate of 5%" in said[0]
    assert "reach 0.90" in said[1] and "61% of the way" in said[1]
    assert said[-1] == "No value for Telugu: too few concepts."


def test_a_control_is_said_in_the_same_layer_and_beside_its_own_model(scored):
    two = pd.concat([scored.scores, scored.make(model="other/model")])
    controls = {"untrained model": scored.make(base=0.1, model="some/model, untrained")}
    first, second = find(two, controls)
    assert [mean.layer for mean in first.controls.values()] == ["1"] and second.controls == {}
    assert any(line.startswith("Control, untrained model: 0.16 [") for line in sentences(first))
    (alone,) = find(scored.scores, {"untrained model": scored.make(base=0.1, model="another name")})
    assert list(alone.controls) == ["untrained model"]


def test_a_score_without_null_is_said_not_to_be_told_from_chance(scored):
    bare = scored.scores.assign(null_mean=np.nan, null_sd=np.nan, q=np.nan, ceiling=np.nan)
    said = " ".join(sentences(find(bare)[0]))
    assert "cannot be distinguished from chance" in said and "Ceiling" not in said and "nan" not in said
    assert "nan" not in best_table(find(bare)).markdown()


def test_scores_that_are_all_refused_are_a_finding_too(scored):
    (found,) = find(scored.make(without=scored.languages))
    assert sentences(found) == [
        "model, word classes, raw states, RSA (Spearman): no pair of languages has a value: too few concepts."
    ]
    assert "–" in best_table([found]).markdown()


def test_tables_have_a_row_a_layer_and_what_settings_share_in_the_title(scored):
    found = find(pd.concat([scored.scores, scored.make(measure="cka")]))
    table = layer_table(found[0])
    assert [row[0] for row in table.rows] == ["0", "1", "2"] and table.best == {(1, 1)}
    best = best_table(found)
    assert best.title.endswith(": model, word classes, raw states")
    assert [row[0] for row in best.rows] == ["RSA (Spearman)", "debiased CKA"]


def test_the_text_says_how_to_read_it_and_what_must_be_known(scored):
    text = alignability_report(scored.scores, notes=["Something."]).to_markdown()
    for part in (
        "# Do concepts correspond across languages?",
        "- Something.",
        "](figures/layers-upos-raw-rsa.png)",
        "## How to read it",
        "## What it cannot show",
    ):
        assert part in text, part
    assert "nan" not in text and text.endswith("\n")


def test_names_are_those_of_the_field():
    assert measure_name("rsa/cosine") == "RSA (Spearman), cosine distances"
    assert measure_name("rsa-pearson/mahalanobis") == "RSA (Pearson), Mahalanobis distances"
    assert measure_name("retrieval-p1-csls") == "retrieval, precision@1 (CSLS)"
    assert measure_name("something") == "something"
    assert (number(-0.004), number(-0.31), number(float("nan"))) == ("0.00", "−0.31", "–")
    assert slug("a/b c", "", "rsa/cosine") == "a-b-c-rsa-cosine"


def test_a_report_is_whole_needs_nothing_else_and_equal_scores_give_equal_bytes(scored, tmp_path):
    report = alignability_report(scored.scores, controls={"untrained model": scored.make(base=0.1)})
    files = report.write(tmp_path / "a", formats=("svg",))
    drawn = ("layers-upos-raw-rsa", "pairs-model-01234567-upos-raw-rsa", "tree-model-01234567-upos-raw-rsa")
    assert [path.name for path in files] == ["summary.md", "index.html", *(f"{stem}.svg" for stem in drawn)]
    again = alignability_report(scored.scores, controls={"untrained model": scored.make(base=0.1)})
    others = again.write(tmp_path / "b", formats=("svg",))
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in others]
    assert f"](figures/{drawn[1]}.png)" in files[0].read_text("utf-8")
    page = re.sub(r'src="data:[^"]*"', "", files[1].read_text("utf-8"))
    assert "http" not in page and "@import" not in page and "<script" not in page
    assert page.count("<img") == 3
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "untrained model" in page and "Telugu" in page
