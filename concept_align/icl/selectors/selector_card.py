"""The model card of a learned selector (``README.md`` with front matter as the hub has it), and its licence.

Filled from what ``config.json`` says, so equal selectors have equal cards.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...meta.card import CARD, LICENCE, licences, rendered, write_texts

CARD_FILES = (CARD, LICENCE)
_TEMPLATE = "selector_card.md.j2"
_TEACHERS = {
    "gain": "how much likelier the gold labels of queries become after a candidate",
    "self": "how much likelier labels that were predicted for queries become after a candidate",
    "influence": "how much a candidate changes what the model says",
    "published": "how little a candidate changes what the model says (a control)",
}


def write_selector_card(folder: Path, saved: Mapping[str, Any]) -> None:
    """Write card and licence; what somebody else wrote is left alone."""
    write_texts(folder, selector_card(saved))


def selector_card(saved: Mapping[str, Any]) -> str:
    """The text of the card, in Markdown; ``saved``: what config.json holds of the selector."""
    about = saved["about"]
    treebanks = [(code, name) for code, names in about.get("treebanks", {}).items() for name in names]
    known = licences([name for _, name in treebanks])
    part = {code: "queries" for code in about.get("langs", [])}
    for code in about.get("demo_langs", []):
        part[code] = f"{part[code]}, demonstrations" if code in part else "demonstrations"
    return rendered(
        _TEMPLATE,
        package="concept_align.icl.selectors",
        about=about,
        likeness={"shares": "shares of concepts", "states": "the model's states"}[saved["likeness"]],
        model=str(about.get("model", "")),
        teacher=_TEACHERS.get(str(about.get("teacher")), ""),
        choice=about.get("choice", []),
        part=part,
        rows=[(code, name, known[name], part.get(code, "")) for code, name in treebanks],
    )
