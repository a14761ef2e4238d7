import pytest

from concept_align.report.evaluation_tables import comparison_table, language_table, summary_tables
from concept_align.report.names import language_name, shots_name, task_name


def test_codes_are_named_and_unknown_codes_stay():
    assert language_name("cy") == "Welsh"
    assert language_name("xx") == "xx"
    assert task_name("feature:Case") == "Case"
    assert shots_name(1) == "1 sentence"


def test_there_is_a_table_for_every_summary_with_the_majority_last(made):
    tables = summary_tables(made.frame)
    assert [table.title.split(":")[0] for table in tables] == [
        "Mean over target languages",
        "Mean over low-resource targets",
        "Worst target language",
        "Standard deviation over target languages",
        "Best minus worst target language",
    ]
    mean = tables[0]
    assert mean.columns == ["learner", "zero-shot", "5 sentences"]
    assert [row[0] for row in mean.rows] == ["shrink", "proto", "majority"]
    assert mean.rows[0][1].startswith("64.0 [")
    assert "(5 languages)" in mean.title


def test_columns_say_how_many_languages_where_they_differ(made):
    frame = made.frame.copy()
    frame.loc[(frame.language == "mean") & (frame.shots == 5), "n"] = 3
    columns = summary_tables(frame)[0].columns
    assert columns == ["learner", "zero-shot (5 languages)", "5 sentences (3 languages)"]


def test_the_best_learner_is_bold_and_the_majority_never(made):
    better = made.make(learners={"shrink": 0.3, "proto": 0.4, "majority": 0.9})
    lines = summary_tables(better.frame())[0].markdown().splitlines()
    bold = [line.split("|")[1].strip() for line in lines if "**" in line]
    assert bold == ["proto"]


def test_spreads_have_no_best(made):
    assert "**" not in summary_tables(made.frame)[3].markdown()


def test_languages_are_rows_by_name_with_their_words(made):
    table = language_table(made.frame, 0)
    names = "Basque (eu)", "Marathi (mr)", "Tamil (ta)", "Welsh (cy)", "xx (xx)"
    assert tuple(row[0] for row in table.rows) == names
    assert table.columns == ["language", "shrink", "proto", "majority", "test words"]
    assert table.rows[3][1].startswith("70.0 [")
    assert table.rows[0][-1] == "1,234"
    assert language_table(made.frame, 99) is None


def test_what_is_missing_is_a_dash(made):
    frame = made.frame[~((made.frame.language == "ta") & (made.frame.learner == "proto"))]
    assert language_table(frame, 0).rows[2][2] == "–"


def test_markdown_is_a_table(made):
    lines = summary_tables(made.frame)[0].markdown().strip().splitlines()
    assert lines[0].startswith("### Mean")
    assert lines[3] == "| --- | ---: | ---: |"
    assert {line.count("|") for line in lines[2:]} == {4}


def test_comparisons_are_of_the_best_learner_whichever_side_it_stands(made):
    frame = made.evaluation.comparisons()
    table = comparison_table(frame, made.frame)
    assert [row[0] for row in table.rows] == ["shrink − proto"] * 2
    assert table.rows[0][2].startswith("5.0 [")
    assert table.rows[0][3] == "5 of 5"
    assert table.rows[0][4] == "0.0625"


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_one_learner_alone_is_not_compared(made, metric):
    alone = made.make(learners={"shrink": 0.5})
    assert comparison_table(alone.comparisons(), alone.frame(), metric) is None
