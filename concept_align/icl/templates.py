"""How a sentence with questions is written in a prompt: templates as data.

The default is the one of structured prompting (Blevins et al. 2023, arXiv 2211.07830)::

    Context: The cat sleeps
    Tagged: The_DET cat_NOUN sleeps_VERB

Other templates come from TOML files with the fields of :class:`Template`.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from ..config import read_toml
from ..errors import UsageError
from ..registration import suggest


@dataclass(frozen=True)
class Template:
    """The text around words and labels. A label always stands right after ``word`` or ``relation``.

    ``{words}`` are all words of the sentence with spaces between them, ``{word}`` is the word that is
    asked about, ``{head}`` its head, ``root`` what stands for the head of a root.
    """

    name: str
    before: str = "Context: {words}\nTagged:"  # before a sentence's words
    word: str = " {word}_"  # a word whose class is asked
    relation: str = " {word}<{head}_"  # a word whose relation to its head is asked
    root: str = "ROOT"
    unasked: str = " {word}"  # a word of which nothing is asked
    behind: str = ""  # right after a label
    between: str = "\n\n"  # between sentences

    def __post_init__(self) -> None:
        for field, (allowed, needed) in _PLACEHOLDERS.items():
            self._check(field, allowed, needed)
            # The model answers where the tokens of this end, so something has to be there.
            if needed and not getattr(self, field).strip():
                raise UsageError("the text before a label is blank", where=f"template {self.name}, {field}")
        if not self.root:
            raise UsageError(
                "roots have no name", where=f"template {self.name}, root", remedy="root = 'ROOT'"
            )

    def _check(self, field: str, allowed: set[str], needed: set[str]) -> None:
        text = getattr(self, field)
        where = f"template {self.name}, {field} = {text!r}"
        try:
            found = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        except ValueError as error:
            raise UsageError(
                f"not a template: {error}", where=where, remedy="write {{ for a brace"
            ) from error
        if strange := sorted(found - allowed):
            remedy = "use " + ", ".join(f"{{{name}}}" for name in sorted(allowed))
            raise UsageError(f"unknown placeholder {{{strange[0]}}}", where=where, remedy=remedy)
        if missing := sorted(needed - found):
            what = f"{{{missing[0]}}} is missing"
            raise UsageError(what, where=where, remedy="put it where it is to stand")


_PLACEHOLDERS: dict[str, tuple[set[str], set[str]]] = {  # allowed and needed
    "before": ({"words"}, set()),
    "word": ({"word"}, {"word"}),
    "relation": ({"word", "head"}, {"word", "head"}),
    "unasked": ({"word"}, set()),
}
TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template("tagged"),
        Template("slash", word=" {word}/", relation=" {word}<{head}/"),
        # A line a word: nothing a tokenizer could join with the label, at the price of more tokens.
        Template(
            "lines",
            before="Sentence: {words}",
            word="\n{word}:",
            relation="\n{word} < {head}:",
            unasked="\n{word}",
        ),
    )
}
DEFAULT = "tagged"


def template(name: str | Path) -> Template:
    """The template called ``name``, or the one in the TOML file of that path."""
    if str(name) in TEMPLATES:
        return TEMPLATES[str(name)]
    if Path(name).suffix == ".toml":
        return read_toml(name, Template)
    remedy = f"{suggest(str(name), TEMPLATES)} (or give the path of a .toml file)"
    raise UsageError(f"no template is called {str(name)!r}", option="templates", remedy=remedy)
