"""Templates as data: what is refused, and what TOML may say."""

import pytest

from concept_align.errors import UsageError
from concept_align.icl.wording import DEFAULT, TEMPLATES, Template, template

BEFORE = {
    "tagged": "Context: {words}\nTagged:",
    "slash": "Context: {words}\nTagged:",
    "lines": "Sentence: {words}",
}


def test_templates_are_called_what_they_call_themselves():
    assert all(name == one.name for name, one in TEMPLATES.items())
    assert template(DEFAULT) is TEMPLATES[DEFAULT]


def test_what_a_model_reads_is_what_it_has_always_read():
    assert {name: one.before for name, one in TEMPLATES.items()} == BEFORE


def test_a_template_comes_from_toml(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nword = " {word}="\nbetween = "\\n"\n', encoding="utf-8")
    assert template(path) == Template("mine", word=" {word}=", between="\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "m"\nwords = "{word}"', "unknown key 'words'"),
        ('word = "{word}_"', "missing key 'name'"),
        ('name = "m"\nword = 3', "is not text"),
        ('name = "m"\nword = " _"', "{word} is missing"),
        ('name = "m"\nword = "{word} {tag}"', "unknown placeholder {tag}"),
        ('name = "m"\nrelation = "{word}_"', "{head} is missing"),
        ('name = "m"\nword = "{word"', "not a template"),
        ('name = "m"\nroot = ""', "roots have no name"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message.replace("{", r"\{").replace("}", r"\}")):
        template(path)


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="no template is called 'tags'"):
        template("tags")
