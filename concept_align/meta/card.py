"""The model card of an aligner (``README.md`` with the front matter of Hugging Face), and its licence.

The card is the template ``card.md.j2``, filled from what the folder's other files say, so equal runs have
equal cards. A README.md or LICENSE that somebody else wrote is left alone.
"""

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from .. import atomic
from ..errors import clean
from ..spaces.spec import FeatureSpec
from ..treebanks import registry

CARD, LICENCE = "README.md", "LICENSE"
FIRST = "---\nlibrary_name: concept-align\n"
LICENCE_TEXT = Path(__file__).with_name("card_licence.txt").read_text("utf-8")
_TASKS = {"upos": "Word classes", "relation": "Grammatical relations"}


def write_card(folder: Path, facts: Mapping[str, Any], summary: Mapping[str, Any], **made: Any) -> None:
    """Write card and licence; ``facts`` and ``summary`` are provenance.json and summary.json, ``made`` the
    learner's ``options`` and the ``seed``."""
    write_texts(folder, card(facts, summary, **made))


def write_texts(folder: Path, card: str) -> None:
    """Write ``card`` and the licence; what somebody else wrote is left alone."""
    for name, text in ((CARD, card), (LICENCE, LICENCE_TEXT)):
        if not (folder / name).exists() or is_ours(folder / name):
            atomic.write_text(folder / name, text)


def edited(folder: Path) -> list[str]:
    """Which of card and licence somebody else has written, or written anew."""
    return [name for name in (CARD, LICENCE) if (folder / name).exists() and not is_ours(folder / name)]


def is_ours(path: Path) -> bool:
    """Whether ``path`` is a card or licence that was written here."""
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.startswith(FIRST) or text == LICENCE_TEXT


def _harmless(value: Any) -> Any:
    """A name as text of Markdown: no HTML, no cells of its own, no line of its own."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return escape(clean(value), quote=False).replace("|", "\\|").replace("`", "'")


def card(
    facts: Mapping[str, Any], summary: Mapping[str, Any], *, options: Mapping[str, Any], seed: int
) -> str:
    """The text of the card, in Markdown."""
    spec, scores = FeatureSpec.from_json(facts["features"]), summary["validation"]
    languages = list(dict.fromkeys([*facts["train"], *facts["validation"]]))
    treebanks = {code: facts.get("treebanks", {}).get(code, "") for code in languages}
    known = licences(treebanks.values())
    return rendered(
        "card.md.j2",
        **{key: facts[key] for key in ("store", "train", "learner", "source")},
        spec=spec,
        other=facts.get("with_store"),
        title=_TASKS.get(spec.task, spec.task.removeprefix("feature:")),
        layers=spec.layer_name,
        languages=languages,
        sentence='"sentences.conllu"' if spec.relational else '[["Der", "alte", "Hund", "schläft", "."]]',
        text="sentences.conllu" if spec.relational else "sentences.txt",
        options=Markup(json.dumps(dict(options), indent=2, sort_keys=True)),
        seed=seed,
        treebanks=treebanks,
        licences={code: known[treebank] for code, treebank in treebanks.items()},
        scores=scores,
        of=summary.get("scored", "validation languages"),
        scored=list(next(iter(scores.values()))["languages"]),
    )


def licences(treebanks: Iterable[str]) -> dict[str, str]:
    """The licence of each treebank, as the registry knows it."""
    known = {name: registry.find(name) for name in treebanks}
    return {
        name: entry.licence if entry and entry.licence else "see its LICENSE.txt"
        for name, entry in known.items()
    }


def rendered(template: str, *, package: str = "concept_align.meta", **values: Any) -> str:
    """The card that ``template``, a file of ``package``, makes of ``values``; none of them is taken for
    Markdown or HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, ""),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=_harmless,
    )
    return environment.get_template(template).render(**values)
